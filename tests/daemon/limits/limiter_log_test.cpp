// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/limiter_log.h"

#include "tests/support/fake_clock.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::limits;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Kind = LimiterRecord::Kind;

namespace {

const WallTime kTime{1768478400123456us};

} // namespace

TEST_GROUP(LimiterLog) {
    testing::FakeClock clock;
    fs::path directory;

    void setup() override {
        std::string name = (fs::temp_directory_path() / "raxauth-limiter-XXXXXX").string();
        CHECK(mkdtemp(name.data()) != nullptr);
        directory = name;
    }
    void teardown() override {
        fs::remove_all(directory);
    }

    static LimiterRecord record(std::uint64_t id) {
        return {Kind::Passcode, kTime, id, "alice", "local"};
    }
    std::string text() {
        std::ifstream file(directory / "limiter.log");
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    std::string ids() {
        LimiterLog log(clock, directory.string());
        std::string result;
        log.replay([&](const LimiterRecord& one) { result += std::to_string(one.id) + ' '; });
        return result;
    }
};

TEST(LimiterLog, keeps_what_was_appended) {
    LimiterLog log(clock, directory.string());
    log.rewrite({});
    log.append({record(1), record(2)});
    log.append({record(3)});

    STRCMP_EQUAL("1 2 3 ", ids().c_str());
    CHECK_FALSE(log.trouble().has_value());
    struct stat status{};
    LONGS_EQUAL(0, stat((directory / "limiter.log").c_str(), &status));
    LONGS_EQUAL(0600, status.st_mode & 07777U);
}

TEST(LimiterLog, skips_damaged_lines_and_takes_the_rest) {
    std::ofstream(directory / "limiter.log")
        << format_limiter_record(record(1)) << "garbage\n\n"
        << format_limiter_record(record(2)).substr(0, 20) << '\n'
        << std::string(100000, 'x') << '\n'
        << std::string("\0\0\0\0", 4) << format_limiter_record(record(3))
        << format_limiter_record(record(4)) << format_limiter_record(record(5)).substr(0, 30);

    STRCMP_EQUAL("1 4 ", ids().c_str());
}

TEST(LimiterLog, a_rewrite_replaces_everything_and_leaves_no_other_file) {
    LimiterLog log(clock, directory.string());
    log.rewrite({});
    log.append({record(1), record(2)});
    std::ofstream(directory / "limiter.log.new") << "left by a crash";

    log.rewrite({record(7)});
    log.append({record(8)});

    STRCMP_EQUAL("7 8 ", ids().c_str());
    CHECK_FALSE(fs::exists(directory / "limiter.log.new"));
}

TEST(LimiterLog, wants_a_rewrite_when_most_of_it_counts_no_more) {
    LimiterLog log(clock, directory.string());
    log.rewrite({});
    std::vector<LimiterRecord> many(1000, record(1));
    for (int i = 0; i < 4; ++i) {
        log.append(many);
        CHECK_FALSE(log.wants_rewrite());
    }

    log.append(many);
    CHECK(log.wants_rewrite());

    log.rewrite(many);
    CHECK_FALSE(log.wants_rewrite());
}

TEST(LimiterLog, a_missing_directory_is_trouble_until_it_is_there) {
    LimiterLog log(clock, (directory / "none").string());
    log.replay([](const LimiterRecord&) { FAIL("nothing to replay"); });
    log.rewrite({record(1)});
    log.append({record(2)});
    CHECK(log.trouble().has_value());
    STRCMP_CONTAINS("/none: No such file or directory", log.trouble()->c_str());
    CHECK_FALSE(log.wants_rewrite()); // not at once

    directory /= "none";
    fs::create_directory(directory);
    clock.advance(1min);
    CHECK(log.wants_rewrite());
    log.rewrite({record(1), record(2)});

    CHECK_FALSE(log.trouble().has_value());
    STRCMP_EQUAL("1 2 ", ids().c_str());
    directory = directory.parent_path();
}

TEST(LimiterLog, a_full_disk_is_trouble_and_a_torn_line_costs_no_other) {
    LimiterLog log(clock, directory.string());
    log.rewrite({});
    log.append({record(1)});
    // A file that must not grow is the full disk that an ordinary test can have.
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    auto* const old_handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{text().size() + 20, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
    log.append({record(2)});
    const bool trouble = log.trouble().has_value();
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);
    CHECK(trouble);
    CHECK(text().back() != '\n'); // says that something is missing
    CHECK_FALSE(log.is_complete());

    log.append({record(3)});
    STRCMP_EQUAL("1 3 ", ids().c_str());
    clock.advance(1min);
    CHECK(log.wants_rewrite());
    log.rewrite({record(1), record(2), record(3)});

    CHECK_FALSE(log.trouble().has_value());
    STRCMP_EQUAL("1 2 3 ", ids().c_str());
}

TEST(LimiterLog, a_file_that_others_may_write_to_is_not_believed) {
    std::ofstream(directory / "limiter.log") << format_limiter_record(record(1));
    fs::permissions(directory / "limiter.log", fs::perms(0666));
    LimiterLog log(clock, directory.string());
    log.replay([](const LimiterRecord&) { FAIL("not to be believed"); });
    log.rewrite({});

    CHECK(log.lost_at() == std::optional(clock.wall())); // the rewrite does not hush that up
    log.rewrite({record(2)});
    STRCMP_EQUAL("2 ", ids().c_str());
}

TEST(LimiterLog, a_link_is_not_followed_but_replaced) {
    std::ofstream(directory / "victim") << "precious";
    fs::create_symlink(directory / "victim", directory / "limiter.log");
    LimiterLog log(clock, directory.string());
    log.replay([](const LimiterRecord&) { FAIL("nothing to replay"); });
    log.rewrite({});
    log.append({record(1)});

    STRCMP_EQUAL("1 ", ids().c_str());
    std::ifstream victim(directory / "victim");
    const std::string content{std::istreambuf_iterator<char>(victim), {}};
    STRCMP_EQUAL("precious", content.c_str());
}

TEST(LimiterLog, says_when_records_were_lost) {
    LimiterLog log(clock, directory.string());
    log.replay([](const LimiterRecord&) { FAIL("nothing to replay"); });
    CHECK_FALSE(log.lost_at().has_value()); // nothing was ever counted
    log.rewrite({});
    log.append({record(1)});
    const std::string whole = text();

    struct Row {
        const char* name;
        std::string content;
        bool lost;
    };
    const Row rows[] = {
        {"whole", whole, false},
        {"empty", "", true},
        {"one line is torn", whole.substr(0, whole.size() - 9), true},
        {"the last newline is missing", whole.substr(0, whole.size() - 1), true},
        {"nothing but nonsense", "nonsense\n", true},
        {"nonsense among lines", "nonsense\n" + whole, false},
    };
    for (const Row& row : rows) {
        std::ofstream(directory / "limiter.log") << row.content;
        LimiterLog next(clock, directory.string());
        next.replay([](const LimiterRecord&) {});
        CHECK_TRUE_TEXT(row.lost == next.lost_at().has_value(), row.name);
        // Still known after one more restart, for as long as it matters.
        next.rewrite({});
        clock.advance(10min);
        LimiterLog after(clock, directory.string());
        after.replay([](const LimiterRecord&) {});
        CHECK_TRUE_TEXT(row.lost == after.lost_at().has_value(), row.name);
    }
}

TEST(LimiterLog, without_space_from_the_beginning_leaves_a_trace_of_what_is_lost) {
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    auto* const old_handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{0, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
    LimiterLog log(clock, directory.string());
    log.replay([](const LimiterRecord&) {});
    log.rewrite({});
    const bool made_at_once = fs::exists(directory / "limiter.log");
    log.append({record(1)});
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);

    CHECK_FALSE(made_at_once); // nothing was lost yet
    CHECK_FALSE(log.is_complete());
    LimiterLog next(clock, directory.string());
    next.replay([](const LimiterRecord&) {});
    CHECK(next.lost_at() == std::optional(clock.wall()));
}

TEST(LimiterLog, goes_on_with_the_file_it_has_when_there_is_no_space_for_another) {
    {
        LimiterLog log(clock, directory.string());
        log.rewrite({});
        log.append({record(1)});
    }
    fs::create_directory(directory / "limiter.log.new"); // in the way of every rewrite
    LimiterLog log(clock, directory.string());
    log.replay([](const LimiterRecord&) {});
    log.rewrite({record(1)});

    CHECK(log.trouble().has_value());
    CHECK(log.is_complete()); // whatever counts is on disk
    log.append({record(2)});
    CHECK(log.is_complete());
    STRCMP_EQUAL("1 2 ", ids().c_str());
}

TEST(LimiterLog, of_a_file_that_is_too_long_the_oldest_lines_go) {
    {
        std::ofstream file(directory / "limiter.log");
        for (std::uint64_t id = 1; id <= 3; ++id) {
            file << format_limiter_record(record(id));
        }
        const std::string filler(1U << 20U, '#');
        for (int i = 0; i < 65; ++i) {
            file << filler << '\n';
        }
        file << format_limiter_record(record(4));
    }
    STRCMP_EQUAL("4 ", ids().c_str());
}

TEST(LimiterLog, keeps_disk_space_in_reserve) {
    LimiterLog log(clock, directory.string());
    log.rewrite({});
    struct stat status{};
    LONGS_EQUAL(0, stat((directory / "limiter.log").c_str(), &status));
    CHECK(status.st_blocks * 512 >= 256 * 1024);
    CHECK(status.st_size < 100);
}
