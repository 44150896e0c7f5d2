// SPDX-License-Identifier: Apache-2.0
#include "common/bus_handles.h"
#include "common/secret_pipe.h"
#include "daemon/bus/context_message.h"
#include "tests/pam/private_bus.h"

#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::bus;

namespace {

/// A message as a caller would have sent it. The connection has a socket pair behind it and nobody
/// at the other end: the message is sealed and read here.
class MessageMaker {
  public:
    MessageMaker() {
        int ends[2];
        CHECK_TRUE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        other_end_.reset(ends[1]);
        CHECK_TRUE(sd_bus_new(out(bus_)) >= 0);
        CHECK_TRUE(sd_bus_set_fd(bus_.get(), ends[0], ends[0]) >= 0);
        CHECK_TRUE(sd_bus_negotiate_fds(bus_.get(), 1) >= 0);
        CHECK_TRUE(sd_bus_start(bus_.get()) >= 0);
        CHECK_TRUE(sd_bus_message_new_method_call(bus_.get(), out(message_), nullptr, "/test",
                                                  "test.Interface", "Member") >= 0);
    }
    sd_bus_message* message() const noexcept { return message_.get(); }
    sd_bus_message* sealed() {
        CHECK_TRUE(sd_bus_message_seal(message_.get(), 1, 0) >= 0);
        CHECK_TRUE(sd_bus_message_rewind(message_.get(), 1) >= 0);
        return message_.get();
    }

  private:
    UniqueFd other_end_;
    Bus bus_;
    BusMessage message_;
};

using Fill = std::function<void(sd_bus_message*)>;

std::optional<caller::Context> context_of(const Fill& fill) {
    MessageMaker maker;
    CHECK_TRUE(sd_bus_message_open_container(maker.message(), 'a', "{sv}") >= 0);
    fill(maker.message());
    CHECK_TRUE(sd_bus_message_close_container(maker.message()) >= 0);
    auto message = read_context(maker.sealed());
    return message ? std::optional(std::move(message->claims)) : std::nullopt;
}

void add(sd_bus_message* message, const char* key, const char* type, const char* text) {
    CHECK_TRUE(sd_bus_message_append(message, "{sv}", key, type, text) >= 0);
}
void add(sd_bus_message* message, const char* key, const char* type, unsigned number) {
    CHECK_TRUE(sd_bus_message_append(message, "{sv}", key, type, number) >= 0);
}

/// A pipe with these bytes in it whose writing end stays open, or is closed.
struct Pipe {
    explicit Pipe(const std::string& bytes, bool ended = true) {
        int ends[2];
        CHECK_TRUE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
        reading.reset(ends[0]);
        writing.reset(ends[1]);
        CHECK_TRUE(::write(writing.get(), bytes.data(), bytes.size()) ==
                   static_cast<ssize_t>(bytes.size()));
        if (ended) {
            writing.reset();
        }
    }
    UniqueFd reading;
    UniqueFd writing;
};

} // namespace

TEST_GROUP(ContextMessage){};

TEST(ContextMessage, is_read_with_all_its_keys) {
    const UniqueFd password = send_through_pipe("secret");
    const auto context = context_of([&](sd_bus_message* message) {
        add(message, "user", "s", "alice");
        add(message, "service", "s", "sshd");
        add(message, "tty", "s", "ssh");
        add(message, "remote-host", "s", "192.0.2.7");
        add(message, "remote-user", "s", "bob");
        add(message, "ticket", "s", "0123");
        add(message, "session", "s", "c7");
        add(message, "audit-session", "u", 11U);
        add(message, "login-uid", "u", 1001U);
        add(message, "real-uid", "u", 0U);
        add(message, "account-uid", "u", 1001U);
        add(message, "signed-in", "b", 1U);
        add(message, "interactive", "b", 0U);
        add(message, "no-reuse", "b", 1U);
        CHECK_TRUE(sd_bus_message_append(message, "{sv}", "password", "h", password.get()) >= 0);
    });

    CHECK_TRUE(context.has_value());
    STRCMP_EQUAL("alice", context->user.c_str());
    STRCMP_EQUAL("sshd", context->service.c_str());
    STRCMP_EQUAL("ssh", context->tty.c_str());
    STRCMP_EQUAL("192.0.2.7", context->remote_host.c_str());
    STRCMP_EQUAL("bob", context->remote_user.c_str());
    STRCMP_EQUAL("0123", context->ticket.c_str());
    STRCMP_EQUAL("c7", context->session.logind_session.c_str());
    UNSIGNED_LONGS_EQUAL(11, context->session.audit_session);
    UNSIGNED_LONGS_EQUAL(1001, context->session.login_uid);
    UNSIGNED_LONGS_EQUAL(0, context->session.real_uid);
    UNSIGNED_LONGS_EQUAL(1001, context->account_uid.value_or(0));
    CHECK_TRUE(context->signed_in);
    CHECK_FALSE(context->interactive);
    CHECK_TRUE(context->no_reuse);
    CHECK_TRUE(context->password.has_value());
    STRCMP_EQUAL("secret", context->password->c_str());
}

TEST(ContextMessage, has_defaults_for_what_is_missing) {
    const auto context = context_of([](sd_bus_message*) {});

    CHECK_TRUE(context.has_value());
    STRCMP_EQUAL("", context->user.c_str());
    CHECK_FALSE(context->password.has_value());
    CHECK_FALSE(context->session.inside_session());
    UNSIGNED_LONGS_EQUAL(contract::kUnsetId, context->session.login_uid);
    UNSIGNED_LONGS_EQUAL(contract::kUnsetId, context->session.real_uid);
    CHECK_FALSE(context->account_uid.has_value());
    CHECK_FALSE(context->signed_in);
    CHECK_TRUE(context->interactive);
}

TEST(ContextMessage, of_another_version_has_keys_that_are_passed_over) {
    const auto context = context_of([](sd_bus_message* message) {
        add(message, "moon-phase", "s", "full");
        add(message, "locale", "s", "de_DE.UTF-8");
        CHECK_TRUE(sd_bus_message_append(message, "{sv}", "nested", "a(sv)", 1, "x", "u", 7U) >= 0);
        add(message, "user", "s", "alice");
    });

    CHECK_TRUE(context.has_value());
    STRCMP_EQUAL("alice", context->user.c_str());
}

TEST(ContextMessage, with_a_known_key_of_another_type_is_refused) {
    for (const char* key : {"user", "service", "tty", "remote-host", "remote-user", "session",
                            "ticket", "password", "signed-in", "interactive", "no-reuse"}) {
        CHECK_FALSE_TEXT(
            context_of([key](sd_bus_message* message) { add(message, key, "u", 1U); }).has_value(),
            key);
    }
    for (const char* key : {"audit-session", "login-uid", "real-uid", "account-uid"}) {
        CHECK_FALSE_TEXT(
            context_of([key](sd_bus_message* message) { add(message, key, "s", "1"); }).has_value(),
            key);
    }
}

TEST(ContextMessage, with_an_overlong_text_is_refused) {
    const std::string longest(512, 'x');
    const std::string longer(513, 'x');
    for (const char* key :
         {"user", "service", "tty", "remote-host", "remote-user", "session", "ticket"}) {
        CHECK_TRUE_TEXT(context_of([&](sd_bus_message* message) {
                            add(message, key, "s", longest.c_str());
                        }).has_value(),
                        key);
        CHECK_FALSE_TEXT(context_of([&](sd_bus_message* message) {
                             add(message, key, "s", longer.c_str());
                         }).has_value(),
                         key);
    }
}

TEST(ContextMessage, with_a_bad_password_descriptor_is_refused) {
    const Pipe open_ended("secret", /* ended= */ false);

    CHECK_FALSE(context_of([&](sd_bus_message* message) {
                    CHECK_TRUE(sd_bus_message_append(message, "{sv}", "password", "h",
                                                     open_ended.reading.get()) >= 0);
                }).has_value());
}

TEST(ContextMessage, of_anybody_says_nothing_of_service_session_and_uids) {
    const UniqueFd password = send_through_pipe("secret");
    auto context = context_of([&](sd_bus_message* message) {
        for (const char* key : {"user", "service", "tty", "remote-host", "remote-user", "ticket",
                                "session", "locale", "factor", "verb"}) {
            add(message, key, "s", "x");
        }
        for (const char* key : {"audit-session", "login-uid", "real-uid", "account-uid"}) {
            add(message, key, "u", 7U);
        }
        for (const char* key : {"signed-in", "no-reuse"}) {
            add(message, key, "b", 1U);
        }
        add(message, "interactive", "b", 0U);
        CHECK_TRUE(sd_bus_message_append(message, "{sv}", "password", "h", password.get()) >= 0);
        CHECK_TRUE(sd_bus_message_append(message, "{sv}", "arguments", "as", 1, "x") >= 0);
    });
    CHECK_TRUE(context.has_value());

    keep_what_anybody_may_say(*context);

    for (const std::string* kept :
         {&context->user, &context->tty, &context->locale, &context->factor, &context->verb}) {
        STRCMP_EQUAL("x", kept->c_str());
    }
    CHECK_TRUE(context->password.has_value());
    CHECK_TRUE(context->no_reuse);
    CHECK_FALSE(context->interactive);
    UNSIGNED_LONGS_EQUAL(1, context->arguments.size());
    for (const std::string* gone : {&context->service, &context->remote_host, &context->remote_user,
                                    &context->session.logind_session}) {
        STRCMP_EQUAL("", gone->c_str());
    }
    CHECK_TRUE(context->ticket.empty());
    CHECK_FALSE(context->signed_in);
    CHECK_FALSE(context->account_uid.has_value());
    for (const unsigned id :
         {context->session.audit_session, context->session.login_uid, context->session.real_uid}) {
        UNSIGNED_LONGS_EQUAL(contract::kUnsetId, id);
    }
}

TEST(ContextMessage, with_very_many_values_under_an_unknown_key_is_refused) {
    const auto unknown = [](std::size_t bytes) {
        return context_of([bytes](sd_bus_message* message) {
            const std::vector<unsigned char> junk(bytes);
            CHECK_TRUE(sd_bus_message_open_container(message, 'e', "sv") >= 0);
            CHECK_TRUE(sd_bus_message_append(message, "s", "of-a-later-version") >= 0);
            CHECK_TRUE(sd_bus_message_open_container(message, 'v', "ay") >= 0);
            CHECK_TRUE(sd_bus_message_append_array(message, 'y', junk.data(), junk.size()) >= 0);
            CHECK_TRUE(sd_bus_message_close_container(message) >= 0);
            CHECK_TRUE(sd_bus_message_close_container(message) >= 0);
            add(message, "user", "s", "alice");
        });
    };
    CHECK_TRUE(unknown(0).has_value());
    const auto few = unknown(200);
    CHECK_TRUE(few.has_value());
    STRCMP_EQUAL("alice", few->user.c_str());
    CHECK_TRUE(unknown(10'000).has_value()); // one piece for sd-bus
    CHECK_FALSE(unknown(20'000).has_value());
}

TEST(ContextMessage, has_one_bound_for_all_that_stands_under_unknown_keys) {
    const auto unknown = [](unsigned keys, const std::string& text, unsigned texts) {
        return context_of([&](sd_bus_message* message) {
            for (unsigned key = 0; key < keys; ++key) {
                CHECK_TRUE(sd_bus_message_open_container(message, 'e', "sv") >= 0);
                CHECK_TRUE(sd_bus_message_append(message, "s", "of-a-later-version") >= 0);
                CHECK_TRUE(sd_bus_message_open_container(message, 'v', "as") >= 0);
                CHECK_TRUE(sd_bus_message_open_container(message, 'a', "s") >= 0);
                for (unsigned i = 0; i < texts; ++i) {
                    CHECK_TRUE(sd_bus_message_append(message, "s", text.c_str()) >= 0);
                }
                CHECK_TRUE(sd_bus_message_close_container(message) >= 0);
                CHECK_TRUE(sd_bus_message_close_container(message) >= 0);
                CHECK_TRUE(sd_bus_message_close_container(message) >= 0);
            }
            add(message, "user", "s", "alice");
        });
    };
    CHECK_TRUE(unknown(4, "x", 50).has_value());
    CHECK_FALSE(unknown(6, "x", 50).has_value());
    CHECK_TRUE(unknown(4, std::string(1000, 'x'), 3).has_value());
    CHECK_FALSE(unknown(6, std::string(1000, 'x'), 3).has_value());
    CHECK_FALSE(unknown(1, std::string(1U << 20U, 'x'), 1).has_value());
}

TEST(ContextMessage, with_values_nested_under_an_unknown_key_is_read) {
    const auto context = context_of([](sd_bus_message* message) {
        CHECK_TRUE(sd_bus_message_append(message, "{sv}", "a", "a{sv}", 2, "x", "v", "s", "y", "z",
                                         "a(uas)", 1, 7U, 1, "text") >= 0);
        CHECK_TRUE(sd_bus_message_append(message, "{sv}", "b", "(aai)", 0) >= 0);
        add(message, "user", "s", "alice");
    });
    CHECK_TRUE(context.has_value());
    STRCMP_EQUAL("alice", context->user.c_str());
}

TEST(ContextMessage, with_more_entries_than_any_version_has_keys_is_refused) {
    const auto entries = [](unsigned count) {
        return context_of([count](sd_bus_message* message) {
            for (unsigned i = 0; i < count; ++i) {
                add(message, "of-a-later-version", "u", i);
            }
        });
    };
    CHECK_TRUE(entries(contract::kMaxContextEntries).has_value());
    CHECK_FALSE(entries(contract::kMaxContextEntries + 1).has_value());
}
