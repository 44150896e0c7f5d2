// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/failure.h"
#include "cli/surroundings.h"

#include <cstdint>
#include <string>
#include <vector>

/// One function for each verb. They print what was asked for on standard output and throw Failure
/// where they cannot.
namespace raxauth::cli {

struct CheckConfigOptions {
    std::string file; ///< empty: the configuration of this host
    bool json = false;
};
ExitStatus check_config(const Surroundings& around, const CheckConfigOptions& options);
ExitStatus reload(const Surroundings& around);

/// `probe`: Identity is asked now, rather than told of as the daemon saw it last.
ExitStatus status(const Surroundings& around, bool json, bool probe);
/// The newest verdicts and the rule that decided each.
ExitStatus history(const Surroundings& around, std::uint32_t most, bool json);

ExitStatus sessions(const Surroundings& around, bool json);
ExitStatus logout(const Surroundings& around);
ExitStatus flush(const Surroundings& around, const std::string& user);

/// The token and a line break, nothing else.
ExitStatus token(const Surroundings& around);
/// Lines for the shell's eval.
ExitStatus env(const Surroundings& around);

/// Signs in for the present session. `from_stdin`: the answers are lines of standard input.
ExitStatus login(const Surroundings& around, bool from_stdin);

/// What the verbs about the second factor have in common.
struct ManagementOptions {
    bool json = false;
    bool from_stdin = false;
};
/// `factor`: "otp", "sms", or empty to be asked.
/// `name`: what Rackspace is to call the authenticator; empty: as the daemon says.
ExitStatus enrol(const Surroundings& around, const std::string& factor, const std::string& name,
                 bool from_stdin);
ExitStatus password(const Surroundings& around, bool from_stdin);
/// `numbers`: telephone numbers in full.
ExitStatus devices(const Surroundings& around, const ManagementOptions& options, bool numbers);
ExitStatus remove_device(const Surroundings& around, const ManagementOptions& options,
                         const std::string& id);
ExitStatus verify_device(const Surroundings& around, const ManagementOptions& options,
                         const std::string& id);
ExitStatus mfa_status(const Surroundings& around, const ManagementOptions& options);
ExitStatus mfa_default(const Surroundings& around, const ManagementOptions& options,
                       const std::string& factor);
/// `factor`: "otp", "sms", or empty where there is one kind only.
ExitStatus mfa_enable(const Surroundings& around, const ManagementOptions& options,
                      const std::string& factor);
ExitStatus mfa_disable(const Surroundings& around, const ManagementOptions& options,
                       bool with_devices);
ExitStatus mfa_unlock(const Surroundings& around, const ManagementOptions& options,
                      const std::string& user);
ExitStatus mfa_require(const Surroundings& around, const ManagementOptions& options,
                       const std::string& user, const std::string& level);
ExitStatus mfa_domain(const Surroundings& around, const ManagementOptions& options);
ExitStatus mfa_domain_set(const Surroundings& around, const ManagementOptions& options,
                          const std::string& level);

struct BypassCodesOptions {
    unsigned count = 0;    ///< 0: one
    std::string valid_for; ///< "20m"; empty: as long as Identity lets them
    std::string user;      ///< another Rackspace user, for administrators; empty: oneself
};
ExitStatus bypass_codes(const Surroundings& around, const ManagementOptions& options,
                        const BypassCodesOptions& wanted);

/// The steps that only an administrator can take, in one.
struct HostSetupOptions {
    std::string url;                  ///< empty: as configured, or asked for
    std::string ca_file;              ///< empty: as configured
    std::vector<std::string> domains; ///< empty: as configured, or asked for
    std::vector<std::string> exempt;  ///< accounts that keep their local password and keys
    bool exempt_nobody = false;
    bool yes = false; ///< ask nothing
    bool undo = false;
    bool from_stdin = false;
};
ExitStatus setup_host(const Surroundings& around, const HostSetupOptions& options);

struct DoctorOptions {
    bool json = false;
    std::string report; ///< a file to write; empty: none
};
/// Refused where something is wrong with this host.
ExitStatus diagnose(const Surroundings& around, const DoctorOptions& options);

ExitStatus show_limits(const Surroundings& around, const std::string& user, bool json);
ExitStatus reset_limits(const Surroundings& around, const std::string& user);

ExitStatus setup_sshd(const Surroundings& around, const SshdSetupOptions& options);

} // namespace raxauth::cli
