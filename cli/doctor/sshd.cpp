// SPDX-License-Identifier: Apache-2.0
// sshd as it would read its configuration now, for a person whom raxauth manages.
#include "cli/child_process.h"
#include "cli/doctor/finding.h"
#include "cli/failure.h"
#include "cli/local_people.h"
#include "cli/sshd_configuration.h"
#include "common/letter_case.h"
#include "common/text.h"

#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace raxauth::cli::doctor {
namespace {

constexpr const char* kSetUp = "raxauth setup sshd --reload";
constexpr long kGraceTime = 300;
constexpr long kLeastStartups = 10;

long number_of(std::string_view text) {
    long value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

class SshdExamination {
  public:
    SshdExamination(const Surroundings& around, Findings& findings)
        : places_(around.sshd), around_(around), findings_(findings) {}

    void run() {
        if (::access(places_.program.c_str(), X_OK) != 0) {
            return; // nobody comes in that way
        }
        if (::geteuid() != 0) {
            findings_.push_back({"sshd", "sshd was not looked at: only root can ask it", "",
                                 "sudo raxauth doctor", true});
            return;
        }
        // sshd's unit makes it; while that does not run, sshd -t complains of nothing else.
        static_cast<void>(::mkdir(places_.privilege_separation.c_str(), 0755));
        const ChildResult test = run_child(places_.program, arguments("-t"));
        if (!test.succeeded()) {
            add(fmt::format("sshd refuses its configuration: {}",
                            sanitise(test.output.substr(0, test.output.find('\n')), 200)),
                "After its next restart nobody can log in by ssh.", "sshd -t");
            return;
        }
        settings_ = read_sshd_settings(places_.configuration, places_.directory);
        examine_values(run_child(places_.program, arguments("-T")).output);
        examine_matches();
        examine_processes();
    }

  private:
    void add(std::string what, std::string why, std::string cure) {
        findings_.push_back({"sshd", std::move(what), std::move(why), std::move(cure)});
    }

    /// What -T says holds for one connection; Match blocks can name the user.
    std::vector<std::string> arguments(const char* option) const {
        std::vector<std::string> words{option, "-f", places_.configuration};
        if (std::string_view(option) == "-T") {
            const auto settings = usable_settings(around_);
            const auto people = settings ? people_managed(*settings) : std::vector<LocalPerson>{};
            words.insert(words.end(),
                         {"-C", fmt::format("user={},host=doctor.invalid,addr=192.0.2.1",
                                            people.empty() ? "nobody" : people.front().name)});
        }
        return words;
    }

    std::string blame(std::string_view keyword, std::string_view value) const {
        for (const SshdSetting& setting : settings_) {
            if (setting.keyword == keyword && lower_case(setting.value) == value) {
                return fmt::format(" ({}:{})", sanitise(setting.file), setting.line);
            }
        }
        return {};
    }

    void examine_values(const std::string& output) {
        const auto value = [&](std::string_view keyword) {
            return effective_value(output, keyword);
        };
        if (value("usepam") != "yes") {
            add(fmt::format("sshd does not use PAM: UsePAM is no{}", blame("usepam", "no")),
                "sshd asks for the local password and never for raxauth.", kSetUp);
        }
        if (value("kbdinteractiveauthentication") != "yes") {
            add(fmt::format("sshd cannot ask a second question: KbdInteractiveAuthentication is "
                            "no{}",
                            blame("kbdinteractiveauthentication", "no")),
                "It answers the passcode prompt with the password, and refuses.", kSetUp);
        }
        if (value("passwordauthentication") == "yes") {
            add(fmt::format("sshd offers PasswordAuthentication{}",
                            blame("passwordauthentication", "yes")),
                "Clients that take it answer the passcode prompt with the password, and are "
                "refused.",
                kSetUp);
        }
        examine_methods(value("authenticationmethods"), "");
        const std::string grace = value("logingracetime");
        if (const long seconds = number_of(grace); seconds != 0 && seconds < kGraceTime) {
            add(fmt::format("sshd gives a login {} s (LoginGraceTime){}", seconds,
                            blame("logingracetime", grace)),
                "A text message may take longer to arrive; setting up a second factor does.",
                kSetUp);
        }
        const std::string startups = value("maxstartups");
        if (!startups.empty() && number_of(startups) < kLeastStartups) {
            add(fmt::format("sshd lets {} connections wait for their sign-in (MaxStartups)",
                            number_of(startups)),
                "A sign-in takes minutes; further ones are refused meanwhile.",
                "MaxStartups 10:30:100 in /etc/ssh/sshd_config.d");
        }
    }

    void examine_methods(const std::string& methods, const std::string& where) {
        if (methods.empty() || methods == "any" ||
            methods.find("keyboard-interactive") != std::string::npos) {
            return;
        }
        const bool key_alone = methods.find("password") == std::string::npos;
        add(fmt::format("sshd asks for {} (AuthenticationMethods){}", sanitise(methods, 100),
                        where),
            key_alone ? "No sign-in with raxauth is possible: keys alone are refused while a "
                        "second factor is required."
                      : "With the method \"password\" sshd cannot ask for a passcode.",
            "AuthenticationMethods publickey,keyboard-interactive keyboard-interactive");
    }

    /// A Match block may take back for some what holds for all.
    void examine_matches() {
        for (const SshdSetting& setting : settings_) {
            if (!setting.in_match) {
                continue;
            }
            const std::string place =
                fmt::format(" in a Match block, {}:{}", sanitise(setting.file), setting.line);
            const std::string value = lower_case(setting.value);
            if ((setting.keyword == "kbdinteractiveauthentication" ||
                 setting.keyword == "challengeresponseauthentication") &&
                value == "no") {
                add("KbdInteractiveAuthentication is no" + place,
                    "For those connections sshd cannot ask for a passcode.",
                    "remove that line, or accept that those connections are refused");
            } else if (setting.keyword == "passwordauthentication" && value == "yes") {
                add("PasswordAuthentication is yes" + place,
                    "For those connections sshd answers the passcode prompt with the password.",
                    "remove that line, or accept that those connections are refused");
            } else if (setting.keyword == "authenticationmethods") {
                examine_methods(value, place);
            }
        }
    }

    void examine_processes() {
        std::error_code error;
        for (auto entry = std::filesystem::directory_iterator("/proc", error);
             !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
            const std::string folder = entry->path().string();
            std::string name;
            std::getline(std::ifstream(folder + "/comm") >> std::ws, name);
            std::string command;
            std::getline(std::ifstream(folder + "/cmdline"), command);
            if (name == "sshd" && command.find("[listener]") != std::string::npos) {
                examine_listener(folder);
            }
        }
    }

    void examine_listener(const std::string& folder) {
        std::string session;
        std::getline(std::ifstream(folder + "/sessionid"), session);
        if (!session.empty() && session != "4294967295") {
            add(fmt::format("sshd runs inside somebody's login session ({})", sanitise(session)),
                "It was started from a shell. Its connections begin in that session until PAM "
                "gives them their own.",
                "systemctl restart ssh");
        }
    }

    const SshdPlaces& places_;
    const Surroundings& around_;
    Findings& findings_;
    std::vector<SshdSetting> settings_;
};

} // namespace

void examine_sshd(const Surroundings& around, Findings& findings) {
    SshdExamination(around, findings).run();
}

} // namespace raxauth::cli::doctor
