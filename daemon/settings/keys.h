// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/text.h"

#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <type_traits>
#include <utility>
#include <vector>

/// The rows of the configuration's tables: which keys there are, and what each accepts.
namespace raxauth::settings {

inline constexpr std::size_t kMaxShownBytes = 100;

/// Is told where each key was set, and what is wrong with it. `path` is dotted.
class KeyListener {
  public:
    virtual ~KeyListener() = default;
    virtual void key_set(const std::string& path, unsigned line) = 0;
    virtual void key_wrong(const std::string& path, unsigned line, std::string found,
                           std::string wanted) = 0;
};

/// Text of the configuration as a fault shows it. Blanks at the ends stay visible: they may be what
/// is wrong.
std::string in_quotes(std::string_view text);
/// "10s"
std::string format_duration(std::chrono::milliseconds duration);
/// A value as a fault shows it.
std::string describe(const toml::node& node);
unsigned line_of(const toml::source_region& source);

/// One value of one key, and where to complain about it.
class Value {
  public:
    Value(const toml::node& node, std::string path, unsigned line, KeyListener& listener)
        : node_(node), path_(std::move(path)), line_(line), listener_(listener) {}

    const toml::node& node() const { return node_; }
    void wrong(std::string found, std::string wanted) const {
        listener_.key_wrong(path_, line_, std::move(found), std::move(wanted));
    }
    void wrong(std::string wanted) const { wrong(describe(node_), std::move(wanted)); }
    /// An element of a list, which may stand on a line of its own.
    Value element(const toml::node& node) const {
        return {node, path_, line_of(node.source()), listener_};
    }
    /// An entry of a table, whose keys are data.
    Value entry(const toml::key& name, const toml::node& node) const {
        Value entry(node, path_ + '.' + sanitise(name.str(), kMaxShownBytes),
                    line_of(name.source()), listener_);
        listener_.key_set(entry.path_, entry.line_);
        return entry;
    }

    const std::string* text() const {
        const auto* text = node_.as_string();
        return text != nullptr ? &**text : nullptr;
    }

  private:
    const toml::node& node_;
    std::string path_;
    unsigned line_;
    KeyListener& listener_;
};

/// A key of a table whose values go into an Owner.
template <class Owner>
struct Key {
    std::string_view name;
    std::function<void(const Value&, Owner&)> read;
};

/// Row of a table: what `parse` accepts goes into `field`; it complains itself about the rest.
template <class Owner, class Field, class Parse>
Key<Owner> key(std::string_view name, Field Owner::* field, const Parse& parse) {
    return {name, [field, parse](const Value& value, Owner& owner) {
                auto parsed = parse(value);
                if constexpr (std::is_same_v<Field, decltype(parsed)>) {
                    if (parsed) {
                        owner.*field = std::move(parsed);
                    }
                } else if (parsed) {
                    owner.*field = *std::move(parsed);
                }
            }};
}

/// What the keys and values of a map must be.
struct MapRule {
    bool (*is_key)(const std::string&);
    std::string_view keys;
    bool (*is_value)(const std::string&);
    std::string_view values;
    std::string_view table; ///< the whole
};

using TextMap = std::map<std::string, std::string, std::less<>>;

/// Reads a table into `map`, entry by entry: those of an earlier file stay.
void read_map(const Value& value, const MapRule& rule, TextMap& map);

/// Row whose value is a table of texts.
template <class Owner>
Key<Owner> map_key(std::string_view name, TextMap Owner::* field, const MapRule& rule) {
    return {name, [field, rule](const Value& value, Owner& owner) {
                read_map(value, rule, owner.*field);
            }};
}

std::optional<bool> boolean(const Value& value);

std::function<std::optional<unsigned>(const Value&)> number(unsigned least, unsigned most);

/// The duration in `value` if it is in bounds and a whole number of `unit`.
std::optional<std::chrono::milliseconds> read_duration(const Value& value,
                                                       std::chrono::milliseconds least,
                                                       std::chrono::milliseconds most,
                                                       std::chrono::milliseconds unit);

/// `CountedIn` is what the key counts in: a duration that is not a whole number of it is refused.
template <class CountedIn>
auto duration(std::chrono::milliseconds least, std::chrono::milliseconds most) {
    return [least, most](const Value& value) -> std::optional<CountedIn> {
        const auto unit = std::chrono::duration_cast<std::chrono::milliseconds>(CountedIn{1});
        if (const auto read = read_duration(value, least, most, unit)) {
            return std::chrono::duration_cast<CountedIn>(*read);
        }
        return std::nullopt;
    };
}

using TextCheck = std::function<bool(const std::string&)>;

std::function<std::optional<std::string>(const Value&)> text(TextCheck check,
                                                             std::string_view wanted);

std::function<std::optional<std::vector<std::string>>(const Value&)> names(TextCheck check,
                                                                           std::string_view wanted);

template <class Enum>
struct Word {
    std::string_view word;
    Enum meaning;
};

template <class Enum>
auto one_of(std::initializer_list<Word<Enum>> words) {
    return [words = std::vector(words)](const Value& value) -> std::optional<Enum> {
        const std::string* text = value.text();
        std::string wanted;
        for (const Word<Enum>& known : words) {
            if (text != nullptr && *text == known.word) {
                return known.meaning;
            }
            wanted += (wanted.empty() ? "" : " or ") + in_quotes(known.word);
        }
        value.wrong(wanted);
        return std::nullopt;
    };
}

} // namespace raxauth::settings
