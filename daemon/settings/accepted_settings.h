// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/read_files.h"
#include "daemon/settings/settings.h"

#include <string>
#include <vector>

namespace raxauth::settings {

/// The configuration that was accepted last, in the state directory: for the daemon's own next
/// start, which may find a faulty one, and, as far as the account phase needs it, for the module
/// where no daemon answers (common/account_rules.h). Blocks on disk.
class AcceptedSettings {
  public:
    explicit AcceptedSettings(std::string state_directory)
        : directory_(std::move(state_directory)) {}

    /// Keeps `texts`, which were found to mean `settings`. Each file is there whole or not at all,
    /// also after a power cut. Errors: std::system_error; what was kept before may then still be
    /// there.
    void keep(const std::vector<SettingsText>& texts, const Settings& settings) const;
    /// What was kept; empty if nothing was. Errors: std::runtime_error if it cannot be trusted
    /// (owner, mode, form) or read.
    std::vector<SettingsText> kept() const;

  private:
    std::string directory_;
};

} // namespace raxauth::settings
