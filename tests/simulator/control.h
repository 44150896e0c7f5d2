// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/http_server.h"
#include "tests/simulator/identity.h"

#include <functional>
#include <string>

namespace raxauth::simulator {

/// The hand that tests reach into the simulator with: plain HTTP and JSON on loopback. README.md
/// lists the calls.
class Control {
  public:
    Control(Identity& identity, ShiftedClock& clock, std::string users_file);

    /// The server whose connections and latency are under control; set before the first call.
    void attach(HttpServer& server) { server_ = &server; }
    Reply answer(const Request& request);

  private:
    using Json = nlohmann::ordered_json;

    Json get(const std::string& what, const std::string& name);
    Json put(const std::string& what, const std::string& name, const nlohmann::json& body);
    Json remove(const std::string& what, const std::string& name);
    Json act(const std::string& what, const std::string& name, const nlohmann::json& body);
    Json users(const std::string& name);
    Json tokens();
    Json requests();
    Json outbox(const std::string& user);

    Identity& identity_;
    ShiftedClock& clock_;
    std::string users_file_;
    HttpServer* server_ = nullptr;
};

} // namespace raxauth::simulator
