// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"
#include "daemon/journal/journal.h"
#include "daemon/scrub/scrub.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fmt/core.h>
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <system_error>
#include <unistd.h>

namespace {

constexpr const char* kUser = "raxauth";
constexpr rlim_t kDescriptors = 262144; // each session holds one, of its leader

constexpr const char* kHelp =
    R"(raxauthd: signs people in with Rackspace Cloud Identity; see raxauthd(8)

Usage: raxauthd [OPTION]...
Started by systemd or by the system bus when somebody first asks.

  --config FILE    in place of /etc/raxauth/raxauth.toml
  --drop-ins DIR   in place of /etc/raxauth/raxauth.d
  --state DIR      in place of /var/lib/raxauth
  --foreground     write to standard error, not to the journal
  --debug          say more
  --help, --version
)";

struct Options {
    raxauth::Places places;
    bool foreground = false;
    bool debug = false;
};

/// Exits by itself for --help, --version and mistakes.
Options parse(int argc, char** argv) {
    enum { kConfig = 1, kDropIns, kState, kForeground, kDebug, kHelpOption, kVersion };
    const option known[] = {
        {"config", required_argument, nullptr, kConfig},
        {"drop-ins", required_argument, nullptr, kDropIns},
        {"state", required_argument, nullptr, kState},
        {"foreground", no_argument, nullptr, kForeground},
        {"debug", no_argument, nullptr, kDebug},
        {"help", no_argument, nullptr, kHelpOption},
        {"version", no_argument, nullptr, kVersion},
        {nullptr, 0, nullptr, 0},
    };
    Options options;
    for (int found = 0; (found = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (found) {
        case kConfig:
            options.places.settings.file = optarg;
            break;
        case kDropIns:
            options.places.settings.directory = optarg;
            break;
        case kState:
            options.places.state_directory = optarg;
            break;
        case kForeground:
            options.foreground = true;
            break;
        case kDebug:
            options.debug = true;
            break;
        case kHelpOption:
            fmt::print("{}", kHelp);
            std::exit(EXIT_SUCCESS);
        case kVersion:
            fmt::print("raxauthd {}\n", RAXAUTH_VERSION);
            std::exit(EXIT_SUCCESS);
        default:
            std::exit(2);
        }
    }
    if (optind != argc) {
        fmt::print(stderr, "raxauthd: it takes no arguments; see --help\n");
        std::exit(2);
    }
    return options;
}

/// Standard streams may be closed: what is opened next must not take their numbers.
void ensure_standard_streams() {
    for (int fd = ::open("/dev/null", O_RDWR); fd >= 0 && fd <= STDERR_FILENO;) {
        fd = ::open("/dev/null", O_RDWR);
    }
}

/// The daemon never runs as root. Started by root (by hand; systemd and dbus-daemon change the user
/// themselves), it makes its state directory and becomes its own user.
void become_own_user(const std::string& state_directory) {
    if (::geteuid() != 0) {
        return;
    }
    const passwd* user = ::getpwnam(kUser); // NOLINT(concurrency-mt-unsafe): no thread yet
    if (user == nullptr) {
        throw std::runtime_error(fmt::format("there is no user {}: run systemd-sysusers", kUser));
    }
    if (::mkdir(state_directory.c_str(), 0700) == 0 &&
        ::chown(state_directory.c_str(), user->pw_uid, user->pw_gid) < 0) {
        throw std::system_error(errno, std::generic_category(), state_directory);
    }
    if (::initgroups(kUser, user->pw_gid) < 0 ||
        ::setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        ::setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0) {
        throw std::system_error(errno, std::generic_category(), "become user raxauth");
    }
}

/// glibc raises the size from which memory is given back at once to that of the largest block
/// freed, which would keep the 16 MiB of every scrypt resident for good; and gives each thread a
/// heap. What lies free at the heap's end is given back when the daemon has nothing to do, not at
/// every request.
void set_up_heap() {
    constexpr int kGivenBackAtOnce = 256 * 1024;
    constexpr int kKeptAtTheEnd = 4 * 1024 * 1024;
    static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kGivenBackAtOnce));
    static_cast<void>(::mallopt(M_TRIM_THRESHOLD, kKeptAtTheEnd));
    static_cast<void>(::mallopt(M_ARENA_MAX, 1));
}

/// What the unit sets too, for hosts where no unit does.
void limit_self() {
    ::umask(0077);
    const rlimit no_core{0, 0};
    static_cast<void>(::setrlimit(RLIMIT_CORE, &no_core));
    static_cast<void>(::prctl(PR_SET_DUMPABLE, 0)); // no core, no ptrace by the same user
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < kDescriptors) {
        files.rlim_cur = files.rlim_max < kDescriptors ? files.rlim_max : kDescriptors;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
    }
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN)); // OpenSSL writes without MSG_NOSIGNAL
    if (::chdir("/") < 0) {
        throw std::system_error(errno, std::generic_category(), "chdir to /");
    }
}

} // namespace

int main(int argc, char** argv) {
    set_up_heap();
    raxauth::scrub::install(); // before anything allocates through OpenSSL or libcurl
    ensure_standard_streams();
    const Options options = parse(argc, argv);
    ::openlog("raxauthd", LOG_NDELAY, LOG_AUTHPRIV);
    raxauth::journal::set_foreground(options.foreground);
    raxauth::journal::set_debug(options.debug);
    try {
        become_own_user(options.places.state_directory);
        limit_self();
        raxauth::Daemon daemon(options.places);
        return daemon.run();
    } catch (const std::exception& fault) {
        raxauth::journal::error(fmt::format("cannot run: {}", fault.what()));
        fmt::print(stderr, "raxauthd: {}\n", fault.what());
        return EXIT_FAILURE;
    }
}
