// SPDX-License-Identifier: Apache-2.0
// The token never touches stdio's buffers, an argument list or an environment of ours: it comes
// through a pipe into a Secret, and goes from there to standard output.
#include "cli/daemon_client.h"
#include "cli/failure.h"
#include "cli/fields.h"
#include "cli/shell_word.h"
#include "cli/verbs.h"
#include "cli/write_all.h"
#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/secret_pipe.h"

#include <array>
#include <fmt/core.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

struct Issued {
    Secret token;
    Fields details;
};

Issued get_token(const Surroundings& around) {
    DaemonClient daemon(around.bus_address);
    const BusMessage call = daemon.prepare(contract::method::kGetToken);
    check_message(sd_bus_message_append(call.get(), "a{sv}", 0), "make a message");
    const BusMessage reply = daemon.send(call);
    int fd = -1; // stays the message's
    check_message(sd_bus_message_read(reply.get(), "h", &fd), "read the answer");
    Issued issued;
    if (!receive_from_pipe(fd, issued.token) || issued.token.empty() ||
        !is_printable(issued.token.view())) {
        throw Failure(
            ExitStatus::Unreachable, "raxauthd sent an unusable token",
            "raxauthd may have another version (raxauth status). An administrator can restart it.");
    }
    issued.details = read_fields(reply.get());
    return issued;
}

class ShellLines {
  public:
    /// An empty value is unset: what another cloud left in the variable must not be mixed in.
    void set(std::string_view name, std::string_view value) {
        lines_.append(value.empty() ? "unset " : "export ");
        lines_.append(name);
        if (!value.empty()) {
            if (!is_printable(value)) {
                throw Failure(ExitStatus::Refused,
                              fmt::format("the value of {} has control characters", name),
                              "Ask the administrator to look at [identity] and [accounts]: no such "
                              "value is valid.");
            }
            lines_.append('=');
            append_shell_word(lines_, value);
        }
        lines_.append('\n');
    }
    void unset(std::string_view name) { set(name, {}); }
    const Secret& text() const noexcept { return lines_; }

  private:
    Secret lines_;
};

/// What a client would mix up with ours: it takes a project before a tenant, and refuses v2 when a
/// domain is named.
constexpr std::array kForeign{
    "OS_PASSWORD",         "OS_TENANT_NAME",       "OS_PROJECT_ID",
    "OS_PROJECT_NAME",     "OS_USER_ID",           "OS_USER_DOMAIN_ID",
    "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME",
    "OS_DOMAIN_ID",        "OS_DOMAIN_NAME",       "OS_CLOUD"};

} // namespace

ExitStatus token(const Surroundings& around) {
    Issued issued = get_token(around);
    issued.token.append('\n');
    write_out(issued.token.view());
    return ExitStatus::Done;
}

ExitStatus env(const Surroundings& around) {
    const Issued issued = get_token(around);
    const auto detail = [&](std::string_view key) { return issued.details.text(key).value_or(""); };
    ShellLines lines;
    lines.set("OS_AUTH_URL", detail(contract::token::kAuthUrl));
    lines.set("OS_TOKEN", issued.token.view());
    lines.set("OS_AUTH_TOKEN", issued.token.view());
    lines.set("OS_TENANT_ID", detail(contract::token::kTenantId));
    lines.set("OS_USERNAME", detail(contract::token::kAccount));
    lines.set("OS_REGION_NAME", detail(contract::token::kRegion));
    // With a user name set, clients assume a password unless they are told.
    lines.set("OS_AUTH_TYPE", "token");
    lines.set("OS_IDENTITY_API_VERSION", "2");
    for (const char* name : kForeign) {
        lines.unset(name);
    }
    if (::isatty(STDOUT_FILENO) == 1) {
        fmt::print(stderr,
                   "raxauth: these lines are for the shell. Use: eval \"$(raxauth env)\"\n");
    }
    write_out(lines.text().view());
    return ExitStatus::Done;
}

} // namespace raxauth::cli
