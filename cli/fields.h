// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <systemd/sd-bus.h>
#include <variant>
#include <vector>

namespace raxauth::cli {

/// One `a{sv}` of the daemon. Strings are as they came: clean them before showing them.
class Fields {
  public:
    using Value = std::variant<bool, std::uint64_t, std::string>;

    void set(std::string key, Value value) { values_[std::move(key)] = std::move(value); }

    bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
    /// Nothing when the daemon did not say, or said something of another type.
    std::optional<std::string> text(std::string_view key) const { return find<std::string>(key); }
    std::optional<std::uint64_t> number(std::string_view key) const {
        return find<std::uint64_t>(key);
    }
    std::optional<bool> flag(std::string_view key) const { return find<bool>(key); }
    /// Cleaned for a terminal, on one line; empty when there is none.
    std::string shown(std::string_view key) const;

    /// The keys as on the bus, with '_' for '-' so that jq(1) needs no quotes.
    nlohmann::json json() const;

  private:
    template <class T>
    std::optional<T> find(std::string_view key) const {
        const auto found = values_.find(key);
        const T* value = found != values_.end() ? std::get_if<T>(&found->second) : nullptr;
        return value != nullptr ? std::optional<T>(*value) : std::nullopt;
    }

    std::map<std::string, Value, std::less<>> values_;
};

/// Reads one `a{sv}`; entries of other types than s, b, u and t are left out.
/// Errors: Failure, when the message does not hold one here.
Fields read_fields(sd_bus_message* message);
/// The same for `aa{sv}`.
std::vector<Fields> read_many_fields(sd_bus_message* message);

nlohmann::json json_of(const std::vector<Fields>& many);

} // namespace raxauth::cli
