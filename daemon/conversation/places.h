// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace raxauth::conversation {

/// How well the daemon knows who wants a place.
enum class Standing {
    Known,      ///< an existing session, the console, or an origin that the account signed in from
                ///< before
    Stranger,   ///< anybody else
    NoSuchName, ///< names somebody who does not exist
};

/// One of the shares that a conversation counts in.
struct Share {
    std::string name;
    std::size_t most = 0;
};

/// Who wants a place, and by which shares that is counted.
struct Claim {
    Standing standing = Standing::Stranger;
    std::vector<Share> shares;
};

/// Divides the places of live conversations, so that nobody keeps others from signing in.
/// Unknown origins together get three quarters, names that do not exist a sixteenth of all; the
/// rest is for known ones. A full share refuses the new sign-in and ends none. Arithmetic alone.
class Places {
  public:
    static constexpr std::size_t of_strangers(std::size_t all) {
        return at_least_one(all / 4 * 3 + all % 4 * 3 / 4);
    }
    static constexpr std::size_t of_missing_names(std::size_t all) {
        return at_least_one(all / 16);
    }
    /// Of one remote host over all the names it tries. An eighth, or what one user may have there
    /// where the administrator made that more.
    static constexpr std::size_t of_origin(std::size_t all, std::size_t of_user) {
        return std::max(at_least_one(all / 8), of_user);
    }

    /// False: a bound is reached, and nothing was taken. `all` may change from call to call.
    bool take(const Claim& claim, std::size_t all);
    /// Gives back what take() took for the same claim.
    void give_back(const Claim& claim) noexcept;

    std::size_t taken() const noexcept { return taken_; }

  private:
    static constexpr std::size_t at_least_one(std::size_t count) { return count == 0 ? 1 : count; }

    std::size_t taken_ = 0;
    std::size_t strangers_ = 0; ///< those without a name included
    std::size_t missing_names_ = 0;
    std::unordered_map<std::string, std::size_t> shares_;
};

} // namespace raxauth::conversation
