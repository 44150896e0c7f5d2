// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/one_time_code.h"

#include "tests/simulator/random_text.h"

extern "C" {
#include <liboath/oath.h>
}

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace raxauth::simulator {

namespace {

constexpr std::size_t kSecretBytes = 20;
constexpr unsigned int kStepSeconds = 30;
constexpr unsigned int kDigits = 6;

struct Free {
    void operator()(char* memory) const { std::free(memory); }
};
using OathText = std::unique_ptr<char, Free>;

void check(int code, const char* what) {
    if (code != OATH_OK) {
        throw std::invalid_argument(std::string(what) + ": " + oath_strerror(code));
    }
}

} // namespace

std::string totp(std::string_view base32_secret, Time at) {
    char* decoded = nullptr;
    std::size_t size = 0;
    check(oath_base32_decode(base32_secret.data(), base32_secret.size(), &decoded, &size),
          "otp secret");
    const OathText secret(decoded);
    std::array<char, kDigits + 1> code{};
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    check(oath_totp_generate(secret.get(), size, seconds, kStepSeconds, 0, kDigits, code.data()),
          "totp");
    return code.data();
}

bool totp_matches(std::string_view base32_secret, std::string_view code, Time now,
                  std::int64_t steps_back, std::int64_t steps_ahead) {
    for (std::int64_t step = -steps_back; step <= steps_ahead; ++step) {
        if (totp(base32_secret, now + step * std::chrono::seconds{kStepSeconds}) == code) {
            return true;
        }
    }
    return false;
}

std::string new_otp_secret() {
    const std::string bytes = random_bytes(kSecretBytes);
    char* encoded = nullptr;
    std::size_t size = 0;
    check(oath_base32_encode(bytes.data(), bytes.size(), &encoded, &size), "base32");
    const OathText text(encoded);
    return std::string(text.get(), size);
}

} // namespace raxauth::simulator
