// SPDX-License-Identifier: Apache-2.0
#include "common/text.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth;

namespace {

struct Row {
    const char* foreign;
    const char* clean;
};

} // namespace

TEST_GROUP(Sanitise){};

TEST(Sanitise, leaves_plain_words_of_every_script_alone) {
    for (const char* text : {"", "Wrong passcode.", "Zugang verweigert: Größe",
                             "\xE6\x97\xA5\xE6\x9C\xAC", "\xF0\x9F\x94\x91", "100%s"}) {
        STRCMP_EQUAL(text, sanitise(text).c_str());
    }
}

TEST(Sanitise, shows_what_is_not_allowed_as_a_question_mark) {
    const Row rows[] = {
        {"\x1B[31mred", "?[31mred"}, // terminal escape
        {"a\x07", "a?"},             // bell
        {"a\x7F", "a?"},             // DEL
        {"a\xC2\x9B"
         "31m",
         "a?31m"}, // C1 control sequence introducer
        {"a\xE2\x80\xAE"
         "b",
         "a?b"}, // right-to-left override
        {"a\xE2\x80\x8B"
         "b",
         "a?b"}, // zero width space
        {"a\xE2\x80\xA8"
         "b",
         "a?b"}, // line separator
        {"\xEF\xBB\xBF"
         "a",
         "?a"}, // byte order mark
        {"a\xC2\xAD"
         "b",
         "a?b"}, // soft hyphen
        {"a\xF3\xA0\x81\x81"
         "b",
         "a?b"}, // tag
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL(row.clean, sanitise(row.foreign).c_str());
    }
}

TEST(Sanitise, shows_broken_utf_8_as_question_marks) {
    const Row rows[] = {
        {"\xFF", "?"},
        {"a\xC3", "a?"}, // cut off
        {"\x80"
         "a",
         "?a"},
        {"\xC0\xAF", "??"},           // overlong '/'
        {"\xED\xA0\x80", "???"},      // surrogate
        {"\xF4\x90\x80\x80", "????"}, // above U+10FFFF
        {"\xE2\x28\xA1", "?(?"},
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL(row.clean, sanitise(row.foreign).c_str());
    }
}

TEST(Sanitise, makes_one_line_with_single_blanks) {
    const Row rows[] = {
        {"a\nb", "a b"}, {"a\r\nb", "a b"}, {"a \t b", "a b"}, {"  a  ", "a"}, {"\n", ""},
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL(row.clean, sanitise(row.foreign).c_str());
    }
}

TEST(Sanitise, cuts_at_a_character_and_says_so) {
    STRCMP_EQUAL("abcdefg...", sanitise("abcdefghijklm", 10).c_str());
    STRCMP_EQUAL("abcdefghij", sanitise("abcdefghij", 10).c_str());
    STRCMP_EQUAL("abcdef...", sanitise("abcdef\xC3\xA9ghijk", 10).c_str());
    STRCMP_EQUAL("", sanitise("abc", 0).c_str());
    CHECK_TRUE(sanitise("abcdef", 2).size() <= 2);
    STRCMP_EQUAL("a?b", sanitise(std::string_view("a\0b", 3)).c_str());
}

TEST_GROUP(SanitiseLines){};

TEST(SanitiseLines, keeps_the_layout) {
    const Row rows[] = {
        {"Password: ", "Password: "},
        {"  \xE2\x96\x88  \xE2\x96\x80\n\n x", "  \xE2\x96\x88  \xE2\x96\x80\n\n x"}, // a QR code
        {"a\r\nb", "a\nb"},
        {"a\tb", "a b"},
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL(row.clean, sanitise_lines(row.foreign, 1000).c_str());
    }
}

TEST(SanitiseLines, is_as_strict_as_on_one_line) {
    const Row rows[] = {
        {"a\rb", "a?b"}, // would let the next words overwrite the last ones
        {"\x1B[2J", "?[2J"},
        {"a\xE2\x80\xAE"
         "b",
         "a?b"},
        {"a\xC3", "a?"},
        {"a\x0B"
         "b",
         "a?b"},
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL(row.clean, sanitise_lines(row.foreign, 1000).c_str());
    }
}

TEST(SanitiseLines, cuts_at_a_character_and_says_so) {
    STRCMP_EQUAL("ab\nd...", sanitise_lines("ab\ndefgh", 7).c_str());
    STRCMP_EQUAL("ab\ndefg", sanitise_lines("ab\ndefg", 7).c_str());
    STRCMP_EQUAL("ab...", sanitise_lines("ab\xE2\x96\x88\xE2\x96\x88", 7).c_str());
}

TEST_GROUP(Text){};

TEST(Text, trim_takes_blanks_and_line_ends_from_both_ends_alone) {
    const Row rows[] = {{" \t a b\r\n", "a b"}, {"a", "a"}, {"", ""}, {" \n ", ""}};
    for (const Row& row : rows) {
        STRCMP_EQUAL(row.clean, std::string(trim(row.foreign)).c_str());
    }
}

TEST(Text, plain_text_has_neither_control_characters_nor_broken_utf8) {
    for (const char* text : {"", "DFW",
                             "Gr\xC3\xB6\xC3\x9F"
                             "e",
                             "\xF0\x9F\x94\x91", "a b"}) {
        CHECK_TRUE_TEXT(is_plain_text(text), text);
    }
    using namespace std::string_view_literals;
    for (const std::string_view text : {"DFW\0X"sv, "\x1B[31m"sv, "a\nb"sv, "a\x7F"sv, "\xC2\x85"sv,
                                        "\xFF"sv, "\xC3"sv, "\xED\xA0\x80"sv}) {
        CHECK_FALSE(is_plain_text(text));
    }
}
