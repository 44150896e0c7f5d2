// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/owned_token.h"

#include <algorithm>
#include <string>
#include <vector>

namespace raxauth::testing {

/// Keeps the account of every token: each one issued ends exactly once, abandoned or left to
/// expire.
class CountingRevoker final : public identity::TokenRevoker {
  public:
    void issued(const Secret& token) noexcept override {
        live_.emplace_back(token.view());
        ++issued_;
    }
    void abandoned(Secret token) noexcept override {
        ++abandoned_;
        end(token);
    }
    void left_to_expire(Secret token) noexcept override {
        ++left_;
        end(token);
    }

    std::size_t issued() const noexcept { return issued_; }
    std::size_t abandoned() const noexcept { return abandoned_; }
    std::size_t live() const noexcept { return live_.size(); }
    bool lives(const std::string& token) const {
        return std::find(live_.begin(), live_.end(), token) != live_.end();
    }
    /// Every token that came into being has ended, and none twice.
    bool balanced() const noexcept {
        return live_.empty() && strangers_ == 0 && issued_ == abandoned_ + left_;
    }

  private:
    void end(const Secret& token) {
        const auto found = std::find(live_.begin(), live_.end(), token.view());
        if (found == live_.end()) {
            ++strangers_;
        } else {
            live_.erase(found);
        }
    }

    std::size_t issued_ = 0;
    std::size_t abandoned_ = 0;
    std::size_t left_ = 0;
    std::size_t strangers_ = 0;
    std::vector<std::string> live_;
};

} // namespace raxauth::testing
