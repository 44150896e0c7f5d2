// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/handle.h"
#include "common/secret.h"
#include "daemon/loop/task.h"
#include "daemon/loop/worker.h"

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <openssl/evp.h>

namespace raxauth::sessions {

/// The key of PreHash, set up once: OpenSSL looks its algorithms up by name for each HMAC
/// otherwise.
class PreHashKey {
  public:
    /// Errors: std::runtime_error when OpenSSL fails.
    explicit PreHashKey(Secret text);
    const Secret& text() const noexcept { return text_; }

  private:
    friend class PreHash;
    Secret text_;
    CHandle<EVP_MAC_CTX, EVP_MAC_CTX_free> keyed_;
};

/// A password as a keyed hash (HMAC-SHA-256 under a key of this process), so that the password
/// itself need not be kept between the verdict and the opening of the session.
class PreHash {
  public:
    static constexpr std::size_t kBytes = 32;

    PreHash() = default;
    /// Errors: std::runtime_error when OpenSSL fails.
    static PreHash of(const Secret& password, const PreHashKey& process_key);

    bool empty() const noexcept { return bytes_.empty(); }
    const Secret& bytes() const noexcept { return bytes_; }
    PreHash clone() const {
        PreHash copy;
        copy.bytes_ = bytes_.clone();
        return copy;
    }

  private:
    Secret bytes_;
};

/// A memory-hard verifier (scrypt, RFC 7914) of a password, in memory only. Deriving takes some
/// 50 ms and 16 MiB, so it runs on the worker thread; since that works in order, a check asked for
/// while the verifier is still being made simply waits its turn.
class PasswordVerifier {
  public:
    static constexpr std::size_t kSaltBytes = 16;
    static constexpr std::size_t kHashBytes = 32;

    /// Starts deriving; `done`, from the loop, when it is ready. After errors (no memory, too much
    /// work queued) it cannot be compared with. Dropping the verifier first is safe: `done` is not
    /// called then.
    static std::shared_ptr<PasswordVerifier> make(PreHash password, Worker& worker,
                                                  std::function<void()> done = {});
    /// From what serialise() gave; nothing when that is not it.
    static std::shared_ptr<PasswordVerifier> restore(std::string_view bytes);

    /// Compares in constant time. `self` is kept alive until done. Errors: WorkerBusy;
    /// std::runtime_error when there is nothing to compare with, since deriving it failed.
    static Task<bool> matches(std::shared_ptr<PasswordVerifier> self, PreHash typed,
                              Worker& worker);
    /// Salt and hash; empty while it is being made.
    Secret serialise() const;
    bool ready() const noexcept { return ready_; }

  private:
    Secret salt_;
    Secret hash_;        ///< written by the worker's job, read after it ended
    bool ready_ = false; ///< on the loop's thread
    Job deriving_;
};

} // namespace raxauth::sessions
