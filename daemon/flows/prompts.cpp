// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/prompts.h"

#include <ctime>
#include <fmt/core.h>

namespace raxauth::flows {

using contract::MessageKind;

namespace {

/// A time to try again is shown rounded up to the minute: at the time shown, it does work.
constexpr std::chrono::seconds kRoundUp{59};

} // namespace

conversation::Message password_prompt(const caller::Context& context, bool single_prompt) {
    return {MessageKind::Password, fmt::format("Rackspace password{} for {} ({}): ",
                                               single_prompt ? " (or password,passcode)" : "",
                                               context.user, context.service)};
}

conversation::Message session_password_prompt(const caller::Context& context, WallTime signed_in_at,
                                              WallTime now) {
    return {MessageKind::Password,
            fmt::format("Rackspace password for {} ({}; the second factor of {} counts): ",
                        context.user, context.service, time_of_day(signed_in_at - kRoundUp, now))};
}

conversation::Message passcode_prompt(const caller::Context& context,
                                      const PasscodePrompt& prompt) {
    const char* source = prompt.factor == identity::Factor::OtpDevice
                             ? "shown by your authenticator app"
                             : "sent by SMS or shown by your authenticator app";
    return {MessageKind::Secret,
            fmt::format("{}{}Rackspace passcode for {} ({}), {}{}: ", prompt.note,
                        prompt.note.empty() ? "" : "\n", context.user, context.service, source,
                        prompt.may_resend ? " [empty line: send a new SMS]" : "")};
}

std::string time_of_day(WallTime when, WallTime now) {
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
