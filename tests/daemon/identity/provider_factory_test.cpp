// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/provider_factory.h"

#include "tests/support/counting_revoker.h"
#include "tests/support/fake_clock.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;

TEST_GROUP(ProviderFactory){};

TEST(ProviderFactory, makes_a_whole_client_of_the_provider_that_is_named) {
    Loop loop;
    const FakeClock clock;
    CountingRevoker revoker;
    settings::IdentitySettings settings;

    const Provider provider = make_provider(loop, settings, revoker, clock);

    CHECK_TRUE(provider.factors != nullptr);
    CHECK_TRUE(provider.identity->capabilities().resend_passcode);
    CHECK_FALSE(provider.identity->busy());
    for (const std::string& word :
         {provider.words.name, provider.words.service, provider.words.administrator,
          provider.words.mfa_elsewhere, provider.words.password_elsewhere}) {
        CHECK_FALSE(word.empty());
    }
}

TEST(ProviderFactory, two_addresses_are_two_issuers) {
    settings::IdentitySettings one;
    settings::IdentitySettings other;
    other.connect_timeout *= 2;
    CHECK_TRUE(issuer_of(one) == issuer_of(other));

    other.url += "/elsewhere";
    CHECK_FALSE(issuer_of(one) == issuer_of(other));
}
