// SPDX-License-Identifier: Apache-2.0
#include "cli/line_prompter.h"

#include "cli/failure.h"
#include "cli/write_all.h"
#include "common/secret_pipe.h"

#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <unistd.h>

namespace raxauth::cli {

namespace {

void write_line(const std::string& text) {
    static_cast<void>(write_all(STDERR_FILENO, text) && write_all(STDERR_FILENO, "\n"));
}

} // namespace

void LinePrompter::show(contract::MessageKind /*kind*/, const std::string& text) {
    write_line(text);
}

std::optional<Secret> LinePrompter::ask(contract::MessageKind /*kind*/, const std::string& text) {
    write_line(text);
    Secret line;
    line.reserve(kMaxSecretBytes);
    // Byte by byte: what follows the line may be meant for the next program.
    for (bool any = false;; any = true) {
        char byte = 0;
        const ssize_t count = ::read(fd_, &byte, 1);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            throw Failure(ExitStatus::Usage,
                          fmt::format("standard input cannot be read: {}", std::strerror(errno)));
        }
        if (count == 0) {
            return any ? std::optional(std::move(line)) : std::nullopt;
        }
        if (byte == '\n') {
            return line;
        }
        if (line.size() == kMaxSecretBytes) {
            throw Failure(ExitStatus::Usage, "a line on standard input is too long",
                          "Give each answer on a line of its own.");
        }
        line.append(byte);
    }
}

} // namespace raxauth::cli
