// SPDX-License-Identifier: Apache-2.0
#include "common/unique_fd.h"

#include <CppUTest/TestHarness.h>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

using raxauth::UniqueFd;

namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

int open_null() {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

} // namespace

TEST_GROUP(UniqueFd){};

TEST(UniqueFd, closes_at_the_end_of_its_life) {
    const int fd = open_null();
    {
        const UniqueFd owned(fd);
        CHECK_TRUE(is_open(fd));
    }
    CHECK_FALSE(is_open(fd));
}

TEST(UniqueFd, hands_over_when_moved) {
    const int fd = open_null();
    const int replaced = open_null();
    UniqueFd from(fd);
    UniqueFd to(replaced);

    to = std::move(from);

    CHECK_FALSE(static_cast<bool>(from)); // NOLINT(bugprone-use-after-move): what is tested
    CHECK_EQUAL(fd, to.get());
    CHECK_TRUE(is_open(fd));
    CHECK_FALSE(is_open(replaced));
}

TEST(UniqueFd, lets_go_without_closing) {
    const int fd = open_null();
    {
        UniqueFd owned(fd);
        CHECK_EQUAL(fd, owned.release());
    }
    CHECK_TRUE(is_open(fd));
    ::close(fd);
}

TEST(UniqueFd, takes_descriptor_zero_for_one) {
    UniqueFd zero(0);

    CHECK_TRUE(static_cast<bool>(zero));
    zero.release();
}

TEST(UniqueFd, leaves_errno_alone_when_closing) {
    UniqueFd stale(100000);

    errno = ENOENT;
    stale.reset();

    CHECK_EQUAL(ENOENT, errno);
}
