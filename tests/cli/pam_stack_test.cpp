// SPDX-License-Identifier: Apache-2.0
// Stacks are played through as libpam does.
#include "cli/pam_stack.h"

#include <CppUTest/TestHarness.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

using namespace raxauth::cli;

namespace {

using Answer = PamAnswer;

} // namespace

TEST_GROUP(PamStack) {
    std::filesystem::path folder;
    PamPlaces places;

    void setup() override {
        char name[] = "/tmp/raxauth-pam-XXXXXX";
        folder = ::mkdtemp(name);
        std::filesystem::create_directory(folder / "vendor");
        places.services = {folder, folder / "vendor"};
    }
    void teardown() override {
        std::filesystem::remove_all(folder);
    }

    void write(const std::string& name, const std::string& text) {
        std::ofstream(folder / name) << text;
    }
    /// Does this stack let somebody in, with these answers of its modules?
    bool lets_in(const std::string& text, const std::map<std::string, Answer>& answers) {
        write("service", text);
        return play(read_pam_stack(places, "service", "auth"),
                    [&](const PamLine& line) { return answers.at(line.module); })
            .success;
    }
};

TEST(PamStack, plays_the_old_control_words) {
    struct Row {
        const char* text;
        Answer a, b;
        bool in;
    };
    const Answer yes = Answer::Success, no = Answer::Failure, ignore = Answer::Ignore;
    for (const Row& row : {
             Row{"auth required a\nauth required b\n", yes, yes, true},
             Row{"auth required a\nauth required b\n", no, yes, false},
             Row{"auth required a\nauth required b\n", yes, no, false},
             Row{"auth required a\nauth required b\n", ignore, yes, true},
             Row{"auth required a\nauth required b\n", ignore, ignore, false},
             Row{"auth requisite a\nauth sufficient b\n", no, yes, false},
             Row{"auth sufficient a\nauth required b\n", yes, no, true},
             Row{"auth sufficient a\nauth required b\n", no, yes, true},
             Row{"auth sufficient a\nauth required b\n", no, no, false},
             Row{"auth required a\nauth sufficient b\n", no, yes, false},
             Row{"auth optional a\nauth optional b\n", no, yes, true},
             Row{"auth optional a\nauth optional b\n", no, no, false},
         }) {
        CHECK_TEXT(lets_in(row.text, {{"a", row.a}, {"b", row.b}}) == row.in, row.text);
    }
}

TEST(PamStack, plays_the_profile_as_pam_auth_update_writes_it) {
    const std::string text = "auth [success=2 user_unknown=ignore ignore=ignore default=die] "
                             "pam_raxauth.so exempt_group=x\n"
                             "auth [success=1 default=ignore] pam_unix.so nullok\n"
                             "auth requisite pam_deny.so\n"
                             "auth required pam_permit.so\n";
    const auto in = [&](Answer raxauth, Answer local) {
        return lets_in(text, {{"pam_raxauth.so", raxauth},
                              {"pam_unix.so", local},
                              {"pam_deny.so", Answer::Failure},
                              {"pam_permit.so", Answer::Success}});
    };
    CHECK_TRUE(in(Answer::Success, Answer::Failure));
    CHECK_FALSE(in(Answer::Failure, Answer::Success));
    CHECK_FALSE(in(Answer::Unavailable, Answer::Success));
    CHECK_FALSE(in(Answer::ModuleUnknown, Answer::Success));
    CHECK_TRUE(in(Answer::UserUnknown, Answer::Success));
    CHECK_FALSE(in(Answer::UserUnknown, Answer::Failure));
}

TEST(PamStack, a_jump_past_the_end_is_a_failure) {
    CHECK_FALSE(lets_in("auth required a\nauth [success=2 default=ignore] b\nauth required a\n",
                        {{"a", Answer::Success}, {"b", Answer::Success}}));
    CHECK_TRUE(lets_in("auth required a\nauth [success=1 default=ignore] b\nauth required c\n",
                       {{"a", Answer::Success}, {"b", Answer::Success}, {"c", Answer::Failure}}));
}

TEST(PamStack, what_ends_a_substack_does_not_end_the_stack) {
    write("inner", "auth sufficient a\nauth required b\n");
    const std::map<std::string, Answer> answers{
        {"a", Answer::Success}, {"b", Answer::Failure}, {"c", Answer::Failure}};
    CHECK_FALSE(lets_in("auth substack inner\nauth required c\n", answers));
    CHECK_TRUE(lets_in("auth include inner\nauth required c\n", answers));
    CHECK_TRUE(lets_in("@include inner\nauth required c\n", answers));
}

TEST(PamStack, reads_lines_as_libpam_does) {
    write("service", "# auth required no.so\n"
                     "AUTH\t[success=1 \\\n default=die]\t/lib/security/one.so  debug # why\n"
                     "-auth optional two.so\naccount required three.so\nauth incomplete\n");
    const PamStack stack = read_pam_stack(places, "service", "auth");
    LONGS_EQUAL(2, stack.size());
    STRCMP_EQUAL("one.so", stack[0].module.c_str());
    LONGS_EQUAL(2, stack[0].number);
    CHECK_TRUE(stack[0].has_option("debug"));
    CHECK_FALSE(stack[0].has_option("why"));
    CHECK(stack[0].actions.at(Answer::Success).kind == PamAction::Kind::Jump);
    CHECK(stack[0].actions.at(Answer::Unavailable).kind == PamAction::Kind::Die);
    CHECK_TRUE(stack[1].may_be_missing);
}

TEST(PamStack, the_first_place_that_has_a_service_counts) {
    write("vendor/one", "auth required vendor.so\n");
    STRCMP_EQUAL("vendor.so", read_pam_stack(places, "one", "auth").at(0).module.c_str());
    write("one", "auth required own.so\n");
    STRCMP_EQUAL("own.so", read_pam_stack(places, "one", "auth").at(0).module.c_str());
    CHECK_FALSE(has_pam_service(places, "none"));
    CHECK_TRUE(read_pam_stack(places, "none", "auth").empty());
}

TEST(PamStack, a_file_that_includes_itself_comes_to_an_end) {
    write("service", "@include service\nauth required a.so\n");
    CHECK_FALSE(read_pam_stack(places, "service", "auth").empty());
}
