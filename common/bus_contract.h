// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

/// What module, daemon and command line agree on: see org.raxauth.Auth1(5).
namespace raxauth::contract {

/// Fixed on purpose: the user who runs sudo controls DBUS_SYSTEM_BUS_ADDRESS.
inline constexpr const char* kBusAddress = "unix:path=/run/dbus/system_bus_socket";
inline constexpr const char* kBusName = "org.raxauth.Auth1";
inline constexpr const char* kObject = "/org/raxauth/Auth1";
inline constexpr const char* kInterface = "org.raxauth.Auth1";

/// Of a dialogue's own channel, which has no bus: peer to peer over a socket pair.
inline constexpr const char* kConversationObject = "/org/raxauth/Auth1/Conversation";
inline constexpr const char* kConversationInterface = "org.raxauth.Auth1.Conversation";

namespace method {
inline constexpr const char* kBeginSignIn = "BeginSignIn";
inline constexpr const char* kBeginEnrolment = "BeginEnrolment";
inline constexpr const char* kBeginPasswordChange = "BeginPasswordChange";
inline constexpr const char* kBeginFactorManagement = "BeginFactorManagement";
inline constexpr const char* kCheckAccount = "CheckAccount";
inline constexpr const char* kOpenSession = "OpenSession";
inline constexpr const char* kCloseSession = "CloseSession";
inline constexpr const char* kGetToken = "GetToken";
inline constexpr const char* kSignOut = "SignOut";
inline constexpr const char* kListSessions = "ListSessions";
inline constexpr const char* kFlush = "Flush";
inline constexpr const char* kReload = "Reload";
inline constexpr const char* kGetStatus = "GetStatus";
inline constexpr const char* kGetHistory = "GetHistory";
inline constexpr const char* kGetLimits = "GetLimits";
inline constexpr const char* kResetLimits = "ResetLimits";
} // namespace method

/// What is said on a channel.
namespace channel {
inline constexpr const char* kAnswer = "Answer"; ///< (t serial, aay answers) -> STEP
inline constexpr const char* kCancel = "Cancel"; ///< () -> ()
/// Signal (s state, s reason, a(ss) messages): it ended while nobody waited for a reply.
inline constexpr const char* kEnded = "Ended";

inline constexpr const char* kAnswerSignature = "taay";
inline constexpr const char* kEndedSignature = "ssa(ss)";
} // namespace channel

/// STEP: serial, state, reason, messages, details.
inline constexpr const char* kStepSignature = "tssa(ss)a{sv}";

namespace error {
inline constexpr const char* kAccessDenied = "org.raxauth.Auth1.Error.AccessDenied";
inline constexpr const char* kInvalidContext = "org.raxauth.Auth1.Error.InvalidContext";
inline constexpr const char* kStaleSerial = "org.raxauth.Auth1.Error.StaleSerial";
inline constexpr const char* kBusy = "org.raxauth.Auth1.Error.Busy";
inline constexpr const char* kLimitExceeded = "org.raxauth.Auth1.Error.LimitExceeded";
inline constexpr const char* kNoToken = "org.raxauth.Auth1.Error.NoToken";
inline constexpr const char* kNotManaged = "org.raxauth.Auth1.Error.NotManaged";
} // namespace error

/// Keys of the `a{sv}` context. Unknown keys are ignored, missing ones have defaults: a running
/// sshd keeps an old module mapped over an upgrade of the daemon.
namespace context {
inline constexpr const char* kUser = "user";              // s
inline constexpr const char* kService = "service";        // s
inline constexpr const char* kTty = "tty";                // s
inline constexpr const char* kRemoteHost = "remote-host"; // s
inline constexpr const char* kRemoteUser = "remote-user"; // s
inline constexpr const char* kPassword = "password";      // h, the read end of a pipe
inline constexpr const char* kChannel = "channel";        // h, Begin...: an end of a socket pair
inline constexpr const char* kTicket = "ticket";          // s
inline constexpr const char* kSession = "session";        // s, logind id
inline constexpr const char* kAuditSession = "audit-session"; // u
inline constexpr const char* kLoginUid = "login-uid";         // u
inline constexpr const char* kRealUid = "real-uid";           // u
/// u: what NSS says of `user` where the module runs, so that the daemon need not ask again: the uid
/// of one whose name NSS writes like that, or kUnsetId: there is no such user.
inline constexpr const char* kAccountUid = "account-uid";
inline constexpr const char* kSignedIn = "signed-in";      // b
inline constexpr const char* kInteractive = "interactive"; // b
inline constexpr const char* kLocale = "locale";           // s
inline constexpr const char* kNoReuse = "no-reuse";        // b, the module line's no_reuse
inline constexpr const char* kFactor = "factor"; // s, BeginEnrolment: "otp" or "sms"; else asked
inline constexpr const char* kVerb = "verb";     // s, BeginFactorManagement: what to do
inline constexpr const char* kArguments = "arguments"; // as, BeginFactorManagement
} // namespace context

/// Keys of the `a{sv}` details that come with a verdict.
namespace detail {
inline constexpr const char* kTicket = "ticket";   // s: with `granted` outside a login session
inline constexpr const char* kAccount = "account"; // s: the account at the identity provider
inline constexpr const char* kResult = "result";   // s: with `granted`, BeginFactorManagement: JSON
} // namespace detail

/// What a message of a conversation is: to be answered (the first three) or only shown.
enum class MessageKind { Password, Secret, Text, Info, Error };
std::string_view word(MessageKind kind) noexcept;
std::optional<MessageKind> message_kind_from_word(std::string_view word) noexcept;
constexpr bool wants_answer(MessageKind kind) noexcept {
    return kind == MessageKind::Password || kind == MessageKind::Secret ||
           kind == MessageKind::Text;
}

/// The PAM environment variable that carries a ticket from sshd's authenticating child to the
/// process that opens the session.
inline constexpr const char* kTicketVariable = "RAXAUTH_TICKET";

inline constexpr std::size_t kMaxAnswers = 8;
inline constexpr std::size_t kMaxMessages = 32;
inline constexpr std::size_t kMaxArguments = 4;
/// Longest answer, in bytes.
inline constexpr std::size_t kMaxAnswerBytes = 4096;
/// Longest message from a caller on a channel: the answers of one step and what D-Bus adds.
inline constexpr std::size_t kMaxChannelCallBytes = kMaxAnswers * kMaxAnswerBytes + 4096;
inline constexpr std::size_t kMaxMessageBytes = 8192; // an enrolment prompt holds a QR code
inline constexpr std::size_t kMaxContextStringBytes = 512;
inline constexpr std::size_t kMaxContextEntries = 64; // there are twenty keys
/// The kernel's "unset" for audit session ids and login uids (AUDIT_SID_UNSET, (uid_t)-1).
inline constexpr unsigned kUnsetId = 0xFFFFFFFFU;

/// The first reply, activation included: dbus-daemon does not hear of a unit that fails to start
/// and would make everybody wait for 25 s.
inline constexpr std::chrono::milliseconds kActivationTimeout{3000};
inline constexpr std::chrono::milliseconds kDefaultCallTimeout{30000};

} // namespace raxauth::contract
