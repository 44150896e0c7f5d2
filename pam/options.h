// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"

#include <chrono>
#include <string>
#include <vector>

namespace raxauth::pam {

/// What the administrator wrote behind the module's name: see pam_raxauth(8).
struct Options {
    bool debug = false;
    bool try_first_pass = false;
    bool use_first_pass = false;
    bool ignore_unknown_user = false; // user_unknown=ignore
    bool no_reuse = false;
    std::chrono::milliseconds timeout = contract::kDefaultCallTimeout;
    unsigned minimum_uid = 1000;
    unsigned maximum_uid = 60000;
    std::vector<std::string> exempt_users;
    std::vector<std::string> exempt_groups;
};

struct ParsedOptions {
    Options options;
    /// One sentence for the log on each option that is not known or has a bad value. Such an option
    /// changes nothing: a typing error must not let anybody in.
    std::vector<std::string> faults;
};

/// argv[0] is an option like every other, unlike in main().
ParsedOptions parse_options(int argc, const char** argv);

} // namespace raxauth::pam
