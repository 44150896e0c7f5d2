// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/pending_enrolments.h"

#include "daemon/journal/journal.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace raxauth::flows {

std::shared_ptr<PendingEnrolment> PendingEnrolments::take(const std::string& key) {
    const auto found = kept_.find(key);
    if (found == kept_.end()) {
        return nullptr;
    }
    std::shared_ptr<PendingEnrolment> taken = std::move(found->second.enrolment);
    kept_.erase(found);
    return taken;
}

bool PendingEnrolments::has_room_for(const std::string& account) const {
    const auto of_account = std::count_if(kept_.begin(), kept_.end(), [&](const auto& entry) {
        return entry.second.enrolment->account == account;
    });
    return kept_.size() < kMaxKept && static_cast<std::size_t>(of_account) < kMaxKeptOfAccount;
}

void PendingEnrolments::keep(const std::string& key, std::shared_ptr<PendingEnrolment> enrolment) {
    abandon(take(key));
    if (closed_ || !has_room_for(enrolment->account)) {
        abandon(std::move(enrolment));
        return;
    }
    // The callback's own copy of the key dies with the entry: take() has to be done with it first.
    Timer expiry = loop_.after(kKeptFor, [this, key] { abandon(take(std::string(key))); });
    kept_.emplace(key, Kept{std::move(enrolment), std::move(expiry)});
}

void PendingEnrolments::abandon(std::shared_ptr<PendingEnrolment> enrolment) {
    if (!enrolment || enrolment->device.empty()) {
        return; // a token in it is revoked by its owner's end
    }
    const std::uint64_t id = ++last_job_;
    jobs_.emplace(id, Job());
    jobs_[id] = Job::start(undo_in_background(std::move(enrolment), id));
}

void PendingEnrolments::close() {
    closed_ = true;
    kept_.clear();
}

Task<void> PendingEnrolments::undo_in_background(std::shared_ptr<PendingEnrolment> enrolment,
                                                 std::uint64_t id) {
    try {
        co_await undo(enrolment, factors_now_());
    } catch (const std::exception& fault) {
        journal::warning(std::string("an interrupted set-up could not be undone: ") + fault.what());
    }
    loop_.post([this, id] { jobs_.erase(id); });
}

/// One try: what stays behind is an unverified device, which proves nothing to anybody.
Task<void> PendingEnrolments::undo(std::shared_ptr<PendingEnrolment> enrolment,
                                   identity::FactorManagement* factors) {
    if (!enrolment || enrolment->device.empty()) {
        co_return;
    }
    bool removed = false;
    if (factors != nullptr && !closed_ && !enrolment->token().empty()) {
        const identity::Acting who{enrolment->token(), enrolment->user_id};
        identity::FactorAnswer<identity::Done> answer = identity::Done{};
        if (enrolment->kind == identity::FactorKind::Sms) {
            answer = co_await factors->remove_phone(who, enrolment->device);
        } else {
            answer = co_await factors->remove_otp_device(who, enrolment->device);
        }
        removed = std::holds_alternative<identity::Done>(answer);
    }
    if (!removed) {
        journal::notice("an unverified device stays at Identity after an unfinished set-up: "
                        "account=" +
                        enrolment->account);
    }
}

} // namespace raxauth::flows
