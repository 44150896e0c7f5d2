// SPDX-License-Identifier: Apache-2.0
//
// A PAM application that does one thing many times and says how long each took.
//
//   pam_series USER [--session SERVICE]    reads commands from standard input:
//     code TEXT                 the passcode from now on (the password is in BENCH_PASSWORD)
//     run SERVICE N             N times pam_start, pam_authenticate, pam_end in this process
//     fresh SERVICE N           the same in a process of its own each (pam_once), fork to end
//     user N PROGRAM ARG...     N times PROGRAM as USER, from fork to its end
//     root FILE PROGRAM ARG...  PROGRAM as root, once, its output in FILE
//   pam_series USER --once SERVICE         one transaction; status 0 if it was granted
//   pam_series USER --residue SERVICE N    N transactions; what they left in the process, as JSON
//
// --session signs USER in through SERVICE first and opens a session as sshd does (login uid, then
// open_session with the ticket). The commands are served by a process of its own in that session:
// the one that opened it has the module loaded. --in-session takes the ids a program like sudo has
// there: real uid USER's, effective uid root's; it may stand before --once and --residue too.
#include "common/handle.h"
#include "tests/bench/samples.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <grp.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <pwd.h>
#include <security/pam_appl.h>
#include <set>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char** environ; // NOLINT(readability-redundant-declaration)

using namespace raxauth;

namespace {

constexpr const char* kPasswordVariable = "BENCH_PASSWORD";
constexpr const char* kCodeVariable = "BENCH_CODE";

char* answer_to(const char* prompt) {
    const bool passcode = std::strstr(prompt, "asscode: ") != nullptr;
    const char* text = std::getenv(passcode ? kCodeVariable : kPasswordVariable);
    return text == nullptr ? nullptr : strdup(text);
}

extern "C" int converse(int count, const pam_message** messages, pam_response** result,
                        void* /*data*/) {
    auto* responses = static_cast<pam_response*>(
        std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    for (int i = 0; responses != nullptr && i < count; ++i) {
        const int style = messages[i]->msg_style;
        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) {
            responses[i].resp = answer_to(messages[i]->msg);
        }
    }
    *result = responses;
    return responses == nullptr ? PAM_BUF_ERR : PAM_SUCCESS;
}

void require(int code, pam_handle_t* handle, const char* what) {
    if (code != PAM_SUCCESS) {
        throw std::runtime_error(std::string(what) + ": " + pam_strerror(handle, code));
    }
}

/// A PAM handle from pam_start to pam_end.
class Transaction {
  public:
    Transaction(const std::string& service, const std::string& user) {
        static const pam_conv conversation{converse, nullptr};
        require(pam_start(service.c_str(), user.c_str(), &conversation, &handle_), nullptr,
                "pam_start");
        pam_set_item(handle_, PAM_RUSER, user.c_str());
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() { pam_end(handle_, PAM_SUCCESS); }

    void authenticate() { require(pam_authenticate(handle_, 0), handle_, "pam_authenticate"); }
    pam_handle_t* handle() const { return handle_; }

  private:
    pam_handle_t* handle_ = nullptr;
};

void transact(const std::string& service, const std::string& user) {
    Transaction(service, user).authenticate();
}

const passwd& account(const std::string& user) {
    const passwd* found = ::getpwnam(user.c_str());
    if (found == nullptr) {
        throw std::runtime_error("no such user: " + user);
    }
    return *found;
}

/// Effective and saved uid stay root's.
void set_real_uid(uid_t real) {
    if (::setresuid(real, 0, 0) < 0) {
        throw std::runtime_error("setresuid failed");
    }
}

void take_real_ids(const std::string& user) {
    const passwd& who = account(user);
    if (::initgroups(user.c_str(), who.pw_gid) < 0 || ::setresgid(who.pw_gid, 0, 0) < 0) {
        throw std::runtime_error("cannot take the user's groups");
    }
    set_real_uid(who.pw_uid);
}

/// What sshd does; the session lasts as long as the transaction it returns.
std::unique_ptr<Transaction> open_session(const std::string& service, const std::string& user) {
    auto transaction = std::make_unique<Transaction>(service, user);
    transaction->authenticate();
    std::ofstream("/proc/self/loginuid") << account(user).pw_uid;
    require(pam_setcred(transaction->handle(), PAM_ESTABLISH_CRED), transaction->handle(),
            "pam_setcred");
    require(pam_open_session(transaction->handle(), 0), transaction->handle(), "pam_open_session");
    take_real_ids(user);
    return transaction;
}

/// Runs a program to its end, which must be a good one. RESET: with the real uid as its only one.
/// OUTPUT null: it speaks with whoever commands us.
void run_program(std::vector<std::string> words, bool reset, const char* output = "/dev/null") {
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, reset ? POSIX_SPAWN_RESETIDS : 0);
    posix_spawn_file_actions_init(&actions);
    if (output != nullptr) {
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output,
                                         O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    pid_t pid = 0;
    const int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    int status = -1;
    if (error != 0 || ::waitpid(pid, &status, 0) < 0 || status != 0) {
        throw std::runtime_error(words[0] + " failed, status " + std::to_string(status));
    }
}

std::vector<double> repeated(unsigned count, const std::function<void()>& work) {
    std::vector<double> samples;
    for (unsigned i = 0; i < count; ++i) {
        samples.push_back(bench::timed(work));
    }
    return samples;
}

/// Shared objects mapped into this process.
std::set<std::string> libraries() {
    std::set<std::string> found;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        const std::size_t at = line.find('/');
        if (at != std::string::npos && line.find(".so", at) != std::string::npos) {
            found.insert(line.substr(at));
        }
    }
    return found;
}

/// Exact, unlike statm's counters, which lag by a few dozen pages.
long resident_kb() {
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string line; std::getline(rollup, line);) {
        if (line.rfind("Rss:", 0) == 0) {
            return std::stol(line.substr(4));
        }
    }
    throw std::runtime_error("no Rss in smaps_rollup");
}

void residue(const std::string& service, const std::string& user, unsigned count) {
    const std::set<std::string> before = libraries();
    transact("bench-permit", user); // what libpam and libc keep is not the module's doing
    resident_kb();
    const long first = resident_kb();
    for (unsigned i = 0; i < count; ++i) {
        transact(service, user);
    }
    const long kept = resident_kb() - first;
    nlohmann::json added = nlohmann::json::array();
    Transaction transaction(service, user);
    transaction.authenticate();
    for (const std::string& library : libraries()) {
        if (!before.contains(library)) {
            added.push_back(library);
        }
    }
    std::cout << nlohmann::json{{"libraries", added}, {"kept_kb", kept}} << std::endl;
}

/// A program that stands beside this one.
std::string neighbour(const char* name) {
    return std::filesystem::read_symlink("/proc/self/exe").replace_filename(name).string();
}

void serve(const std::string& user) {
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream in(line);
        std::string what;
        std::string name;
        unsigned count = 0;
        in >> what;
        if (what == "code") {
            in >> name;
            ::setenv(kCodeVariable, name.c_str(), 1);
        } else if (what == "run") {
            in >> name >> count;
            bench::print_samples(repeated(count, [&] { transact(name, user); }));
        } else if (what == "fresh") {
            in >> name >> count;
            bench::print_samples(
                repeated(count, [&] { run_program({neighbour("pam_once"), name, user}, false); }));
        } else if (what == "user") {
            std::vector<std::string> words;
            in >> count;
            while (in >> name) {
                words.push_back(name);
            }
            bench::print_samples(repeated(count, [&] { run_program(words, true); }));
        } else if (what == "root") {
            std::string file;
            std::vector<std::string> words;
            in >> file;
            while (in >> name) {
                words.push_back(name);
            }
            const uid_t real = ::getuid();
            set_real_uid(0);
            run_program(words, false, file.c_str());
            set_real_uid(real);
            std::cout << "true" << std::endl;
        } else {
            throw std::runtime_error("unknown command " + what);
        }
    }
}

void run(std::vector<std::string> words) {
    const std::string user = words.at(1);
    words.erase(words.begin(), words.begin() + 2);
    if (!words.empty() && words[0] == "--in-session") {
        take_real_ids(user);
        words.erase(words.begin());
    }
    if (words.empty()) {
        std::cout << "true" << std::endl;
        serve(user);
    } else if (words[0] == "--session") {
        const std::unique_ptr<Transaction> session = open_session(words.at(1), user);
        run_program({"/proc/self/exe", user, "--in-session"}, false, nullptr);
        pam_close_session(session->handle(), 0);
    } else if (words[0] == "--once") {
        transact(words.at(1), user);
    } else if (words[0] == "--residue") {
        residue(words.at(1), user, static_cast<unsigned>(std::stoul(words.at(2))));
    } else {
        throw std::runtime_error("unknown option " + words[0]);
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        run({argv, argv + argc});
        return EXIT_SUCCESS;
    } catch (const std::exception& fault) {
        std::cerr << "pam_series: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
