// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/fault.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace raxauth::simulator {

namespace {

using nlohmann::ordered_json;

using Spoiler = void (*)(Reply&, const Fault&, Time);

constexpr FaultMoment kInstead = FaultMoment::instead;
constexpr FaultMoment kAfterwards = FaultMoment::afterwards;

constexpr const char* kCaptivePortal =
    "<!DOCTYPE html>\n<html><head><title>Welcome to Airport WiFi</title></head>\n"
    "<body><h1>Please accept the terms</h1><form method=\"post\" action=\"/login\">"
    "<input name=\"room\"></form></body></html>\n";

// A terminal's title and colours, a cleared screen, a right-to-left override, C1 and line ends:
// what a client must never pass on to a terminal or a log.
constexpr const char* kEscapes =
    "\x1b]0;owned\x07\x1b[2J\x1b[31mPassword accepted\x1b[0m\r\n\xe2\x80\xaegnp.exe\xe2\x80\xac "
    "\xc2\x9b"
    "31m%s%n\ttail\x01\x7f";

constexpr std::int64_t kHugeBytes = 64 << 20;
constexpr int kDeepLevels = 100'000;
constexpr std::size_t kHugeSession = 60'000;

std::string text_or(const Fault& fault, std::string_view otherwise) {
    return fault.text.empty() ? std::string(otherwise) : fault.text;
}

void replace_by_text(Reply& reply, int status, std::string type, std::string body) {
    reply = {};
    reply.status = status;
    reply.content_type = std::move(type);
    reply.body = std::move(body);
}

// --- the way the bytes travel
// -------------------------------------------------------------------------

template <Delivery kind>
void deliver(Reply& reply, const Fault& fault, Time) {
    reply.delivery = kind;
    reply.delay = kind == Delivery::trickle ? fault.delay : reply.delay;
    reply.bytes = fault.bytes;
}

void slow(Reply& reply, const Fault& fault, Time) {
    reply.delay = fault.delay;
}

void huge(Reply& reply, const Fault& fault, Time) {
    replace_by_text(reply, 200, "application/json", "");
    reply.delivery = Delivery::huge;
    reply.bytes = fault.bytes == 0 ? kHugeBytes : fault.bytes;
}

void endless(Reply& reply, const Fault&, Time) {
    replace_by_text(reply, 200, "application/json", "");
    reply.delivery = Delivery::endless;
}

void raw(Reply& reply, std::string bytes) {
    replace_by_text(reply, 200, "", std::move(bytes));
    reply.delivery = Delivery::raw;
}

void not_http(Reply& reply, const Fault& fault, Time) {
    raw(reply, text_or(fault, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"));
}

void truncate_header(Reply& reply, const Fault&, Time) {
    raw(reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Le");
}

void header_nul(Reply& reply, const Fault&, Time) {
    using namespace std::string_literals;
    raw(reply, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: OS-MF sessionId='abc\0def', "
               "factor='PASSCODE'\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"s);
}

void header_folded(Reply& reply, const Fault&, Time) {
    raw(reply, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: OS-MF\r\n sessionId='folded',\r\n"
               "\tfactor='PASSCODE'\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

void many_headers(Reply& reply, const Fault&, Time) {
    std::string bytes = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 20'000; ++i) {
        bytes += "X-Filler-" + std::to_string(i) + ": filler\r\n";
    }
    raw(reply, bytes + "Content-Length: 2\r\nConnection: close\r\n\r\n{}");
}

// --- bodies that are no answer
// ------------------------------------------------------------------------

void garbage(Reply& reply, const Fault&, Time) {
    using namespace std::string_literals;
    replace_by_text(reply, 200, "application/json", "\x00\xff\xfe{\"access\":tru\x80"s);
}

void html(Reply& reply, const Fault&, Time) {
    replace_by_text(reply, 200, "text/html", kCaptivePortal);
}

void deep(Reply& reply, const Fault&, Time) {
    replace_by_text(reply, 200, "application/json",
                    "{\"access\":" + std::string(kDeepLevels, '[') + std::string(kDeepLevels, ']') +
                        "}");
}

void redirect(Reply& reply, const Fault& fault, Time) {
    replace_by_text(reply, 302, "text/plain", "");
    reply.add_header("Location", text_or(fault, "https://127.0.0.2:1/v2.0/tokens"));
}

void redirect_self(Reply& reply, const Fault&, Time) {
    replace_by_text(reply, 307, "text/plain", "");
    reply.add_header("Location", "/v2.0/tokens");
}

void empty_object(Reply& reply, const Fault&, Time) {
    reply.tree = ordered_json::object();
}

void no_body(Reply& reply, const Fault&, Time) {
    const auto headers = reply.headers;
    const int status = reply.status;
    reply = empty_reply(status);
    reply.headers = headers;
}

void wrong_type(Reply& reply, const Fault&, Time) {
    reply.content_type = "text/html";
}

void duplicate_keys(Reply& reply, const Fault&, Time) {
    render(reply, {});
    const std::size_t brace = reply.body.find('{');
    if (brace != std::string::npos) {
        reply.body.insert(
            brace + 1,
            R"("access":{"token":{"id":"duplicate","expires":"2099-01-01T00:00:00.000Z",)"
            R"("RAX-AUTH:authenticatedBy":["PASSWORD","PASSCODE"]},)"
            R"("user":{"id":"duplicate","name":"duplicate","roles":[]}},)");
    }
}

// --- 200s that lie
// ------------------------------------------------------------------------------------

ordered_json* access_of(Reply& reply) {
    return reply.tree.is_object() && reply.tree.contains("access") ? &reply.tree["access"]
                                                                   : nullptr;
}

void change_user(Reply& reply, const char* member, const ordered_json& value) {
    if (auto* access = access_of(reply); access != nullptr && access->contains("user")) {
        (*access)["user"][member] = value;
    }
}

void change_token(Reply& reply, const char* member, const ordered_json& value) {
    if (auto* access = access_of(reply); access != nullptr && access->contains("token")) {
        (*access)["token"][member] = value;
    }
}

void drop(Reply& reply, const char* object, const char* member) {
    if (auto* access = access_of(reply); access != nullptr && access->contains(object)) {
        if (member == nullptr) {
            access->erase(object);
        } else {
            (*access)[object].erase(member);
        }
    }
}

constexpr const char* kProofs = "RAX-AUTH:authenticatedBy";

void wrong_user(Reply& reply, const Fault& fault, Time) {
    change_user(reply, "name", text_or(fault, "mallory"));
}
void upper_case_user(Reply& reply, const Fault&, Time) {
    if (auto* access = access_of(reply); access != nullptr && access->contains("user")) {
        std::string name = (*access)["user"]["name"].get<std::string>();
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) {
            return static_cast<char>(std::toupper(letter));
        });
        (*access)["user"]["name"] = name;
    }
}
void wrong_domain(Reply& reply, const Fault& fault, Time) {
    change_user(reply, "RAX-AUTH:domainId", text_or(fault, "666"));
}
void no_user(Reply& reply, const Fault&, Time) {
    drop(reply, "user", nullptr);
}
void no_user_id(Reply& reply, const Fault&, Time) {
    drop(reply, "user", "id");
}
void no_user_name(Reply& reply, const Fault&, Time) {
    drop(reply, "user", "name");
}
void password_only(Reply& reply, const Fault&, Time) {
    change_token(reply, kProofs, {"PASSWORD"});
}
void passcode_only(Reply& reply, const Fault&, Time) {
    change_token(reply, kProofs, {"PASSCODE"});
}
void no_proof(Reply& reply, const Fault&, Time) {
    drop(reply, "token", kProofs);
}
void proof_text(Reply& reply, const Fault&, Time) {
    change_token(reply, kProofs, "PASSWORD,PASSCODE");
}
void proof_lower_case(Reply& reply, const Fault&, Time) {
    change_token(reply, kProofs, {"password", "passcode"});
}
void proof_odd(Reply& reply, const Fault&, Time) {
    change_token(reply, kProofs, {"PASSWORD", 1, nullptr, {{"PASSCODE", true}}, "XPASSCODE"});
}
void impersonated(Reply& reply, const Fault&, Time) {
    change_token(reply, kProofs, {"IMPERSONATION"});
}
void no_token(Reply& reply, const Fault&, Time) {
    drop(reply, "token", nullptr);
}
void no_token_id(Reply& reply, const Fault&, Time) {
    drop(reply, "token", "id");
}
void empty_token_id(Reply& reply, const Fault&, Time) {
    change_token(reply, "id", "");
}
void number_token_id(Reply& reply, const Fault&, Time) {
    change_token(reply, "id", 12345);
}
void odd_token_id(Reply& reply, const Fault&, Time) {
    change_token(reply, "id", "abc\r\nX-Injected: yes\r\n\r\n");
}
void huge_token_id(Reply& reply, const Fault& fault, Time) {
    change_token(
        reply, "id",
        std::string(static_cast<std::size_t>(fault.bytes == 0 ? 65'536 : fault.bytes), 'A'));
}
void expired(Reply& reply, const Fault&, Time now) {
    change_token(reply, "expires", iso8601(now - std::chrono::hours{1}));
}
void no_expires(Reply& reply, const Fault&, Time) {
    drop(reply, "token", "expires");
}
void bad_expires(Reply& reply, const Fault& fault, Time) {
    change_token(reply, "expires", text_or(fault, "the day after tomorrow"));
}
void no_access(Reply& reply, const Fault&, Time) {
    if (auto* access = access_of(reply)) {
        ordered_json inner = *access;
        reply.tree = std::move(inner);
    }
}
void no_roles(Reply& reply, const Fault&, Time) {
    drop(reply, "user", "roles");
}
void ok_with_challenge(Reply& reply, const Fault&, Time) {
    reply.add_header("WWW-Authenticate", "OS-MF sessionId='unasked', factor='PASSCODE'");
}
void token_in_401(Reply& reply, const Fault&, Time) {
    reply.status = 401;
}
void created(Reply& reply, const Fault&, Time) {
    reply.status = 201;
}
void ok_status(Reply& reply, const Fault&, Time) {
    reply.status = 200;
}

// --- challenges
// ---------------------------------------------------------------------------------------

struct Challenge {
    std::string session;
    std::string factor;
};

/// Takes the challenge out of the reply; nothing if it carries none.
std::optional<Challenge> take_challenge(Reply& reply) {
    for (auto each = reply.headers.begin(); each != reply.headers.end(); ++each) {
        if (each->first != "WWW-Authenticate") {
            continue;
        }
        const std::string& value = each->second;
        const std::size_t session = value.find('\'') + 1;
        const std::size_t session_end = value.find('\'', session);
        const std::size_t factor = value.find('\'', session_end + 1) + 1;
        Challenge taken{value.substr(session, session_end - session),
                        value.substr(factor, value.find('\'', factor) - factor)};
        reply.headers.erase(each);
        return taken;
    }
    return std::nullopt;
}

/// Writes the challenge anew by a pattern in which {s} is the session and {f} the factor; '\n'
/// parts headers.
void rewrite_challenge(Reply& reply, std::string_view pattern) {
    const auto challenge = take_challenge(reply);
    if (!challenge) {
        return;
    }
    std::string value;
    const auto put = [&] {
        reply.add_header("WWW-Authenticate", value);
        value.clear();
    };
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern.substr(i).starts_with("{s}")) {
            value += challenge->session;
            i += 2;
        } else if (pattern.substr(i).starts_with("{f}")) {
            value += challenge->factor;
            i += 2;
        } else if (pattern[i] == '\n') {
            put();
        } else {
            value += pattern[i];
        }
    }
    put();
}

template <const char* pattern>
void challenge_as(Reply& reply, const Fault&, Time) {
    rewrite_challenge(reply, pattern);
}

constexpr char kDoubleQuotes[] = "OS-MF sessionId=\"{s}\", factor=\"{f}\"";
constexpr char kNoQuotes[] = "OS-MF sessionId={s}, factor={f}";
constexpr char kReordered[] = "OS-MF factor='{f}', sessionId='{s}'";
constexpr char kLowerCase[] = "os-mf sessionid='{s}', FACTOR='{f}'";
constexpr char kSpacing[] = "   OS-MF    sessionId  =   '{s}'   ,factor ='{f}'   ,,";
constexpr char kKeystoneFirst[] =
    "Keystone uri=https://identity.example/v2.0\nOS-MF sessionId='{s}', factor='{f}'";
constexpr char kCommaJoined[] =
    "Keystone uri='https://identity.example/v2.0', OS-MF sessionId='{s}', factor='{f}'";
constexpr char kTwoChallenges[] =
    "OS-MF sessionId='{s}', factor='{f}'\nOS-MF sessionId='second-session', factor='PUSH'";
constexpr char kUnknownFactor[] = "OS-MF sessionId='{s}', factor='CARRIER-PIGEON'";
constexpr char kNoFactor[] = "OS-MF sessionId='{s}'";
constexpr char kNoSession[] = "OS-MF factor='{f}'";
constexpr char kEmptySession[] = "OS-MF sessionId='', factor='{f}'";
constexpr char kDuplicateSession[] = "OS-MF sessionId='{s}', sessionId='other', factor='{f}'";
constexpr char kOpenQuote[] = "OS-MF sessionId='{s}, factor=PASSCODE";
constexpr char kOtherScheme[] = "OS-MFA sessionId='{s}', factor='{f}'";
constexpr char kControls[] = "OS-MF sessionId='{s}\x1b[31m\x01', factor='PASSCODE\x1b]0;owned\x07'";
constexpr char kBare[] = "OS-MF";

void challenge_huge_session(Reply& reply, const Fault& fault, Time) {
    const auto size = fault.bytes == 0 ? kHugeSession : static_cast<std::size_t>(fault.bytes);
    rewrite_challenge(reply, "OS-MF sessionId='" + std::string(size, 'S') + "', factor='{f}'");
}
void challenge_missing(Reply& reply, const Fault&, Time) {
    static_cast<void>(take_challenge(reply));
}
void challenge_text(Reply& reply, const Fault& fault, Time) {
    rewrite_challenge(reply, fault.text);
}
void challenge_with_status(Reply& reply, int status) {
    if (reply.status == 401) {
        reply.status = status;
    }
}
void challenge_400(Reply& reply, const Fault&, Time) {
    challenge_with_status(reply, 400);
}
void challenge_403(Reply& reply, const Fault&, Time) {
    challenge_with_status(reply, 403);
}

// --- messages
// -----------------------------------------------------------------------------------------

void change_message(Reply& reply, const std::string& message) {
    if (!reply.tree.is_object() || reply.tree.empty()) {
        return;
    }
    auto& fault = reply.tree.begin().value();
    if (fault.is_object() && fault.contains("message")) {
        fault["message"] = message;
    }
}
void escapes(Reply& reply, const Fault& fault, Time) {
    change_message(reply, text_or(fault, kEscapes));
}
void long_message(Reply& reply, const Fault&, Time) {
    change_message(reply, std::string(100'000, 'm'));
}
void odd_message(Reply& reply, const Fault&, Time) {
    if (reply.tree.is_object() && !reply.tree.empty() && reply.tree.begin().value().is_object()) {
        reply.tree.begin().value()["message"] = {{"nested", true}};
        reply.tree.begin().value()["code"] = "not a number";
    }
}

void throttle(Reply& reply, const Fault& fault, Time now) {
    reply = json_reply(413, {{"overLimit",
                              {{"code", 413},
                               {"message", "OverLimit Retry..."},
                               {"details", "Error Details..."},
                               {"retryAfter", iso8601(now + fault.delay)}}}});
}

struct Row {
    FaultKind kind;
    Spoiler spoiler;
};

constexpr std::array kRows{
    Row{{"slow", kAfterwards, "the reply comes after `ms`"}, slow},
    Row{{"trickle", kAfterwards, "the body comes byte by byte, `ms` apart"},
        deliver<Delivery::trickle>},
    Row{{"stall", kInstead, "no reply, the connection stays open"}, deliver<Delivery::stall>},
    Row{{"stall_body", kAfterwards, "headers and half the body, then nothing"},
        deliver<Delivery::stall_body>},
    Row{{"reset", kInstead, "a TCP reset in place of a reply"}, deliver<Delivery::reset>},
    Row{{"reset_body", kAfterwards, "headers and half the body, then a TCP reset"},
        deliver<Delivery::reset_body>},
    Row{{"truncate", kAfterwards, "Content-Length larger than the body, then the end"},
        deliver<Delivery::truncate>},
    Row{{"close", kInstead, "the connection ends without a reply"}, deliver<Delivery::close>},
    Row{{"not_http", kInstead, "`text` (an SSH banner) in place of HTTP, then the end"}, not_http},
    Row{{"truncate_header", kInstead, "ends in the middle of the headers"}, truncate_header},
    Row{{"header_nul", kInstead, "401 with a NUL in WWW-Authenticate"}, header_nul},
    Row{{"header_folded", kInstead, "401 with WWW-Authenticate folded over three lines"},
        header_folded},
    Row{{"many_headers", kInstead, "20,000 headers"}, many_headers},
    Row{{"endless", kInstead, "a chunked body without end"}, endless},
    Row{{"huge", kInstead, "200 with one JSON string of `bytes` (64 MiB)"}, huge},
    Row{{"garbage", kInstead, "200, application/json, no JSON"}, garbage},
    Row{{"html", kInstead, "200 text/html, a captive portal"}, html},
    Row{{"deep", kInstead, "200, JSON nested 100,000 deep"}, deep},
    Row{{"redirect", kInstead, "302 to another host (`text`)"}, redirect},
    Row{{"redirect_self", kInstead, "307 to the very same place"}, redirect_self},
    Row{{"empty_object", kInstead, "200 with {}"}, empty_object},
    Row{{"throttle", kInstead, "413 overLimit, retryAfter `ms` ahead"}, throttle},
    Row{{"no_body", kAfterwards, "the status alone"}, no_body},
    Row{{"wrong_type", kAfterwards, "the right body as text/html"}, wrong_type},
    Row{{"duplicate_keys", kAfterwards, "`access` twice, the false one first"}, duplicate_keys},
    Row{{"wrong_user", kAfterwards, "200 with another user's name (`text`)"}, wrong_user},
    Row{{"upper_case_user", kAfterwards, "200 with the name in upper case (no lie)"},
        upper_case_user},
    Row{{"wrong_domain", kAfterwards, "200 with another domain (`text`)"}, wrong_domain},
    Row{{"no_user", kAfterwards, "200 without user"}, no_user},
    Row{{"no_user_id", kAfterwards, "200 without user.id"}, no_user_id},
    Row{{"no_user_name", kAfterwards, "200 without user.name"}, no_user_name},
    Row{{"no_roles", kAfterwards, "200 without user.roles"}, no_roles},
    Row{{"password_only", kAfterwards, "200 with only PASSWORD proven"}, password_only},
    Row{{"passcode_only", kAfterwards, "200 with only PASSCODE proven"}, passcode_only},
    Row{{"no_proof", kAfterwards, "200 without authenticatedBy"}, no_proof},
    Row{{"proof_text", kAfterwards, "authenticatedBy is a string"}, proof_text},
    Row{{"proof_lower_case", kAfterwards, "authenticatedBy in lower case (no lie)"},
        proof_lower_case},
    Row{{"proof_odd", kAfterwards, "authenticatedBy with odd members and XPASSCODE"}, proof_odd},
    Row{{"impersonated", kAfterwards, "authenticatedBy IMPERSONATION only"}, impersonated},
    Row{{"no_token", kAfterwards, "200 without token"}, no_token},
    Row{{"no_token_id", kAfterwards, "200 without token.id"}, no_token_id},
    Row{{"empty_token_id", kAfterwards, "200 with an empty token.id"}, empty_token_id},
    Row{{"number_token_id", kAfterwards, "token.id is a number"}, number_token_id},
    Row{{"odd_token_id", kAfterwards, "token.id with line ends in it"}, odd_token_id},
    Row{{"huge_token_id", kAfterwards, "token.id of `bytes` (64 KiB)"}, huge_token_id},
    Row{{"expired", kAfterwards, "the token ended an hour ago"}, expired},
    Row{{"no_expires", kAfterwards, "token without expires"}, no_expires},
    Row{{"bad_expires", kAfterwards, "expires is no time (`text`)"}, bad_expires},
    Row{{"no_access", kAfterwards, "the members of access at the root"}, no_access},
    Row{{"ok_with_challenge", kAfterwards, "the real reply plus a challenge header"},
        ok_with_challenge},
    Row{{"token_in_401", kAfterwards, "the real body with status 401"}, token_in_401},
    Row{{"created", kAfterwards, "the real body with status 201"}, created},
    Row{{"ok_status", kAfterwards, "the real body with status 200 (a fault body, say)"}, ok_status},
    Row{{"challenge_double_quotes", kAfterwards, "sessionId=\"...\""}, challenge_as<kDoubleQuotes>},
    Row{{"challenge_no_quotes", kAfterwards, "sessionId=..."}, challenge_as<kNoQuotes>},
    Row{{"challenge_reordered", kAfterwards, "factor before sessionId"}, challenge_as<kReordered>},
    Row{{"challenge_lower_case", kAfterwards, "os-mf sessionid=, FACTOR="},
        challenge_as<kLowerCase>},
    Row{{"challenge_spacing", kAfterwards, "blanks and commas galore"}, challenge_as<kSpacing>},
    Row{{"challenge_keystone_first", kAfterwards, "a header Keystone uri= first, OS-MF second"},
        challenge_as<kKeystoneFirst>},
    Row{{"challenge_comma_joined", kAfterwards, "both in one header"}, challenge_as<kCommaJoined>},
    Row{{"challenge_two", kAfterwards, "two OS-MF headers, the first is real"},
        challenge_as<kTwoChallenges>},
    Row{{"challenge_unknown_factor", kAfterwards, "factor='CARRIER-PIGEON'"},
        challenge_as<kUnknownFactor>},
    Row{{"challenge_no_factor", kAfterwards, "no factor"}, challenge_as<kNoFactor>},
    Row{{"challenge_no_session", kAfterwards, "no sessionId"}, challenge_as<kNoSession>},
    Row{{"challenge_empty_session", kAfterwards, "sessionId=''"}, challenge_as<kEmptySession>},
    Row{{"challenge_huge_session", kAfterwards, "sessionId of `bytes` (60,000)"},
        challenge_huge_session},
    Row{{"challenge_duplicate_session", kAfterwards, "sessionId twice, the first is real"},
        challenge_as<kDuplicateSession>},
    Row{{"challenge_open_quote", kAfterwards, "a quote that never closes"},
        challenge_as<kOpenQuote>},
    Row{{"challenge_other_scheme", kAfterwards, "scheme OS-MFA"}, challenge_as<kOtherScheme>},
    Row{{"challenge_controls", kAfterwards, "control characters in both values"},
        challenge_as<kControls>},
    Row{{"challenge_bare", kAfterwards, "OS-MF without parameters"}, challenge_as<kBare>},
    Row{{"challenge_missing", kAfterwards, "401 with the challenge's text but no header"},
        challenge_missing},
    Row{{"challenge_text", kAfterwards,
         "the header is `text`; {s} session, {f} factor, \\n parts headers"},
        challenge_text},
    Row{{"challenge_400", kAfterwards, "the challenge with status 400"}, challenge_400},
    Row{{"challenge_403", kAfterwards, "the challenge with status 403"}, challenge_403},
    Row{{"escapes", kAfterwards, "terminal escapes, bidi, controls in the message (`text`)"},
        escapes},
    Row{{"long_message", kAfterwards, "a message of 100,000 characters"}, long_message},
    Row{{"odd_message", kAfterwards, "message is an object, code a text"}, odd_message},
};

/// 503 for "http_503"; 0 for anything else.
int status_in(std::string_view name) {
    if (!name.starts_with("http_") || name.size() != 8) {
        return 0;
    }
    int status = 0;
    for (const char digit : name.substr(5)) {
        if (digit < '0' || digit > '9') {
            return 0;
        }
        status = status * 10 + (digit - '0');
    }
    return status >= 200 && status < 600 ? status : 0;
}

const Row* row_of(std::string_view name) {
    const auto* found = std::find_if(kRows.begin(), kRows.end(),
                                     [&](const Row& row) { return row.kind.name == name; });
    return found == kRows.end() ? nullptr : found;
}

constexpr auto kKinds = [] {
    std::array<FaultKind, kRows.size()> kinds{};
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        kinds[i] = kRows[i].kind;
    }
    return kinds;
}();

} // namespace

std::span<const FaultKind> fault_kinds() {
    return kKinds;
}

bool is_fault_name(std::string_view name) {
    return row_of(name) != nullptr || status_in(name) != 0;
}

bool is_carried_out(const Fault& fault) {
    if (fault.carried_out >= 0) {
        return fault.carried_out == 1;
    }
    const Row* row = row_of(fault.name);
    return row != nullptr && row->kind.moment == FaultMoment::afterwards;
}

void spoil(Reply& reply, const Fault& fault, Time now) {
    if (const Row* row = row_of(fault.name)) {
        row->spoiler(reply, fault, now);
    } else if (const int status = status_in(fault.name); status != 0) {
        reply = fault_reply(status, status == 503 ? "serviceUnavailable" : "identityFault",
                            text_or(fault, "Service is not available"));
    }
}

} // namespace raxauth::simulator
