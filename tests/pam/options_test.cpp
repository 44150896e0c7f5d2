// SPDX-License-Identifier: Apache-2.0
#include "pam/options.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::pam;
using namespace std::chrono_literals;

namespace {

ParsedOptions parse(std::vector<const char*> words) {
    return parse_options(static_cast<int>(words.size()), words.data());
}

} // namespace

TEST_GROUP(Options){};

TEST(Options, have_the_contracts_defaults) {
    const ParsedOptions parsed = parse({});

    CHECK_TRUE(parsed.faults.empty());
    CHECK_FALSE(parsed.options.debug);
    CHECK_FALSE(parsed.options.try_first_pass);
    CHECK_FALSE(parsed.options.use_first_pass);
    CHECK_FALSE(parsed.options.ignore_unknown_user);
    CHECK_FALSE(parsed.options.no_reuse);
    CHECK_TRUE(parsed.options.timeout == 30s);
    CHECK_EQUAL(1000U, parsed.options.minimum_uid);
    CHECK_EQUAL(60000U, parsed.options.maximum_uid);
    CHECK_TRUE(parsed.options.exempt_users.empty());
    CHECK_TRUE(parsed.options.exempt_groups.empty());
}

TEST(Options, are_read_from_the_first_word_on) {
    const ParsedOptions parsed =
        parse({"debug", "try_first_pass", "use_first_pass", "no_reuse", "user_unknown=ignore",
               "timeout=7", "minimum_uid=500", "maximum_uid=70000", "exempt_user=a",
               "exempt_user=b", "exempt_group=wheel", "exempt_group=adm"});

    CHECK_TRUE(parsed.faults.empty());
    CHECK_TRUE(parsed.options.debug);
    CHECK_TRUE(parsed.options.try_first_pass);
    CHECK_TRUE(parsed.options.use_first_pass);
    CHECK_TRUE(parsed.options.ignore_unknown_user);
    CHECK_TRUE(parsed.options.no_reuse);
    CHECK_TRUE(parsed.options.timeout == 7s);
    CHECK_EQUAL(500U, parsed.options.minimum_uid);
    CHECK_EQUAL(70000U, parsed.options.maximum_uid);
    CHECK_TRUE((parsed.options.exempt_users == std::vector<std::string>{"a", "b"}));
    CHECK_TRUE((parsed.options.exempt_groups == std::vector<std::string>{"wheel", "adm"}));
}

TEST(Options, name_the_one_that_is_not_known) {
    for (const char* word :
         {"degub", "Debug", "debug=1", "timeout", "minimum-uid=5", "nullok", "", "exempt_user"}) {
        const ParsedOptions parsed = parse({word, "no_reuse"});

        CHECK_EQUAL_TEXT(1U, parsed.faults.size(), word);
        const std::string key = std::string(word).substr(0, std::string(word).find('='));
        CHECK_EQUAL_TEXT("unknown option: " + key, parsed.faults[0], word);
        CHECK_TRUE_TEXT(parsed.options.no_reuse, word);
    }
}

TEST(Options, keep_the_default_over_a_bad_value) {
    for (const char* word :
         {"timeout=", "timeout=0", "timeout=-1", "timeout=+5", "timeout=5s", "timeout= 5",
          "timeout=601", "timeout=99999999999", "minimum_uid=", "minimum_uid=-1", "minimum_uid=1e3",
          "minimum_uid=4294967295", "minimum_uid=4294967296",
          "user_unknown=", "user_unknown=success", "exempt_user=", "exempt_group="}) {
        const ParsedOptions parsed = parse({word});

        CHECK_EQUAL_TEXT(1U, parsed.faults.size(), word);
        CHECK_TRUE_TEXT(parsed.faults[0].find(word) != std::string::npos, word);
        CHECK_TRUE_TEXT(parsed.options.timeout == 30s, word);
        CHECK_EQUAL_TEXT(1000U, parsed.options.minimum_uid, word);
        CHECK_FALSE_TEXT(parsed.options.ignore_unknown_user, word);
        CHECK_TRUE_TEXT(parsed.options.exempt_users.empty(), word);
        CHECK_TRUE_TEXT(parsed.options.exempt_groups.empty(), word);
    }
}

TEST(Options, cannot_forge_a_line_in_the_log) {
    const ParsedOptions parsed = parse({"bad\nNov 21 sshd: Accepted"});

    STRCMP_EQUAL("unknown option: bad Nov 21 sshd: Accepted", parsed.faults[0].c_str());
}
