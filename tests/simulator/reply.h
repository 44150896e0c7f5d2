// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/clock.h"
#include "tests/simulator/switches.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raxauth::simulator {

/// How the bytes of a reply reach the client.
enum class Delivery {
    ordinary,
    trickle,    ///< byte by byte, `delay` apart
    stall,      ///< nothing, until the client goes away
    stall_body, ///< headers and half the body, then nothing
    reset,      ///< a TCP reset in place of a reply
    reset_body, ///< headers and half the body, then a TCP reset
    truncate,   ///< Content-Length larger than what comes, then the end
    close,      ///< the connection ends without a reply
    raw,        ///< `body` is written as it is in place of an HTTP reply, then the end
    endless,    ///< a chunked body that goes on until the client goes away
    huge,       ///< a JSON string of `bytes` bytes
};

/// A reply on its way out. Logic fills `tree`; what does not speak JSON fills `body`.
struct Reply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    nlohmann::ordered_json tree; ///< null: `body` counts
    std::string body;
    std::string content_type = "application/json";
    Delivery delivery = Delivery::ordinary;
    std::chrono::milliseconds delay{0};
    std::int64_t bytes = 0;

    void add_header(std::string name, std::string value) {
        headers.emplace_back(std::move(name), std::move(value));
    }
};

/// `{"<fault>":{"code":N,"message":"..."}}`, the shape of every Identity fault.
Reply fault_reply(int status, std::string_view fault, std::string_view message);

/// `Error code: 'AUTH-004'; message`, or the older form without the code.
std::string coded(const Switches& switches, std::string_view code, std::string_view message);

Reply json_reply(int status, nlohmann::ordered_json tree);
Reply empty_reply(int status);

/// The place holder in a tree that `render` replaces by the service catalogue of a tenant, which is
/// large and therefore kept as text: "@catalogue:TENANT@".
std::string catalogue_mark(std::string_view tenant);

/// Turns `tree`, if there is one, into `body` as the switches about JSON say.
void render(Reply& reply, const Switches& switches);

} // namespace raxauth::simulator
