// SPDX-License-Identifier: Apache-2.0
// setup: the steps that only an administrator can take, in the order in which nothing locks anybody
// out. Configuration, exemptions and sshd come first; PAM is switched on when Identity answers.
#include "cli/child_process.h"
#include "cli/doctor/finding.h"
#include "cli/local_people.h"
#include "cli/pam_stack.h"
#include "cli/prompter_choice.h"
#include "cli/verbs.h"
#include "cli/written_file.h"
#include "common/text.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace raxauth::cli {
namespace {

using settings::Settings;
using settings::SettingsFault;
using settings::SettingsFaults;
using settings::SettingsText;

constexpr const char* kDropIn = "10-setup.toml";
constexpr std::size_t kMaxOutputBytes = 4096;

void run_or_fail(const std::string& program, const std::vector<std::string>& arguments) {
    const ChildResult result = run_child(program, arguments);
    if (!result.succeeded()) {
        throw Failure(
            ExitStatus::Refused,
            fmt::format("{} failed:\n{}", program, sanitise_lines(result.output, kMaxOutputBytes)));
    }
}

void update_profiles(const PamPlaces& places, const char* action) {
    // It must not ask: it keeps files that were changed by hand, and that is looked at afterwards.
    run_or_fail("/usr/bin/env", {"DEBIAN_FRONTEND=noninteractive", places.update, action, "raxauth",
                                 "raxauth-session"});
}

/// Files of PAM's configuration that name the module.
std::vector<std::string> stacks_that_name_us(const PamPlaces& places) {
    std::vector<std::string> files;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(places.services.front(), error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::ifstream stream(entry->path());
        for (std::string line; std::getline(stream, line);) {
            if (line.substr(0, line.find('#')).find("pam_raxauth.so") != std::string::npos) {
                files.push_back(entry->path().string());
                break;
            }
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// In quotes for TOML. What cannot stand there is refused when the result is parsed.
std::string toml_text(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + '"';
}

class HostSetup {
  public:
    HostSetup(const Surroundings& around, const HostSetupOptions& options)
        : around_(around), options_(options) {}

    ExitStatus run() {
        read_settings();
        ask_for_identity();
        ask_for_exemptions();
        show_plan();
        if (!options_.yes && !confirmed()) {
            throw Failure(ExitStatus::Refused, "nothing was changed");
        }
        apply();
        fmt::print("\nChecking the result (raxauth doctor):\n");
        const ExitStatus status = diagnose(around_, {});
        fmt::print("\nKeep this root shell open. Sign in from another terminal:\n"
                   "  ssh -o PubkeyAuthentication=no USER@HOST\n"
                   "\"raxauth status --last\" says why one was refused. To go back: raxauth setup "
                   "--undo\n");
        return status;
    }

  private:
    void read_settings() {
        auto outcome = settings::load_settings(around_.settings, &texts_);
        if (const auto* const faults = std::get_if<SettingsFaults>(&outcome)) {
            refuse(*faults);
        }
        settings_ = std::get<Settings>(std::move(outcome));
    }

    [[noreturn]] static void refuse(const SettingsFaults& faults) {
        std::string text = "the configuration has errors:";
        for (const SettingsFault& fault : faults) {
            text += "\n  " + fault.text();
        }
        throw Failure(ExitStatus::Refused, text, "Correct them first. Nothing was changed.");
    }

    /// One answer, without blanks at its ends; the default is for an empty line.
    std::string ask(const std::string& question) {
        if (!prompter_) {
            prompter_ = choose_prompter({"raxauth setup", options_.from_stdin, true});
        }
        const auto answer = prompter_->ask(contract::MessageKind::Text, question);
        if (!answer) {
            throw Failure(ExitStatus::Refused, "nothing was changed");
        }
        return std::string(trim(answer->view()));
    }

    void ask_for_identity() {
        std::string url = options_.url;
        std::vector<std::string> domains = options_.domains;
        if (!settings_.binds_anybody() && domains.empty()) {
            if (options_.yes) {
                throw Failure(ExitStatus::Usage, "the organisation of this host is not named",
                              "For example: raxauth setup --domain 123456 --yes");
            }
            if (url.empty()) {
                url = ask(fmt::format("Address of Identity [{}]: ", settings_.identity.url));
            }
            domains = {ask("Rackspace account number (Control Panel, upper right corner): ")};
        }
        if (!url.empty() || !domains.empty() || !options_.ca_file.empty()) {
            write_down(url, domains);
        }
    }

    /// What setup writes, and what the configuration means with it.
    void write_down(const std::string& url, const std::vector<std::string>& domains) {
        std::string text = "# Written by \"raxauth setup\". raxauth.toml(5) explains the keys.\n";
        if (!url.empty() || !options_.ca_file.empty()) {
            text += "[identity]\n";
        }
        if (!url.empty()) {
            text += fmt::format("url = {}\n", toml_text(url));
        }
        if (!options_.ca_file.empty()) {
            text += fmt::format("ca_file = {}\n", toml_text(options_.ca_file));
        }
        if (!domains.empty()) {
            std::vector<std::string> names(domains.size());
            std::transform(domains.begin(), domains.end(), names.begin(), toml_text);
            text += fmt::format("[access]\ndomains = [{}]\n", fmt::join(names, ", "));
        }
        file_ = around_.settings.directory + '/' + kDropIn;
        text_ = text;
        std::erase_if(texts_, [&](const SettingsText& one) { return one.file == file_; });
        const auto after = std::find_if(texts_.begin(), texts_.end(), [&](const SettingsText& one) {
            return one.file != around_.settings.file && one.file > file_;
        });
        texts_.insert(after, {file_, text_});
        auto outcome = settings::parse_settings(texts_);
        if (const auto* const faults = std::get_if<SettingsFaults>(&outcome)) {
            refuse(*faults);
        }
        settings_ = std::get<Settings>(std::move(outcome));
        if (!settings_.binds_anybody()) {
            throw Failure(ExitStatus::Refused,
                          "with this nobody could sign in: no organisation is named",
                          "Nothing was changed.");
        }
    }

    void ask_for_exemptions() {
        people_ = people_in_range(settings_);
        std::vector<std::string> losing;
        for (const LocalPerson& person : people_) {
            if (person.would_lose()) {
                losing.push_back(person.name);
            }
        }
        exempt_ = options_.exempt;
        if (exempt_.empty() && !options_.exempt_nobody && !losing.empty()) {
            if (options_.yes) {
                throw Failure(
                    ExitStatus::Usage,
                    fmt::format("these accounts would lose their local password or key: {}",
                                fmt::join(losing, ", ")),
                    "Name those that must keep it (--exempt NAME), or say --exempt-nobody.");
            }
            std::istringstream names(ask(
                fmt::format("These accounts have a local password or key, and must sign in with "
                            "Rackspace from now on:\n  {}\n"
                            "Which must not, such as those of Ansible and for emergencies "
                            "(names; Enter: none): ",
                            fmt::join(losing, ", "))));
            for (std::string name; names >> name;) {
                exempt_.push_back(name.ends_with(',') ? name.substr(0, name.size() - 1) : name);
            }
        }
        for (const std::string& name : exempt_) {
            if (std::none_of(people_.begin(), people_.end(),
                             [&](const LocalPerson& person) { return person.name == name; })) {
                throw Failure(
                    ExitStatus::Refused,
                    fmt::format("{} is no local account that raxauth would manage", sanitise(name)),
                    "Nothing was changed.");
            }
        }
    }

    void show_plan() const {
        fmt::print("This will be changed:\n");
        if (!file_.empty()) {
            fmt::print("* {} is written:\n", file_);
            std::istringstream lines(text_);
            for (std::string line; std::getline(lines, line);) {
                fmt::print("    {}\n", line);
            }
        }
        if (!exempt_.empty()) {
            fmt::print("* {} joins the group {}: local password and key go on working there.\n",
                       fmt::join(exempt_, ", "), kExemptGroup);
        }
        if (has_sshd()) {
            fmt::print("* sshd asks for password and passcode (the drop-in of \"raxauth setup "
                       "sshd\").\n");
        }
        fmt::print("* PAM: the profiles raxauth and raxauth-session are enabled in "
                   "/etc/pam.d/common-*.\n");
        std::vector<std::string> managed;
        for (const LocalPerson& person : people_) {
            if (!person.exempt &&
                std::find(exempt_.begin(), exempt_.end(), person.name) == exempt_.end()) {
                managed.push_back(person.name);
            }
        }
        fmt::print("From then on these local accounts sign in with Rackspace: {}.\n"
                   "Root never does.\n",
                   managed.empty() ? "none yet" : fmt::format("{}", fmt::join(managed, ", ")));
    }

    bool confirmed() {
        const std::string answer = ask("Go on? [yes/no]: ");
        return answer == "yes" || answer == "y";
    }

    bool has_sshd() const { return ::access(around_.sshd.program.c_str(), X_OK) == 0; }

    void apply() {
        if (!file_.empty()) {
            std::filesystem::create_directories(around_.settings.directory);
            write_atomically(file_, text_);
            fmt::print("Wrote {}\n", file_);
        }
        reload(around_);
        if (!exempt_.empty()) {
            run_or_fail("/usr/sbin/groupadd", {"--system", "--force", kExemptGroup});
            for (const std::string& name : exempt_) {
                run_or_fail("/usr/sbin/usermod", {"--append", "--groups", kExemptGroup, name});
            }
            fmt::print("Exempt: {}\n", fmt::join(exempt_, ", "));
        }
        check_identity();
        if (has_sshd()) {
            SshdSetupOptions sshd;
            sshd.reload = ::access("/run/systemd/system", F_OK) == 0;
            setup_sshd(around_, sshd);
        }
        update_profiles(around_.pam, "--enable");
        const PamStack stack = read_pam_stack(around_.pam, "common-auth", "auth");
        if (std::none_of(stack.begin(), stack.end(),
                         [](const PamLine& line) { return line.is_ours(); })) {
            throw Failure(ExitStatus::Refused,
                          "pam-auth-update left PAM as it was: its files were changed by hand",
                          "Look at /etc/pam.d/common-auth, then: pam-auth-update --force --enable "
                          "raxauth raxauth-session");
        }
        fmt::print("PAM asks raxauth now.\n");
    }

    /// PAM stays as it is while nobody could sign in by it.
    void check_identity() const {
        doctor::Findings findings;
        doctor::examine_configuration(around_, findings);
        doctor::examine_identity(around_, findings);
        std::string text;
        for (const doctor::Finding& finding : findings) {
            if (finding.check != "configuration" || finding.cure.starts_with("chmod")) {
                text += fmt::format("\n  {}\n  cure: {}", finding.what, finding.cure);
            }
        }
        if (!text.empty()) {
            throw Failure(ExitStatus::Unreachable, "nobody could sign in yet:" + text,
                          "PAM and sshd were not changed. Then run \"raxauth setup\" again.");
        }
    }

    const Surroundings& around_;
    const HostSetupOptions& options_;
    std::vector<SettingsText> texts_;
    Settings settings_;
    std::unique_ptr<Prompter> prompter_;
    std::string file_; ///< empty: the configuration stays as it is
    std::string text_;
    std::vector<LocalPerson> people_;
    std::vector<std::string> exempt_;
};

ExitStatus undo(const Surroundings& around) {
    update_profiles(around.pam, "--disable");
    if (const auto left = stacks_that_name_us(around.pam); !left.empty()) {
        throw Failure(
            ExitStatus::Refused,
            fmt::format("these files still name pam_raxauth.so: {}", fmt::join(left, ", ")),
            "They were changed by hand. Remove those lines, then run this again. sshd was "
            "not changed.");
    }
    fmt::print("PAM does not ask raxauth any more.\n");
    SshdSetupOptions sshd;
    sshd.remove = true;
    sshd.reload = ::access("/run/systemd/system", F_OK) == 0;
    setup_sshd(around, sshd);
    fmt::print("Local passwords and keys work as before. The configuration and the group {} are "
               "kept.\n",
               kExemptGroup);
    return ExitStatus::Done;
}

} // namespace

ExitStatus setup_host(const Surroundings& around, const HostSetupOptions& options) {
    if (::geteuid() != 0) {
        throw Failure(ExitStatus::Refused, "only root can set up this host",
                      "Try: sudo raxauth setup");
    }
    if (::access(around.pam.update.c_str(), X_OK) != 0) {
        throw Failure(ExitStatus::Refused,
                      fmt::format("there is no {} on this host", around.pam.update),
                      "On Debian: apt-get install libpam-runtime. Elsewhere see pam_raxauth(8).");
    }
    return options.undo ? undo(around) : HostSetup(around, options).run();
}

} // namespace raxauth::cli
