// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/enrolment_texts.h"

#include <algorithm>
#include <fmt/core.h>
#include <strings.h>

namespace raxauth::flows {
namespace {

constexpr CodeWords kPasscodeWords{
    "A passcode consists of digits only.\n",
    "That passcode was not accepted. Is the clock of the phone right?\n",
    "wrong passcodes while setting up an authenticator", "the authenticator's passcode"};
constexpr CodeWords kPinWords{"A PIN consists of digits only.\n",
                              "That PIN was not accepted: it is wrong or too old.\n",
                              "wrong PINs while setting up a phone", "the phone's PIN"};

} // namespace

const CodeWords& code_words(identity::FactorKind kind) {
    return kind == identity::FactorKind::Otp ? kPasscodeWords : kPinWords;
}

std::chrono::seconds enrolment_time(const caller::Context& context,
                                    const settings::Settings& settings) {
    std::chrono::seconds most = settings.sign_in.enrolment_deadline;
    if (context.service == "sshd") {
        most = std::min(most, std::chrono::seconds(300));
    } else if (context.service == "login") {
        most = std::min(most, std::chrono::seconds(60));
    }
    return most;
}

std::string in_words(std::chrono::seconds time) {
    return time < std::chrono::minutes(2)
               ? fmt::format("{} seconds", time.count())
               : fmt::format("{} minutes",
                             std::chrono::duration_cast<std::chrono::minutes>(time).count());
}

std::optional<enrolment::QrStyle> qr_style_for(const std::string& locale) {
    if (locale.empty()) {
        return std::nullopt;
    }
    const bool utf8 = strcasestr(locale.c_str(), "utf-8") != nullptr ||
                      strcasestr(locale.c_str(), "utf8") != nullptr;
    return utf8 ? enrolment::QrStyle::HalfBlocks : enrolment::QrStyle::Ascii;
}

Secret code_text(const Secret& key_uri, const enrolment::KeyUri& key,
                 std::optional<enrolment::QrStyle> style) {
    Secret text;
    text.reserve(enrolment::kMaxQrText + 512);
    const auto drawing = style ? enrolment::draw_qr(key_uri, *style) : std::nullopt;
    // ssh(1) writes user and host before the first line: the drawing begins on one of its own. The
    // key is last: the top of a long drawing leaves the screen.
    if (drawing) {
        text.append("Scan this with the authenticator app:\n");
        text.append(drawing->view());
        text.append("or type the key into it (time-based): ");
        text.append(key.key.view());
        text.append("\n");
    } else {
        text.append("Type this key into the authenticator app (time-based):\n");
        text.append(key.key.view());
        text.append("\nor open this address with it:\n");
        text.append(key_uri.view());
        text.append("\nA QR code to scan: b draws it in blocks (UTF-8), p in plain characters.\n");
    }
    text.append("Then type the passcode that it shows [b, p: QR code, c: cancel]: ");
    return text;
}

} // namespace raxauth::flows
