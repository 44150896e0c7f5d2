// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/account.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace raxauth::simulator {

struct Domain {
    std::string id;
    bool enabled = true;
    std::string enforcement = "OPTIONAL"; ///< OPTIONAL, REQUIRED, RACKSPACE_MANDATED
};

/// All users and domains. References stay good until the user is removed.
class Directory {
  public:
    /// Reads a users file ({"domains":{...},"users":[...]}, see README.md); throws
    /// std::runtime_error or std::invalid_argument with what is wrong.
    static Directory from_file(const std::string& path);
    static Directory from_json(const nlohmann::json& value);

    /// User names are matched without regard to case, as Identity does.
    Account* by_name(std::string_view name);
    Account* by_id(std::string_view id);
    /// Adds the user or changes the one of that name.
    Account& put(const std::string& name, const nlohmann::json& patch);
    bool remove(std::string_view name);

    /// The domain of that id, made with default values at the first use.
    Domain& domain(const std::string& id);
    const std::map<std::string, Domain>& domains() const { return domains_; }
    void put_domain(const std::string& id, const nlohmann::json& patch);

    const std::unordered_map<std::string, std::unique_ptr<Account>>& all() const {
        return by_name_;
    }

  private:
    std::unordered_map<std::string, std::unique_ptr<Account>> by_name_; ///< by name in lower case
    std::unordered_map<std::string, Account*> by_id_;
    std::map<std::string, Domain> domains_;
};

nlohmann::ordered_json to_json(const Domain& domain);

} // namespace raxauth::simulator
