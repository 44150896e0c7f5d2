// SPDX-License-Identifier: Apache-2.0
#include "cli/shell_word.h"

#include <CppUTest/TestHarness.h>
#include <cstdio>
#include <string>

using namespace raxauth;
using namespace raxauth::cli;

namespace {

std::string quoted(std::string_view value) {
    Secret line;
    append_shell_word(line, value);
    return std::string(line.view());
}

/// What a real shell makes of it.
std::string through_shell(std::string_view value) {
    const std::string command = "printf %s " + quoted(value);
    FILE* shell = ::popen(command.c_str(), "r");
    std::string output;
    for (int c = 0; (c = std::fgetc(shell)) != EOF;) {
        output += static_cast<char>(c);
    }
    const int status = ::pclose(shell); // the macro evaluates its argument twice
    CHECK_EQUAL(0, status);
    return output;
}

} // namespace

TEST_GROUP(ShellWord){};

TEST(ShellWord, is_always_quoted) {
    STRCMP_EQUAL("'abc'", quoted("abc").c_str());
    STRCMP_EQUAL("''", quoted("").c_str());
    STRCMP_EQUAL("'it'\\''s'", quoted("it's").c_str());
}

TEST(ShellWord, survives_a_real_shell) {
    for (const char* value :
         {"plain", "$(id)", "`id`", "a'b", "''", "'; exit 3; '", "\\", "\"$HOME\"", "a b\tc", "*",
          "~root", "-n", "!!", "#x", "\n", "a\\'b", "\xc3\xa4"}) {
        STRCMP_EQUAL(value, through_shell(value).c_str());
    }
}

TEST(ShellWord, control_characters_are_not_printable) {
    CHECK(is_printable("AAD4gs-\xc3\xa4 ~"));
    for (const char* value : {"a\nb", "\x1b[2J", "\x7f", "\t"}) {
        CHECK_FALSE(is_printable(value));
    }
}
