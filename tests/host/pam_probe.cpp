// SPDX-License-Identifier: Apache-2.0
//
// A PAM application for tests: runs the steps named on its command line on one PAM handle and
// tells on standard output, one JSON object a line, what the stack asked, answered and left behind.
//
//   pam_probe SERVICE USER [--item NAME=VALUE]... [--env NAME=VALUE]... [--repeat N] STEP...
//
// Steps: authenticate acct_mgmt setcred open_session close_session chauthtok, each with an optional
// flag after a colon (setcred:delete, authenticate:silent), user=NAME (changes PAM_USER), env
// (lists the PAM environment) and wait (reads a line). Items: tty rhost ruser authtok.
// Each "ask" line wants one line on standard input: {"answer": TEXT}, {"answer": null} for a NULL
// response, or {"fail": true} for a conversation that fails.
//
// The modules see descriptors 1 and 2 that lead into files of ours, so that what they write there
// is found ("wrote" of the last line).
#include <security/pam_appl.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <pwd.h>
#include <string>
#include <vector>

using nlohmann::json;

namespace {

FILE* out = nullptr; // our own standard output; descriptor 1 is the modules'

void tell(const json& what) {
    const std::string line = what.dump(-1, ' ', false, json::error_handler_t::replace);
    fprintf(out, "%s\n", line.c_str());
    fflush(out);
}

json next_line() {
    std::string line;
    if (!std::getline(std::cin, line)) {
        return json::object({{"fail", true}});
    }
    return json::parse(line);
}

const char* style_word(int style) {
    switch (style) {
    case PAM_PROMPT_ECHO_OFF:
        return "hidden";
    case PAM_PROMPT_ECHO_ON:
        return "shown";
    case PAM_ERROR_MSG:
        return "error";
    case PAM_TEXT_INFO:
        return "info";
    default:
        return "unknown";
    }
}

void forget(pam_response* responses, int count) {
    for (int i = 0; i < count; ++i) {
        free(responses[i].resp);
    }
    free(responses);
}

extern "C" int converse(int count, const pam_message** messages, pam_response** result, void*) {
    auto* responses = static_cast<pam_response*>(calloc(count, sizeof(pam_response)));
    if (responses == nullptr) {
        return PAM_BUF_ERR;
    }
    for (int i = 0; i < count; ++i) {
        const int style = messages[i]->msg_style;
        const bool asks = style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;
        tell({{"event", asks ? "ask" : "message"},
              {"style", style_word(style)},
              {"text", messages[i]->msg}});
        if (!asks) {
            continue;
        }
        const json reply = next_line();
        if (reply.value("fail", false)) {
            forget(responses, count);
            return PAM_CONV_ERR;
        }
        if (reply["answer"].is_string()) {
            responses[i].resp = strdup(reply["answer"].get<std::string>().c_str());
        }
    }
    *result = responses;
    return PAM_SUCCESS;
}

/// What a PAM application must find as it was: everything of the process that a module could touch.
json process_state() {
    json descriptors = json::object();
    DIR* folder = opendir("/proc/self/fd");
    while (const dirent* entry = readdir(folder)) {
        const int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(folder)) {
            continue;
        }
        char target[256] = {};
        const std::string link = std::string("/proc/self/fd/") + entry->d_name;
        if (readlink(link.c_str(), target, sizeof target - 1) >= 0) {
            descriptors[entry->d_name] = target;
        }
    }
    closedir(folder);

    json signals = json::object();
    for (int number = 1; number < SIGRTMAX; ++number) {
        struct sigaction action{};
        if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL) {
            signals[std::to_string(number)] = action.sa_handler == SIG_IGN ? "ignored" : "handled";
        }
    }
    sigset_t mask;
    sigprocmask(SIG_BLOCK, nullptr, &mask);
    json blocked = json::array();
    for (int number = 1; number < SIGRTMAX; ++number) {
        if (sigismember(&mask, number) == 1) {
            blocked.push_back(number);
        }
    }

    int threads = 0;
    DIR* tasks = opendir("/proc/self/task");
    while (const dirent* entry = readdir(tasks)) {
        threads += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(tasks);

    json environment = json::array();
    for (char** entry = environ; *entry != nullptr; ++entry) {
        environment.push_back(*entry);
    }

    std::ifstream maps("/proc/self/maps");
    bool mapped = false;
    for (std::string line; std::getline(maps, line);) {
        mapped = mapped || line.find("pam_raxauth") != std::string::npos;
    }

    const mode_t mask_before = umask(0);
    umask(mask_before);
    char folder_name[4096] = {};
    const char* cwd = getcwd(folder_name, sizeof folder_name);
    return {{"descriptors", descriptors},
            {"signals", signals},
            {"blocked", blocked},
            {"threads", threads},
            {"environment", environment},
            {"module mapped", mapped},
            {"umask", mask_before},
            {"cwd", cwd == nullptr ? "" : cwd},
            {"locale", setlocale(LC_ALL, nullptr)},
            {"uids", {getuid(), geteuid(), getgid(), getegid()}}};
}

std::string content(int fd) {
    std::string text;
    char part[4096];
    lseek(fd, 0, SEEK_SET);
    for (ssize_t got = 0; (got = read(fd, part, sizeof part)) > 0;) {
        text.append(part, static_cast<size_t>(got));
    }
    return text;
}

std::string code_word(int code) {
    static const std::map<int, const char*> words = {
        {PAM_SUCCESS, "PAM_SUCCESS"},
        {PAM_SYSTEM_ERR, "PAM_SYSTEM_ERR"},
        {PAM_SERVICE_ERR, "PAM_SERVICE_ERR"},
        {PAM_BUF_ERR, "PAM_BUF_ERR"},
        {PAM_PERM_DENIED, "PAM_PERM_DENIED"},
        {PAM_AUTH_ERR, "PAM_AUTH_ERR"},
        {PAM_CRED_INSUFFICIENT, "PAM_CRED_INSUFFICIENT"},
        {PAM_AUTHINFO_UNAVAIL, "PAM_AUTHINFO_UNAVAIL"},
        {PAM_USER_UNKNOWN, "PAM_USER_UNKNOWN"},
        {PAM_MAXTRIES, "PAM_MAXTRIES"},
        {PAM_NEW_AUTHTOK_REQD, "PAM_NEW_AUTHTOK_REQD"},
        {PAM_ACCT_EXPIRED, "PAM_ACCT_EXPIRED"},
        {PAM_SESSION_ERR, "PAM_SESSION_ERR"},
        {PAM_CRED_UNAVAIL, "PAM_CRED_UNAVAIL"},
        {PAM_CRED_ERR, "PAM_CRED_ERR"},
        {PAM_CONV_ERR, "PAM_CONV_ERR"},
        {PAM_AUTHTOK_ERR, "PAM_AUTHTOK_ERR"},
        {PAM_TRY_AGAIN, "PAM_TRY_AGAIN"},
        {PAM_IGNORE, "PAM_IGNORE"},
        {PAM_ABORT, "PAM_ABORT"},
        {PAM_MODULE_UNKNOWN, "PAM_MODULE_UNKNOWN"},
        {PAM_OPEN_ERR, "PAM_OPEN_ERR"},
    };
    const auto found = words.find(code);
    return found == words.end() ? "PAM code " + std::to_string(code) : found->second;
}

int flags_of(const std::string& word) {
    static const std::map<std::string, int> flags = {
        {"", 0},
        {"silent", PAM_SILENT},
        {"disallow_null", PAM_DISALLOW_NULL_AUTHTOK},
        {"establish", PAM_ESTABLISH_CRED},
        {"delete", PAM_DELETE_CRED},
        {"reinitialize", PAM_REINITIALIZE_CRED},
        {"refresh", PAM_REFRESH_CRED},
        {"expired", PAM_CHANGE_EXPIRED_AUTHTOK},
    };
    return flags.at(word);
}

void list_environment(pam_handle_t* handle) {
    json variables = json::array();
    char** list = pam_getenvlist(handle);
    for (char** entry = list; entry != nullptr && *entry != nullptr; ++entry) {
        variables.push_back(*entry);
        free(*entry);
    }
    free(static_cast<void*>(list));
    tell({{"event", "env"}, {"variables", variables}});
}

/// Runs one step and tells its result; the code, or PAM_SUCCESS for steps that have none.
int run_step(pam_handle_t* handle, const std::string& step) {
    if (step == "env") {
        list_environment(handle);
        return PAM_SUCCESS;
    }
    if (step == "wait") {
        tell({{"event", "waiting"}});
        next_line();
        return PAM_SUCCESS;
    }
    if (step.rfind("user=", 0) == 0) {
        return pam_set_item(handle, PAM_USER, step.c_str() + 5);
    }
    using Hook = int (*)(pam_handle_t*, int);
    static const std::map<std::string, Hook> hooks = {
        {"authenticate", pam_authenticate},
        {"acct_mgmt", pam_acct_mgmt},
        {"setcred", pam_setcred},
        {"open_session", pam_open_session},
        {"close_session", pam_close_session},
        {"chauthtok", pam_chauthtok},
    };
    const size_t colon = step.find(':');
    const std::string name = step.substr(0, colon);
    const std::string flag = colon == std::string::npos ? "" : step.substr(colon + 1);
    const auto start = std::chrono::steady_clock::now();
    const int code = hooks.at(name)(handle, flags_of(flag));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const void* user = nullptr;
    pam_get_item(handle, PAM_USER, &user);
    tell({{"event", "step"},
          {"name", name},
          {"code", code_word(code)},
          {"seconds", took.count()},
          {"user", user == nullptr ? "" : static_cast<const char*>(user)}});
    return code;
}

struct Request {
    std::string service;
    std::string user;
    std::vector<std::pair<int, std::string>> items;
    std::vector<std::string> environment;
    std::vector<std::string> steps;
    int repeat = 1;
};

Request request_of(int argc, char** argv) {
    static const std::map<std::string, int> items = {
        {"tty", PAM_TTY}, {"rhost", PAM_RHOST}, {"ruser", PAM_RUSER}, {"authtok", PAM_AUTHTOK}};
    Request request;
    std::vector<std::string> words;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--item" && i + 1 < argc) {
            const std::string item = argv[++i];
            const size_t equals = item.find('=');
            request.items.emplace_back(items.at(item.substr(0, equals)), item.substr(equals + 1));
        } else if (word == "--env" && i + 1 < argc) {
            request.environment.emplace_back(argv[++i]);
        } else if (word == "--repeat" && i + 1 < argc) {
            request.repeat = atoi(argv[++i]);
        } else {
            words.push_back(word);
        }
    }
    if (words.size() < 3) {
        throw std::runtime_error("usage: pam_probe SERVICE USER [options] STEP...");
    }
    request.service = words[0];
    request.user = words[1];
    request.steps.assign(words.begin() + 2, words.end());
    return request;
}

int run(const Request& request) {
    const pam_conv conversation = {converse, nullptr};
    pam_handle_t* handle = nullptr;
    int code = pam_start(request.service.c_str(), request.user.c_str(), &conversation, &handle);
    if (code != PAM_SUCCESS) {
        tell({{"event", "step"}, {"name", "start"}, {"code", code_word(code)}});
        return code;
    }
    for (const auto& [item, value] : request.items) {
        pam_set_item(handle, item, value.c_str());
    }
    for (const std::string& variable : request.environment) {
        pam_putenv(handle, variable.c_str());
    }
    for (const std::string& step : request.steps) {
        code = run_step(handle, step);
    }
    pam_end(handle, code);
    return code;
}

} // namespace

int main(int argc, char** argv) {
    out = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100), "w");
    const int written = memfd_create("written", MFD_CLOEXEC);
    dup2(written, STDOUT_FILENO);
    dup2(written, STDERR_FILENO);
    try {
        const Request request = request_of(argc, argv);
        // what libc itself opens once and keeps: not a module's doing
        syslog(LOG_AUTHPRIV | LOG_DEBUG, "pam_probe: %s %s", request.service.c_str(),
               request.user.c_str());
        getpwnam(request.user.c_str());
        const json before = process_state();
        int code = PAM_SUCCESS;
        for (int i = 0; i < request.repeat; ++i) {
            code = run(request);
        }
        fflush(nullptr);
        tell({{"event", "end"},
              {"code", code_word(code)},
              {"before", before},
              {"after", process_state()},
              {"wrote", content(written)}});
        return code == PAM_SUCCESS ? 0 : 1;
    } catch (const std::exception& error) {
        tell({{"event", "failed"}, {"text", error.what()}});
        return 2;
    }
}
