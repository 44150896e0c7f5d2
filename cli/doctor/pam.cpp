// SPDX-License-Identifier: Apache-2.0
// Plays the PAM stacks of this host through: who gets in when raxauth says yes, no, nothing, or is
// not there.
#include "cli/doctor/finding.h"
#include "cli/pam_stack.h"
#include "common/text.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace raxauth::cli::doctor {
namespace {

constexpr const char* kEnable = "pam-auth-update --enable raxauth raxauth-session";
constexpr const char* kModule = "pam_raxauth.so";

/// Services that ask people who they are; cron and the like have an account phase alone.
constexpr std::array kAsking{"sshd", "login", "sudo", "sudo-i", "su", "su-l", "polkit-1"};
constexpr std::array kAccountOnly{"cron", "atd"};

/// Modules that judge a password of their own. Before ours, their yes is enough.
constexpr std::array kJudges{
    "pam_unix.so",    "pam_sss.so",     "pam_krb5.so", "pam_ldap.so",
    "pam_winbind.so", "pam_pwdfile.so", "pam_u2f.so",  "pam_google_authenticator.so"};

bool judges(const PamLine& line) {
    return std::any_of(kJudges.begin(), kJudges.end(),
                       [&](std::string_view one) { return line.module == one; });
}

/// A person in front of a stack, and what raxauth says of them.
struct Case {
    PamAnswer raxauth = PamAnswer::Failure;
    bool local_password = false; ///< pam_unix says yes
    bool other_password = false; ///< so do the modules of directories
    bool is_root = false;
};

PamAnswer answer_of(const PamLine& line, const Case& one) {
    const auto yes_or_no = [](bool yes) { return yes ? PamAnswer::Success : PamAnswer::Failure; };
    if (line.is_ours()) {
        return one.raxauth;
    }
    if (line.module == "pam_unix.so") {
        return yes_or_no(one.local_password);
    }
    if (judges(line)) {
        return yes_or_no(one.other_password);
    }
    if (line.module == "pam_deny.so") {
        return PamAnswer::Failure;
    }
    if (line.module == "pam_permit.so") {
        return PamAnswer::Success;
    }
    if (line.module == "pam_rootok.so") {
        // nobody here is root already: su by root is no sign-in
        return PamAnswer::Failure;
    }
    if (line.module == "pam_faillock.so") {
        if (line.has_option("authfail")) {
            return PamAnswer::Failure;
        }
        return line.has_option("authsucc") ? PamAnswer::Success : PamAnswer::Ignore;
    }
    if (line.module == "pam_wheel.so" || line.module == "pam_succeed_if.so" ||
        line.module == "pam_localuser.so") {
        return PamAnswer::Ignore; // what they say depends on the person
    }
    return PamAnswer::Success;
}

PamOutcome outcome_of(const PamStack& stack, const Case& one) {
    return play(stack, [&](const PamLine& line) { return answer_of(line, one); });
}

const PamLine* our_line(const PamStack& stack) { // NOLINT(misc-no-recursion)
    for (const PamLine& line : stack) {
        if (line.is_ours()) {
            return &line;
        }
        if (const PamLine* inside = our_line(line.substack)) {
            return inside;
        }
    }
    return nullptr;
}

std::vector<std::string> module_folders(const PamPlaces& places) {
    return places.modules.empty() ? std::vector<std::string>{RAXAUTH_MODULE_DIRECTORY}
                                  : places.modules;
}

class PamExamination {
  public:
    PamExamination(const Surroundings& around, Findings& findings)
        : places_(around.pam), findings_(findings) {}

    void run() {
        if (!examine_module() || !examine_profiles()) {
            return; // what follows from that would only repeat it
        }
        for (const char* const service : kAsking) {
            if (has_pam_service(places_, service)) {
                examine_auth(service);
                examine_account(service);
            }
        }
        for (const char* const service : kAccountOnly) {
            if (has_pam_service(places_, service)) {
                examine_account(service);
            }
        }
        examine_session();
        examine_faillock();
    }

  private:
    void add(std::string what, std::string why, std::string cure) {
        findings_.push_back({"pam", std::move(what), std::move(why), std::move(cure)});
    }
    void add_once(const PamLine& line, std::string what, std::string why, std::string cure) {
        // services that include one file would all tell of it
        if (told_.insert(line.place() + why).second) {
            add(std::move(what), std::move(why), std::move(cure));
        }
    }

    bool examine_module() {
        const auto folders = module_folders(places_);
        const bool found = std::any_of(folders.begin(), folders.end(), [](const auto& folder) {
            return std::filesystem::exists(folder + '/' + kModule);
        });
        if (found) {
            return true;
        }
        add(fmt::format("{} is missing in {}", kModule, fmt::join(folders, ", ")),
            "A stack that names a missing module refuses everybody, root on the console too.",
            "apt-get install --reinstall raxauth");
        return false;
    }

    /// Both profiles on, or neither: what is half on is the usual mistake.
    bool examine_profiles() {
        const bool auth = our_line(read_pam_stack(places_, "common-auth", "auth")) != nullptr;
        const bool account =
            our_line(read_pam_stack(places_, "common-account", "account")) != nullptr;
        bool somewhere = auth || account;
        for (const char* const service : kAsking) {
            somewhere = somewhere || our_line(read_pam_stack(places_, service, "auth")) != nullptr;
        }
        if (!somewhere) {
            add("no PAM stack asks raxauth: the profile raxauth is not enabled",
                "Everybody signs in with a local password or key, as if raxauth were not "
                "installed.",
                std::string("raxauth setup, or: ") + kEnable);
            return false;
        }
        if (auth != account) {
            add(fmt::format("the profile raxauth is half enabled: {} asks raxauth, {} does not",
                            auth ? "common-auth" : "common-account",
                            auth ? "common-account" : "common-auth"),
                "The rules of the configuration hold in one phase and not in the other.", kEnable);
        }
        return true;
    }

    void examine_auth(const std::string& service) {
        const PamStack stack = read_pam_stack(places_, service, "auth");
        const PamLine* const ours = our_line(stack);
        if (ours == nullptr) {
            add(fmt::format("{}: its PAM stack does not ask raxauth", service),
                "People get in there with a local password, without a second factor.",
                fmt::format("include common-auth in {}/{}", places_.services.front(), service));
            return;
        }
        examine_fail_open(service, stack, *ours);
        if (!outcome_of(stack, {PamAnswer::UserUnknown, true, false, true}).success) {
            add_once(
                *ours,
                fmt::format("{}: {} keeps root and exempt accounts out", service, ours->place()),
                "raxauth leaves root and exempt accounts to the other modules (user_unknown), "
                "and this line makes a refusal of that.",
                fmt::format("use the control words of the profile: "
                            "[success=end user_unknown=ignore ignore=ignore default=die]; {}",
                            kEnable));
        }
        const Case granted{PamAnswer::Success, false, false, false};
        if (!outcome_of(stack, granted).success) {
            add_once(*ours, fmt::format("{}: a sign-in that raxauth grants is refused", service),
                     "A module after raxauth asks for a local password that its users do not "
                     "have.",
                     kEnable);
        }
    }

    void examine_fail_open(const std::string& service, const PamStack& stack, const PamLine& ours) {
        struct Refusal {
            PamAnswer answer;
            std::string_view words;
        };
        for (const Refusal& refusal :
             {Refusal{PamAnswer::Failure, "refuses"},
              Refusal{PamAnswer::Unavailable, "cannot reach its daemon or Identity"}}) {
            if (outcome_of(stack, {refusal.answer, true, false, false}).success) {
                add_once(ours,
                         fmt::format("{}: a local password lets people in when raxauth {} ({})",
                                     service, refusal.words, ours.place()),
                         "The second factor is not needed there.",
                         fmt::format("use the control words of the profile (default=die), before "
                                     "pam_unix; {}",
                                     kEnable));
                return;
            }
        }
        const PamOutcome past = outcome_of(stack, {PamAnswer::Failure, false, true, false});
        if (past.success) {
            const auto who = std::find_if(past.asked.begin(), past.asked.end(),
                                          [](const PamLine* line) { return judges(*line); });
            const PamLine& line = who != past.asked.end() ? **who : ours;
            add_once(line,
                     fmt::format("{}: {} lets people in past raxauth ({})", service, line.module,
                                 line.place()),
                     "Whom that module knows needs no second factor of raxauth.",
                     "remove that module's profile (pam-auth-update), or put its line after "
                     "pam_raxauth.so");
        }
    }

    void examine_account(const std::string& service) {
        const PamStack stack = read_pam_stack(places_, service, "account");
        const PamLine* const ours = our_line(stack);
        if (ours == nullptr) {
            return;
        }
        if (outcome_of(stack, {PamAnswer::Failure, true, true, false}).success) {
            add_once(*ours,
                     fmt::format("{}: the account phase goes on where raxauth refuses ({})",
                                 service, ours->place()),
                     "A key alone, or a role that is missing, is let in.", kEnable);
        }
        if (!outcome_of(stack, {PamAnswer::UserUnknown, true, true, true}).success) {
            add_once(
                *ours,
                fmt::format("{}: {} keeps root and exempt accounts out", service, ours->place()),
                "raxauth leaves root and exempt accounts to the other modules (user_unknown), "
                "and this account line makes a refusal of that.",
                kEnable);
        }
        const PamOutcome granted = outcome_of(stack, {PamAnswer::Success, true, false, false});
        const bool ageing =
            std::any_of(granted.asked.begin(), granted.asked.end(),
                        [](const PamLine* line) { return line->module == "pam_unix.so"; });
        if (ageing) {
            add_once(*ours,
                     fmt::format("{}: pam_unix judges the age of local passwords of raxauth's "
                                 "users too ({})",
                                 service, ours->place()),
                     "Once a local password is too old (chage -M, passwd -e), its owner must "
                     "change one that nobody has.",
                     kEnable);
        }
    }

    void examine_session() {
        const bool there =
            our_line(read_pam_stack(places_, "common-session", "session")) != nullptr ||
            our_line(read_pam_stack(places_, "sshd", "session")) != nullptr;
        if (!there) {
            add("the profile raxauth-session is not enabled",
                "A sign-in is not kept for its session: sudo asks for both factors, and \"raxauth "
                "token\" has none.",
                "pam-auth-update --enable raxauth-session");
        }
        for (const char* const service : {"sshd", "login"}) {
            const PamStack stack = read_pam_stack(places_, service, "session");
            const bool numbered = std::any_of(stack.begin(), stack.end(), [](const PamLine& line) {
                return line.module == "pam_loginuid.so";
            });
            if (!stack.empty() && !numbered) {
                add(fmt::format("{}: its session phase lacks pam_loginuid.so", service),
                    "Without a login session of the kernel a sign-in belongs nowhere: sudo asks "
                    "for both factors.",
                    fmt::format("add \"session required pam_loginuid.so\" to {}/{}",
                                places_.services.front(), service));
            }
        }
    }

    /// What counts failures has to hear of them.
    void examine_faillock() {
        const PamStack stack = read_pam_stack(places_, "common-auth", "auth");
        const auto counts = [](const PamLine& line) {
            return line.module == "pam_faillock.so" && line.has_option("authfail");
        };
        const auto line = std::find_if(stack.begin(), stack.end(), counts);
        if (line == stack.end()) {
            return;
        }
        const PamOutcome refused = outcome_of(stack, {PamAnswer::Failure, false, false, false});
        if (std::none_of(refused.asked.begin(), refused.asked.end(),
                         [&](const PamLine* asked) { return counts(*asked); })) {
            add(fmt::format("pam_faillock does not hear of refusals by raxauth ({})",
                            line->place()),
                "raxauth ends the stack when it refuses, so pam_faillock counts local passwords "
                "alone. raxauth's own limits count the others.",
                "take pam_faillock out, or leave it for the exempt accounts and accept this: see "
                "pam_raxauth(8)");
        }
    }

    const PamPlaces& places_;
    Findings& findings_;
    std::set<std::string> told_;
};

} // namespace

void examine_pam(const Surroundings& around, Findings& findings) {
    PamExamination(around, findings).run();
}

} // namespace raxauth::cli::doctor
