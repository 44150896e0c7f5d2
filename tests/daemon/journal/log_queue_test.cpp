// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/log_queue.h"

#include "tests/support/temporary_directory.h"

#include <filesystem>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::journal;
using namespace raxauth::testing;

namespace {

/// A logger that reads when it is told to.
class Logger {
  public:
    explicit Logger(const std::string& path) {
        std::filesystem::remove(path);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path.copy(name.sun_path, sizeof name.sun_path - 1);
        fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        LONGS_EQUAL(0, ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name));
    }
    std::vector<std::string> read() {
        std::vector<std::string> lines;
        char buffer[4096];
        ssize_t got = 0;
        while ((got = ::recv(fd_.get(), buffer, sizeof buffer, 0)) >= 0) {
            lines.emplace_back(buffer, static_cast<std::size_t>(got));
        }
        return lines;
    }

  private:
    UniqueFd fd_;
};

} // namespace

TEST_GROUP(LogQueue) {
    TemporaryDirectory place;
    const std::string native = place.path() + "/native";
    const std::string syslog = place.path() + "/syslog";
    LogQueue queue{native, syslog, [](std::uint64_t lost) {
                       return LogLine{"lost " + std::to_string(lost), "lost"};
                   }};

    void write(std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) {
            queue.write({"line " + std::to_string(i), "syslog " + std::to_string(i)});
        }
    }
};

TEST(LogQueue, gives_each_line_to_journald_or_to_syslog_where_there_is_no_journald) {
    Logger old(syslog);
    write(0, 1);
    CHECK(old.read() == std::vector<std::string>{"syslog 0"});

    Logger journald(native);
    write(1, 2);
    CHECK(journald.read() == std::vector<std::string>{"line 1"});
    CHECK(old.read().empty());
}

TEST(LogQueue, finds_a_logger_that_was_started_anew) {
    {
        Logger journald(native);
        write(0, 1);
    }
    Logger journald(native);
    write(1, 2);
    CHECK(journald.read() == std::vector<std::string>{"line 1"});
}

TEST(LogQueue, waits_for_no_logger_keeps_lines_in_order_and_counts_those_that_are_lost) {
    Logger stuck(native);
    const std::size_t all = LogQueue::kMost + 4000; // more than kernel and queue hold
    write(0, all);
    LONGS_EQUAL(LogQueue::kMost, queue.waiting());
    CHECK(queue.lost() > 0);
    const std::uint64_t lost = queue.lost();

    std::vector<std::string> read;
    while (!queue.flush()) {
        for (std::string& line : stuck.read()) {
            read.push_back(std::move(line));
        }
    }
    for (std::string& line : stuck.read()) {
        read.push_back(std::move(line));
    }

    LONGS_EQUAL(all - lost + 1, read.size());
    for (std::size_t i = 0; i + 1 < read.size(); ++i) {
        STRCMP_EQUAL(("line " + std::to_string(i)).c_str(), read[i].c_str());
    }
    STRCMP_EQUAL(("lost " + std::to_string(lost)).c_str(), read.back().c_str());
    write(all, all + 1);
    CHECK(stuck.read() == std::vector<std::string>{"line " + std::to_string(all)});
}

TEST(LogQueue, without_any_logger_holds_nothing) {
    write(0, 10);
    LONGS_EQUAL(0, queue.waiting());
    LONGS_EQUAL(0, queue.lost());
}
