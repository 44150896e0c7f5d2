// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/caller/context.h"
#include "daemon/enrolment/key_uri.h"
#include "daemon/enrolment/qr_text.h"
#include "daemon/identity/factor_management.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// The texts of a set-up of a second factor, and its time.
namespace raxauth::flows {

/// The setting that bounds it.
inline constexpr std::string_view kEnrolmentDeadline = "sign_in.enrolment_deadline";

/// The words for the code of a new device.
struct CodeWords {
    const char* no_digits;
    const char* not_accepted;
    const char* given_up; ///< for the journal
    const char* request;  ///< for the journal
};
const CodeWords& code_words(identity::FactorKind kind);

/// The time that the PAM application leaves: sshd's LoginGraceTime as the drop-in sets it, and
/// LOGIN_TIMEOUT of login.defs(5). Others wait.
std::chrono::seconds enrolment_time(const caller::Context& context,
                                    const settings::Settings& settings);
std::string in_words(std::chrono::seconds time);

/// How to draw a QR code on a terminal with this locale. Nothing: it is not known, as behind sshd.
/// ssh(1) shows prompts in its own locale: one that lacks a character of ours prints octal numbers,
/// or ends the client.
std::optional<enrolment::QrStyle> qr_style_for(const std::string& locale);
/// The question for the first passcode of an authenticator, with its key as a drawing (unless
/// `style` is empty) and as text.
Secret code_text(const Secret& key_uri, const enrolment::KeyUri& key,
                 std::optional<enrolment::QrStyle> style);

} // namespace raxauth::flows
