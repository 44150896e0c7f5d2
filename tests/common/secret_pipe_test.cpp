// SPDX-License-Identifier: Apache-2.0
#include "common/secret_pipe.h"

#include <CppUTest/TestHarness.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace raxauth;

namespace {

struct Ends {
    UniqueFd reading;
    UniqueFd writing;
};

Ends open_pipe() {
    int ends[2] = {-1, -1};
    CHECK_EQUAL(0, ::pipe2(ends, O_CLOEXEC));
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

} // namespace

TEST_GROUP(SecretPipe) {
    Secret received{"left over"};
};

TEST(SecretPipe, carries_what_was_put_in) {
    const std::string full(kMaxSecretBytes, 'x');
    for (const std::string& bytes :
         {std::string("hunter2"), std::string(), full, std::string("\0\xFF\n", 3)}) {
        const UniqueFd pipe = send_through_pipe(bytes);

        CHECK_TRUE(static_cast<bool>(pipe));
        CHECK_TRUE(receive_from_pipe(pipe.get(), received));
        CHECK_TRUE(received.view() == bytes);
    }
}

TEST(SecretPipe, refuses_to_send_more_than_the_contract_allows) {
    const UniqueFd pipe = send_through_pipe(std::string(kMaxSecretBytes + 1, 'x'));

    CHECK_FALSE(static_cast<bool>(pipe));
    CHECK_EQUAL(EMSGSIZE, errno);
}

TEST(SecretPipe, is_not_inherited_by_other_programs) {
    const UniqueFd pipe = send_through_pipe("x");

    CHECK_EQUAL(FD_CLOEXEC, ::fcntl(pipe.get(), F_GETFD));
}

TEST(SecretPipe, keeps_clear_of_closed_standard_streams) {
    const UniqueFd saved(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
    ::close(STDIN_FILENO);

    const UniqueFd pipe = send_through_pipe("x");
    const bool stdin_is_free = ::fcntl(STDIN_FILENO, F_GETFD) < 0;
    if (saved) {
        ::dup2(saved.get(), STDIN_FILENO);
    }

    CHECK_TRUE(pipe.get() > STDERR_FILENO);
    CHECK_TRUE(stdin_is_free);
}

TEST(SecretPipe, refuses_one_byte_too_many) {
    Ends ends = open_pipe();
    const std::string bytes(kMaxSecretBytes + 1, 'x');
    LONGS_EQUAL(bytes.size(), ::write(ends.writing.get(), bytes.data(), bytes.size()));
    ends.writing.reset();

    CHECK_FALSE(receive_from_pipe(ends.reading.get(), received));
    CHECK_TRUE(received.empty());
}

TEST(SecretPipe, refuses_a_pipe_that_is_still_open_and_does_not_wait_for_it) {
    Ends ends = open_pipe();
    LONGS_EQUAL(4, ::write(ends.writing.get(), "half", 4));

    CHECK_FALSE(receive_from_pipe(ends.reading.get(), received));
    CHECK_TRUE(received.empty());
}

TEST(SecretPipe, does_not_wait_where_the_sender_keeps_making_the_pipe_blocking) {
    Ends ends = open_pipe();
    const UniqueFd senders_own(::fcntl(ends.reading.get(), F_DUPFD_CLOEXEC, 10));
    std::atomic<bool> over{false};
    std::atomic<int> rounds{0};
    std::atomic<int> changes{0};
    std::thread sender([&] {
        while (!over) {
            static_cast<void>(::fcntl(senders_own.get(), F_SETFL, O_RDONLY));
            ++changes;
        }
    });
    // Whoever waits after all is let go on, with an answer that the sender never gave.
    std::thread rescuer([&] {
        int seen = -1;
        while (!over && seen != rounds) {
            seen = rounds;
            for (int i = 0; i < 200 && !over; ++i) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            }
        }
        ends.writing.reset();
    });

    bool waited = false;
    for (; changes < 300000 && !waited; ++rounds) {
        waited = receive_from_pipe(ends.reading.get(), received);
    }

    over = true;
    sender.join();
    rescuer.join();
    CHECK_FALSE(waited);
}

TEST(SecretPipe, reads_a_pipe_of_packets_to_its_end) {
    int ends[2] = {-1, -1};
    CHECK_EQUAL(0, ::pipe2(ends, O_CLOEXEC | O_DIRECT));
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    for (int i = 0; i < 16; ++i) { // as many as a pipe has room for
        CHECK_EQUAL(2, ::write(writing.get(), "ab", 2));
    }
    writing.reset();

    CHECK_TRUE(receive_from_pipe(reading.get(), received));
    UNSIGNED_LONGS_EQUAL(32, received.size());
}

TEST(SecretPipe, refuses_what_is_no_pipe) {
    int pair[2] = {-1, -1};
    CHECK_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    const UniqueFd one(pair[0]);
    const UniqueFd two(pair[1]);
    const UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));

    for (const int fd : {one.get(), file.get(), null.get(), -1}) {
        CHECK_FALSE(receive_from_pipe(fd, received));
        CHECK_TRUE(received.empty());
    }
}

TEST(SecretPipe, refuses_the_writing_end) {
    const Ends ends = open_pipe();

    CHECK_FALSE(receive_from_pipe(ends.writing.get(), received));
}
