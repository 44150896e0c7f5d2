// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/revocation.h"

#include "daemon/journal/journal.h"

#include <algorithm>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <stdexcept>
#include <utility>

namespace raxauth::identity {

struct Revocations::Running {
    Secret token;
    Job job;
};

Revocations::Revocations(Loop& loop, RevocationLimits limits) : loop_(loop), limits_(limits) {
    sweep_ = loop_.deferred([this] {
        ended_.clear();
        start_waiting();
        if (pending() == 0) {
            end_waits(drains_);
        }
        if (expected_ == 0) {
            end_waits(for_replies_);
        }
    });
}

Revocations::~Revocations() {
    if (pending() > 0) {
        note_lost(pending());
    }
}

void Revocations::each_pending(const std::function<void(const Secret&)>& visit) const {
    std::for_each(waiting_.begin(), waiting_.end(), visit);
    for (const Running& running : running_) {
        visit(running.token);
    }
}

void Revocations::use(Identity* identity) {
    identity_ = identity;
    sweep_.arm();
}

Revocations::Digest Revocations::digest_of(const Secret& token) {
    Digest digest{};
    unsigned size = 0;
    if (EVP_Digest(token.view().data(), token.size(), digest.data(), &size, EVP_sha256(),
                   nullptr) != 1 ||
        size != digest.size()) {
        throw std::runtime_error("SHA-256 failed");
    }
    return digest;
}

void Revocations::issued(const Secret& token) noexcept {
    try {
        if (++holders_[digest_of(token)] > 1) {
            return;
        }
        // Let go a moment ago and given out again: not to be revoked under its new owner.
        const auto again = std::find_if(waiting_.begin(), waiting_.end(),
                                        [&](const Secret& text) { return text.equals(token); });
        if (again != waiting_.end()) {
            waiting_.erase(again);
            return;
        }
        ++counts_.issued;
    } catch (const std::exception&) {
        ++counts_.issued; // not in the ledger: its first owner to let go revokes it
    }
}

bool Revocations::let_go(const Secret& token) {
    const auto entry = holders_.find(digest_of(token));
    if (entry == holders_.end()) {
        return true;
    }
    if (--entry->second > 0) {
        return false;
    }
    holders_.erase(entry);
    return true;
}

bool Revocations::owned_again(const Secret& token) const noexcept {
    try {
        return holders_.contains(digest_of(token));
    } catch (const std::exception&) {
        return false;
    }
}

void Revocations::abandoned(Secret token) noexcept {
    try {
        if (!let_go(token)) {
            return;
        }
        if (waiting_.size() >= limits_.queue) {
            note_lost(1);
            return;
        }
        waiting_.push_back(std::move(token));
        sweep_.arm(); // not at once: owners end in destructors, deep below
        if (pending_more_) {
            pending_more_();
        }
    } catch (const std::exception&) {
        note_lost(1);
    }
}

void Revocations::left_to_expire(Secret token) noexcept {
    try {
        if (let_go(token)) {
            ++counts_.left;
        }
    } catch (const std::exception&) {
        ++counts_.left;
    }
}

void Revocations::start_waiting() {
    while (identity_ != nullptr && !waiting_.empty() && running_.size() < limits_.at_once) {
        const auto place =
            running_.insert(running_.end(), Running{std::move(waiting_.front()), {}});
        waiting_.pop_front();
        Job job = Job::start(revoke(place));
        if (!job.finished()) {
            place->job = std::move(job);
        }
    }
}

Task<void> Revocations::revoke(std::list<Running>::iterator place) {
    bool done = false;
    auto pause = limits_.first_pause;
    for (unsigned attempt = 1; attempt <= limits_.attempts && !done; ++attempt) {
        if (attempt > 1) {
            co_await loop_.sleep(pause);
            pause *= 2;
        }
        if (owned_again(place->token)) {
            --counts_.issued; // one text with one owner: its end revokes it
            end(place);
            co_return;
        }
        if (identity_ == nullptr) {
            continue;
        }
        try {
            done = co_await identity_->revoke(place->token);
        } catch (const std::exception&) {
            done = false; // the next attempt, or note_lost(), says what there is to say
        }
    }
    if (done) {
        note_revoked();
    } else {
        note_lost(1);
    }
    end(place);
}

void Revocations::end(std::list<Running>::iterator place) {
    place->token.clear();
    ended_.splice(ended_.end(), running_, place);
    sweep_.arm();
}

void Revocations::note_lost(std::size_t tokens) noexcept {
    counts_.lost += tokens;
    if (lost_in_a_row_ == 0) {
        journal::warning("a session token could not be revoked at Identity and lives until it "
                         "expires; further ones are counted, not logged");
    }
    lost_in_a_row_ += tokens;
}

void Revocations::note_revoked() noexcept {
    ++counts_.revoked;
    if (lost_in_a_row_ > 1) {
        journal::warning(
            fmt::format("revocation works again; {} tokens could not be revoked", lost_in_a_row_));
    }
    lost_in_a_row_ = 0;
}

void Revocations::reply_over() noexcept {
    --expected_;
    try {
        sweep_.arm();
    } catch (const std::exception&) {
        return; // nobody is told: who waits does so until the deadline
    }
}

void Revocations::end_waits(Waits& waits) {
    while (!waits.empty()) {
        OneShot<bool>* const over = waits.front();
        waits.pop_front();
        over->set(true);
    }
}

Task<void> Revocations::wait(Waits& waits, std::chrono::milliseconds deadline) {
    sweep_.arm();
    OneShot<bool> over;
    waits.push_back(&over);
    struct Leave {
        Waits& waits;
        OneShot<bool>* over;
        ~Leave() { waits.remove(over); }
    };
    const Leave leave{waits, &over};
    const Timer timer = loop_.after(deadline, [&over] { over.set(false); });
    co_await over;
}

Task<void> Revocations::replies(std::chrono::milliseconds deadline) {
    co_await wait(for_replies_, deadline);
    if (expected_ > 0) {
        journal::warning(fmt::format("{} sign-ins were under way and not answered in time: a token "
                                     "that Identity makes for one of them lives until it expires",
                                     expected_));
    }
}

Task<void> Revocations::drain(std::chrono::milliseconds deadline) {
    co_await wait(drains_, deadline);
}

} // namespace raxauth::identity
