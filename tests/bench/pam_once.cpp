// SPDX-License-Identifier: Apache-2.0
//
//   pam_once SERVICE USER
//
// One pam_authenticate() in a process of its own. To libpam it is what sshd, sudo and login are,
// and no more: it uses nothing of the C++ library, so that starting it costs what starting them
// costs.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <security/pam_appl.h>

namespace {

extern "C" int converse(int count, const pam_message** messages, pam_response** result,
                        void* /*data*/) {
    auto* responses = static_cast<pam_response*>(
        std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    for (int i = 0; responses != nullptr && i < count; ++i) {
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF) {
            const bool passcode = std::strstr(messages[i]->msg, "asscode: ") != nullptr;
            const char* text = std::getenv(passcode ? "BENCH_CODE" : "BENCH_PASSWORD");
            responses[i].resp = text == nullptr ? nullptr : strdup(text);
        }
    }
    *result = responses;
    return responses == nullptr ? PAM_BUF_ERR : PAM_SUCCESS;
}

} // namespace

int main(int argc, char** argv) {
    const pam_conv conversation{converse, nullptr};
    pam_handle_t* handle = nullptr;
    if (argc != 3 || pam_start(argv[1], argv[2], &conversation, &handle) != PAM_SUCCESS) {
        std::fputs("usage: pam_once SERVICE USER\n", stderr);
        return 2;
    }
    pam_set_item(handle, PAM_RUSER, argv[2]);
    const int code = pam_authenticate(handle, 0);
    if (code != PAM_SUCCESS) {
        std::fprintf(stderr, "pam_once: %s\n", pam_strerror(handle, code));
    }
    pam_end(handle, code);
    return code == PAM_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
