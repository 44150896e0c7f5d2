// SPDX-License-Identifier: Apache-2.0
// The configuration's grammar: one table row per key. A key that is not in a table does not exist,
// and what its row does not accept is a fault; nothing is guessed, corrected or skipped. The rows
// also say, in words for an administrator, what is wanted.
#include "daemon/settings/settings_file.h"

#include "common/handle.h"
#include "common/letter_case.h"
#include "common/text.h"
#include "common/unique_fd.h"
#include "common/user_name.h"
#include "daemon/settings/url.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <sys/stat.h>
#include <system_error>
#include <toml++/toml.h>
#include <tuple>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace raxauth::settings {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using namespace std::chrono_literals;

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxShownBytes = 100;

// ---------------------------------------------------------------------------------------------
// What a fault shows

/// Blanks at the ends stay visible: they may be what is wrong.
std::string quoted(std::string_view text) {
    const bool blank_first = text.size() > 1 && text.front() == ' ';
    const bool blank_last = !text.empty() && text.back() == ' ';
    return (blank_first ? "\" " : "\"") + sanitise(text, kMaxShownBytes) +
           (blank_last ? " \"" : "\"");
}

std::string describe(const toml::node& node) {
    switch (node.type()) {
    case toml::node_type::string:
        return quoted(**node.as_string());
    case toml::node_type::integer:
        return fmt::format("{}", **node.as_integer());
    case toml::node_type::boolean:
        return **node.as_boolean() ? "true" : "false";
    case toml::node_type::floating_point:
        return fmt::format("{}", **node.as_floating_point());
    case toml::node_type::array:
        return "a list";
    case toml::node_type::table:
        return "a table";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
        return "a date or time";
    case toml::node_type::none:
        break;
    }
    return "nothing";
}

unsigned line_of(const toml::source_region& source) {
    return source.begin.line;
}

struct Unit {
    std::string_view name;
    milliseconds size;
};
constexpr std::array<Unit, 5> kUnits{Unit{"d", 24h}, Unit{"h", 1h}, Unit{"m", 1min}, Unit{"s", 1s},
                                     Unit{"ms", 1ms}};

std::string format_duration(milliseconds duration) {
    for (const Unit& unit : kUnits) {
        if (duration != 0ms && duration % unit.size == 0ms) {
            return fmt::format("\"{}{}\"", duration / unit.size, unit.name);
        }
    }
    return "\"0s\"";
}

// ---------------------------------------------------------------------------------------------
// Values

/// One value of one key, and where to complain about it.
class Value {
  public:
    Value(const toml::node& node, unsigned line, std::function<void(SettingsFault)> complain)
        : node_(node), line_(line), complain_(std::move(complain)) {}

    const toml::node& node() const { return node_; }
    void wrong(std::string found, std::string wanted) const {
        complain_({{}, line_, {}, std::move(found), std::move(wanted)});
    }
    void wrong(std::string wanted) const { wrong(describe(node_), std::move(wanted)); }
    /// An element of a list, which may stand on a line of its own.
    Value element(const toml::node& node) const {
        return {node, line_of(node.source()), complain_};
    }

    const std::string* text() const {
        const auto* text = node_.as_string();
        return text != nullptr ? &**text : nullptr;
    }

  private:
    const toml::node& node_;
    unsigned line_;
    std::function<void(SettingsFault)> complain_;
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

std::optional<bool> boolean(const Value& value) {
    if (const auto* node = value.node().as_boolean()) {
        return **node;
    }
    value.wrong("true or false");
    return std::nullopt;
}

auto number(unsigned least, unsigned most) {
    return [least, most](const Value& value) -> std::optional<unsigned> {
        const auto* node = value.node().as_integer();
        if (node != nullptr && **node >= least && **node <= most) {
            return static_cast<unsigned>(**node);
        }
        value.wrong(fmt::format("a whole number from {} to {}", least, most));
        return std::nullopt;
    };
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    constexpr std::size_t kMaxDigits = 9; // keeps the product far from overflow
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > kMaxDigits) {
        return std::nullopt;
    }
    milliseconds::rep count = 0;
    for (const char digit : text.substr(0, digits)) {
        count = count * 10 + (digit - '0');
    }
    for (const Unit& unit : kUnits) {
        if (text.substr(digits) == unit.name) {
            return count * unit.size;
        }
    }
    return std::nullopt;
}

/// `Unit` is what the key counts in: a duration that is not a whole number of it is refused.
template <class CountedIn>
auto duration(milliseconds least, milliseconds most) {
    return [least, most](const Value& value) -> std::optional<CountedIn> {
        const std::string* text = value.text();
        const auto parsed = text != nullptr ? parse_duration(*text) : std::nullopt;
        if (parsed && *parsed >= least && *parsed <= most &&
            *parsed % std::chrono::duration_cast<milliseconds>(CountedIn{1}) == 0ms) {
            return std::chrono::duration_cast<CountedIn>(*parsed);
        }
        value.wrong(fmt::format("a duration with its unit (ms, s, m, h, d) from {} to {}{}",
                                format_duration(least), format_duration(most),
                                CountedIn{1} == 1s ? ", in whole seconds" : ""));
        return std::nullopt;
    };
}

template <class Check>
auto text(Check check, std::string_view wanted) {
    return [check, wanted](const Value& value) -> std::optional<std::string> {
        const std::string* text = value.text();
        if (text != nullptr && check(*text)) {
            return *text;
        }
        value.wrong(std::string(wanted));
        return std::nullopt;
    };
}

template <class Check>
auto names(Check check, std::string_view wanted) {
    return [check, wanted](const Value& value) -> std::optional<std::vector<std::string>> {
        const toml::array* list = value.node().as_array();
        if (list == nullptr) {
            value.wrong(fmt::format("a list of {}", wanted));
            return std::nullopt;
        }
        std::vector<std::string> result;
        bool good = true;
        for (const toml::node& node : *list) {
            const Value element = value.element(node);
            const std::string* text = element.text();
            if (text != nullptr && check(*text)) {
                result.push_back(*text);
                continue;
            }
            good = false;
            // "Everybody but" would exempt whoever is not thought of.
            const bool negated = text != nullptr && !text->empty() && text->front() == '!';
            element.wrong(negated ? fmt::format("{}; a list cannot exclude", wanted)
                                  : std::string(wanted));
        }
        return good ? std::optional(std::move(result)) : std::nullopt;
    };
}

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
            wanted += (wanted.empty() ? "" : " or ") + quoted(known.word);
        }
        value.wrong(wanted);
        return std::nullopt;
    };
}

// ---------------------------------------------------------------------------------------------
// Texts

bool only(std::string_view text, bool (*allowed)(char)) {
    return std::all_of(text.begin(), text.end(), allowed);
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// What a fault may show of a URL: never a password that somebody wrote into it.
void wrong_url(const Value& value, std::string wanted) {
    const std::string* text = value.text();
    if (text != nullptr && text->find('@') != std::string::npos) {
        value.wrong("a URL with a user name or password in it", std::move(wanted));
    } else {
        value.wrong(std::move(wanted));
    }
}

std::optional<std::string> identity_url(const Value& value) {
    const std::string* text = value.text();
    auto url = text != nullptr ? parse_url(*text) : std::nullopt;
    if (url && (url->scheme == "https" || (url->scheme == "http" && is_loopback(*url)))) {
        const std::string_view own_port = url->scheme == "https" ? ":443" : ":80";
        if (url->authority.ends_with(own_port)) {
            url->authority.resize(url->authority.size() - own_port.size());
        }
        return url->scheme + "://" + url->authority + url->path;
    }
    wrong_url(value, "a URL that begins with https:// (http:// for a loopback address alone), "
                     "without user name, query and fragment");
    return std::nullopt;
}

std::optional<std::string> proxy_url(const Value& value) {
    const std::string* text = value.text();
    if (text != nullptr && text->empty()) {
        return *text;
    }
    const auto url = text != nullptr ? parse_url(*text) : std::nullopt;
    const auto schemes = {"http", "https", "socks5", "socks5h"};
    if (url && url->path.empty() &&
        std::find(schemes.begin(), schemes.end(), url->scheme) != schemes.end()) {
        return url->scheme + "://" + url->authority;
    }
    wrong_url(value, "\"\", or a proxy as http://, https://, socks5:// or socks5h:// with host and "
                     "port alone");
    return std::nullopt;
}

bool is_absolute_path_or_empty(const std::string& text) {
    return text.empty() || (text.front() == '/' && text.size() < 4096 && only(text, [](char c) {
                                return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
                            }));
}

/// CURLOPT_PINNEDPUBLICKEY also takes a file's name; a pin that is no pin must not become one.
bool are_pins(const std::string& text) {
    constexpr std::string_view kPrefix = "sha256//";
    constexpr std::size_t kBase64Bytes = 44; // 32 bytes with one '='
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view pin = rest.substr(0, rest.find(';'));
        if (pin.size() != kPrefix.size() + kBase64Bytes ||
            pin.substr(0, kPrefix.size()) != kPrefix || pin.back() != '=' ||
            !only(pin.substr(kPrefix.size(), kBase64Bytes - 1),
                  [](char c) { return is_alphanumeric(c) || c == '+' || c == '/'; })) {
            return false;
        }
        if (pin.size() == rest.size()) {
            return true;
        }
        rest.remove_prefix(pin.size() + 1);
        if (rest.empty()) {
            return false; // a bare ';' at the end
        }
    }
    return true;
}

bool is_account_template(const std::string& text) {
    constexpr std::string_view kPlaceholder = "{user}";
    std::string rest = text;
    for (std::size_t at = rest.find(kPlaceholder); at != std::string::npos;
         at = rest.find(kPlaceholder)) {
        rest.replace(at, kPlaceholder.size(), "u");
    }
    return is_valid_account_name(rest) && rest.find_first_of("{}") == std::string::npos;
}

bool is_account_name(const std::string& name) {
    return is_valid_account_name(name);
}

bool is_tenant(const std::string& name) {
    return name.empty() || is_valid_account_name(name);
}

bool is_local_name(const std::string& name) {
    return is_valid_user_name(name);
}

/// Roles and domains are matched byte for byte: a blank at either end would never match.
bool is_cloud_name(const std::string& name) {
    return !name.empty() && name.size() <= kMaxAccountNameBytes && name.front() != ' ' &&
           name.back() != ' ' && only(name, [](char c) { return c >= ' ' && c <= '~'; });
}

// ---------------------------------------------------------------------------------------------
// The tables

const std::vector<Key<IdentitySettings>>& identity_keys() {
    static const std::vector<Key<IdentitySettings>> keys{
        key("provider", &IdentitySettings::provider,
            one_of<Provider>({{"rackspace", Provider::Rackspace}})),
        key("url", &IdentitySettings::url, identity_url),
        key("ca_file", &IdentitySettings::ca_file,
            text(is_absolute_path_or_empty, "\"\", or the absolute path of a PEM file")),
        key("pinned_public_key", &IdentitySettings::pinned_public_key,
            text(are_pins, "\"\", or pins as sha256//BASE64= with ';' between them")),
        key("proxy", &IdentitySettings::proxy, proxy_url),
        key("connect_timeout", &IdentitySettings::connect_timeout,
            duration<milliseconds>(100ms, 30s)),
        key("request_timeout", &IdentitySettings::request_timeout,
            duration<milliseconds>(200ms, 50s)),
        {"apply_rcn_roles",
         [](const Value& value, IdentitySettings& identity) {
             if (const auto on = boolean(value)) {
                 identity.rackspace.apply_rcn_roles = *on;
             }
         }},
    };
    return keys;
}

const std::vector<Key<SignInSettings>>& sign_in_keys() {
    static const std::vector<Key<SignInSettings>> keys{
        key("credential", &SignInSettings::credential,
            one_of<CredentialRule>({{"password", CredentialRule::Password},
                                    {"password-or-api-key", CredentialRule::PasswordOrApiKey}})),
        key("single_prompt", &SignInSettings::single_prompt, boolean),
        key("deadline", &SignInSettings::deadline, duration<seconds>(1s, 1h)),
        key("enrol_at_login", &SignInSettings::enrol_at_login, boolean),
        key("enrolment_deadline", &SignInSettings::enrolment_deadline, duration<seconds>(1s, 1h)),
    };
    return keys;
}

constexpr std::string_view kLocalUsers = "names of local users (letters, digits and _.@-+$)";
constexpr std::string_view kLocalGroups = "names of local groups (letters, digits and _.@-+$)";
constexpr std::string_view kAccountName = "the name of a Rackspace user, without blanks and quotes";

std::optional<std::map<std::string, std::string, std::less<>>> no_map(const Value& value) {
    value.wrong("a table of local = \"Rackspace\" names");
    return std::nullopt;
}

/// accounts.map is merged entry by entry: see Reader::read_map().
const std::vector<Key<AccountSettings>>& account_keys() {
    static const std::vector<Key<AccountSettings>> keys{
        key("minimum_uid", &AccountSettings::minimum_uid, number(1, 4294967294U)),
        key("exempt_users", &AccountSettings::exempt_users, names(is_local_name, kLocalUsers)),
        key("exempt_groups", &AccountSettings::exempt_groups, names(is_local_name, kLocalGroups)),
        key("rackspace_user", &AccountSettings::rackspace_user,
            text(is_account_template, "a Rackspace user name in which {user} is the local name")),
        key("tenant_id", &AccountSettings::tenant_id,
            text(is_tenant, "\"\", or a tenant id without blanks and quotes")),
        key("tenant_name", &AccountSettings::tenant_name,
            text(is_tenant, "\"\", or a tenant name without blanks and quotes")),
        key("map", &AccountSettings::map, no_map),
    };
    return keys;
}

/// The keys of [access], into that table or into what a service has of its own.
template <class Owner>
std::vector<Key<Owner>> access_rows() {
    return {
        key("require_mfa", &Owner::require_mfa, boolean),
        key("domains", &Owner::domains, names(is_cloud_name, "ids of Rackspace domains")),
        key("any_domain", &Owner::any_domain, boolean),
        key("roles", &Owner::roles, names(is_cloud_name, "names or ids of Rackspace roles")),
    };
}

const std::vector<Key<AccessSettings>>& access_keys() {
    static const std::vector<Key<AccessSettings>> keys = access_rows<AccessSettings>();
    return keys;
}

const std::vector<Key<ServiceSettings>>& service_keys() {
    static const std::vector<Key<ServiceSettings>> keys = [] {
        auto rows = access_rows<ServiceSettings>();
        rows.push_back(
            key("reuse", &ServiceSettings::reuse,
                one_of<Reuse>(
                    {{"none", Reuse::None}, {"passcode", Reuse::Passcode}, {"all", Reuse::All}})));
        rows.push_back(key("reuse_for", &ServiceSettings::reuse_for, duration<seconds>(1s, 24h)));
        rows.push_back(key("without_sign_in", &ServiceSettings::without_sign_in,
                           one_of<WithoutSignIn>(
                               {{"allow", WithoutSignIn::Allow}, {"deny", WithoutSignIn::Deny}})));
        return rows;
    }();
    return keys;
}

const std::vector<Key<SessionSettings>>& session_keys() {
    static const std::vector<Key<SessionSettings>> keys{
        key("revoke_on_logout", &SessionSettings::revoke_on_logout, boolean),
        key("recheck_after", &SessionSettings::recheck_after, duration<seconds>(0s, 24h)),
        key("reuse_unverified", &SessionSettings::reuse_unverified, boolean),
        key("user_token", &SessionSettings::user_token, boolean),
    };
    return keys;
}

const std::vector<Key<LimitSettings>>& limit_keys() {
    constexpr unsigned kMuch = 1000000; // as good as no limit, for those who want none
    static const std::vector<Key<LimitSettings>> keys{
        key("passcode_attempts", &LimitSettings::passcode_attempts, number(1, 100)),
        key("wrong_passcodes", &LimitSettings::wrong_passcodes, number(1, kMuch)),
        key("wrong_passwords", &LimitSettings::wrong_passwords, number(1, kMuch)),
        key("challenges", &LimitSettings::challenges, number(1, kMuch)),
        key("resends", &LimitSettings::resends, number(0, 100)),
        key("conversations", &LimitSettings::conversations, number(1, 10000)),
        key("conversations_per_user", &LimitSettings::conversations_per_user, number(1, 10000)),
    };
    return keys;
}

const std::vector<Key<OfflineSettings>>& offline_keys() {
    static const std::vector<Key<OfflineSettings>> keys{
        key("enabled", &OfflineSettings::enabled, boolean),
        key("valid_for", &OfflineSettings::valid_for, duration<seconds>(1min, 24h * 90)),
    };
    return keys;
}

constexpr std::string_view kSections =
    "one of [identity], [sign_in], [accounts], [access], [services.NAME], [sessions], [limits], "
    "[offline]";

bool is_service_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && name.front() != '.' && only(name, [](char c) {
        return is_alphanumeric(c) || std::string_view("_.-+@").find(c) != std::string_view::npos;
    });
}

// ---------------------------------------------------------------------------------------------

/// Reads one file after the other; a later one overrides key by key.
class Reader {
  public:
    void read(std::string_view bytes, const std::string& file);
    void complain(SettingsFault fault) { faults_.push_back(std::move(fault)); }
    /// Where `key` was set last; nothing when it has its default.
    const Settings& settings() const { return settings_; }
    /// A fault that names `key`, at the place where it (or else `other`) was set.
    void complain_about(const std::string& key, const std::string& other, std::string found,
                        std::string wanted);
    std::variant<Settings, SettingsFaults> finish(const std::string& main_file);

  private:
    struct Place {
        std::string file;
        unsigned line = 0;
    };
    struct Complaint;

    void read_section(const std::string& name, const toml::node& node, unsigned line);
    void read_services(const toml::table& table);
    void read_map(const toml::table& table);
    template <class Owner>
    void read_table(const std::string& path, const toml::node& node, unsigned line,
                    const std::vector<Key<Owner>>& keys, Owner& owner);
    Value value(const std::string& path, const toml::node& node, unsigned line);
    void check_together(const std::string& main_file);
    bool is_sound(std::initializer_list<const char*> keys) const;

    Settings settings_;
    SettingsFaults faults_;
    std::map<std::string, Place> places_;
    std::set<std::string> unsound_; ///< keys that have a fault: not worth judging with others
    std::string file_;
    std::string main_file_;
};

Value Reader::value(const std::string& path, const toml::node& node, unsigned line) {
    places_[path] = {file_, line};
    return {node, line, [this, path](SettingsFault fault) {
                fault.file = file_;
                fault.key = path;
                unsound_.insert(path);
                complain(std::move(fault));
            }};
}

template <class Owner>
void Reader::read_table(const std::string& path, const toml::node& node, unsigned line,
                        const std::vector<Key<Owner>>& keys, Owner& owner) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
        complain({file_, line, path, describe(node), fmt::format("a table: [{}]", path)});
        return;
    }
    for (const auto& [name, child] : *table) {
        const std::string child_path = path + '.' + sanitise(name.str(), kMaxShownBytes);
        const unsigned child_line = line_of(name.source());
        const auto known =
            std::find_if(keys.begin(), keys.end(), [&, &key_name = name](const auto& row) {
                return row.name == key_name.str();
            });
        if (known == keys.end()) {
            std::string wanted;
            for (const Key<Owner>& row : keys) {
                wanted += (wanted.empty() ? "one of " : ", ") + std::string(row.name);
            }
            complain({file_, child_line, child_path, "an unknown key", wanted});
            continue;
        }
        if (const toml::table* map = child.as_table();
            map != nullptr && child_path == "accounts.map") {
            read_map(*map);
            continue;
        }
        known->read(value(child_path, child, child_line), owner);
    }
}

void Reader::read_map(const toml::table& table) {
    const auto parse = text(is_account_name, kAccountName);
    for (const auto& [name, child] : table) {
        const std::string path = "accounts.map." + sanitise(name.str(), kMaxShownBytes);
        const Value entry = value(path, child, line_of(name.source()));
        if (!is_valid_user_name(name.str())) {
            entry.wrong(quoted(name.str()), "the name of a local user as key (letters, digits and "
                                            "_.@-+$)");
        } else if (auto account = parse(entry)) {
            settings_.accounts.map[std::string(name.str())] = *std::move(account);
        }
    }
}

void Reader::read_services(const toml::table& table) {
    for (const auto& [name, child] : table) {
        const std::string path = "services." + sanitise(name.str(), kMaxShownBytes);
        const unsigned line = line_of(name.source());
        if (!is_service_name(name.str())) {
            complain({file_, line, path, quoted(name.str()), "the name of a PAM service"});
            continue;
        }
        ServiceSettings& service = settings_.services[std::string(name.str())];
        read_table(path, child, line, service_keys(), service);
        if (is_entry_service(name.str()) && service.reuse.value_or(Reuse::None) != Reuse::None) {
            const Place place = places_[path + ".reuse"];
            complain({place.file, place.line, path + ".reuse",
                      *service.reuse == Reuse::All ? "\"all\"" : "\"passcode\"",
                      "\"none\": this service lets people into the machine"});
            service.reuse.reset(); // said once, not again for each later file
        }
    }
}

void Reader::read_section(const std::string& name, const toml::node& node, unsigned line) {
    if (name == "identity") {
        read_table(name, node, line, identity_keys(), settings_.identity);
    } else if (name == "sign_in") {
        read_table(name, node, line, sign_in_keys(), settings_.sign_in);
    } else if (name == "accounts") {
        read_table(name, node, line, account_keys(), settings_.accounts);
    } else if (name == "access") {
        read_table(name, node, line, access_keys(), settings_.access);
    } else if (name == "sessions") {
        read_table(name, node, line, session_keys(), settings_.sessions);
    } else if (name == "limits") {
        read_table(name, node, line, limit_keys(), settings_.limits);
    } else if (name == "offline") {
        read_table(name, node, line, offline_keys(), settings_.offline);
    } else if (name != "services") {
        complain({file_, line, sanitise(name, kMaxShownBytes),
                  node.is_table() ? "an unknown table" : "an unknown key", std::string(kSections)});
    } else if (const toml::table* services = node.as_table()) {
        read_services(*services);
    } else {
        complain({file_, line, name, describe(node), "tables: [services.NAME]"});
    }
}

void Reader::read(std::string_view bytes, const std::string& file) {
    file_ = file;
    const auto first_fault = static_cast<std::ptrdiff_t>(faults_.size());
    try {
        const toml::table root = toml::parse(bytes, file);
        for (const auto& [name, node] : root) {
            read_section(std::string(name.str()), node, line_of(name.source()));
        }
    } catch (const toml::parse_error& error) {
        complain({file,
                  line_of(error.source()),
                  {},
                  sanitise(error.description(), 200),
                  "TOML (https://toml.io)"});
    }
    // toml++ gives keys in the order of their names; people read from top to bottom.
    std::sort(faults_.begin() + first_fault, faults_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.line, a.key) < std::tie(b.line, b.key);
    });
}

bool Reader::is_sound(std::initializer_list<const char*> keys) const {
    return std::none_of(keys.begin(), keys.end(),
                        [this](const char* key) { return unsound_.count(key) != 0; });
}

void Reader::complain_about(const std::string& key, const std::string& other, std::string found,
                            std::string wanted) {
    auto place = places_.find(key);
    if (place == places_.end()) {
        place = places_.find(other);
    }
    const Place where = place != places_.end() ? place->second : Place{main_file_, 0};
    complain({where.file, where.line, key, std::move(found), std::move(wanted)});
}

/// Rules about several keys, after everything has been merged.
void Reader::check_together(const std::string& main_file) {
    main_file_ = main_file;
    const Settings& s = settings_;
    const auto shorter = [&](const char* key, milliseconds value, const char* than,
                             milliseconds limit) {
        if (is_sound({key, than}) && value >= limit) {
            complain_about(key, than, format_duration(value),
                           fmt::format("less than {}, which is {}", than, format_duration(limit)));
        }
    };
    shorter("identity.connect_timeout", s.identity.connect_timeout, "identity.request_timeout",
            s.identity.request_timeout);
    shorter("identity.request_timeout", s.identity.request_timeout, "sign_in.deadline",
            s.sign_in.deadline);
    shorter("identity.request_timeout", s.identity.request_timeout, "sign_in.enrolment_deadline",
            s.sign_in.enrolment_deadline);
    // The proxy is the next hop: only one on this machine keeps what is not encrypted here.
    if (is_sound({"identity.url", "identity.proxy"}) && s.identity.url.starts_with("http://") &&
        !s.identity.proxy.empty() && !is_loopback_url(s.identity.proxy)) {
        complain_about("identity.proxy", "identity.url", quoted(s.identity.proxy),
                       "no proxy, or one on this machine: identity.url is http://, so passwords "
                       "would go to the proxy unencrypted");
    }
    if (!s.accounts.tenant_id.empty() && !s.accounts.tenant_name.empty()) {
        complain_about("accounts.tenant_name", "accounts.tenant_id", quoted(s.accounts.tenant_name),
                       "tenant_id or tenant_name, not both");
    }
    if (s.sign_in.credential == CredentialRule::PasswordOrApiKey && s.access.require_mfa &&
        is_sound({"access.require_mfa"})) {
        complain_about("sign_in.credential", "access.require_mfa", "\"password-or-api-key\"",
                       "\"password\", unless access.require_mfa = false: Identity never asks for a "
                       "passcode after an API key");
    }
}

std::variant<Settings, SettingsFaults> Reader::finish(const std::string& main_file) {
    check_together(main_file);
    if (!faults_.empty()) {
        return std::move(faults_);
    }
    return std::move(settings_);
}

// ---------------------------------------------------------------------------------------------
// Files

using Directory = CHandle<DIR, closedir>;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

/// Says what is wrong with who may write to an open file or directory.
std::optional<SettingsFault> distrust(const std::string& shown, const struct stat& status,
                                      uid_t owner) {
    if (status.st_uid != owner) {
        return SettingsFault{shown,
                             0,
                             {},
                             fmt::format("owner uid {}", status.st_uid),
                             fmt::format("owner uid {}", owner)};
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return SettingsFault{shown,
                             0,
                             {},
                             fmt::format("mode {:04o}", status.st_mode & 07777U),
                             "writable by its owner alone (chmod go-w)"};
    }
    return std::nullopt;
}

/// Opens once and judges what was opened, so that nothing can be swapped in between.
std::variant<std::string, SettingsFault> read_file(int directory, const char* name,
                                                   const std::string& shown, uid_t owner) {
    const auto fault = [&](std::string found, std::string wanted) {
        return SettingsFault{shown, 0, {}, std::move(found), std::move(wanted)};
    };
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    const UniqueFd fd(
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return errno == ELOOP ? fault("a symbolic link", "a regular file")
                              : fault(error_text(errno), "a readable file");
    }
    struct stat status{};
    if (fstat(fd.get(), &status) != 0) {
        return fault(error_text(errno), "a readable file");
    }
    if (!S_ISREG(status.st_mode)) {
        return fault("no regular file", "a regular file");
    }
    if (auto wrong = distrust(shown, status, owner)) {
        return *std::move(wrong);
    }
    std::string bytes;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return fault(error_text(errno), "a readable file");
        }
        if (count == 0) {
            return bytes;
        }
        bytes.append(chunk.data(), static_cast<std::size_t>(count));
        if (bytes.size() > kMaxFileBytes) {
            return fault("more than 1 MiB", "at most 1 MiB");
        }
    }
}

void read_into(Reader& reader, int directory, const char* name, const std::string& shown,
               uid_t owner) {
    auto outcome = read_file(directory, name, shown, owner);
    if (auto* fault = std::get_if<SettingsFault>(&outcome)) {
        reader.complain(std::move(*fault));
    } else {
        reader.read(std::get<std::string>(outcome), shown);
    }
}

bool is_drop_in(std::string_view name) {
    constexpr std::string_view kSuffix = ".toml";
    return name.front() != '.' && name.size() > kSuffix.size() &&
           name.substr(name.size() - kSuffix.size()) == kSuffix;
}

void read_drop_ins(Reader& reader, const SettingsPlace& place) {
    UniqueFd fd(open(place.directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        if (errno != ENOENT) {
            reader.complain({place.directory, 0, {}, error_text(errno), "a readable directory"});
        }
        return;
    }
    struct stat status{};
    if (fstat(fd.get(), &status) != 0) {
        reader.complain({place.directory, 0, {}, error_text(errno), "a readable directory"});
        return;
    }
    if (auto wrong = distrust(place.directory, status, place.owner)) {
        reader.complain(*std::move(wrong));
        return;
    }
    const Directory directory(fdopendir(fd.get()));
    if (!directory) {
        reader.complain({place.directory, 0, {}, error_text(errno), "a readable directory"});
        return;
    }
    const int directory_fd = fd.release(); // closed by closedir()
    std::set<std::string> found;
    for (;;) {
        errno = 0;
        const dirent* entry = readdir(directory.get());
        if (entry == nullptr) {
            break;
        }
        if (is_drop_in(entry->d_name)) {
            found.insert(entry->d_name);
        }
    }
    if (errno != 0) {
        reader.complain({place.directory, 0, {}, error_text(errno), "a readable directory"});
        return;
    }
    for (const std::string& name : found) {
        read_into(reader, directory_fd, name.c_str(), place.directory + '/' + name, place.owner);
    }
}

} // namespace

std::string SettingsFault::text() const {
    std::string result = file;
    if (line != 0) {
        result += fmt::format(":{}", line);
    }
    result += ": ";
    if (!key.empty()) {
        result += key + ": ";
    }
    return result + "found " + found + ", wanted " + wanted;
}

std::variant<Settings, SettingsFaults> load_settings(const SettingsPlace& place) {
    Reader reader;
    read_into(reader, AT_FDCWD, place.file.c_str(), place.file, place.owner);
    read_drop_ins(reader, place);
    const std::string& ca_file = reader.settings().identity.ca_file;
    if (!ca_file.empty() && access(ca_file.c_str(), R_OK) != 0) {
        // Said here, at once, rather than as "Identity unreachable" at the first login.
        reader.complain_about("identity.ca_file", {}, error_text(errno) + ": " + quoted(ca_file),
                              "a readable PEM file");
    }
    return reader.finish(place.file);
}

std::variant<Settings, SettingsFaults> parse_settings(std::string_view text,
                                                      std::string_view name) {
    Reader reader;
    reader.read(text, std::string(name));
    return reader.finish(std::string(name));
}

} // namespace raxauth::settings
