// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/prompts.h"

#include <ctime>
#include <fmt/core.h>
#include <utility>

namespace raxauth::flows {

using contract::MessageKind;

namespace {

/// A time to try again is shown rounded up to the minute: at the time shown, it does work.
constexpr std::chrono::seconds kRoundUp{59};

void fill_in(std::string& text, std::string_view placeholder, std::string_view value) {
    for (std::size_t at = text.find(placeholder); at != std::string::npos;
         at = text.find(placeholder, at + value.size())) {
        text.replace(at, placeholder.size(), value);
    }
}

} // namespace

conversation::Message password_prompt(const caller::Context& context,
                                      const settings::ServicePolicy& policy) {
    std::string text = policy.password_prompt;
    fill_in(text, "{user}", context.user);
    fill_in(text, "{service}", context.service);
    return {MessageKind::Password, std::move(text)};
}

std::vector<conversation::Message> session_password_question(const caller::Context& context,
                                                             const settings::ServicePolicy& policy,
                                                             WallTime signed_in_at, WallTime now) {
    std::vector<conversation::Message> question;
    question.push_back({MessageKind::Info, fmt::format("The second factor of {} is still valid.",
                                                       time_of_day(signed_in_at - kRoundUp, now))});
    question.push_back(password_prompt(context, policy));
    return question;
}

std::vector<conversation::Message> passcode_question(const settings::ServicePolicy& policy,
                                                     std::string_view provider,
                                                     const PasscodePrompt& prompt) {
    std::vector<std::string> notes;
    if (!prompt.note.empty()) {
        notes.push_back(prompt.note);
    }
    notes.push_back(prompt.nothing_sent
                        ? fmt::format("Type a code of your app, or {} to have one sent.",
                                      prompt.empty_is_no_answer ? "r" : "an empty line")
                    : prompt.factor == identity::Factor::OtpDevice
                        ? fmt::format("{} wants a code of your authenticator app.", provider)
                        : fmt::format("{} sent you a code by SMS, or your app has it.", provider));
    if (prompt.may_resend) {
        notes.push_back("Empty line: send a new SMS.");
    }
    std::vector<conversation::Message> question;
    std::string text;
    for (std::string& note : notes) {
        if (policy.plain_prompts) {
            question.push_back({MessageKind::Info, std::move(note)});
        } else {
            text += note + "\n";
        }
    }
    question.push_back({MessageKind::Secret, text + "Passcode: "});
    return question;
}

std::string time_of_day(WallTime when, WallTime now) {
    ::tzset(); // the host's time zone may have changed since the last one
    const auto broken_down = [](WallTime time) {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
        std::tm parts{};
        ::localtime_r(&seconds, &parts);
        return parts;
    };
    const std::tm then = broken_down(when + kRoundUp);
    const std::tm today = broken_down(now);
    char text[32];
    const bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    const std::size_t length =
        std::strftime(text, sizeof text, same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
    return std::string(text, length);
}

} // namespace raxauth::flows
