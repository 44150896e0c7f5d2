// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/refusal.h"

#include "daemon/identity/rackspace/os_mf_challenge.h"
#include "daemon/identity/rackspace/replies.h"
#include "daemon/identity/times.h"

#include <algorithm>
#include <string>

namespace raxauth::identity::rackspace {
namespace {

Fault fault_of(int status, const FaultReply& fault, std::string_view what = {}) {
    std::string detail = "HTTP " + std::to_string(status);
    if (!what.empty()) {
        detail += ", " + std::string(what);
    }
    if (!fault.message.empty()) {
        detail += ": " + fault.message;
    }
    return {std::move(detail)};
}

bool says_locked(const FaultReply& fault) {
    return fault.says("has been locked") || fault.says("account is locked");
}

bool says_password_expired(const FaultReply& fault) {
    return fault.auth_code == 1 ||
           (fault.auth_code == 0 && fault.says("password") && fault.says("expired"));
}

bool says_access_refused(const FaultReply& fault) {
    return fault.auth_code == 6 || fault.auth_code == 7 ||
           (fault.auth_code == 0 && (fault.says("tenant") || fault.says("domain")) &&
            (fault.says("is not valid for user") || fault.says("not authorized")));
}

Fault foreign(const HttpReply& reply) {
    return {"no usable answer: " + status_and_type(reply)};
}

Answer read_unauthorized(Step step, const HttpReply& reply, const FaultReply& fault) {
    if (step == Step::Credentials && mentions_os_mf(reply.headers("WWW-Authenticate"))) {
        return fault_of(401, fault, "OS-MF challenge without a usable session id");
    }
    if (says_password_expired(fault)) {
        return PasswordExpired{};
    }
    if (says_access_refused(fault)) {
        return Rejected{Rejected::Cause::AccessRefused};
    }
    if (says_locked(fault)) {
        return Locked{};
    }
    if (step == Step::Passcode) {
        const bool too_old = fault.says("session") && fault.says("expired");
        return Rejected{too_old ? Rejected::Cause::SessionExpired : Rejected::Cause::WrongPasscode};
    }
    if (fault.says("additional authentication credentials")) {
        return fault_of(401, fault, "a challenge without its OS-MF header");
    }
    return Rejected{Rejected::Cause::WrongCredentials};
}

Answer read_forbidden(const FaultReply& fault) {
    if (says_locked(fault)) {
        return Locked{};
    }
    if (fault.name == "userdisabled" || fault.says("is disabled")) {
        return Disabled{};
    }
    if (fault.says("setup multi-factor") || fault.says("set up multi-factor")) {
        return SetupRequired{};
    }
    return Rejected{Rejected::Cause::AccessRefused};
}

Throttled read_throttled(const HttpReply& reply, const FaultReply& fault, WallTime now) {
    if (const auto header = reply.header("Retry-After")) {
        if (const auto wait = parse_retry_after(*header, now)) {
            return {wait};
        }
    }
    if (fault.retry_at) {
        const auto wait = std::chrono::ceil<std::chrono::seconds>(*fault.retry_at - now);
        return {std::clamp(wait, std::chrono::seconds(0), std::chrono::seconds(86'400))};
    }
    return {};
}

} // namespace

Answer read_refusal(Step step, const HttpReply& reply, WallTime now) {
    if (reply.status == 401 && step == Step::Credentials) {
        // The header alone says it; the body's words differ from one document to the next.
        if (auto challenge = find_os_mf_challenge(reply.headers("WWW-Authenticate"))) {
            return PasscodeRequired{std::move(*challenge)};
        }
    }
    const FaultReply fault = read_fault_reply(reply.body.view());
    const bool is_throttle = (reply.status == 413 || reply.status == 429) &&
                             (!is_foreign(reply) || reply.header("Retry-After"));
    if (fault.name.empty() && !is_throttle) {
        return foreign(reply);
    }
    switch (reply.status) {
    case 401:
        return read_unauthorized(step, reply, fault);
    case 403:
        return read_forbidden(fault);
    case 413:
    case 429:
        return read_throttled(reply, fault, now);
    default:
        return fault_of(reply.status, fault);
    }
}

} // namespace raxauth::identity::rackspace
