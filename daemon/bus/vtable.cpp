// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/vtable.h"

#include "common/bus_contract.h"
#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"

namespace raxauth::bus {
namespace {

Calls& calls_of(void* userdata) {
    return *static_cast<Calls*>(userdata);
}

int handled(int r) {
    return r < 0 ? r : 1;
}

template <DialogueKind Kind>
int begin(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) noexcept {
    return handled(guard([&] { calls_of(userdata).dialogue.begin(message, Kind); }));
}

template <void (SessionCalls::*Method)(sd_bus_message*)>
int session_call(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) noexcept {
    return handled(guard([&] { (calls_of(userdata).session.*Method)(message); }));
}

template <void (StatusCalls::*Method)(sd_bus_message*)>
int status_call(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) noexcept {
    return handled(guard([&] { (calls_of(userdata).status.*Method)(message); }));
}

int version(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*,
            sd_bus_error*) noexcept {
    return sd_bus_message_append(reply, "s", RAXAUTH_VERSION);
}

int identity_url(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply,
                 void* userdata, sd_bus_error*) noexcept {
    return guard([&] {
        const auto now = calls_of(userdata).rooms.configuration();
        check(sd_bus_message_append(
                  reply, "s",
                  now.configuration ? now.configuration->settings.identity.url.c_str() : ""),
              "append property");
    });
}

int live(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* userdata,
         sd_bus_error*) noexcept {
    return sd_bus_message_append(
        reply, "u", static_cast<std::uint32_t>(calls_of(userdata).rooms.registry.live()));
}

int sessions(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* userdata,
             sd_bus_error*) noexcept {
    return sd_bus_message_append(
        reply, "u", static_cast<std::uint32_t>(calls_of(userdata).rooms.sessions.size()));
}

int reachable(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* userdata,
              sd_bus_error*) noexcept {
    return guard([&] {
        const auto now = calls_of(userdata).rooms.configuration();
        const bool yes = now.configuration && now.configuration->identity->reachability().reachable;
        check(sd_bus_message_append(reply, "b", static_cast<int>(yes)), "append property");
    });
}

/// Access is decided by the bus policy and by the methods themselves, secrets are wiped.
constexpr std::uint64_t kOpen = SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE;
/// Properties are readable by everybody anyway; sd-bus refuses a table that says so again.
constexpr std::uint64_t kConstant = SD_BUS_VTABLE_PROPERTY_CONST;
constexpr std::uint64_t kPlain = 0;

// clang-format off
#define RAXAUTH_STEP SD_BUS_RESULT("t", serial, "s", state, "s", reason, "a(ss)", messages, "a{sv}", details)
const sd_bus_vtable kTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kBeginSignIn, SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            &begin<DialogueKind::SignIn>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kBeginEnrolment, SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            &begin<DialogueKind::Enrolment>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kBeginPasswordChange, SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            &begin<DialogueKind::PasswordChange>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kBeginFactorManagement, SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            &begin<DialogueKind::FactorManagement>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kCheckAccount, SD_BUS_ARGS("a{sv}", context),
                            SD_BUS_RESULT("s", state, "s", reason, "a(ss)", messages),
                            &session_call<&SessionCalls::check_account>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kOpenSession, SD_BUS_ARGS("a{sv}", context),
                            SD_BUS_RESULT("s", handle, "a{ss}", environment),
                            &session_call<&SessionCalls::open_session>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kCloseSession, SD_BUS_ARGS("s", handle), SD_BUS_NO_RESULT,
                            &session_call<&SessionCalls::close_session>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kGetToken, SD_BUS_ARGS("a{sv}", options),
                            SD_BUS_RESULT("h", token, "a{sv}", details),
                            &session_call<&SessionCalls::get_token>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kSignOut, SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                            &session_call<&SessionCalls::sign_out>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kListSessions, SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", sessions),
                            &session_call<&SessionCalls::list_sessions>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kFlush, SD_BUS_ARGS("s", user), SD_BUS_RESULT("u", dropped),
                            &session_call<&SessionCalls::flush>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kGetStatus, SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status),
                            &status_call<&StatusCalls::get_status>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kGetHistory, SD_BUS_ARGS("u", most), SD_BUS_RESULT("aa{sv}", verdicts),
                            &status_call<&StatusCalls::get_history>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kGetLimits, SD_BUS_ARGS("s", user), SD_BUS_RESULT("a{sv}", limits),
                            &status_call<&StatusCalls::get_limits>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kResetLimits, SD_BUS_ARGS("s", user), SD_BUS_RESULT("b", counted),
                            &status_call<&StatusCalls::reset_limits>, kOpen),
    SD_BUS_METHOD_WITH_ARGS(contract::method::kReload, SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                            &status_call<&StatusCalls::reload>, kOpen),
    SD_BUS_PROPERTY("Version", "s", &version, 0, kConstant),
    SD_BUS_PROPERTY("IdentityUrl", "s", &identity_url, 0, kPlain),
    SD_BUS_PROPERTY("LiveConversations", "u", &live, 0, kPlain),
    SD_BUS_PROPERTY("Sessions", "u", &sessions, 0, kPlain),
    SD_BUS_PROPERTY("IdentityReachable", "b", &reachable, 0, kPlain),
    SD_BUS_VTABLE_END,
};
#undef RAXAUTH_STEP
// clang-format on

} // namespace

const sd_bus_vtable* vtable() noexcept {
    return kTable;
}

} // namespace raxauth::bus
