// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/task.h"
#include "daemon/loop/worker.h"
#include "daemon/settings/settings.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace raxauth::policy {

struct LocalAccount {
    std::string name;
    uid_t uid = 0;
    std::vector<std::string> groups; ///< names; primary and supplementary; where wanted
};

/// Does a look-up need the groups too? They cost many times more than the rest: nss-systemd
/// alone makes a hundred system calls for them, a directory is asked over the network.
enum class Groups { Unwanted, Wanted };

/// Wanted where an exemption may depend on them.
Groups groups_for_exemption(const settings::AccountSettings& settings);

/// What NSS knows about local users. Look-ups run on the worker thread. Errors: an exception when
/// NSS fails, as distinct from "no such user": nobody is exempt by accident.
class LocalAccounts {
  public:
    virtual ~LocalAccounts() = default;
    virtual Task<std::optional<LocalAccount>> find(std::string name, Groups groups,
                                                   Worker::Order order) = 0;
    /// Without groups; for callers without rights.
    virtual Task<std::optional<LocalAccount>> find(uid_t uid) = 0;
};

class NssAccounts final : public LocalAccounts {
  public:
    /// `worker` outlives this.
    explicit NssAccounts(Worker& worker) : worker_(worker) {}
    Task<std::optional<LocalAccount>> find(std::string name, Groups groups,
                                           Worker::Order order) override;
    Task<std::optional<LocalAccount>> find(uid_t uid) override;

  private:
    Worker& worker_;
};

/// Is this user not managed? Root, below minimum_uid, above maximum_uid, named in
/// exempt_users, or in one of exempt_groups.
bool is_exempt(const settings::AccountSettings& settings, const LocalAccount& account);

} // namespace raxauth::policy
