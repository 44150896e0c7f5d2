// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/provider_factory.h"

#include "daemon/identity/http/http_transport.h"
#include "daemon/identity/rackspace/client.h"
#include "daemon/identity/rackspace/words.h"

#include <cstdlib>

namespace raxauth::identity {
namespace {

Provider rackspace_provider(Loop& loop, const settings::IdentitySettings& settings,
                            TokenRevoker& revoker, const Clock& clock) {
    struct Service {
        HttpTransport transport;
        rackspace::Client client;

        Service(Loop& on, const settings::IdentitySettings& with, TokenRevoker& to, const Clock& by)
            : transport(on, with, by), client(transport, with, to, by) {}
    };
    const auto service = std::make_shared<Service>(loop, settings, revoker, clock);
    return {std::shared_ptr<Identity>(service, &service->client), &service->client,
            rackspace::words()};
}

} // namespace

Provider make_provider(Loop& loop, const settings::IdentitySettings& settings,
                       TokenRevoker& revoker, const Clock& clock) {
    switch (settings.provider) {
    case settings::Provider::Rackspace:
        return rackspace_provider(loop, settings, revoker, clock);
    }
    std::abort(); // the settings name no other
}

std::string issuer_of(const settings::IdentitySettings& settings) {
    switch (settings.provider) {
    case settings::Provider::Rackspace:
        return "rackspace " + settings.url;
    }
    std::abort();
}

} // namespace raxauth::identity
