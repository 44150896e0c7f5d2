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

std::string without_newline(std::string line) {
    CHECK(!line.empty() && line.back() == '\n');
    line.pop_back();
    return line;
}

} // namespace

TEST_GROUP(LimiterRecord){};

TEST(LimiterRecord, is_a_line_that_people_can_read) {
    STRCMP_EQUAL(
        "1 1768478400.123456 passcode 7 alice.smith host%20192.0.2.7 any .\n",
        format_limiter_record({Kind::Passcode, kTime, 7, "alice.smith", "host 192.0.2.7"}).c_str());
    STRCMP_EQUAL("1 1768478400.123456 refund 7 alice - any .\n",
                 format_limiter_record({Kind::Refund, kTime, 7, "alice", ""}).c_str());
}

TEST(LimiterRecord, is_read_as_it_was_written_whatever_the_names) {
    const std::string every_byte = [] {
        std::string bytes;
        for (int byte = 0; byte < 256; ++byte) {
            bytes += static_cast<char>(byte);
        }
        return bytes;
    }();
    for (const Kind kind : {Kind::Passcode, Kind::Challenge, Kind::Refund, Kind::Password,
                            Kind::Ban, Kind::SignedIn, Kind::Known}) {
        for (const std::string& name :
             {std::string("a"), std::string("-"), std::string("%"), std::string("%41"),
              std::string("a b\n1 0.000000 refund 1 a - any ."), std::string(1, '\0'),
              every_byte}) {
            const LimiterRecord record{kind, kTime, 42, name, name, true};
            const std::string line = without_newline(format_limiter_record(record));
            CHECK_EQUAL(std::string::npos, line.find('\n'));

            const auto read = parse_limiter_record(line);

            CHECK(read.has_value());
            CHECK(read->kind == kind);
            CHECK(read->at == kTime);
            LONGS_EQUAL(42, read->id);
            CHECK(read->account == name);
            CHECK(read->origin == name);
            CHECK(read->own_session);
        }
    }
}

TEST(LimiterRecord, a_line_cut_off_anywhere_is_damaged) {
    const std::string line = without_newline(
        format_limiter_record({Kind::Passcode, kTime, 7, "alice", "host 192.0.2.7"}));
    CHECK(parse_limiter_record(line).has_value());

    for (std::size_t length = 0; length < line.size(); ++length) {
        CHECK_FALSE_TEXT(parse_limiter_record(line.substr(0, length)).has_value(),
                         line.substr(0, length).c_str());
    }
}

TEST(LimiterRecord, what_cannot_have_been_written_is_damaged) {
    for (const char* line : {"2 1768478400.123456 passcode 7 alice local any .",
                             "1 1768478400.12345 passcode 7 alice local any .",
                             "1 1768478400 passcode 7 alice local any .",
                             "1 -1.123456 passcode 7 alice local any .",
                             "1 99999999999999999999.123456 passcode 7 alice local any .",
                             "1 9999999999999.123456 passcode 7 alice local any .",
                             "1 1768478400.123456 grant 7 alice local any .",
                             "1 1768478400.123456 passcode x alice local any .",
                             "1 1768478400.123456 passcode 18446744073709551615 alice local any .",
                             "1 1768478400.123456 passcode -7 alice local any .",
                             "1 1768478400.123456 passcode 7 - local any .",
                             "1 1768478400.123456 passcode 7 al%zz local any .",
                             "1 1768478400.123456 passcode 7 al% local any .",
                             "1 1768478400.123456 passcode 7 al%4 local any .",
                             "1 1768478400.123456 passcode 7 al\"ice local any .",
                             "1 1768478400.123456 passcode 7 alice local some .",
                             "1 1768478400.123456 passcode 7 alice local any !",
                             "1 1768478400.123456 passcode 7 alice local any . ",
                             "1  1768478400.123456 passcode 7 alice local any .",
                             "",
                             " ",
                             "       "}) {
        CHECK_FALSE_TEXT(parse_limiter_record(line).has_value(), line);
    }
    CHECK_FALSE(parse_limiter_record("1 1768478400.123456 passcode 7 " + std::string(5000, 'a') +
                                     " local any .")
                    .has_value());
}

// ---------------------------------------------------------------------------------------------

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
    LONGS_EQUAL(full.rlim_cur, text().size()); // torn indeed

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

    CHECK(log.trouble().has_value()); // counts were lost: the rewrite does not hush that up
    log.rewrite({record(2)});
    CHECK_FALSE(log.trouble().has_value());
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
