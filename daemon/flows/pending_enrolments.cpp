// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/pending_enrolments.h"

#include <utility>

namespace raxauth::flows {

std::shared_ptr<PendingEnrolment> PendingEnrolments::open(const std::string& key) {
    auto found = kept_.find(key);
    if (found == kept_.end()) {
        if (kept_.size() >= kMost) {
            return nullptr;
        }
        found = kept_.emplace(key, Kept{std::make_shared<PendingEnrolment>(), Timer()}).first;
    }
    found->second.expiry = loop_.after(kKeptFor, [this, key] { abandon(key); });
    return found->second.enrolment;
}

std::shared_ptr<PendingEnrolment> PendingEnrolments::take(const std::string& key) {
    const auto found = kept_.find(key);
    if (found == kept_.end()) {
        return nullptr;
    }
    std::shared_ptr<PendingEnrolment> taken = std::move(found->second.enrolment);
    kept_.erase(found);
    return taken;
}

void PendingEnrolments::finish(const std::string& key) {
    take(key);
}

void PendingEnrolments::abandon(const std::string& key) {
    const std::string name = key; // the caller's may live in the entry's own timer
    std::shared_ptr<PendingEnrolment> enrolment = take(name);
    if (!enrolment) {
        return;
    }
    const std::uint64_t id = ++last_job_;
    jobs_.emplace(id, Job());
    jobs_[id] = Job::start(remove_in_background(std::move(enrolment), id));
}

Task<void> PendingEnrolments::undo(std::string key) {
    std::shared_ptr<PendingEnrolment> enrolment = take(key);
    if (enrolment) {
        Task<void> removing = remove_device(std::move(enrolment));
        co_await std::move(removing);
    }
}

Task<void> PendingEnrolments::remove_in_background(std::shared_ptr<PendingEnrolment> enrolment,
                                                   std::uint64_t id) {
    Task<void> removing = remove_device(std::move(enrolment));
    co_await std::move(removing);
    loop_.post([this, id] { jobs_.erase(id); });
}

/// One try: what stays behind is an unverified device, which proves nothing to anybody.
Task<void> PendingEnrolments::remove_device(std::shared_ptr<PendingEnrolment> enrolment) {
    identity::FactorCare* const care = care_();
    if (care == nullptr || enrolment->device.empty() || enrolment->token().empty()) {
        co_return;
    }
    const identity::Acting who{enrolment->token(), enrolment->user_id};
    Task<identity::CareAnswer<identity::Done>> removing =
        enrolment->kind == identity::FactorKind::Sms
            ? care->remove_phone(who, enrolment->device)
            : care->remove_otp_device(who, enrolment->device);
    const identity::CareAnswer<identity::Done> removed = co_await std::move(removing);
    static_cast<void>(removed);
}

} // namespace raxauth::flows
