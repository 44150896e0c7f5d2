// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/counted_message.h"

#include <memory>
#include <utility>

namespace raxauth::flows {
namespace {

using identity::Answer;
using identity::Done;
using identity::FactorAnswer;
using identity::FactorRefusal;
using limits::Limiter;
using limits::LimitRefusal;

/// What a reply means for the limiter.
struct Meaning {
    bool message_sent = false; ///< or perhaps
    bool wrong_password = false;
};

/// An answer that is no challenge sent nothing, also a 5xx: an outage must not use up the person's
/// budget.
Meaning meaning_of_first_step(const Answer& answer) {
    Meaning meaning;
    if (const auto* required = std::get_if<identity::PasscodeRequired>(&answer)) {
        meaning.message_sent = required->challenge.factor != identity::Factor::OtpDevice;
    } else if (const auto* lost = std::get_if<identity::Unreachable>(&answer)) {
        meaning.message_sent = lost->maybe_judged;
    } else if (const auto* rejected = std::get_if<identity::Rejected>(&answer)) {
        meaning.wrong_password = rejected->cause == identity::Rejected::Cause::WrongCredentials;
    }
    return meaning;
}

bool has_no_reply(const FactorAnswer<Done>& answer) {
    const auto* refusal = std::get_if<FactorRefusal>(&answer);
    return refusal != nullptr && refusal->status == 0;
}

Meaning meaning_of_message(const FactorAnswer<Done>& answer) {
    return {std::holds_alternative<Done>(answer) || has_no_reply(answer), false};
}

Meaning meaning_of_password_proof(const FactorAnswer<Done>& answer) {
    const auto* refusal = std::get_if<FactorRefusal>(&answer);
    return {has_no_reply(answer),
            refusal != nullptr && refusal->cause == FactorRefusal::Cause::WrongPassword};
}

template <class Reply>
Task<Counted<Reply>> counted(Limiter& limiter, const Subject& subject, Task<Reply> send,
                             Meaning (*meaning_of)(const Reply&)) {
    Limiter::Permission permission =
        co_await limiter.reserve_challenge(subject.account.name, subject.origin);
    if (const auto* limit = std::get_if<LimitRefusal>(&permission)) {
        co_return Counted<Reply>(std::in_place_index<1>, *limit);
    }
    const std::unique_ptr<Limiter::Attempt> attempt = std::move(std::get<0>(permission));
    Counted<Reply> result(std::in_place_index<0>, co_await std::move(send));
    const Meaning meaning = meaning_of(std::get<0>(result));
    if (meaning.wrong_password) { // first: others may be waiting to be let on
        limiter.password_failed(subject.account.name, subject.origin);
    }
    if (!meaning.message_sent) {
        attempt->not_judged();
    }
    co_return result;
}

} // namespace

Task<Counted<Answer>> counted_first_step(Limiter& limiter, const Subject& subject,
                                         Task<Answer> send) {
    return counted(limiter, subject, std::move(send), &meaning_of_first_step);
}

Task<Counted<FactorAnswer<Done>>> counted_message(Limiter& limiter, const Subject& subject,
                                                  Task<FactorAnswer<Done>> send) {
    return counted(limiter, subject, std::move(send), &meaning_of_message);
}

Task<Counted<FactorAnswer<Done>>> counted_password_proof(Limiter& limiter, const Subject& subject,
                                                         Task<FactorAnswer<Done>> send) {
    return counted(limiter, subject, std::move(send), &meaning_of_password_proof);
}

} // namespace raxauth::flows
