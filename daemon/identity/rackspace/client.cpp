// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/client.h"

#include "common/letter_case.h"
#include "daemon/identity/http/requests.h"
#include "daemon/identity/json_tree.h"
#include "daemon/identity/rackspace/credentials_body.h"
#include "daemon/identity/rackspace/replies.h"

#include <algorithm>
#include <utility>

namespace raxauth::identity::rackspace {
namespace {

bool same_token(std::string_view body, const Secret& token, WallTime now) {
    try {
        const TokenReply reply = read_token_reply(body);
        return reply.token.equals(token) && reply.expires && *reply.expires > now;
    } catch (const ReplyFault&) {
        return false;
    }
}

} // namespace

struct Client::Exchange {
    explicit Exchange(TokenRevoker& revoker) : token(revoker) {}

    ExpectedToken token;
    OneShot<HttpResult> answer;
    HttpTransfer transfer;
    bool orphaned = false;
};

Client::Client(HttpTransport& transport, const settings::IdentitySettings& settings,
               TokenRevoker& revoker, const Clock& clock)
    : transport_(transport), settings_(settings), revoker_(revoker), clock_(clock) {}

Client::~Client() = default;

Capabilities Client::capabilities() const {
    return {.api_keys = true,
            .resend_passcode = true,
            .change_password = true,
            .enrol_otp = true,
            .enrol_sms = true,
            .set_up_at_sign_in = true,
            .choose_factor = true,
            .switch_off = true,
            .bypass_codes = true,
            .unlock = true,
            .enforcement = true};
}

HttpRequest Client::sign_in_request(Secret body) const {
    HttpRequest request;
    request.method = HttpMethod::Post;
    request.url.reserve(settings_.url.size() + 64);
    request.url.append(settings_.url);
    request.url.append("/tokens?include_endpoints=false");
    if (settings_.rackspace.apply_rcn_roles) {
        request.url.append("&apply_rcn_roles=true");
    }
    request.headers.reserve(3);
    request.headers.push_back(header("Content-Type", "application/json"));
    request.headers.push_back(header("Accept", "application/json"));
    request.body = std::move(body);
    request.at_most_once = true;
    return request;
}

Task<HttpResult> Client::sign_in_exchange(HttpRequest request) {
    const auto exchange = std::make_shared<Exchange>(revoker_);
    const auto place = exchanges_.insert(exchanges_.end(), exchange);
    // Destroyed with the frame, in time or not: an exchange without an answer is an orphan then.
    struct Watch {
        Client& self;
        std::shared_ptr<Exchange> exchange;
        std::list<std::shared_ptr<Exchange>>::iterator place;
        bool over = false;

        ~Watch() {
            if (over) {
                return;
            }
            if (exchange->transfer.maybe_sent()) {
                exchange->orphaned = true;
            } else {
                self.exchanges_.erase(place);
            }
        }
    };
    Watch watch{*this, exchange, place};
    exchange->transfer = transport_.start(std::move(request), [this, place](HttpResult result) {
        const std::shared_ptr<Exchange> ended = *place;
        exchanges_.erase(place);
        if (ended->orphaned) {
            salvage(result);
        } else {
            ended->answer.set(std::move(result));
        }
    });
    // The frame may go at this point; nothing of it is in the callback.
    HttpResult result = co_await exchange->answer;
    watch.over = true;
    co_return result;
}

Task<Answer> Client::authenticate(const Account& account, CredentialKind kind,
                                  const Secret& credential) {
    std::optional<Secret> body = kind == CredentialKind::Password
                                     ? password_body(account, credential)
                                     : api_key_body(account, credential);
    if (!body) {
        co_return Rejected{Rejected::Cause::WrongCredentials};
    }
    const Account asked = account;
    HttpResult result = co_await sign_in_exchange(sign_in_request(std::move(*body)));
    co_return read_answer(Step::Credentials, asked, std::move(result));
}

Task<Answer> Client::submit_passcode(const Account& account, const Challenge& challenge,
                                     const Secret& passcode) {
    std::optional<Secret> body = passcode_body(account, passcode);
    if (!body) {
        co_return Rejected{Rejected::Cause::WrongPasscode};
    }
    HttpRequest request = sign_in_request(std::move(*body));
    request.headers.push_back(header("X-SessionId", challenge.continuation));
    const Account asked = account;
    HttpResult result = co_await sign_in_exchange(std::move(request));
    co_return read_answer(Step::Passcode, asked, std::move(result));
}

Answer Client::read_answer(Step step, const Account& account, HttpResult result) {
    if (const auto* failure = std::get_if<HttpFailure>(&result)) {
        if (failure->nonsense) {
            return Fault{failure->detail};
        }
        return Unreachable{failure->detail, failure->maybe_sent};
    }
    const auto& reply = std::get<HttpReply>(result);
    if (is_success(reply.status)) {
        return read_success(account, reply);
    }
    return read_refusal(step, reply, clock_.wall());
}

/// The one place where a token comes into being. Whatever is wrong with the rest of the reply, the
/// token has an owner from here on, and is revoked when that one ends.
Answer Client::read_success(const Account& account, const HttpReply& reply) {
    TokenReply read;
    try {
        read = read_token_reply(reply.body.view());
    } catch (const ReplyFault& fault) {
        return Fault{"no usable answer: " + status_and_type(reply) + ": " + fault.what()};
    }
    if (read.token.empty()) {
        return Fault{"no usable answer: " + status_and_type(reply) + ": " + read.problem};
    }
    TokenIssued issued{
        OwnedToken(std::move(read.token), read.expires.value_or(WallTime{}), revoker_),
        std::move(read.user), read.proven};
    if (reply.status != 200) {
        return Fault{"HTTP " + std::to_string(reply.status) + " with a token"};
    }
    if (!read.problem.empty()) {
        return Fault{read.problem};
    }
    if (*read.expires <= clock_.wall()) {
        return Fault{"the token of the reply has expired"};
    }
    if (!equal_ignoring_case(issued.user.name, account.name)) {
        return Fault{"the reply is about another user"};
    }
    return issued;
}

void Client::salvage(const HttpResult& result) noexcept {
    const auto* reply = std::get_if<HttpReply>(&result);
    if (reply == nullptr || !is_success(reply->status)) {
        return;
    }
    try {
        TokenReply read = read_token_reply(reply->body.view());
        if (!read.token.empty()) {
            const OwnedToken let_go(std::move(read.token), WallTime{}, revoker_);
        }
    } catch (const std::exception&) {
        return; // no token to be found in it
    }
}

Task<TokenState> Client::validate(const Secret& token) {
    const Secret text = token.clone();
    HttpRequest request;
    request.method = HttpMethod::Get;
    request.url.append(settings_.url);
    request.url.append("/tokens/");
    append_escaped(request.url, text.view());
    request.headers.push_back(header("X-Auth-Token", text));
    request.headers.push_back(header("Accept", "application/json"));
    const HttpResult result = co_await transport_.send(std::move(request));
    const auto* reply = std::get_if<HttpReply>(&result);
    if (reply == nullptr) {
        co_return TokenState::Unknown;
    }
    switch (reply->status) {
    case 200:
        co_return same_token(reply->body.view(), text, clock_.wall()) ? TokenState::Alive
                                                                      : TokenState::Unknown;
    case 401:
    case 403:
    case 404:
        co_return read_fault_reply(reply->body.view()).name.empty() ? TokenState::Unknown
                                                                    : TokenState::Dead;
    default:
        co_return TokenState::Unknown;
    }
}

Task<bool> Client::revoke(const Secret& token) {
    HttpRequest request;
    request.method = HttpMethod::Delete;
    request.url.append(settings_.url);
    request.url.append("/tokens");
    request.headers.push_back(header("X-Auth-Token", token));
    request.headers.push_back(header("Accept", "application/json"));
    const HttpResult result = co_await transport_.send(std::move(request));
    const auto* reply = std::get_if<HttpReply>(&result);
    co_return reply != nullptr && !is_foreign(*reply) &&
        (is_success(reply->status) || reply->status == 401 || reply->status == 404);
}

void Client::warm() {
    transport_.warm(settings_.url);
}

Reachability Client::reachability() const {
    return transport_.reachability();
}

bool Client::busy() const {
    return transport_.busy();
}

std::size_t Client::orphans() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        exchanges_.begin(), exchanges_.end(),
        [](const std::shared_ptr<Exchange>& exchange) { return exchange->orphaned; }));
}

} // namespace raxauth::identity::rackspace
