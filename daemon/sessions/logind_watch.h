// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "daemon/loop/loop.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace raxauth::sessions {

/// Where logind writes a file for each session, named by its id, and writes it anew at each change:
/// what sd_login_monitor(3) watches. The files are root's, so nobody can make believe.
inline constexpr const char* kLogindSessions = "/run/systemd/sessions";

/// Tells of each session of logind that changed. logind sends no signal when a session begins to
/// close (its property State announces no change), and a session whose processes stay is removed
/// only when the last of them ends.
class LogindWatch {
  public:
    /// An empty name: any of them may have changed.
    using Changed = std::function<void(std::string_view session)>;
    /// `loop` outlives it.
    LogindWatch(Loop& loop, std::string directory, Changed changed);

    /// From now on, where logind has its directory and nothing is watched yet. Cheap to repeat.
    void begin();

  private:
    void read();

    Loop& loop_;
    const std::string directory_;
    const Changed changed_;
    UniqueFd inotify_;
    IoWatch watch_;
};

} // namespace raxauth::sessions
