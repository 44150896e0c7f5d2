// SPDX-License-Identifier: Apache-2.0
#include "cli/sshd_configuration.h"

#include <CppUTest/TestHarness.h>
#include <filesystem>
#include <fstream>

using namespace raxauth::cli;

TEST_GROUP(SshdConfiguration) {
    std::string directory;

    void setup() override {
        char name[] = "/tmp/sshd_configuration.XXXXXX";
        directory = ::mkdtemp(name);
        std::filesystem::create_directory(directory + "/d");
    }
    void teardown() override {
        std::filesystem::remove_all(directory);
    }

    void file(const std::string& name, const std::string& text) const {
        std::ofstream(directory + '/' + name) << text;
    }
    std::vector<SshdSetting> read() const {
        return read_sshd_settings(directory + "/main", directory);
    }
};

TEST(SshdConfiguration, files_are_read_where_they_are_included_and_in_name_order) {
    file("main", "A one\nInclude d/*.conf\nA four\n");
    file("d/20.conf", "A three\n");
    file("d/10.conf", "# A no\n\n  a\ttwo\n");
    file("d/10.txt", "A never\n");

    const auto settings = read();

    LONGS_EQUAL(4, settings.size());
    STRCMP_EQUAL("one", settings[0].value.c_str());
    STRCMP_EQUAL("two", settings[1].value.c_str());
    STRCMP_EQUAL("a", settings[1].keyword.c_str());
    LONGS_EQUAL(3, settings[1].line);
    STRCMP_EQUAL((directory + "/d/10.conf").c_str(), settings[1].file.c_str());
    STRCMP_EQUAL("three", settings[2].value.c_str());
    STRCMP_EQUAL("four", settings[3].value.c_str());
}

TEST(SshdConfiguration, both_ways_to_write_a_value_are_understood) {
    file("main", "UsePAM=yes\nPasswordAuthentication = \"no\"\n");

    const auto settings = read();

    STRCMP_EQUAL("usepam", settings[0].keyword.c_str());
    STRCMP_EQUAL("yes", settings[0].value.c_str());
    STRCMP_EQUAL("no", settings[1].value.c_str());
}

TEST(SshdConfiguration, settings_in_match_blocks_are_told_apart) {
    file("main", "Include d/a.conf\nA three\nMatch User x\nA four\nMatch all\nA five\n");
    file("d/a.conf", "A one\nMatch Group y\nA two\n");

    const auto settings = read();

    LONGS_EQUAL(5, settings.size());
    CHECK_FALSE(settings[0].in_match);
    CHECK(settings[1].in_match);
    CHECK_FALSE(settings[2].in_match); // the included file's Match ended with it
    CHECK(settings[3].in_match);
    CHECK_FALSE(settings[4].in_match);
}

TEST(SshdConfiguration, a_file_that_includes_itself_comes_to_an_end) {
    file("main", "Include main\nA one\n");

    CHECK(read().size() > 1);
    CHECK(read().size() < 100);
}

TEST(SshdConfiguration, a_file_that_is_not_there_has_no_settings) {
    LONGS_EQUAL(0, read().size());
}

TEST(SshdConfiguration, the_effective_value_is_that_of_the_whole_keyword) {
    const char* output = "usepamx no\nusepam yes\nlogingracetime 300\n";
    STRCMP_EQUAL("yes", effective_value(output, "usepam").c_str());
    STRCMP_EQUAL("300", effective_value(output, "logingracetime").c_str());
    STRCMP_EQUAL("", effective_value(output, "use").c_str());
}
