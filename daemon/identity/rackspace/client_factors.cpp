// SPDX-License-Identifier: Apache-2.0
// Long because there are twenty calls: each is a few lines, one after the other.
#include "common/letter_case.h"
#include "common/text.h"
#include "daemon/identity/http/requests.h"
#include "daemon/identity/json_tree.h"
#include "daemon/identity/rackspace/client.h"
#include "daemon/identity/rackspace/credentials_body.h"
#include "daemon/identity/rackspace/os_mf_challenge.h"
#include "daemon/identity/rackspace/replies.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

/// Managing the second factor at Identity v2.0.
///
/// Each call builds its whole request, with copies of all it was given, before it returns; only the
/// exchange itself is a coroutine. Tasks start late, when what was passed may be gone.
namespace raxauth::identity::rackspace {
namespace {

constexpr std::size_t kLongestId = 256;
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kLongestNumber = 64;
constexpr std::size_t kLongestCode = 64;
constexpr std::size_t kLongestKeyUri = 2048;
constexpr std::size_t kMostCodes = 100;
/// Shorter secrets would be found in any text.
constexpr std::size_t kShortestToHide = 4;

using Cause = FactorRefusal::Cause;

/// What a 400 or a 401 is about.
enum class Proof { Token, Code, Password };

/// A request to make, or why it is not made at all.
struct FactorRequest {
    HttpRequest http;
    Proof proof = Proof::Token;
    std::vector<Secret> hidden; ///< not to come back in a message
    std::optional<FactorRefusal> refused;
};

FactorRefusal refusal(Cause cause, std::string_view detail, int status = 0) {
    FactorRefusal no;
    no.cause = cause;
    no.status = status;
    no.detail = detail;
    return no;
}

/// As it is, and as JSON writes it: a server may repeat what it was sent in either way.
void hide(std::vector<Secret>& hidden, const Secret& secret) {
    hidden.push_back(secret.clone());
    Secret quoted;
    quoted.reserve(2 + 6 * secret.size());
    if (append_json_string(quoted, secret.view())) {
        hidden.emplace_back(quoted.view().substr(1, quoted.size() - 2));
    }
}

/// Ids go into paths, log lines and prompts. "." and ".." would change the path.
bool is_usable_id(std::string_view id) {
    return !id.empty() && id.size() <= kLongestId && id != "." && id != ".." &&
           sanitise(id, kLongestId) == id;
}

// --- requests

FactorRequest request_to(const settings::IdentitySettings& settings, HttpMethod method,
                         std::string_view path) {
    FactorRequest request;
    request.http.method = method;
    request.http.url.append(settings.url);
    request.http.url.append(path);
    request.http.headers.push_back(header("Accept", "application/json"));
    if (method == HttpMethod::Post || method == HttpMethod::Put) {
        // Also without a body: libcurl would call the nothing a form, which JSON services refuse.
        request.http.headers.push_back(header("Content-Type", "application/json"));
    }
    // A lost one may have been carried out: a second device, SMS or attempt must not come of it.
    request.http.at_most_once = method != HttpMethod::Get;
    return request;
}

void add_segment(FactorRequest& request, std::string_view id) {
    if (!is_usable_id(id)) {
        request.refused = refusal(Cause::Fault, "an id that cannot be asked about");
        return;
    }
    request.http.url.append('/');
    append_escaped(request.http.url, id);
}

void add_token(FactorRequest& request, const Secret& token) {
    request.http.headers.push_back(header("X-Auth-Token", token));
}

/// `otherwise`: what it means when the texts cannot be sent.
void add_body(FactorRequest& request, std::optional<Secret> body, Cause otherwise) {
    if (!body) {
        request.refused = refusal(otherwise, "bytes that are no text");
        return;
    }
    request.http.body = std::move(*body);
}

/// U and what is below it: `collection` with its slash, and one of its members.
FactorRequest factor_request(const settings::IdentitySettings& settings, HttpMethod method,
                             const Acting& who, std::string_view collection = {},
                             std::optional<std::string_view> member = {},
                             std::string_view action = {}) {
    FactorRequest request = request_to(settings, method, "/users");
    add_segment(request, who.user_id);
    request.http.url.append("/RAX-AUTH/multi-factor");
    request.http.url.append(collection);
    if (member) {
        add_segment(request, *member);
    }
    request.http.url.append(action);
    add_token(request, who.token);
    return request;
}

FactorRequest verification(const settings::IdentitySettings& settings, const Acting& who,
                           std::string_view collection, std::string_view member,
                           const Secret& code) {
    FactorRequest request =
        factor_request(settings, HttpMethod::Post, who, collection, member, "/verify");
    request.proof = Proof::Code;
    hide(request.hidden, code);
    add_body(request, member_body("RAX-AUTH:verificationCode", "code", code.view()),
             Cause::WrongCode);
    return request;
}

/// `members`: of the object that is changed; opened here, closed by take().
FactorRequest settings_change(const settings::IdentitySettings& settings, const Acting& who,
                              const std::function<void(JsonWriter&)>& members) {
    FactorRequest request = factor_request(settings, HttpMethod::Put, who);
    JsonWriter body;
    body.open("RAX-AUTH:multiFactor");
    members(body);
    add_body(request, body.take(), Cause::Fault);
    return request;
}

FactorRequest domain_request(const settings::IdentitySettings& settings, HttpMethod method,
                             const Secret& token, std::string_view domain_id) {
    FactorRequest request = request_to(settings, method, "/RAX-AUTH/domains");
    add_segment(request, domain_id);
    add_token(request, token);
    return request;
}

std::string_view word_of(FactorKind kind) {
    return kind == FactorKind::Sms ? "SMS" : "OTP";
}

std::string_view word_of(Enforcement level) {
    switch (level) {
    case Enforcement::Optional:
        return "OPTIONAL";
    case Enforcement::Required:
        return "REQUIRED";
    case Enforcement::Mandated:
        return "RACKSPACE_MANDATED";
    case Enforcement::Default:
        break;
    }
    return "DEFAULT";
}

// --- refusals

bool comes_back(std::string_view text, const std::vector<Secret>& hidden) {
    return std::any_of(hidden.begin(), hidden.end(), [&](const Secret& secret) {
        return secret.size() >= kShortestToHide &&
               text.find(secret.view()) != std::string_view::npos;
    });
}

Cause cause_of(int status, Proof proof, const FaultReply& fault) {
    switch (status) {
    case 400:
        return proof == Proof::Code && !fault.says("already verified") ? Cause::WrongCode
                                                                       : Cause::Conflict;
    case 401:
        return proof == Proof::Password ? Cause::WrongPassword : Cause::TokenDead;
    case 403:
        return Cause::NotAllowed;
    case 404:
        return Cause::NotFound;
    case 409:
        return Cause::Conflict;
    case 413:
    case 429:
        return Cause::Throttled;
    default:
        return Cause::Fault;
    }
}

FactorRefusal read_refusal(const HttpReply& reply, Proof proof, const std::vector<Secret>& hidden) {
    FaultReply fault = read_fault_reply(reply.body.view());
    const bool is_throttle = (reply.status == 413 || reply.status == 429) && !is_foreign(reply);
    if (fault.name.empty() && !is_throttle) {
        return refusal(Cause::Fault, "no usable answer: " + status_and_type(reply), reply.status);
    }
    FactorRefusal no = refusal(cause_of(reply.status, proof, fault),
                               "HTTP " + std::to_string(reply.status), reply.status);
    // Both: JSON may write a secret in another way, and a message is cut.
    if (!comes_back(reply.body.view(), hidden) && !comes_back(fault.message, hidden)) {
        no.message = std::move(fault.message);
    }
    return no;
}

FactorRefusal read_failure(const HttpFailure& failure) {
    return refusal(failure.nonsense ? Cause::Fault : Cause::Unreachable, failure.detail);
}

// --- replies. All throw ReplyFault for what they cannot take.

const JsonNode& member_of(const JsonNode& parent, std::string_view name) {
    const JsonNode* node = parent.find(name);
    if (node == nullptr) {
        throw ReplyFault("reply has no " + std::string(name));
    }
    return *node;
}

std::string id_in(const JsonNode& object, std::string_view name) {
    const std::string_view id = object.scalar(name);
    if (!is_usable_id(id)) {
        throw ReplyFault("reply has no usable " + std::string(name));
    }
    return std::string(id);
}

/// Absent is false. Some samples show a text in place of a boolean.
bool flag_in(const JsonNode& object, std::string_view name) {
    const JsonNode* node = object.find(name);
    if (node == nullptr || node->kind == JsonNode::Kind::Null) {
        return false;
    }
    const std::string_view word = node->text.view();
    if ((node->kind != JsonNode::Kind::Bool && !node->is_text()) ||
        (!equal_ignoring_case(word, "true") && !equal_ignoring_case(word, "false"))) {
        throw ReplyFault("reply has a " + std::string(name) + " that is neither true nor false");
    }
    return equal_ignoring_case(word, "true");
}

bool is_printable(char c) {
    return c >= 0x20 && c < 0x7F;
}

/// Printable ASCII, or nothing.
Secret text_in(const JsonNode& object, std::string_view name, std::size_t most) {
    const std::string_view text = object.scalar(name);
    if (text.size() > most || !std::all_of(text.begin(), text.end(), is_printable)) {
        throw ReplyFault("reply has no usable " + std::string(name));
    }
    return Secret(text);
}

/// As a URI is written: blanks and what is not ASCII percent-escaped, if the server did not.
Secret key_uri_in(const JsonNode& device) {
    constexpr std::string_view kScheme = "otpauth://";
    const std::string_view raw = device.scalar("keyUri");
    const bool controls = std::any_of(raw.begin(), raw.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
    if (controls || raw.size() > kLongestKeyUri ||
        !equal_ignoring_case(raw.substr(0, kScheme.size()), kScheme)) {
        throw ReplyFault("reply has no usable keyUri");
    }
    Secret uri;
    uri.reserve(3 * raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != ' ' && is_printable(raw[i])) {
            uri.append(raw[i]);
        } else {
            append_escaped(uri, raw.substr(i, 1));
        }
    }
    return uri;
}

OtpDevice read_otp_device(const JsonNode& node) {
    OtpDevice device;
    device.id = id_in(node, "id");
    device.name = node.shown("name", kLongestName);
    device.verified = flag_in(node, "verified");
    return device;
}

OtpDevice read_new_otp_device(const JsonNode& root) {
    const JsonNode& node = member_of(root, "RAX-AUTH:otpDevice");
    OtpDevice device = read_otp_device(node);
    device.key_uri = key_uri_in(node);
    return device;
}

Phone read_phone(const JsonNode& node) {
    Phone phone;
    phone.id = id_in(node, "id");
    phone.number = text_in(node, "number", kLongestNumber);
    phone.verified = flag_in(node, "verified");
    return phone;
}

Phone read_new_phone(const JsonNode& root) {
    return read_phone(member_of(root, "RAX-AUTH:mobilePhone"));
}

template <class Value>
std::vector<Value> read_list(const JsonNode& root, std::string_view name,
                             Value (*read)(const JsonNode&)) {
    const JsonNode& list = member_of(root, name);
    std::vector<Value> values;
    if (list.kind == JsonNode::Kind::Null) {
        return values;
    }
    if (!list.is_array()) {
        throw ReplyFault("reply has a " + std::string(name) + " that is no list");
    }
    values.reserve(list.members.size());
    for (const JsonNode::Member& item : list.members) {
        values.push_back(read(item.value));
    }
    return values;
}

std::vector<OtpDevice> read_otp_devices(const JsonNode& root) {
    return read_list(root, "RAX-AUTH:otpDevices", read_otp_device);
}

std::vector<Phone> read_phones(const JsonNode& root) {
    return read_list(root, "RAX-AUTH:mobilePhones", read_phone);
}

Secret read_code(const JsonNode& node) {
    const std::string_view code = node.scalar();
    if (code.empty() || code.size() > kLongestCode ||
        !std::all_of(code.begin(), code.end(), is_printable)) {
        throw ReplyFault("reply has a bypass code that is none");
    }
    return Secret(code);
}

std::vector<Secret> read_bypass_codes(const JsonNode& root) {
    std::vector<Secret> codes =
        read_list(member_of(root, "RAX-AUTH:bypassCodes"), "codes", read_code);
    if (codes.empty() || codes.size() > kMostCodes) {
        throw ReplyFault("reply has no, or too many, bypass codes");
    }
    return codes;
}

Enforcement enforcement_in(const JsonNode& object, std::string_view name) {
    const std::string_view word = object.scalar(name);
    if (word.empty()) {
        return Enforcement::Default;
    }
    for (const Enforcement level : {Enforcement::Default, Enforcement::Optional,
                                    Enforcement::Required, Enforcement::Mandated}) {
        if (equal_ignoring_case(word, word_of(level))) {
            return level;
        }
    }
    throw ReplyFault("reply has an unknown " + std::string(name));
}

Enforcement read_domain(const JsonNode& root) {
    return enforcement_in(member_of(root, "RAX-AUTH:domain"), "domainMultiFactorEnforcementLevel");
}

/// The domain may be left out (not every user has one), the name may not: the id goes on to be
/// acted on.
FactorState read_state(const JsonNode& root, std::string_view asked) {
    const JsonNode& user = member_of(root, "user");
    if (!equal_ignoring_case(user.scalar("username"), asked)) {
        throw ReplyFault("the reply is about another user");
    }
    FactorState state;
    state.user_id = id_in(user, "id");
    if (!user.scalar("RAX-AUTH:domainId").empty()) {
        state.domain_id = id_in(user, "RAX-AUTH:domainId");
    }
    state.enabled = flag_in(user, "RAX-AUTH:multiFactorEnabled");
    state.locked = equal_ignoring_case(user.scalar("RAX-AUTH:multiFactorState"), "LOCKED");
    const std::string_view factor = user.scalar("RAX-AUTH:factorType");
    for (const FactorKind kind : {FactorKind::Otp, FactorKind::Sms}) {
        if (equal_ignoring_case(factor, word_of(kind))) {
            state.factor = kind;
        }
    }
    state.enforcement = enforcement_in(user, "RAX-AUTH:userMultiFactorEnforcementLevel");
    return state;
}

// --- exchanges

/// Of a 2xx; anything else is a refusal.
template <class Read>
auto read_reply(const HttpResult& result, const FactorRequest& request, Read read)
    -> FactorAnswer<decltype(read(std::declval<const HttpReply&>()))> {
    if (const auto* failure = std::get_if<HttpFailure>(&result)) {
        return read_failure(*failure);
    }
    const auto& reply = std::get<HttpReply>(result);
    if (!is_success(reply.status)) {
        return read_refusal(reply, request.proof, request.hidden);
    }
    try {
        return read(reply);
    } catch (const ReplyFault& fault) {
        return refusal(Cause::Fault, fault.what(), reply.status);
    }
}

Task<FactorAnswer<Done>> carry_out(HttpTransport& transport, FactorRequest request) {
    if (request.refused) {
        co_return std::move(*request.refused);
    }
    const HttpResult result = co_await transport.send(std::move(request.http));
    co_return read_reply(result, request, [](const HttpReply& reply) {
        if (is_foreign(reply)) {
            throw ReplyFault("no usable answer: " + status_and_type(reply));
        }
        return Done{};
    });
}

template <class Value>
Task<FactorAnswer<Value>> ask(HttpTransport& transport, FactorRequest request,
                              Value (*read)(const JsonNode&)) {
    if (request.refused) {
        co_return std::move(*request.refused);
    }
    const HttpResult result = co_await transport.send(std::move(request.http));
    co_return read_reply(result, request, [read](const HttpReply& reply) {
        return read(parse_json(reply.body.view()));
    });
}

Task<FactorAnswer<FactorState>> ask_state(HttpTransport& transport, FactorRequest request,
                                          std::string user_name) {
    if (request.refused) {
        co_return std::move(*request.refused);
    }
    const HttpResult result = co_await transport.send(std::move(request.http));
    co_return read_reply(result, request, [&user_name](const HttpReply& reply) {
        return read_state(parse_json(reply.body.view()), user_name);
    });
}

} // namespace

Task<FactorAnswer<SetupSession>> Client::begin_setup(const Account& account,
                                                     const Secret& password) {
    const Account without_tenant{account.name, "", ""};
    return set_up(password_body(without_tenant, password, TokenScope::SetupMfa), account.name,
                  password.clone());
}

Task<FactorAnswer<SetupSession>> Client::set_up(std::optional<Secret> body, std::string name,
                                                Secret password) {
    if (!body) {
        co_return refusal(Cause::WrongPassword, "bytes that are no text");
    }
    const HttpResult result = co_await sign_in_exchange(sign_in_request(std::move(*body)));
    if (const auto* failure = std::get_if<HttpFailure>(&result)) {
        co_return read_failure(*failure);
    }
    const auto& reply = std::get<HttpReply>(result);
    if (is_success(reply.status)) {
        co_return read_setup(reply, name);
    }
    std::vector<Secret> hidden;
    hide(hidden, password);
    FactorRefusal no = read_refusal(reply, Proof::Password, hidden);
    if (reply.status == 401 && mentions_os_mf(reply.headers("WWW-Authenticate"))) {
        no.cause = Cause::Conflict;
    }
    co_return no;
}

/// As in read_success(): the token has an owner before anything else is looked at.
FactorAnswer<SetupSession> Client::read_setup(const HttpReply& reply, const std::string& name) {
    const auto fault = [&](std::string_view detail) {
        return refusal(Cause::Fault, detail, reply.status);
    };
    TokenReply read;
    try {
        read = read_token_reply(reply.body.view());
    } catch (const ReplyFault& problem) {
        return fault(problem.what());
    }
    if (read.token.empty()) {
        return fault(read.problem);
    }
    SetupSession session{
        OwnedToken(std::move(read.token), read.expires.value_or(WallTime{}), revoker_), {}};
    if (!read.expires || (read.names_user && !read.problem.empty())) {
        return fault(read.problem);
    }
    if (*read.expires <= clock_.wall()) {
        return fault("the token of the reply has expired");
    }
    if (read.names_user) {
        if (!equal_ignoring_case(read.user.name, name)) {
            return fault("the reply is about another user");
        }
        if (!is_usable_id(read.user.id)) {
            return fault("reply has no usable user id");
        }
        session.user_id = std::move(read.user.id);
    }
    return session;
}

Task<FactorAnswer<OtpDevice>> Client::add_otp_device(Acting who, std::string name) {
    FactorRequest request = factor_request(settings_, HttpMethod::Post, who, "/otp-devices");
    add_body(request, member_body("RAX-AUTH:otpDevice", "name", name), Cause::Conflict);
    return ask(transport_, std::move(request), read_new_otp_device);
}

Task<FactorAnswer<std::vector<OtpDevice>>> Client::otp_devices(Acting who) {
    return ask(transport_, factor_request(settings_, HttpMethod::Get, who, "/otp-devices"),
               read_otp_devices);
}

Task<FactorAnswer<Done>> Client::verify_otp_device(Acting who, std::string device,
                                                   const Secret& code) {
    return carry_out(transport_, verification(settings_, who, "/otp-devices", device, code));
}

Task<FactorAnswer<Done>> Client::remove_otp_device(Acting who, std::string device) {
    return carry_out(transport_,
                     factor_request(settings_, HttpMethod::Delete, who, "/otp-devices", device));
}

Task<FactorAnswer<Phone>> Client::add_phone(Acting who, const Secret& number) {
    FactorRequest request = factor_request(settings_, HttpMethod::Post, who, "/mobile-phones");
    hide(request.hidden, number);
    add_body(request, member_body("RAX-AUTH:mobilePhone", "number", number.view()),
             Cause::Conflict);
    return ask(transport_, std::move(request), read_new_phone);
}

Task<FactorAnswer<std::vector<Phone>>> Client::phones(Acting who) {
    return ask(transport_, factor_request(settings_, HttpMethod::Get, who, "/mobile-phones"),
               read_phones);
}

Task<FactorAnswer<Done>> Client::send_pin(Acting who, std::string phone) {
    return carry_out(transport_, factor_request(settings_, HttpMethod::Post, who, "/mobile-phones",
                                                phone, "/verificationcode"));
}

Task<FactorAnswer<Done>> Client::verify_phone(Acting who, std::string phone, const Secret& pin) {
    return carry_out(transport_, verification(settings_, who, "/mobile-phones", phone, pin));
}

Task<FactorAnswer<Done>> Client::remove_phone(Acting who, std::string phone) {
    return carry_out(transport_,
                     factor_request(settings_, HttpMethod::Delete, who, "/mobile-phones", phone));
}

Task<FactorAnswer<Done>> Client::enable(Acting who, std::optional<FactorKind> kind) {
    return carry_out(transport_, settings_change(settings_, who, [kind](JsonWriter& body) {
                         body.flag("enabled", true);
                         if (kind) {
                             body.text("factorType", word_of(*kind));
                         }
                     }));
}

Task<FactorAnswer<Done>> Client::set_default(Acting who, FactorKind kind) {
    return carry_out(transport_, settings_change(settings_, who, [kind](JsonWriter& body) {
                         body.text("factorType", word_of(kind));
                     }));
}

Task<FactorAnswer<Done>> Client::disable(Acting who) {
    return carry_out(transport_, settings_change(settings_, who, [](JsonWriter& body) {
                         body.flag("enabled", false);
                     }));
}

Task<FactorAnswer<Done>> Client::remove_all(Acting who) {
    return carry_out(transport_, factor_request(settings_, HttpMethod::Delete, who));
}

Task<FactorAnswer<Done>> Client::unlock(Acting who) {
    return carry_out(transport_, settings_change(settings_, who, [](JsonWriter& body) {
                         body.flag("unlock", true);
                     }));
}

Task<FactorAnswer<Done>> Client::require(Acting who, Enforcement level) {
    return carry_out(transport_, settings_change(settings_, who, [level](JsonWriter& body) {
                         body.text("userMultiFactorEnforcementLevel", word_of(level));
                     }));
}

Task<FactorAnswer<std::vector<Secret>>>
Client::bypass_codes(Acting who, unsigned count, std::optional<std::chrono::minutes> valid_for) {
    FactorRequest request = factor_request(settings_, HttpMethod::Post, who, "/bypass-codes");
    JsonWriter body;
    body.open("RAX-AUTH:bypassCodes");
    if (valid_for) {
        body.text("validityDuration", "PT" + std::to_string(valid_for->count()) + "M");
    }
    body.text("numberOfCodes", std::to_string(count)); // a text: docs/identity-v2.md, 3
    add_body(request, body.take(), Cause::Fault);
    return ask(transport_, std::move(request), read_bypass_codes);
}

Task<FactorAnswer<FactorState>> Client::state(const Secret& token, std::string user_name) {
    FactorRequest request = request_to(settings_, HttpMethod::Get, "/users?name=");
    if (user_name.empty()) { // would ask for all users
        request.refused = refusal(Cause::Fault, "no user name");
    }
    append_escaped(request.http.url, user_name);
    add_token(request, token);
    return ask_state(transport_, std::move(request), std::move(user_name));
}

Task<FactorAnswer<Enforcement>> Client::domain_enforcement(const Secret& token,
                                                           std::string domain_id) {
    return ask(transport_, domain_request(settings_, HttpMethod::Get, token, domain_id),
               read_domain);
}

Task<FactorAnswer<Done>> Client::set_domain_enforcement(const Secret& token, std::string domain_id,
                                                        Enforcement level) {
    FactorRequest request = domain_request(settings_, HttpMethod::Put, token, domain_id);
    request.http.url.append("/multi-factor");
    add_body(request,
             member_body("RAX-AUTH:multiFactorDomain", "domainMultiFactorEnforcementLevel",
                         word_of(level)),
             Cause::Fault);
    return carry_out(transport_, std::move(request));
}

Task<FactorAnswer<Done>> Client::change_password(const Account& account, const Secret& present,
                                                 const Secret& fresh) {
    FactorRequest request = request_to(settings_, HttpMethod::Post, "/users/RAX-AUTH/change-pwd");
    request.proof = Proof::Password;
    hide(request.hidden, present);
    hide(request.hidden, fresh);
    // A present password that is no text cannot be right; a new one is against the rules.
    Secret scratch;
    const bool new_one_is_text = append_json_string(scratch, fresh.view());
    add_body(request, change_password_body(account, present, fresh),
             new_one_is_text ? Cause::WrongPassword : Cause::Conflict);
    return carry_out(transport_, std::move(request));
}

} // namespace raxauth::identity::rackspace
