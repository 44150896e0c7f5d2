// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/origin.h"

#include "common/bus_contract.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::limits;

TEST_GROUP(Origin){};

TEST(Origin, has_one_key_for_each_way_to_write_it) {
    struct Row {
        const char* remote_host;
        const char* key;
    };
    const Row rows[] = {
        {"192.0.2.7", "host 192.0.2.7"},
        {"::ffff:192.0.2.7", "host 192.0.2.7"},
        {"::FFFF:c000:207", "host 192.0.2.7"},
        {"2001:db8:1:2::1", "net 2001:db8:1:2::/64"},
        {"2001:DB8:1:2:ffff:ffff:ffff:ffff", "net 2001:db8:1:2::/64"},
        {"2001:0db8:0001:0002:0:0:0:9", "net 2001:db8:1:2::/64"},
        {"[2001:db8:1:2::1]", "net 2001:db8:1:2::/64"},
        {"2001:db8:1:3::1", "net 2001:db8:1:3::/64"},
        {"fe80::1%eth0", "net fe80::/64%eth0"},
        {"fe80::2%eth1", "net fe80::/64%eth1"},
        {"Client.Example.COM", "host client.example.com"},
        {"client.example.com.", "host client.example.com"},
        {"192.0.2", "host 192.0.2"},
        {"localhost.example.com", "host localhost.example.com"},
        {"a\nsession of 1000", "host a session of 1000"},
        {"session of 1000", "host session of 1000"},
        {"evil\x1b[31m", "host evil?[31m"},
    };

    for (const Row& row : rows) {
        const Origin origin = origin_of(row.remote_host, contract::kUnsetId, 1000);
        STRCMP_EQUAL_TEXT(row.key, origin.key.c_str(), row.remote_host);
        CHECK_FALSE_TEXT(origin.own_session, row.remote_host);
        // A login uid says nothing about somebody far away: it may be of whoever started sshd.
        const Origin with_login = origin_of(row.remote_host, 1000, 1000);
        STRCMP_EQUAL_TEXT(row.key, with_login.key.c_str(), row.remote_host);
        CHECK_FALSE_TEXT(with_login.own_session, row.remote_host);
    }
}

TEST(Origin, this_machine_is_local_or_the_session_of_somebody) {
    for (const char* host :
         {"", "localhost", "LOCALHOST.", "localhost.localdomain", "127.0.0.1", "127.1.2.3", "::1",
          "[::1]", "::ffff:127.0.0.1", "ip6-localhost", "UNKNOWN"}) {
        const Origin local = origin_of(host, contract::kUnsetId, 1000);
        STRCMP_EQUAL_TEXT("local", local.key.c_str(), host);
        CHECK_FALSE_TEXT(local.own_session, host);

        const Origin own = origin_of(host, 1000, 1000);
        STRCMP_EQUAL_TEXT("session of 1000", own.key.c_str(), host);
        CHECK_TRUE_TEXT(own.own_session, host);

        const Origin of_another = origin_of(host, 1001, 1000);
        STRCMP_EQUAL_TEXT("session of 1001", of_another.key.c_str(), host);
        CHECK_FALSE_TEXT(of_another.own_session, host);
    }
}

TEST(Origin, an_unset_login_uid_is_no_bodys_session_even_of_an_account_of_that_number) {
    const Origin origin = origin_of("", contract::kUnsetId, contract::kUnsetId);

    STRCMP_EQUAL("local", origin.key.c_str());
    CHECK_FALSE(origin.own_session);
}

TEST(Origin, a_long_name_is_cut) {
    CHECK(origin_of(std::string(100000, 'x'), contract::kUnsetId, 1000).key.size() < 300);
}

TEST(Origin, of_IPv6_lies_in_a_network) {
    const std::pair<const char*, const char*> rows[] = {
        {"2001:db8:1:2::1", "net 2001:db8:1::/48"},
        {"2001:db8:1:ffff::1", "net 2001:db8:1::/48"},
        {"2001:db8:2:2::1", "net 2001:db8:2::/48"},
        {"fe80::1%eth0", ""}, // of one link: there is no wider network
        {"192.0.2.7", ""},
        {"client.example.com", ""},
        {"", ""},
    };
    for (const auto& [host, network] : rows) {
        const Origin origin = origin_of(host, contract::kUnsetId, 1000);
        STRCMP_EQUAL_TEXT(network, network_of(origin.key).c_str(), host);
        STRCMP_EQUAL_TEXT(network, network_of(network_of(origin.key)).c_str(), host);
    }
}
