// SPDX-License-Identifier: Apache-2.0
#include "daemon/scrub/scrub.h"

#include "common/secret.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <curl/curl.h>
#include <malloc.h>
#include <new>
#include <openssl/crypto.h>

namespace raxauth::scrub {
namespace {

/// What is taken and given back for every record and request: handles, the frames of our own
/// coroutines, TLS buffers of 16 KiB and a little. Wiped like all the rest, but then kept at hand:
/// malloc() would join and split the heap for each, since its thread caches end at 1 KiB, and hand
/// out another place that no processor cache holds. One set for a thread.
class Buffers {
  public:
    static constexpr std::size_t kLeast = 1024;
    static constexpr std::size_t kMost = 20 * 1024;

    static bool has_size(std::size_t bytes) noexcept { return bytes >= kLeast && bytes <= kMost; }

    void* take(std::size_t bytes) noexcept {
        for (std::size_t i = count_; i > 0; --i) {
            if (rooms_[i - 1] >= bytes && rooms_[i - 1] < 2 * bytes) {
                void* const kept = kept_[i - 1];
                --count_;
                kept_[i - 1] = kept_[count_];
                rooms_[i - 1] = rooms_[count_];
                return kept;
            }
        }
        return nullptr;
    }
    bool keep(void* wiped, std::size_t room) noexcept {
        if (std::find(kept_.begin(), kept_.begin() + count_, wiped) != kept_.begin() + count_) {
            std::abort(); // freed twice: two owners would get it
        }
        if (count_ == kept_.size()) {
            return false;
        }
        kept_[count_] = wiped;
        rooms_[count_++] = room;
        return true;
    }

  private:
    std::array<void*, 32> kept_{};
    std::array<std::size_t, 32> rooms_{};
    std::size_t count_ = 0;
};

thread_local constinit Buffers buffers;

void* lend(std::size_t bytes) noexcept {
    if (Buffers::has_size(bytes)) {
        if (void* const kept = buffers.take(bytes)) {
            return kept;
        }
    }
    return std::malloc(bytes);
}

void* lend_zeroed(std::size_t count, std::size_t bytes) noexcept {
    if (count == 1 && Buffers::has_size(bytes)) {
        if (void* const kept = buffers.take(bytes)) {
            return kept; // wiped, so zero it is
        }
    }
    return std::calloc(count, bytes);
}

void wiping_free(void* memory) noexcept {
    if (memory == nullptr) {
        return;
    }
    const std::size_t room = malloc_usable_size(memory);
    wipe(memory, room);
    if (!Buffers::has_size(room) || !buffers.keep(memory, room)) {
        std::free(memory);
    }
}

/// realloc() may move and leave the old place as it was: so it is done by hand.
void* wiping_realloc(void* memory, std::size_t bytes) noexcept {
    if (memory == nullptr) {
        return lend(bytes);
    }
    if (bytes == 0) {
        wiping_free(memory);
        return nullptr;
    }
    const std::size_t room = malloc_usable_size(memory);
    if (bytes <= room && bytes >= room / 2) {
        return memory;
    }
    void* moved = lend(bytes);
    if (moved != nullptr) {
        std::memcpy(moved, memory, std::min(bytes, room));
        wiping_free(memory);
    }
    return moved;
}

char* duplicate(const char* text) noexcept {
    const std::size_t bytes = std::strlen(text) + 1;
    void* copy = std::malloc(bytes);
    return copy != nullptr ? static_cast<char*>(std::memcpy(copy, text, bytes)) : nullptr;
}

void* openssl_malloc(std::size_t bytes, const char* /*file*/, int /*line*/) noexcept {
    return lend(bytes);
}

void* openssl_realloc(void* memory, std::size_t bytes, const char* /*file*/,
                      int /*line*/) noexcept {
    return wiping_realloc(memory, bytes);
}

void openssl_free(void* memory, const char* /*file*/, int /*line*/) noexcept {
    wiping_free(memory);
}

} // namespace

void install() noexcept {
    static_cast<void>(::unsetenv("SSLKEYLOGFILE")); // libcurl would write TLS keys there
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1 ||
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, lend, wiping_free, wiping_realloc, duplicate,
                             lend_zeroed) != CURLE_OK) {
        std::fputs("raxauthd: the wiping allocator could not be installed\n", stderr);
        std::abort();
    }
}

} // namespace raxauth::scrub

#if defined(__SANITIZE_ADDRESS__)
#define RAXAUTH_FOREIGN_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RAXAUTH_FOREIGN_ALLOCATOR 1
#endif
#endif

#if !defined(RAXAUTH_FOREIGN_ALLOCATOR)

// The standard library's other forms of new and delete all come down to these; aligned ones do not,
// and are not used for anything secret here.
void* operator new(std::size_t bytes) {
    if (void* memory = raxauth::scrub::lend(bytes != 0 ? bytes : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    raxauth::scrub::wiping_free(memory);
}

void operator delete(void* memory, std::size_t bytes) noexcept {
    if (raxauth::scrub::Buffers::has_size(bytes)) {
        raxauth::scrub::wiping_free(memory);
        return;
    }
    raxauth::wipe(memory, bytes); // nothing was written behind
    std::free(memory);
}

#endif
