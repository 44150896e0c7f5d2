// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/sign_in.h"

#include "tests/simulator/one_time_code.h"
#include "tests/simulator/random_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace raxauth::simulator {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kPassword = "passwordCredentials";
constexpr const char* kApiKey = "RAX-KSKEY:apiKeyCredentials";
constexpr const char* kPasscode = "RAX-AUTH:passcodeCredentials";

constexpr const char* kLockText =
    "Can not authenticate with credentials provided. The account has been locked due to excessive "
    "invalid attempts. Please contact an administrator";
constexpr const char* kRefusedText = "Can not authenticate with credentials provided";
constexpr const char* kWrongPasswordText = "Unable to authenticate user with credentials provided.";

std::string text_in(const json& object, const char* name) {
    if (!object.is_object()) {
        return {};
    }
    const auto found = object.find(name);
    if (found == object.end()) {
        return {};
    }
    return found->is_string() ? found->get<std::string>() : found->dump();
}

const json& auth_of(const Call& call) {
    return call.body.at("auth");
}

Reply bad_request(Call& call, const char* outcome, std::string_view message) {
    return with_outcome(call, outcome, fault_reply(400, "badRequest", message));
}

Reply unauthorized(Call& call, const char* outcome, std::string_view message) {
    return with_outcome(call, outcome, fault_reply(401, "unauthorized", message));
}

Reply forbidden(Call& call, const char* outcome, std::string_view message) {
    return with_outcome(call, outcome, fault_reply(403, "forbidden", message));
}

Reply disabled(Call& call, const Account& account) {
    return with_outcome(
        call, "disabled",
        fault_reply(403, "userDisabled", fmt::format("User '{}' is disabled.", account.name)));
}

bool is_disabled(State& state, const Account& account) {
    return !account.enabled || !state.directory.domain(account.domain_id).enabled;
}

/// The checks on what the request wants to be restricted to. They come last: an MFA user meets them
/// on the second request.
std::optional<Reply> refuse_restriction(State& state, Call& call, const Account& account) {
    const json& auth = auth_of(call);
    const std::string domain = text_in(auth, "RAX-AUTH:domainId");
    if (!domain.empty() && domain != account.domain_id) {
        return unauthorized(
            call, "domain-refused",
            coded(state.switches, "AUTH-006",
                  fmt::format("Domain '{}' is not valid for User '{}'.", domain, account.name)));
    }
    const bool rcn = is_true(call.request.query_value("apply_rcn_roles"));
    if (!call.trace.tenant.empty() && !account.may_use_tenant(call.trace.tenant, rcn)) {
        return unauthorized(
            call, "tenant-refused",
            coded(state.switches, "AUTH-007",
                  fmt::format("Tenant with Name/Id: '{}' is not valid for User '{}' (id: '{}').",
                              call.trace.tenant, account.name, account.id)));
    }
    return std::nullopt;
}

std::string tenant_for_token(const State& state, const Call& call, const Account& account) {
    if (!call.trace.tenant.empty()) {
        const bool by_name =
            !account.tenant_name.empty() && call.trace.tenant == account.tenant_name;
        return by_name ? account.tenant_id : call.trace.tenant;
    }
    return state.switches.token_tenant_always ? account.tenant_id : std::string();
}

Reply access_reply(State& state, Call& call, const Account& account, const Token& token) {
    const Request& request = call.request;
    ordered_json access = ordered_json::object();
    access["token"] = token_tree(state, token);
    if (request.query_value("include_endpoints") != "false" &&
        state.switches.catalogue_copies > 0) {
        access["serviceCatalog"] =
            catalogue_mark(token.tenant_id.empty() ? account.tenant_id : token.tenant_id);
    }
    access["user"] = user_tree(state, account, is_true(request.query_value("apply_rcn_roles")));
    if (is_true(request.query_value("include_accessible_domains"))) {
        access["user"]["RAX-AUTH:accessibleDomains"] = {{{"id", account.domain_id}}};
    }
    Reply reply = json_reply(200, ordered_json{{"access", std::move(access)}});
    if (state.switches.tenant_header && !token.tenant_id.empty()) {
        reply.add_header("X-Tenant-Id", token.tenant_id);
    }
    return with_outcome(call, "token", std::move(reply));
}

Reply issue_access(State& state, Call& call, const Account& account,
                   std::vector<std::string> proofs) {
    if (auto refusal = refuse_restriction(state, call, account)) {
        return *std::move(refusal);
    }
    const Token& token = issue_token(state, call, account, Scope::none, std::move(proofs),
                                     tenant_for_token(state, call, account));
    return access_reply(state, call, account, token);
}

Reply issue_setup_token(State& state, Call& call, const Account& account) {
    if (!may_set_up(state, account)) {
        return forbidden(call, "setup-refused", "SETUP-MFA SCOPE not supported");
    }
    const Switches& switches = state.switches;
    const Token& token = issue_token(state, call, account, Scope::setup_mfa, {"PASSWORD"}, "");
    ordered_json tree{{"token", token_tree(state, token)}};
    if (switches.setup_lower_case_password) {
        tree["token"]["RAX-AUTH:authenticatedBy"] = {"password"};
    }
    if (switches.setup_wrapped) {
        tree["user"] = user_tree(state, account, false);
        tree = ordered_json{{"access", std::move(tree)}};
    }
    return with_outcome(call, "setup-token", json_reply(200, std::move(tree)));
}

void send_login_code(State& state, Call& call, Account& account) {
    const Switches& switches = state.switches;
    account.sms_codes.clear();
    std::string text;
    for (std::int64_t i = 0; i < switches.sms_codes_per_message; ++i) {
        const std::string code = random_digits(static_cast<std::size_t>(switches.sms_code_digits));
        account.sms_codes.push_back(
            {code, state.now() + std::chrono::seconds{switches.sms_code_seconds}});
        text += (i == 0 ? "" : " ") + code;
    }
    const auto phone = std::find_if(account.phones.begin(), account.phones.end(),
                                    [](const Phone& each) { return each.verified; });
    send_sms(state, call, account, phone == account.phones.end() ? "" : phone->number,
             fmt::format("Rackspace SMS passcodes (will expire in {} minutes): {}",
                         switches.sms_code_seconds / 60, text));
}

Reply challenge(State& state, Call& call, Account& account) {
    const Switches& switches = state.switches;
    if (account.factor_type == "SMS") {
        send_login_code(state, call, account);
    }
    const Token& session = issue_token(state, call, account, Scope::mfa_session, {"PASSWORD"}, "");
    std::string factor = switches.factor_word;
    if (factor == "auto") {
        factor = account.factor_type == "OTP" ? "OTPPASSCODE" : "PASSCODE";
    }
    Reply reply = unauthorized(call, "challenge",
                               switches.challenge_full_stop
                                   ? "Additional authentication credentials required."
                                   : "Additional authentication credentials required");
    reply.add_header("WWW-Authenticate",
                     fmt::format("OS-MF sessionId='{}', factor='{}'", session.id, factor));
    return reply;
}

/// Six wrong passwords close the door for a second, with the same answer as a wrong password.
bool is_password_right(State& state, Account& account, const std::string& password) {
    const Switches& switches = state.switches;
    const Time now = state.now();
    const bool recently =
        now - account.last_wrong_password < std::chrono::seconds{switches.password_lock_seconds};
    if (account.wrong_passwords >= switches.password_lock_after) {
        if (recently) {
            return false;
        }
        account.wrong_passwords = 0;
    }
    if (account.password != password) {
        ++account.wrong_passwords;
        account.last_wrong_password = now;
        return false;
    }
    account.wrong_passwords = 0;
    return true;
}

Reply after_right_password(State& state, Call& call, Account& account) {
    const std::string scope = text_in(auth_of(call), "RAX-AUTH:scope");
    if (!scope.empty()) {
        return scope == "SETUP-MFA" ? issue_setup_token(state, call, account)
                                    : bad_request(call, "bad-request", "Invalid scope");
    }
    if (account.mfa_enabled) {
        if (is_mfa_locked(state, account)) {
            return unauthorized(call, "locked", kLockText);
        }
        return challenge(state, call, account);
    }
    if (is_mfa_mandatory(state, account)) {
        return forbidden(call, "setup-required", "User must setup multi-factor");
    }
    return issue_access(state, call, account, {"PASSWORD"});
}

Reply sign_in_with_password(State& state, Call& call) {
    const json& auth = auth_of(call);
    const bool wants_racker = auth.contains("RAX-AUTH:domain");
    if (wants_racker && auth.contains("RAX-AUTH:scope")) {
        return forbidden(call, "setup-refused", "Setup MFA scope is not supported for Rackers");
    }
    Account* account = call.account;
    const std::string password = text_in(auth.at(kPassword), "password");
    if (call.trace.user.empty() || password.empty()) {
        return bad_request(call, "bad-request", "Expecting username and password");
    }
    if (account == nullptr || account->racker != wants_racker ||
        !is_password_right(state, *account, password)) {
        return unauthorized(call, "wrong-credentials",
                            coded(state.switches, "AUTH-004", kWrongPasswordText));
    }
    if (account->password_expired) {
        return unauthorized(call, "password-expired",
                            coded(state.switches, "AUTH-001",
                                  "The password for this user has expired and must be changed"));
    }
    if (is_disabled(state, *account)) {
        return disabled(call, *account);
    }
    return after_right_password(state, call, *account);
}

Reply sign_in_with_api_key(State& state, Call& call) {
    const Account* account = call.account;
    const std::string key = text_in(auth_of(call).at(kApiKey), "apiKey");
    if (account == nullptr || key.empty() || account->api_key != key || account->racker) {
        return unauthorized(call, "wrong-credentials",
                            coded(state.switches, "AUTH-008", "Username or api key is invalid."));
    }
    if (is_disabled(state, *account)) {
        return disabled(call, *account);
    }
    return issue_access(state, call, *account, {"APIKEY"});
}

bool take_sms_code(State& state, Account& account, const std::string& code) {
    auto& codes = account.sms_codes;
    const auto found = std::find_if(codes.begin(), codes.end(), [&](const SmsCode& each) {
        return each.code == code && state.now() < each.expires;
    });
    if (found == codes.end()) {
        return false;
    }
    if (state.switches.sms_code_one_use) {
        codes.erase(found);
    }
    return true;
}

bool take_otp_code(State& state, Account& account, const std::string& code) {
    const Switches& switches = state.switches;
    auto& used = account.used_otp_codes;
    if (!switches.otp_replay && std::find(used.begin(), used.end(), code) != used.end()) {
        return false;
    }
    const bool right = std::any_of(
        account.otp_devices.begin(), account.otp_devices.end(), [&](const auto& device) {
            return device.verified &&
                   totp_matches(device.secret, code, state.now(), switches.otp_steps_back,
                                switches.otp_steps_ahead);
        });
    if (right && !switches.otp_replay) {
        used.push_back(code);
    }
    return right;
}

bool take_bypass_code(const State& state, Account& account, const std::string& code) {
    auto& codes = account.bypass_codes;
    const auto found = std::find_if(codes.begin(), codes.end(), [&](const BypassCode& each) {
        return each.code == code && (!each.expires || state.now() < *each.expires);
    });
    if (found == codes.end()) {
        return false;
    }
    codes.erase(found);
    return true;
}

bool is_passcode_right(State& state, Account& account, const std::string& code) {
    if (code.empty()) {
        return false;
    }
    const bool by_device = account.factor_type == "OTP" ? take_otp_code(state, account, code)
                                                        : take_sms_code(state, account, code);
    return by_device || take_bypass_code(state, account, code);
}

Reply wrong_passcode(State& state, Call& call, Account& account) {
    // Failures of long ago no longer count: the lock they led to would have ended by itself.
    if (state.now() - account.last_wrong_passcode >=
        std::chrono::seconds{state.switches.unlock_seconds}) {
        account.wrong_passcodes = 0;
    }
    ++account.wrong_passcodes;
    account.last_wrong_passcode = state.now();
    if (is_mfa_locked(state, account)) {
        return forbidden(call, "locked", kLockText);
    }
    return unauthorized(call, "wrong-passcode", kRefusedText);
}

Reply after_session(State& state, Call& call, Account& account, Token& session) {
    if (is_disabled(state, account)) {
        return disabled(call, account);
    }
    if (!account.mfa_enabled) {
        return bad_request(call, "no-mfa", "Unknown credential type");
    }
    if (is_mfa_locked(state, account)) {
        return forbidden(call, "locked", kLockText);
    }
    if (!is_passcode_right(state, account, text_in(auth_of(call).at(kPasscode), "passcode"))) {
        return wrong_passcode(state, call, account);
    }
    account.wrong_passcodes = 0;
    if (!state.switches.session_survives_success) {
        session.revoked = true;
    }
    return issue_access(
        state, call, account,
        {"PASSWORD", account.factor_type == "OTP" ? state.switches.otp_proof_word : "PASSCODE"});
}

Reply sign_in_with_passcode(State& state, Call& call) {
    const auto id = call.request.header("x-sessionid");
    if (!id || id->empty() || call.request.count_headers("x-sessionid") != 1) {
        return bad_request(call, "no-session", "Invalid X-SessionId");
    }
    Token* session = state.tokens.find(*id);
    if (session == nullptr) {
        return unauthorized(call, "unknown-session", kRefusedText);
    }
    if (session->scope != Scope::mfa_session) {
        return forbidden(call, "not-a-session", kRefusedText);
    }
    if (session->revoked || call.account == nullptr) {
        return unauthorized(call, "revoked-session", kRefusedText);
    }
    if (state.now() >= session->expires) {
        return unauthorized(call, "session-expired",
                            std::string(kRefusedText) + ". Session has expired.");
    }
    return after_session(state, call, *call.account, *session);
}

Reply sign_in_with_token(State& state, Call& call) {
    const Token* token = state.tokens.find(text_in(auth_of(call).at("token"), "id"));
    if (call.trace.tenant.empty()) {
        return bad_request(call, "bad-request", "Invalid request. Specify tenantId or tenantName.");
    }
    if (token == nullptr || !state.tokens.is_live(*token, state.now()) || call.account == nullptr) {
        return unauthorized(call, "bad-token",
                            coded(state.switches, "AUTH-005", "Token not authenticated."));
    }
    if (token->scope != Scope::none) {
        return forbidden(call, "scoped-token",
                         "The scope of this token does not allow access to this resource");
    }
    if (is_disabled(state, *call.account)) {
        return disabled(call, *call.account);
    }
    if (auto refusal = refuse_restriction(state, call, *call.account)) {
        return *std::move(refusal);
    }
    Token shown = *token;
    shown.tenant_id = tenant_for_token(state, call, *call.account);
    return access_reply(state, call, *call.account, shown);
}

void identify_by_token(State& state, Call& call, const std::string& id) {
    if (const Token* token = state.tokens.find(id)) {
        call.account = state.directory.by_id(token->user_id);
        call.trace.user = token->user_name;
    }
}

void identify_by_name(State& state, Call& call, const json& credentials) {
    call.trace.user = text_in(credentials, "username");
    call.account = state.directory.by_name(call.trace.user);
}

} // namespace

Credential credential_in(const json& body) {
    if (!body.is_object() || body.size() != 1 || !body.contains("auth") ||
        !body["auth"].is_object()) {
        return Credential::none;
    }
    const json& auth = body["auth"];
    return auth.contains(kApiKey)     ? Credential::api_key
           : auth.contains(kPassword) ? Credential::password
           : auth.contains(kPasscode) ? Credential::passcode
           : auth.contains("token")   ? Credential::token
                                      : Credential::none;
}

void identify_sign_in(State& state, Call& call) {
    const Credential credential = credential_in(call.body);
    if (const auto session = call.request.header("x-sessionid")) {
        call.trace.session = fingerprint(*session);
    }
    if (credential == Credential::none) {
        call.trace.step = "other";
        return;
    }
    const json& auth = auth_of(call);
    const std::string tenant_id = text_in(auth, "tenantId");
    call.trace.tenant = tenant_id.empty() ? text_in(auth, "tenantName") : tenant_id;
    call.trace.domain = text_in(auth, "RAX-AUTH:domainId");
    switch (credential) {
    case Credential::api_key:
        call.trace.step = "apikey";
        identify_by_name(state, call, auth.at(kApiKey));
        break;
    case Credential::password:
        call.trace.step = auth.contains("RAX-AUTH:scope") ? "setup" : "first";
        identify_by_name(state, call, auth.at(kPassword));
        break;
    case Credential::passcode:
        call.trace.step = "passcode";
        identify_by_token(state, call, call.request.header("x-sessionid").value_or(""));
        break;
    case Credential::token:
        call.trace.step = "token";
        call.trace.token = fingerprint(text_in(auth.at("token"), "id"));
        identify_by_token(state, call, text_in(auth.at("token"), "id"));
        break;
    case Credential::none:
        break;
    }
}

Reply answer_sign_in(State& state, Call& call) {
    if (!call.body.is_object() || call.body.size() != 1 || !call.body.contains("auth")) {
        return bad_request(call, "bad-request", "Invalid json request body");
    }
    const Credential credential = credential_in(call.body);
    if (credential == Credential::none) {
        return bad_request(call, "bad-request",
                           "Invalid request body: unable to parse Auth data. Please review XML or "
                           "JSON formatting.");
    }
    if (auth_of(call).contains("tenantId") && auth_of(call).contains("tenantName")) {
        return bad_request(call, "bad-request",
                           "Invalid request. Specify tenantId OR tenantName, not both.");
    }
    switch (credential) {
    case Credential::api_key:
        return sign_in_with_api_key(state, call);
    case Credential::password:
        return sign_in_with_password(state, call);
    case Credential::passcode:
        return sign_in_with_passcode(state, call);
    case Credential::token:
        return sign_in_with_token(state, call);
    case Credential::none:
        break;
    }
    return bad_request(call, "bad-request", "Invalid json request body");
}

} // namespace raxauth::simulator
