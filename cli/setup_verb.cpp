// SPDX-License-Identifier: Apache-2.0
// setup sshd: either sshd asks the way raxauth needs it, or everything is as it was. A drop-in that
// is overridden in part could leave a host on which nobody can type a password at all, so it is
// taken away again, and the file that overrides is named.
#include "cli/child_process.h"
#include "cli/sshd_configuration.h"
#include "cli/verbs.h"
#include "cli/written_file.h"
#include "common/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fmt/core.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace raxauth::cli {
namespace {

/// sshd takes the first value it reads: before what cloud-init writes (50-cloud-init.conf).
constexpr const char* kName = "01-raxauth.conf";
constexpr const char* kFormerName = "50-raxauth-sshd.conf"; ///< of raxauth before 0.1.0
constexpr long kGraceTime = 300;                            // seconds; what the drop-in says
constexpr std::size_t kMaxOutputBytes = 4096;

struct Wanted {
    std::string_view keyword; ///< as sshd -T prints it
    std::string_view alias;   ///< another name in files
    std::string_view name;
    std::string_view value;
};
constexpr std::array kWanted{
    Wanted{"usepam", "", "UsePAM", "yes"},
    Wanted{"kbdinteractiveauthentication", "challengeresponseauthentication",
           "KbdInteractiveAuthentication", "yes"},
    Wanted{"passwordauthentication", "", "PasswordAuthentication", "no"},
};

class SshdSetup {
  public:
    explicit SshdSetup(const SshdPlaces& places)
        : places_(places), target_(places.drop_ins + '/' + kName) {}

    ExitStatus run(const SshdSetupOptions& options) {
        check_before();
        install(options.replace);
        try {
            check_after();
        } catch (const Failure&) {
            undo();
            throw;
        }
        remove_former();
        warn();
        finish(options.reload);
        return ExitStatus::Done;
    }

    /// Takes the drop-in away; one that was changed by hand is kept under a name that sshd does not
    /// read. False if there was none.
    bool remove() {
        const auto shipped = read_file(source());
        bool removed = false;
        for (const char* const name : {kName, kFormerName}) {
            const std::string file = places_.drop_ins + '/' + name;
            const auto present = read_file(file);
            if (!present) {
                continue;
            }
            if (present == shipped) {
                removed = ::unlink(file.c_str()) == 0 || removed;
                fmt::print("Removed {}\n", file);
            } else {
                removed = ::rename(file.c_str(), (file + ".old").c_str()) == 0 || removed;
                fmt::print("{} was changed by hand: kept as {}.old, which sshd does not read\n",
                           file, file);
            }
        }
        return removed;
    }

    void reload_sshd() const {
        const ChildResult result = run_child(places_.systemctl, {"reload", "ssh"});
        if (!result.succeeded()) {
            throw Failure(ExitStatus::Refused,
                          fmt::format("sshd was not reloaded:\n{}",
                                      sanitise_lines(result.output, kMaxOutputBytes)),
                          "Reload sshd yourself: systemctl reload ssh");
        }
    }

  private:
    ChildResult sshd(const char* option) const {
        return run_child(places_.program, {option, "-f", places_.configuration});
    }

    std::string source() const {
        return places_.source.empty() ? RAXAUTH_SSHD_DROP_IN : places_.source;
    }

    void check_before() {
        auto wanted = read_file(source());
        if (!wanted || wanted->empty()) {
            throw Failure(ExitStatus::Refused, fmt::format("{} cannot be read", source()),
                          "Install raxauth again: the file is part of it.");
        }
        wanted_ = *std::move(wanted);
        if (::access(places_.program.c_str(), X_OK) != 0) {
            throw Failure(ExitStatus::Refused, "there is no OpenSSH server on this host",
                          "On Debian: apt install openssh-server");
        }
        if (::access(places_.drop_ins.c_str(), F_OK) != 0) {
            throw Failure(ExitStatus::Refused, fmt::format("{} does not exist", places_.drop_ins),
                          fmt::format("Put the lines of {} at the top of {} yourself.", source(),
                                      places_.configuration));
        }
        // As sshd's own unit does; sshd -t cannot do without.
        if (::mkdir(places_.privilege_separation.c_str(), 0755) < 0 && errno != EEXIST) {
            throw_errno(places_.privilege_separation, errno);
        }
        if (const ChildResult test = sshd("-t"); !test.succeeded()) {
            throw Failure(ExitStatus::Refused,
                          fmt::format("sshd refuses its configuration as it is now:\n{}",
                                      sanitise_lines(test.output, kMaxOutputBytes)),
                          "Correct that first (sshd -t). Nothing was changed.");
        }
    }

    void install(bool replace) {
        struct stat found{};
        if (::lstat(target_.c_str(), &found) == 0) {
            before_ = read_file(target_);
            if (!S_ISREG(found.st_mode) || !before_) {
                throw Failure(ExitStatus::Refused, fmt::format("{} is not a regular file", target_),
                              "Remove it, then try again.");
            }
            if (*before_ == wanted_) {
                fmt::print("{} is installed already.\n", target_);
                return;
            }
            if (!replace) {
                throw Failure(ExitStatus::Refused,
                              fmt::format("{} exists and has other settings", target_),
                              fmt::format("Compare it with {}. To replace it: raxauth setup "
                                          "sshd --replace (the present file is kept as {}.old).",
                                          source(), kName));
            }
            write_atomically(target_ + ".old", *before_);
        }
        write_atomically(target_, wanted_);
        installed_ = true;
    }

    void undo() noexcept {
        if (!installed_) {
            return;
        }
        try {
            if (before_) {
                write_atomically(target_, *before_);
                static_cast<void>(::unlink((target_ + ".old").c_str()));
            } else {
                static_cast<void>(::unlink(target_.c_str()));
            }
        } catch (const std::exception& fault) {
            fmt::print(stderr, "raxauth: {} could not be put back: {}\n", target_, fault.what());
        }
    }

    /// The drop-in under its earlier name says the same later on: nobody needs two.
    void remove_former() const {
        const std::string former = places_.drop_ins + '/' + kFormerName;
        if (read_file(former) == wanted_ && ::unlink(former.c_str()) == 0) {
            fmt::print("Removed {}, which {} replaces\n", former, kName);
        }
    }

    void check_after() {
        if (const ChildResult test = sshd("-t"); !test.succeeded()) {
            throw Failure(ExitStatus::Refused,
                          fmt::format("sshd refuses the new configuration:\n{}",
                                      sanitise_lines(test.output, kMaxOutputBytes)),
                          "Nothing was changed.");
        }
        effective_ = sshd("-T").output;
        settings_ = read_sshd_settings(places_.configuration, places_.directory);
        std::string overridden;
        for (const Wanted& wanted : kWanted) {
            const std::string value = effective_value(effective_, wanted.keyword);
            if (value != wanted.value) {
                overridden += fmt::format("\n  {} must be {}, and {}", wanted.name, wanted.value,
                                          blame(wanted, value));
            }
        }
        if (!overridden.empty()) {
            throw Failure(ExitStatus::Refused,
                          fmt::format("other sshd settings override the drop-in:{}", overridden),
                          fmt::format("sshd uses the first value it reads. Remove those lines, "
                                      "then try again.{}",
                                      installed_ ? " Nothing was changed." : ""));
        }
    }

    /// "/etc/ssh/sshd_config:12 says no first".
    std::string blame(const Wanted& wanted, const std::string& value) const {
        for (const SshdSetting& setting : settings_) {
            const bool same = setting.keyword == wanted.keyword ||
                              (!wanted.alias.empty() && setting.keyword == wanted.alias);
            if (same && !setting.in_match && setting.file != target_) {
                return fmt::format("{}:{} says {}", sanitise(setting.file), setting.line,
                                   sanitise(setting.value));
            }
        }
        return fmt::format("it is {}: does {} begin with \"Include {}/*.conf\"?",
                           value.empty() ? "not known to this sshd" : sanitise(value),
                           places_.configuration, places_.drop_ins);
    }

    void warn() const {
        const std::string text = effective_value(effective_, "logingracetime");
        long seconds = 0;
        std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (seconds != 0 && seconds < kGraceTime) { // 0: no limit
            fmt::print(
                stderr,
                "raxauth: warning: LoginGraceTime is {} s. An SMS may take longer to arrive. "
                "Recommended: {} s.\n",
                seconds, kGraceTime);
        }
        for (const SshdSetting& setting : settings_) {
            if (setting.in_match && setting.keyword == "passwordauthentication" &&
                setting.value != "no") {
                fmt::print(
                    stderr,
                    "raxauth: warning: {}:{} allows PasswordAuthentication for some "
                    "connections (Match). There sshd answers every prompt with the password, "
                    "and no sign-in with a passcode succeeds.\n",
                    sanitise(setting.file), setting.line);
            }
        }
    }

    void finish(bool reload) const {
        if (installed_) {
            fmt::print("Installed {}{}\n", target_,
                       before_ ? fmt::format("; the previous file is kept as {}.old", kName) : "");
        }
        fmt::print("sshd -T confirms: keyboard-interactive yes, password no, PAM yes.\n");
        if (!reload) {
            fmt::print("Now reload sshd. Open sessions stay open.\n"
                       "  systemctl reload ssh\n"
                       "Keep a root shell open until a login has worked.\n");
            return;
        }
        reload_sshd();
        fmt::print("sshd was reloaded. Keep a root shell open until a login has worked.\n");
    }

    const SshdPlaces& places_;
    const std::string target_;
    std::string wanted_;
    std::optional<std::string> before_;
    bool installed_ = false;
    std::string effective_;
    std::vector<SshdSetting> settings_;
};

} // namespace

ExitStatus setup_sshd(const Surroundings& around, const SshdSetupOptions& options) {
    if (::geteuid() != 0) {
        throw Failure(ExitStatus::Refused, "only root can set up sshd",
                      "Try: sudo raxauth setup sshd");
    }
    SshdSetup setup(around.sshd);
    if (!options.remove) {
        return setup.run(options);
    }
    if (!setup.remove()) {
        fmt::print("sshd has no drop-in of raxauth.\n");
    } else if (options.reload) {
        setup.reload_sshd();
        fmt::print("sshd was reloaded. It asks for local passwords again.\n");
    } else {
        fmt::print("Now reload sshd: systemctl reload ssh\n");
    }
    return ExitStatus::Done;
}

} // namespace raxauth::cli
