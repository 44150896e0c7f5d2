// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/revocation.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace raxauth::identity {

/// The services that gave out the tokens held here, by address: mostly one. A token goes back to
/// the address it came from and to no other, whatever the configuration says meanwhile. Two
/// addresses are two services here, even where they are two names of one.
class Issuers {
  public:
    /// `loop` outlives it.
    explicit Issuers(Loop& loop) : loop_(loop) {}
    Issuers(const Issuers&) = delete;
    Issuers& operator=(const Issuers&) = delete;

    /// Who revokes the tokens of `address`; made when first named, and as lasting as this.
    Revocations& at(const std::string& address);
    /// `client` is whom `address` is asked through, until another is or part_with() is called.
    void use(const std::string& address, Identity& client) { at(address).use(&client); }
    /// `client` goes, and its address's tokens are given up, unless another client came: false.
    bool part_with(const std::string& address, const Identity& client);
    /// So are the tokens of all addresses that nobody is asked through.
    void part_with_strangers();

    struct Totals {
        TokenCounts counts;
        std::size_t pending = 0;
    };
    Totals totals() const;
    /// Every token of `address` that waits for revocation.
    void each_pending(const std::string& address,
                      const std::function<void(const Secret&)>& visit) const;
    /// Called when one more waits, anywhere; must not come back here.
    void on_pending(std::function<void()> callback);
    /// For an orderly stop: over when nothing is pending where somebody can be asked, at the latest
    /// after `deadline`.
    Task<void> drain(std::chrono::milliseconds deadline);

  private:
    Loop& loop_;
    std::function<void()> pending_more_;
    std::map<std::string, std::unique_ptr<Revocations>> by_address_;
};

} // namespace raxauth::identity
