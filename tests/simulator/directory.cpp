// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/directory.h"

#include "tests/simulator/one_time_code.h"
#include "tests/simulator/random_text.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <stdexcept>

namespace raxauth::simulator {

namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return result;
}

} // namespace

Directory Directory::from_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error("cannot read " + path);
    }
    return from_json(nlohmann::json::parse(file));
}

Directory Directory::from_json(const nlohmann::json& value) {
    Directory directory;
    if (const auto domains = value.find("domains"); domains != value.end()) {
        for (const auto& [id, patch] : domains->items()) {
            directory.put_domain(id, patch);
        }
    }
    for (const nlohmann::json& user : value.at("users")) {
        const std::string name = user.at("name").get<std::string>();
        if (directory.by_name(name) != nullptr) {
            throw std::invalid_argument("two users named " + name);
        }
        directory.put(name, user);
    }
    return directory;
}

Account* Directory::by_name(std::string_view name) {
    const auto found = by_name_.find(lower(name));
    return found == by_name_.end() ? nullptr : found->second.get();
}

Account* Directory::by_id(std::string_view id) {
    const auto found = by_id_.find(std::string(id));
    return found == by_id_.end() ? nullptr : found->second;
}

Account& Directory::put(const std::string& name, const nlohmann::json& patch) {
    Account* account = by_name(name);
    Account changed;
    if (account != nullptr) {
        changed = *account;
    } else {
        changed.name = name;
    }
    const std::string old_id = changed.id;
    merge(changed, patch);
    if (lower(changed.name) != lower(name)) {
        throw std::invalid_argument("a user keeps their name");
    }
    if (changed.id.empty()) {
        changed.id = random_hex(32);
    }
    for (const OtpDevice& device : changed.otp_devices) {
        // Refuses a secret that is no base32 here rather than in the middle of a sign-in.
        static_cast<void>(totp(device.secret, Time{}));
    }
    if (const Account* other = by_id(changed.id); other != nullptr && other != account) {
        throw std::invalid_argument("two users with the id " + changed.id);
    }
    auto& place = by_name_[lower(name)];
    if (!place) {
        place = std::make_unique<Account>();
    }
    *place = std::move(changed);
    by_id_.erase(old_id);
    by_id_[place->id] = place.get();
    return *place;
}

bool Directory::remove(std::string_view name) {
    const Account* account = by_name(name);
    if (account == nullptr) {
        return false;
    }
    by_id_.erase(account->id);
    by_name_.erase(lower(name));
    return true;
}

Domain& Directory::domain(const std::string& id) {
    Domain& domain = domains_[id];
    domain.id = id;
    return domain;
}

void Directory::put_domain(const std::string& id, const nlohmann::json& patch) {
    Domain changed = domain(id);
    for (const auto& [name, value] : patch.items()) {
        if (name == "enabled") {
            changed.enabled = value.get<bool>();
        } else if (name == "enforcement") {
            changed.enforcement = value.get<std::string>();
        } else if (name != "id") {
            throw std::invalid_argument("a domain has no member " + name);
        }
    }
    domains_[id] = changed;
}

nlohmann::ordered_json to_json(const Domain& domain) {
    return {{"id", domain.id}, {"enabled", domain.enabled}, {"enforcement", domain.enforcement}};
}

} // namespace raxauth::simulator
