// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/local_accounts.h"

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <functional>
#include <grp.h>
#include <pwd.h>
#include <string>
#include <system_error>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::policy;

namespace {

/// What NSS is made to say, in place of the real answer; 0: the real answer.
int broken_user_lookup = 0;
int broken_group_lookup = 0;
int too_small_buffers = 0; ///< so many look-ups say that the buffer is too small
std::size_t largest_buffer = 0;

template <class Function>
Function real(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int interfere(std::size_t size, int broken) {
    largest_buffer = std::max(largest_buffer, size);
    if (too_small_buffers > 0) {
        --too_small_buffers;
        return ERANGE;
    }
    return broken;
}

} // namespace

// These stand before glibc's in this program alone.
extern "C" {
__attribute__((visibility("default"))) int
getpwnam_r(const char* name, passwd* record, char* buffer, std::size_t size, passwd** result) {
    *result = nullptr;
    const int error = interfere(size, broken_user_lookup);
    return error != 0
               ? error
               : real<decltype(&getpwnam_r)>("getpwnam_r")(name, record, buffer, size, result);
}
__attribute__((visibility("default"))) int getpwuid_r(uid_t uid, passwd* record, char* buffer,
                                                      std::size_t size, passwd** result) {
    *result = nullptr;
    const int error = interfere(size, broken_user_lookup);
    return error != 0
               ? error
               : real<decltype(&getpwuid_r)>("getpwuid_r")(uid, record, buffer, size, result);
}
__attribute__((visibility("default"))) int getgrgid_r(gid_t gid, group* record, char* buffer,
                                                      std::size_t size, group** result) {
    *result = nullptr;
    const int error = interfere(size, broken_group_lookup);
    return error != 0
               ? error
               : real<decltype(&getgrgid_r)>("getgrgid_r")(gid, record, buffer, size, result);
}
}

TEST_GROUP(NssAccounts) {
    int error = 0; ///< of the last look-up

    void setup() override {
        calm();
    }
    void teardown() override {
        calm();
    }
    static void calm() {
        broken_user_lookup = broken_group_lookup = too_small_buffers = 0;
        largest_buffer = 0;
    }

    std::optional<LocalAccount> find(const std::string& name, Groups groups = Groups::Wanted) {
        return run([&](NssAccounts& accounts) {
            return accounts.find(name, groups, Worker::Order::Plain);
        });
    }
    std::optional<LocalAccount> find(uid_t uid) {
        return run([&](NssAccounts& accounts) { return accounts.find(uid); });
    }
    /// Runs a loop until the look-up is done.
    template <class LookUp>
    std::optional<LocalAccount> run(LookUp look_up) {
        Loop loop;
        Worker worker{loop};
        NssAccounts accounts{worker};
        std::optional<LocalAccount> found;
        error = 0;
        const auto look = [&]() -> Task<> {
            try {
                Task<std::optional<LocalAccount>> looking = look_up(accounts);
                found = co_await std::move(looking);
            } catch (const std::system_error& fault) {
                error = fault.code().value();
            }
            loop.stop(0);
        };
        const Job job = Job::start(look());
        loop.run();
        return found;
    }
    template <class Key>
    int error_of(Key key) {
        find(key);
        return error;
    }
};

TEST(NssAccounts, finds_root_by_name_and_by_uid) {
    for (const auto& found : {find(std::string("root")), find(uid_t{0})}) {
        CHECK(found.has_value());
        STRCMP_EQUAL("root", found->name.c_str());
        LONGS_EQUAL(0, found->uid);
    }
}

TEST(NssAccounts, groups_are_looked_up_only_where_they_are_wanted) {
    const auto with = find(std::string("root"));
    CHECK(std::find(with->groups.begin(), with->groups.end(), "root") != with->groups.end());

    broken_group_lookup = EIO;
    const auto without = find(std::string("root"), Groups::Unwanted);
    CHECK(without.has_value());
    CHECK(without->groups.empty());
    LONGS_EQUAL(0, error);
}

TEST(NssAccounts, nobody_of_that_name_is_no_error) {
    CHECK_FALSE(find(std::string("no-such-user-here")).has_value());
    LONGS_EQUAL(0, error);
    CHECK_FALSE(find(uid_t{3999999999U}).has_value());
    LONGS_EQUAL(0, error);
}

TEST(NssAccounts, a_look_up_that_fails_is_an_error_and_not_nobody) {
    for (const int failure : {EIO, EMFILE, ENOMEM, EPERM, EBADF, ENOENT, ESRCH}) {
        broken_user_lookup = failure;
        LONGS_EQUAL(failure, error_of(std::string("root")));
        LONGS_EQUAL(failure, error_of(uid_t{0}));
    }
}

TEST(NssAccounts, a_group_that_cannot_be_looked_up_is_an_error_too) {
    broken_group_lookup = EIO;
    LONGS_EQUAL(EIO, error_of(std::string("root")));

    broken_group_lookup = ENOENT; // a number without a name
    CHECK(find(std::string("root"))->groups.empty());
}

TEST(NssAccounts, the_buffer_grows_with_the_record_and_not_without_end) {
    too_small_buffers = 5;
    CHECK(find(std::string("root")).has_value());
    CHECK(largest_buffer >= 32 * 1024);

    too_small_buffers = 1000;
    LONGS_EQUAL(ERANGE, error_of(std::string("root")));
    CHECK(largest_buffer <= std::size_t{4} << 20U);
}

TEST_GROUP(Exemption) {
    settings::AccountSettings settings;
};

TEST(Exemption, is_decided_by_uid_name_and_group) {
    settings.exempt_users = {"root", "break-glass"};
    settings.exempt_groups = {"robots"};
    struct Row {
        LocalAccount account;
        bool exempt;
    };
    const Row rows[] = {
        {{"root", 0, {}}, true},
        {{"toor", 0, {}}, true},
        {{"daemon", 999, {}}, true},
        {{"alice", 1000, {"alice", "users"}}, false},
        {{"break-glass", 1001, {}}, true},
        {{"Break-Glass", 1001, {}}, false},
        {{"bot", 1002, {"bot", "robots"}}, true},
        {{"robots", 1003, {"robot"}}, false},
        {{"last", 60000, {}}, false},
        {{"dynamic", 60001, {}}, true},
        {{"nobody", 65534, {}}, true},
    };

    for (const Row& row : rows) {
        CHECK_EQUAL_TEXT(row.exempt, is_exempt(settings, row.account), row.account.name.c_str());
    }
}

TEST(Exemption, groups_matter_only_where_some_are_exempt) {
    CHECK(groups_for_exemption(settings) == Groups::Unwanted);
    settings.exempt_groups = {"robots"};
    CHECK(groups_for_exemption(settings) == Groups::Wanted);
}

TEST(Exemption, root_is_never_ours_whatever_the_settings_say) {
    settings.exempt_users = {};
    settings.maximum_uid = 4294967294U;
    settings.minimum_uid = 0;

    CHECK(is_exempt(settings, {"root", 0, {}}));
    CHECK_FALSE(is_exempt(settings, {"daemon", 1, {}}));
}
