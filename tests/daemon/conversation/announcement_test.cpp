// SPDX-License-Identifier: Apache-2.0
#include "daemon/conversation/announcement.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::conversation;
using contract::MessageKind;

namespace {

std::string shown(const std::vector<Message>& messages) {
    std::string lines;
    for (const Message& message : announced(messages)) {
        lines += std::string(contract::word(message.kind)) + "<" + message.text +
                 (message.secret_text ? std::string(message.secret_text->view()) : "") + ">";
    }
    return lines;
}

} // namespace

TEST_GROUP(Announcement){};

TEST(Announcement, of_a_passcode_stands_before_the_prompt_that_a_caller_may_replace) {
    STRCMP_EQUAL(
        "info<A code was sent.\nEmpty line: another one.>secret<Passcode: >",
        shown({{MessageKind::Secret, "A code was sent.\nEmpty line: another one.\nPasscode: "}})
            .c_str());
    STRCMP_EQUAL("info<The new password again: >secret<The new password again: >",
                 shown({{MessageKind::Secret, "The new password again: "}}).c_str());
}

TEST(Announcement, is_not_needed_for_the_password_and_not_said_twice) {
    STRCMP_EQUAL("password<Password: >", shown({{MessageKind::Password, "Password: "}}).c_str());
    STRCMP_EQUAL(
        "info<A code was sent.>secret<Passcode: >",
        shown({{MessageKind::Info, "A code was sent."}, {MessageKind::Secret, "Passcode: "}})
            .c_str());
    STRCMP_EQUAL("error<Locked.>", shown({{MessageKind::Error, "Locked."}}).c_str());
}

TEST(Announcement, of_a_secret_text_stays_secret) {
    Message key{MessageKind::Text, {}};
    key.secret_text = std::make_shared<const Secret>("The key: JBSWY3DP\nIts passcode: ");
    const std::vector<Message> parts = announced({key});
    UNSIGNED_LONGS_EQUAL(2, parts.size());
    CHECK_TRUE(parts[0].text.empty());
    STRCMP_EQUAL("The key: JBSWY3DP", parts[0].secret_text->c_str());
    STRCMP_EQUAL("Its passcode: ", parts[1].secret_text->c_str());
}
