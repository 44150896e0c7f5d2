// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/loop/clock.h"

#include <optional>
#include <utility>

namespace raxauth::identity {

/// Revokes tokens that nobody needs any more at the identity provider, in the background.
class TokenRevoker {
  public:
    virtual ~TokenRevoker() = default;
    /// A token came into being: from now on it has an owner. Called once for each reply of
    /// Identity that carries one, also when the text equals that of a token already held.
    virtual void issued(const Secret& token) noexcept = 0;
    /// An owner ended without handing on. Equal texts are counted: the last holder revokes.
    virtual void abandoned(Secret token) noexcept = 0;
    /// An owner ended, and the administrator wants the token to live on until it expires.
    virtual void left_to_expire(Secret token) noexcept = 0;
    /// A request is under way whose reply may bring a token, and that it no longer is: whoever
    /// stops waits for it.
    virtual void reply_expected() noexcept {}
    virtual void reply_over() noexcept {}
};

/// A request whose reply may bring a token, from before it is sent until its token, if there is
/// one, has an owner.
class ExpectedToken {
  public:
    /// `revoker` outlives it.
    explicit ExpectedToken(TokenRevoker& revoker) noexcept : revoker_(revoker) {
        revoker_.reply_expected();
    }
    ExpectedToken(const ExpectedToken&) = delete;
    ExpectedToken& operator=(const ExpectedToken&) = delete;
    ~ExpectedToken() { revoker_.reply_over(); }

  private:
    TokenRevoker& revoker_;
};

/// A token and the duty to end it. Move-only: there is exactly one owner at any time; destroying an
/// owner that still holds it revokes the token. Life: conversation, then ticket, then session.
class OwnedToken {
  public:
    OwnedToken() = default;
    /// `revoker` outlives the token.
    OwnedToken(Secret text, WallTime expires, TokenRevoker& revoker) noexcept
        : text_(std::move(text)), expires_(expires), revoker_(&revoker) {
        revoker_->issued(text_);
    }
    OwnedToken(OwnedToken&& other) noexcept
        : text_(std::move(other.text_)), expires_(other.expires_),
          revoker_(std::exchange(other.revoker_, nullptr)) {}
    OwnedToken& operator=(OwnedToken&& other) noexcept {
        if (this != &other) {
            abandon();
            text_ = std::move(other.text_);
            expires_ = other.expires_;
            revoker_ = std::exchange(other.revoker_, nullptr);
        }
        return *this;
    }
    OwnedToken(const OwnedToken&) = delete;
    OwnedToken& operator=(const OwnedToken&) = delete;
    ~OwnedToken() { abandon(); }

    bool held() const noexcept { return revoker_ != nullptr; }
    const Secret& text() const noexcept { return text_; }
    WallTime expires() const noexcept { return expires_; }
    /// Ends the duty: the administrator wants tokens to outlive the logout.
    void leave_to_expire() noexcept {
        if (revoker_ != nullptr) {
            std::exchange(revoker_, nullptr)->left_to_expire(std::move(text_));
        }
    }
    /// Ends the duty here because a successor of this process has the token now.
    void hand_over() noexcept {
        revoker_ = nullptr;
        text_.clear();
    }

  private:
    void abandon() noexcept {
        if (revoker_ != nullptr) {
            std::exchange(revoker_, nullptr)->abandoned(std::move(text_));
        }
    }

    Secret text_;
    WallTime expires_{};
    TokenRevoker* revoker_ = nullptr;
};

} // namespace raxauth::identity
