// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <CppUTest/TestHarness.h>

using raxauth::cli::format_table;

TEST_GROUP(Table){};

TEST(Table, columns_are_as_wide_as_their_widest_cell) {
    STRCMP_EQUAL("USER   N\n"
                 "alice  1\n"
                 "jo     22\n",
                 format_table({{"USER", "N"}, {"alice", "1"}, {"jo", "22"}}).c_str());
}

TEST(Table, a_column_without_content_is_left_out) {
    STRCMP_EQUAL("A  C\n"
                 "1  3\n",
                 format_table({{"A", "FROM", "C"}, {"1", "", "3"}}).c_str());
}

TEST(Table, a_cell_may_be_empty_where_others_are_not) {
    STRCMP_EQUAL("A   B\n"
                 "    2\n"
                 "11\n",
                 format_table({{"A", "B"}, {"", "2"}, {"11", ""}}).c_str());
}

TEST(Table, characters_are_counted_and_not_bytes) {
    STRCMP_EQUAL("A   B\n"
                 "\xc3\xa4\xc3\xb6  1\n"
                 "ab  2\n",
                 format_table({{"A", "B"}, {"\xc3\xa4\xc3\xb6", "1"}, {"ab", "2"}}).c_str());
}
