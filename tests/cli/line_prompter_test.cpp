// SPDX-License-Identifier: Apache-2.0
#include "cli/line_prompter.h"

#include "cli/failure.h"
#include "common/secret_pipe.h"

#include <CppUTest/TestHarness.h>
#include <string>

using namespace raxauth;
using namespace raxauth::cli;

namespace {

constexpr const char* kEnd = "(end)";

struct Input {
    explicit Input(std::string_view bytes) : pipe(send_through_pipe(bytes)), prompter(pipe.get()) {}
    /// An end of input is told apart from every line.
    std::string ask() {
        const auto answer = prompter.ask(contract::MessageKind::Secret, "?");
        return answer ? std::string(answer->view()) : kEnd;
    }
    UniqueFd pipe;
    LinePrompter prompter;
};

} // namespace

TEST_GROUP(LinePrompter){};

TEST(LinePrompter, each_line_is_an_answer) {
    Input input("one\n\n two \n");
    STRCMP_EQUAL("one", input.ask().c_str());
    STRCMP_EQUAL("", input.ask().c_str());
    STRCMP_EQUAL(" two ", input.ask().c_str());
    STRCMP_EQUAL(kEnd, input.ask().c_str());
}

TEST(LinePrompter, the_last_line_needs_no_end) {
    Input input("123456");
    STRCMP_EQUAL("123456", input.ask().c_str());
    STRCMP_EQUAL(kEnd, input.ask().c_str());
}

TEST(LinePrompter, leaves_the_rest_to_others) {
    Input input("a\nrest");
    STRCMP_EQUAL("a", input.ask().c_str());
    Secret rest;
    CHECK(receive_from_pipe(input.pipe.get(), rest));
    STRCMP_EQUAL("rest", rest.c_str());
}

TEST(LinePrompter, a_line_may_be_as_long_as_a_secret) {
    Input input(std::string(kMaxSecretBytes - 1, 'x') + "\n");
    LONGS_EQUAL(kMaxSecretBytes - 1, input.ask().size());
}

TEST(LinePrompter, a_line_longer_than_a_secret_is_refused) {
    int ends[2];
    LONGS_EQUAL(0, ::pipe(ends));
    const UniqueFd reading(ends[0]);
    const std::string line(kMaxSecretBytes + 1, 'x');
    LONGS_EQUAL(line.size(), ::write(ends[1], line.data(), line.size()));
    ::close(ends[1]);
    cli::LinePrompter prompter(reading.get());
    CHECK_THROWS(cli::Failure, prompter.ask(contract::MessageKind::Secret, "?"));
}
