// SPDX-License-Identifier: Apache-2.0
// Looks at freed memory on purpose, through /proc/self/mem: the compiler and the allocator must
// have no say in it. Not a CppUTest program, since install() has to come before anything else.
#include "daemon/scrub/scrub.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <curl/curl.h>
#include <fcntl.h>
#include <memory>
#include <openssl/crypto.h>
#include <string>
#include <unistd.h>

namespace {

int failures = 0;

void check(bool good, const char* what) {
    std::printf("%s: %s\n", good ? "ok" : "FAILED", what);
    failures += good ? 0 : 1;
}

/// Does the memory at `where` still hold the marker, apart from the allocator's own first words?
bool still_there(std::uintptr_t where, std::size_t bytes) {
    static const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char seen[512] = {};
    const ssize_t got = pread(memory, seen, bytes, static_cast<off_t>(where));
    for (ssize_t i = 16; i < got; ++i) {
        if (seen[i] == 'S') {
            return true;
        }
    }
    return false;
}

/// Writes that the compiler may not leave out because the memory is freed next.
void fill(char* memory, std::size_t bytes) {
    std::memset(memory, 'S', bytes);
    asm volatile("" : : "r"(memory) : "memory");
}

template <class Pointer>
std::uintptr_t address(Pointer* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer); // NOLINT: looked at after it was freed
}

} // namespace

int main() {
    setenv("SSLKEYLOGFILE", "/nowhere/keys", 1);
    raxauth::scrub::install();
    check(std::getenv("SSLKEYLOGFILE") == nullptr, "no TLS keys are logged");

    // The measure itself: plain free() leaves it lying there.
    auto* plain = static_cast<char*>(std::malloc(200));
    fill(plain, 200);
    const auto plain_at = address(plain);
    std::free(plain);
    check(still_there(plain_at, 200), "without wiping, the bytes are still there after free()");

    auto* text = new std::string(200, 'S');
    const auto text_at = address(text->data());
    delete text;
    check(!still_there(text_at, 200), "delete wipes");

    auto buffer = std::make_unique<char[]>(200);
    fill(buffer.get(), 200);
    const auto buffer_at = address(buffer.get());
    buffer.reset();
    check(!still_there(buffer_at, 200), "delete[] wipes");

    auto* openssl = static_cast<char*>(OPENSSL_malloc(200));
    fill(openssl, 200);
    const auto openssl_at = address(openssl);
    auto* moved = static_cast<char*>(OPENSSL_realloc(openssl, 400));
    check(!still_there(openssl_at, 200), "OpenSSL's realloc wipes the place it left");
    check(moved != nullptr && moved[0] == 'S' && moved[199] == 'S', "and keeps the content");

    constexpr std::size_t kRecord = 16'700;
    auto* record = static_cast<char*>(OPENSSL_malloc(kRecord));
    fill(record, kRecord);
    const auto record_at = address(record);
    OPENSSL_free(record);
    check(!still_there(record_at, 512) && !still_there(record_at + kRecord - 512, 512),
          "a buffer of a whole record is wiped");
    const auto moved_at = address(moved);
    OPENSSL_free(moved);
    check(!still_there(moved_at, 200), "OpenSSL's free wipes");

    const std::string marker(200, 'S');
    char* escaped = curl_easy_escape(nullptr, marker.c_str(), 200);
    const auto escaped_at = address(escaped);
    curl_free(escaped);
    check(!still_there(escaped_at, 200), "libcurl's free wipes");

    return failures == 0 ? 0 : 1;
}
