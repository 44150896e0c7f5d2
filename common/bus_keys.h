// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keys of the dictionaries that the daemon replies with: see org.raxauth.Auth1(5). The daemon
/// writes them, the command reads them.
namespace raxauth::contract {

/// GetStatus: about the daemon.
namespace status {
inline constexpr const char* kVersion = "version";
inline constexpr const char* kConfiguration = "configuration";
inline constexpr const char* kBinding = "binding";
inline constexpr const char* kLimitsTrouble = "limits-trouble";
inline constexpr const char* kConversations = "conversations";
inline constexpr const char* kSessions = "sessions";
inline constexpr const char* kTickets = "tickets";
inline constexpr const char* kTokensIssued = "tokens-issued";
inline constexpr const char* kTokensRevoked = "tokens-revoked";
inline constexpr const char* kTokensWaiting = "tokens-waiting";
inline constexpr const char* kIdentityUrl = "identity-url";
inline constexpr const char* kIdentityReachable = "identity-reachable";
inline constexpr const char* kIdentitySince = "identity-since";
inline constexpr const char* kIdentityRoundTrip = "identity-round-trip";
inline constexpr const char* kIdentityDetail = "identity-detail";
// About the caller.
inline constexpr const char* kUser = "user";
inline constexpr const char* kExempt = "exempt";
inline constexpr const char* kAccount = "account";
inline constexpr const char* kWrongPasscodes = "wrong-passcodes";
inline constexpr const char* kWrongPasswords = "wrong-passwords";
inline constexpr const char* kChallenges = "challenges";
inline constexpr const char* kLimitWrongPasscodes = "limit-wrong-passcodes";
inline constexpr const char* kLimitChallenges = "limit-challenges";
inline constexpr const char* kRefusedUntil = "refused-until";
inline constexpr const char* kSignedIn = "signed-in";
inline constexpr const char* kExpires = "expires";
inline constexpr const char* kSecondFactor = "second-factor";
inline constexpr const char* kSudoAsks = "sudo-asks";
inline constexpr const char* kSudoWhy = "sudo-why";
} // namespace status

/// GetHistory: one verdict.
namespace history {
inline constexpr const char* kTime = "time";
inline constexpr const char* kHook = "hook";
inline constexpr const char* kUser = "user";
inline constexpr const char* kService = "service";
inline constexpr const char* kRemoteHost = "remote-host";
inline constexpr const char* kVerdict = "verdict";
inline constexpr const char* kReason = "reason";
inline constexpr const char* kWhy = "why";
inline constexpr const char* kTookMs = "took-ms";
} // namespace history

/// ListSessions: one session.
namespace session {
inline constexpr const char* kUser = "user";
inline constexpr const char* kAccount = "account";
inline constexpr const char* kService = "service";
inline constexpr const char* kRemoteHost = "remote-host";
inline constexpr const char* kAuditSession = "audit-session";
inline constexpr const char* kSession = "session";
inline constexpr const char* kSignedIn = "signed-in";
inline constexpr const char* kExpires = "expires";
inline constexpr const char* kSecondFactor = "second-factor";
inline constexpr const char* kThis = "this";
} // namespace session

/// GetToken: the details.
namespace token {
inline constexpr const char* kExpires = "expires";
inline constexpr const char* kAccount = "account";
inline constexpr const char* kUserId = "user-id";
inline constexpr const char* kTenantId = "tenant-id";
inline constexpr const char* kRegion = "region";
inline constexpr const char* kAuthUrl = "auth-url";
} // namespace token

} // namespace raxauth::contract
