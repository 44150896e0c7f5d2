// SPDX-License-Identifier: Apache-2.0
#include "daemon/scrub/scrub.h"

#include "common/secret.h"

#include <algorithm>
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

void wiping_free(void* memory) noexcept {
    if (memory == nullptr) {
        return;
    }
    wipe(memory, malloc_usable_size(memory));
    std::free(memory);
}

/// realloc() may move and leave the old place as it was: so it is done by hand.
void* wiping_realloc(void* memory, std::size_t bytes) noexcept {
    if (memory == nullptr) {
        return std::malloc(bytes);
    }
    if (bytes == 0) {
        wiping_free(memory);
        return nullptr;
    }
    const std::size_t room = malloc_usable_size(memory);
    if (bytes <= room && bytes >= room / 2) {
        return memory;
    }
    void* moved = std::malloc(bytes);
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
    return std::malloc(bytes);
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
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc,
                             duplicate, std::calloc) != CURLE_OK) {
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

// The standard library's other forms of delete all come down to these; aligned ones do not, and are
// not used for anything secret here.
void operator delete(void* memory) noexcept {
    raxauth::scrub::wiping_free(memory);
}

void operator delete(void* memory, std::size_t bytes) noexcept {
    raxauth::wipe(memory, bytes); // nothing was written behind
    std::free(memory);
}

#endif
