// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include "cli/unknown_verb.h"
#include "cli/verbs.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <fmt/core.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

constexpr std::uint32_t kHistory = 10;
constexpr std::uint32_t kMaxHistory = 100;

constexpr const char* kHelp =
    R"help(raxauth: sign in with a Rackspace account; show and manage sign-ins.

Usage: raxauth VERB [OPTION]...

  status [--last [N]]   state of raxauthd, Identity, your session; last verdicts
  sessions              sessions that are signed in (root: everybody's)
  login, logout         sign in or out in this session
  token, env            print the token of this session: alone, or for a shell
  enrol [otp|sms]       set up a second factor: authenticator app, or phone
  mfa [VERB]            your second factor; for administrators: that of others
  devices [VERB]        your authenticator apps and phone
  bypass-codes          make codes for when the device is not at hand
  password              change your Rackspace password
  check-config [FILE]   check the configuration (or FILE), without the daemon
  reload                make the daemon read its configuration again (root)
  flush USER            end all sign-ins of a user (root)
  limits [VERB] USER    show or reset what was counted against a user (root)
  setup [sshd]          set this host up, or sshd alone (root)
  doctor                find what keeps people out, and what cures it

Commands that print data accept --json. More: "raxauth VERB --help", raxauth(1).
Exit status: 0 done, 1 refused, 2 usage, 3 daemon or Identity unreachable.
)help";

/// What was chosen on the command line, to be done after all of it was understood.
using Chosen = std::function<ExitStatus()>;

class CommandLine {
  public:
    explicit CommandLine(const Surroundings& around) : around_(around) {
        app_.require_subcommand(1);
        app_.set_version_flag("--version", "raxauth " RAXAUTH_VERSION);
        app_.get_formatter()->column_width(26);
        add_configuration();
        add_status();
        add_sessions();
        add_token();
        add_login();
        add_enrolment();
        add_devices();
        add_mfa();
        add_mfa_of_others();
        add_setup();
        add_doctor();
        add_limits();
        app_.formatter_fn([](const CLI::App*, const std::string&, CLI::AppFormatMode) {
            return std::string(kHelp);
        });
    }

    /// Throws CLI::ParseError, also where help or version were asked for, or Failure.
    void parse(int argc, char** argv) {
        const std::string_view first = argv[1];
        if (first == "help") {
            throw CLI::CallForHelp();
        }
        if (first == "version") {
            throw CLI::CallForVersion("raxauth " RAXAUTH_VERSION, 0);
        }
        refuse_unknown_verb(app_, argc, argv);
        app_.parse(argc, argv);
    }
    int exit_after(const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
            return app_.exit(error); // --help, --version
        }
        fmt::print(stderr, "raxauth: {}\nSee raxauth --help.\n", error.what());
        return static_cast<int>(ExitStatus::Usage);
    }
    ExitStatus do_it() const { return chosen_(); }

  private:
    CLI::App* verb(CLI::App& parent, const char* name, const char* description, Chosen chosen) {
        CLI::App* added = parent.add_subcommand(name, description);
        added->callback([this, chosen = std::move(chosen)] { chosen_ = chosen; });
        return added;
    }
    /// A verb that does something itself, unless one of its own verbs is named.
    CLI::App* verb_with_verbs(CLI::App& parent, const char* name, const char* description,
                              Chosen chosen) {
        CLI::App* added = parent.add_subcommand(name, description);
        added->callback([this, added, chosen = std::move(chosen)] {
            if (added->get_subcommands().empty()) {
                chosen_ = chosen;
            }
        });
        return added;
    }
    void add_stdin(CLI::App* verb) {
        verb->add_flag("--stdin", management_.from_stdin,
                       "read the answers from standard input, one per line");
    }
    void add_json_and_stdin(CLI::App* verb) {
        verb->add_flag("--json", management_.json, "print JSON");
        add_stdin(verb);
    }
    static void add_json(CLI::App* verb, bool& json) {
        verb->add_flag("--json", json, "print JSON; times are seconds since 1970");
    }

    void add_configuration() {
        CLI::App* check = verb(app_, "check-config",
                               "Checks the configuration, without the daemon.\n"
                               "Exit status 1: it has errors, or nobody could sign in with it.",
                               [this] { return check_config(around_, check_); });
        check->add_option("FILE", check_.file, "check only this file, not those in /etc/raxauth")
            ->type_name("")
            ->check(CLI::Validator(
                [](const std::string& name) {
                    // an unset variable of a shell script must not mean "all is well"
                    return std::string(name.empty() ? "the name of the file is empty" : "");
                },
                ""));
        add_json(check, check_.json);
        check->footer("Example: raxauth check-config draft.toml");
        verb(app_, "reload",
             "Makes the daemon read its configuration again (root). If that has errors, the\n"
             "previous configuration stays in use.",
             [this] { return cli::reload(around_); });
    }

    void add_status() {
        CLI::App* added =
            verb(app_, "status",
                 "Shows the state of raxauthd, of Identity and of your session, your limits,\n"
                 "and what sudo asks for in this session.",
                 [this] {
                     return last_option_->count() > 0
                                ? history(around_, last_ != 0 ? last_ : kHistory, json_)
                                : status(around_, json_, probe_);
                 });
        last_option_ = added
                           ->add_option("--last", last_,
                                        "the last verdicts (10) with reasons; root: everybody's")
                           ->expected(0, 1)
                           ->type_name("[N]")
                           ->check(CLI::Range(1U, kMaxHistory).description(""));
        added->add_flag("--probe", probe_, "ask Identity for an answer now");
        add_json(added, json_);
    }

    void add_sessions() {
        add_json(
            verb(app_, "sessions",
                 "Lists the login sessions that are signed in: yours, or everybody's for root.",
                 [this] { return sessions(around_, json_); }),
            json_);
        verb(app_, "logout",
             "Ends the sign-in of this session and revokes its token. The shell goes on.",
             [this] { return logout(around_); });
        CLI::App* flushing =
            verb(app_, "flush", "Ends all sign-ins of a user and revokes the tokens (root).",
                 [this] { return flush(around_, user_); });
        flushing->add_option("USER", user_, "name of the local user")->required();
    }

    void add_token() {
        verb(app_, "token", "Prints the token of this session, alone.",
             [this] { return token(around_); })
            ->footer("Example, with the token in no argument list:\n"
                     "  raxauth token | sed 's/^/X-Auth-Token: /' | curl -H @- https://...");
        verb(app_, "env",
             "Prints shell commands that set the token and its variables (OS_TOKEN ...).",
             [this] { return env(around_); })
            ->footer("Example: eval \"$(raxauth env)\"");
    }

    void add_login() {
        add_stdin(verb(app_, "login",
                       "Signs in for this session, so that sudo and \"raxauth token\" can use it.",
                       [this] { return login(around_, management_.from_stdin); }));
        add_stdin(
            verb(app_, "password",
                 "Changes your Rackspace password. Asks for the present one, shows the rules for\n"
                 "the new one, and asks for that twice.",
                 [this] { return password(around_, management_.from_stdin); }));
    }

    void add_enrolment() {
        CLI::App* added =
            verb(app_, "enrol",
                 "Sets up a second factor: an authenticator app (otp), by QR code or key on this\n"
                 "terminal, or a phone that receives codes by SMS (sms).",
                 [this] { return enrol(around_, factor_, name_, management_.from_stdin); });
        added->add_option("FACTOR", factor_, "otp or sms; you are asked if it is not given")
            ->type_name("")
            ->check(CLI::IsMember({"otp", "sms"}).description(""));
        added->add_option("--name", name_, "name of the authenticator app at Rackspace")
            ->type_name("NAME");
        add_stdin(added);
        CLI::App* codes = verb(
            app_, "bypass-codes",
            "Makes bypass codes and prints them, only now. Each replaces one passcode: anyone\n"
            "who has a code and your password can sign in as you.",
            [this] { return bypass_codes(around_, management_, codes_); });
        codes->add_option("--count", codes_.count, "how many, 1 to 10")
            ->type_name("N")
            ->check(CLI::Range(1U, 10U).description(""));
        codes
            ->add_option("--valid-for", codes_.valid_for,
                         "how long they are valid: 20m, 1h; at most 3h")
            ->type_name("TIME");
        codes->add_option("--user", codes_.user, "make one for another user (administrators)")
            ->type_name("USER");
        add_json_and_stdin(codes);
        codes->footer("Example: raxauth bypass-codes --count 1 --valid-for 20m");
    }

    void add_devices() {
        CLI::App* list =
            verb_with_verbs(app_, "devices", "Lists your authenticator apps and your phone.",
                            [this] { return devices(around_, management_, numbers_); });
        list->add_flag("--numbers", numbers_, "show telephone numbers in full");
        add_json_and_stdin(list);
        CLI::App* removal = verb(*list, "remove", "Removes one of your devices.",
                                 [this] { return remove_device(around_, management_, id_); });
        removal->add_option("ID", id_, "as \"raxauth devices\" lists it")
            ->type_name("")
            ->required();
        add_stdin(removal);
        removal->footer(
            "The last verified device cannot be removed while passcodes come from it. Set up\n"
            "another one first, or disable the second factor.");
        add_device_verification(*list);
    }

    void add_device_verification(CLI::App& list) {
        CLI::App* verification =
            verb(list, "verify", "Verifies a device that was set up and not verified.",
                 [this] { return verify_device(around_, management_, id_); });
        verification->add_option("ID", id_, "as \"raxauth devices\" lists it")
            ->type_name("")
            ->required();
        add_stdin(verification);
    }

    void add_mfa() {
        mfa_ = verb_with_verbs(
            app_, "mfa", "Shows your second factor: on or off, its devices, and who requires it.",
            [this] { return mfa_status(around_, management_); });
        add_json_and_stdin(mfa_);
        add_json_and_stdin(verb(*mfa_, "status", "The same as \"raxauth mfa\".",
                                [this] { return mfa_status(around_, management_); }));
        CLI::App* choice = verb(*mfa_, "default", "Sets where passcodes come from: app or phone.",
                                [this] { return mfa_default(around_, management_, factor_); });
        choice->add_option("FACTOR", factor_, "otp or sms")
            ->type_name("")
            ->required()
            ->check(CLI::IsMember({"otp", "sms"}).description(""));
        add_stdin(choice);
        CLI::App* enable = verb(*mfa_, "enable", "Switches it on. Needs a verified device.",
                                [this] { return mfa_enable(around_, management_, factor_); });
        enable->add_option("FACTOR", factor_, "otp or sms, if both are verified")
            ->type_name("")
            ->check(CLI::IsMember({"otp", "sms"}).description(""));
        add_stdin(enable);
        CLI::App* disable = verb(*mfa_, "disable", "Switches it off. Asks first.", [this] {
            return mfa_disable(around_, management_, with_devices_);
        });
        disable->add_flag("--remove-devices", with_devices_, "also remove all devices");
        add_stdin(disable);
        disable->footer(
            "Devices are kept by default. Bypass codes become invalid. If your domain\n"
            "or an administrator requires a second factor, the next sign-in sets one up.");
    }

    void add_mfa_of_others() {
        CLI::App* unlock = verb(*mfa_, "unlock", "Unlocks a user after too many wrong passcodes.",
                                [this] { return mfa_unlock(around_, management_, user_); });
        unlock->add_option("USER", user_, "Rackspace user name")->type_name("")->required();
        add_stdin(unlock);
        unlock->footer("For administrators of the Rackspace account. You cannot unlock yourself.");
        CLI::App* require =
            verb(*mfa_, "require", "Sets whether a user must have a second factor.",
                 [this] { return mfa_require(around_, management_, user_, level_); });
        require->add_option("USER", user_, "Rackspace user name")->type_name("")->required();
        require->add_option("LEVEL", level_, "default (set by the domain), optional or required")
            ->type_name("")
            ->required()
            ->check(CLI::IsMember({"default", "optional", "required"}).description(""));
        add_stdin(require);
        require->footer("For administrators of the Rackspace account.");
        CLI::App* domain =
            verb_with_verbs(*mfa_, "domain", "Shows whether your domain requires a second factor.",
                            [this] { return mfa_domain(around_, management_); });
        add_json_and_stdin(domain);
        add_json_and_stdin(verb(*domain, "show", "The same as \"raxauth mfa domain\".",
                                [this] { return mfa_domain(around_, management_); }));
        CLI::App* set = verb(*domain, "set", "Sets whether all users must have one.",
                             [this] { return mfa_domain_set(around_, management_, level_); });
        set->add_option("LEVEL", level_, "optional or required")
            ->type_name("")
            ->required()
            ->check(CLI::IsMember({"optional", "required"}).description(""));
        add_stdin(set);
        set->footer(
            "For administrators of the Rackspace account who have a second factor themselves.\n"
            "Users without one are signed out and set one up at the next sign-in.");
    }

    void add_setup() {
        CLI::App* setup = verb_with_verbs(
            app_, "setup",
            "Sets this host up (root): names Identity and organisation, exempts accounts,\n"
            "configures sshd, enables the PAM profiles. Shows the changes and asks first.",
            [this] { return setup_host(around_, host_setup_); });
        setup->add_option("--url", host_setup_.url, "address of Identity")->type_name("URL");
        setup->add_option("--domain", host_setup_.domains, "Rackspace account that belongs here")
            ->type_name("ID");
        setup->add_option("--ca-file", host_setup_.ca_file, "CA of Identity, if not a public one")
            ->type_name("FILE");
        setup
            ->add_option("--exempt", host_setup_.exempt,
                         "account that keeps its local password and keys")
            ->type_name("USER");
        setup->add_flag("--exempt-nobody", host_setup_.exempt_nobody, "there is no such account");
        setup->add_flag("--yes", host_setup_.yes, "ask nothing");
        setup->add_flag("--stdin", host_setup_.from_stdin, "read the answers from standard input");
        setup->add_flag("--undo", host_setup_.undo, "switch PAM and sshd back");
        CLI::App* sshd = verb(*setup, "sshd", "Installs the sshd drop-in (root).",
                              [this] { return setup_sshd(around_, setup_); });
        sshd->add_flag("--reload", setup_.reload, "reload sshd afterwards (systemctl reload ssh)");
        sshd->add_flag("--replace", setup_.replace,
                       "replace another drop-in of that name; kept as *.old");
        sshd->add_flag("--remove", setup_.remove, "take the drop-in away");
        sshd->footer(
            "sshd checks it: if it refuses the drop-in, or another file overrides it, nothing\n"
            "is changed.");
    }

    void add_doctor() {
        CLI::App* added = verb(app_, "doctor",
                               "Looks for what keeps people out, or lets them in, and says what\n"
                               "cures it. Changes nothing. Root sees more than others.\n"
                               "Exit status 1: something is wrong.",
                               [this] { return diagnose(around_, doctor_); });
        added->add_flag("--json", doctor_.json, "print JSON");
        added
            ->add_option("--report", doctor_.report,
                         "also write a report for somebody who helps; no secrets")
            ->type_name("FILE");
    }

    void add_limits() {
        CLI::App* limits =
            app_.add_subcommand("limits", "What was counted against a user on this host (root).");
        limits->require_subcommand(1);
        CLI::App* show =
            verb(*limits, "show", "Shows the counts, and until when sign-ins are refused.",
                 [this] { return show_limits(around_, user_, json_); });
        show->add_option("USER", user_, "name of the local user")->type_name("")->required();
        add_json(show, json_);
        CLI::App* reset = verb(*limits, "reset", "Forgets the counts: the user may sign in again.",
                               [this] { return reset_limits(around_, user_); });
        reset->add_option("USER", user_, "name of the local user")->type_name("")->required();
        reset->footer("Identity has a count of its own: \"raxauth mfa unlock\".");
    }

    const Surroundings& around_;
    CLI::App app_{"", "raxauth"};
    Chosen chosen_;
    CheckConfigOptions check_;
    SshdSetupOptions setup_;
    HostSetupOptions host_setup_;
    DoctorOptions doctor_;
    CLI::Option* last_option_ = nullptr;
    std::uint32_t last_ = 0; ///< 0: --last alone
    bool json_ = false;
    bool probe_ = false;
    std::string user_;
    ManagementOptions management_;
    BypassCodesOptions codes_;
    CLI::App* mfa_ = nullptr;
    std::string name_;
    bool with_devices_ = false;
    bool numbers_ = false;
    std::string factor_;
    std::string level_;
    std::string id_;
};

/// Standard streams may be closed: what is opened next must not take their numbers.
void ensure_standard_streams() {
    int fd = ::open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = ::open("/dev/null", O_RDWR);
    }
    if (fd >= 0) {
        static_cast<void>(::close(fd));
    }
}

/// Scripts that asked for JSON get it in every case; the words for people go beside it.
bool wants_json(int argc, char** argv) {
    return std::any_of(argv + 1, argv + argc,
                       [](const char* word) { return std::string_view(word) == "--json"; });
}

int tell(const Failure& failure, bool json) {
    if (json) {
        const nlohmann::json told{{"error", failure.what()},
                                  {"advice", failure.advice()},
                                  {"exit_status", static_cast<int>(failure.status())}};
        fmt::print("{}\n", told.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    static_cast<void>(std::fflush(stdout)); // in the order in which it happened
    fmt::print(stderr, "raxauth: {}\n", failure.what());
    if (!failure.advice().empty()) {
        fmt::print(stderr, "{}\n", failure.advice());
    }
    return static_cast<int>(failure.status());
}

} // namespace

int run(int argc, char** argv, const Surroundings& around) {
    ensure_standard_streams();
    const rlimit no_core{0, 0}; // a password or token may be in memory
    static_cast<void>(::setrlimit(RLIMIT_CORE, &no_core));
    if (argc < 2) {
        fmt::print(stderr, "{}", kHelp);
        return static_cast<int>(ExitStatus::Usage);
    }
    try {
        CommandLine line(around);
        try {
            line.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return line.exit_after(error);
        }
        const ExitStatus status = line.do_it();
        if (std::fflush(stdout) != 0) {
            throw Failure(ExitStatus::Refused, "cannot write to standard output");
        }
        return static_cast<int>(status);
    } catch (const Failure& failure) {
        return tell(failure, wants_json(argc, argv));
    } catch (const std::exception& fault) {
        return tell(Failure(ExitStatus::Refused, fault.what()), wants_json(argc, argv));
    }
}

} // namespace raxauth::cli
