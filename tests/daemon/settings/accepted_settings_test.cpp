// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/accepted_settings.h"

#include "common/account_rules.h"
#include "tests/support/temporary_directory.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <sys/stat.h>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::settings;
namespace fs = std::filesystem;

TEST_GROUP(AcceptedSettings) {
    testing::TemporaryDirectory state;
    AcceptedSettings accepted{state.path()};
    const fs::path file = fs::path(state.path()) / "accepted-configuration";

    std::string rules() {
        std::ifstream stream(fs::path(state.path()) / kAccountRulesFile);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    void overwrite(std::string_view text) {
        std::ofstream(file) << text;
    }
};

TEST(AcceptedSettings, come_back_byte_for_byte) {
    const std::vector<SettingsText> texts{
        {"/etc/raxauth/raxauth.toml", "[limits]\nresends = 1\n"},
        {"/etc/raxauth/raxauth.d/a b\n.toml", std::string("\0end\n", 5)},
        {"/etc/raxauth/raxauth.d/empty.toml", ""},
    };
    accepted.keep(texts, {});

    CHECK_TRUE(accepted.kept() == texts);
}

TEST(AcceptedSettings, are_those_of_the_last_time) {
    accepted.keep({{"a", "1"}, {"b", "2"}}, {});
    accepted.keep({{"a", "3"}}, {});

    CHECK_TRUE((accepted.kept() == std::vector<SettingsText>{{"a", "3"}}));
}

TEST(AcceptedSettings, are_none_on_a_host_that_never_had_any) {
    CHECK_TRUE(accepted.kept().empty());
}

TEST(AcceptedSettings, tell_the_module_which_services_demand_a_sign_in) {
    Settings settings;
    accepted.keep({}, settings);
    STRCMP_EQUAL("raxauth-account-rules 1\nsign-in sshd\nend\n", rules().c_str());

    settings.services["sshd"].without_sign_in = WithoutSignIn::Allow;
    settings.services["sudo"].roles = {{"admin"}};
    settings.services["cron"].without_sign_in = WithoutSignIn::Deny;
    settings.services["at"].reuse = Reuse::None;
    accepted.keep({}, settings);
    STRCMP_EQUAL("raxauth-account-rules 1\nsign-in cron\nsign-in sudo\nsign-in sudo-i\nend\n",
                 rules().c_str());
}

TEST(AcceptedSettings, can_be_read_by_their_owner_alone) {
    accepted.keep({{"a", "1"}}, {});

    for (const char* name : {"accepted-configuration", kAccountRulesFile}) {
        struct stat status{};
        LONGS_EQUAL(0, ::stat((fs::path(state.path()) / name).c_str(), &status));
        LONGS_EQUAL(0600, status.st_mode & 07777U);
    }
    LONGS_EQUAL(2, std::distance(fs::directory_iterator(state.path()), fs::directory_iterator()));
}

TEST(AcceptedSettings, are_not_believed_where_others_may_write) {
    accepted.keep({{"a", "1"}}, {});
    fs::permissions(file, fs::perms(0620));
    CHECK_THROWS(std::runtime_error, accepted.kept());

    fs::remove(file);
    std::ofstream(fs::path(state.path()) / "elsewhere") << "raxauth-configuration 1\nend\n";
    fs::create_symlink("elsewhere", file);
    CHECK_THROWS(std::runtime_error, accepted.kept());

    fs::remove(file);
    LONGS_EQUAL(0, ::mkfifo(file.c_str(), 0600));
    CHECK_THROWS(std::runtime_error, accepted.kept());
}

TEST(AcceptedSettings, are_not_believed_where_they_are_damaged) {
    for (const char* text : {
             "",
             "raxauth-configuration 1\n",
             "raxauth-configuration 2\nend\n",
             "raxauth-configuration 1\nend\nmore",
             "raxauth-configuration 1\nfile 1 1\nab",
             "raxauth-configuration 1\nfile 1 1\nabXend\n",
             "raxauth-configuration 1\nfile 1 100\nab\nend\n",
             "raxauth-configuration 1\nfile 1\nab\nend\n",
             "raxauth-configuration 1\nfile -1 1\nab\nend\n",
             "raxauth-configuration 1\nfile 18446744073709551615 1\nab\nend\n",
         }) {
        overwrite(text);
        CHECK_THROWS(std::runtime_error, accepted.kept());
    }
}

TEST(AcceptedSettings, that_cannot_be_written_leave_the_earlier_ones) {
    accepted.keep({{"a", "1"}}, {});
    fs::create_directory(fs::path(state.path()) / "accepted-configuration.new");

    CHECK_THROWS(std::runtime_error, accepted.keep({{"a", "2"}}, {}));

    CHECK_TRUE((accepted.kept() == std::vector<SettingsText>{{"a", "1"}}));
}
