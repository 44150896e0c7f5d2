// SPDX-License-Identifier: Apache-2.0
#include "common/user_name.h"

#include <CppUTest/TestHarness.h>

#include <string>

using namespace raxauth;

TEST_GROUP(UserName){};

TEST(UserName, is_what_an_account_can_be_called) {
    for (const char* name : {"a", "alice", "Alice.Smith", "_apt", "svc-web", "machine$", "0day",
                             "alice@example.org", "a+b", ".hidden", "9"}) {
        CHECK_TRUE_TEXT(is_valid_user_name(name), name);
    }
    CHECK_TRUE(is_valid_user_name(std::string(kMaxUserNameBytes, 'x')));
}

TEST(UserName, is_no_option_path_field_or_second_line) {
    for (const char* name :
         {"",    "-rf", "+nis", "@group", "$x",     ".",           "..",   "a/b", "../etc",
          "a:b", "a b", "a\nb", "a\tb",   "a,b",    "a\\b",        "a\"b", "a'b", "a;b",
          "a%s", "a*",  "a=b",  "\x01",   "al\x7F", "\xC3\xA9ric", "a\xFF"}) {
        CHECK_FALSE_TEXT(is_valid_user_name(name), name);
    }
    CHECK_FALSE(is_valid_user_name(std::string_view("a\0b", 3)));
    CHECK_FALSE(is_valid_user_name(std::string(kMaxUserNameBytes + 1, 'x')));
}

TEST(UserName, may_have_more_signs_at_rackspace) {
    for (const char* name : {"alice", "alice.smith@example.org", "a/b", "-x", "a:b", "a%20b"}) {
        CHECK_TRUE_TEXT(is_valid_account_name(name), name);
    }
    for (const char* name :
         {"", "a b", "a\nb", "a\"b", "a'b", "a`b", "a\\b", "a\x7F", "\xC3\xA9ric"}) {
        CHECK_FALSE_TEXT(is_valid_account_name(name), name);
    }
    CHECK_TRUE(is_valid_account_name(std::string(kMaxAccountNameBytes, 'x')));
    CHECK_FALSE(is_valid_account_name(std::string(kMaxAccountNameBytes + 1, 'x')));
}
