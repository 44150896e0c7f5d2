// SPDX-License-Identifier: Apache-2.0
// The configuration's grammar: one table row per key. A key that is not in a table does not exist,
// and what its row does not accept is a fault; nothing is guessed, corrected or skipped. The rows
// also say, in words for an administrator, what is wanted.
#include "daemon/settings/settings_file.h"

#include "common/letter_case.h"
#include "common/text.h"
#include "common/user_name.h"
#include "daemon/settings/keys.h"
#include "daemon/settings/syntax_fault.h"
#include "daemon/settings/url.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <initializer_list>
#include <optional>
#include <set>
#include <toml++/toml.h>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace raxauth::settings {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using namespace std::chrono_literals;

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

constexpr std::string_view kPasswordPrompt = "one line of at most 128 ASCII characters that ends "
                                             "in \"assword: \", with no placeholder but {user} and "
                                             "{service}";

/// Clients fill in only what ends in "password:"; one line fits every dialogue.
bool is_password_prompt(const std::string& prompt) {
    constexpr std::string_view kEnd = "assword: ";
    constexpr std::size_t kMaxPromptBytes = 128;
    std::string rest = prompt;
    for (const std::string_view placeholder : {"{user}", "{service}"}) {
        for (std::size_t at = rest.find(placeholder); at != std::string::npos;
             at = rest.find(placeholder)) {
            rest.erase(at, placeholder.size());
        }
    }
    return prompt.size() <= kMaxPromptBytes && prompt.ends_with(kEnd) &&
           rest.find_first_of("{}") == std::string::npos &&
           only(prompt, [](char c) { return c >= ' ' && c <= '~'; });
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
        key("password_prompt", &SignInSettings::password_prompt,
            text(is_password_prompt, kPasswordPrompt)),
        key("enrol_at_login", &SignInSettings::enrol_at_login, boolean),
        key("enrolment_deadline", &SignInSettings::enrolment_deadline, duration<seconds>(1s, 1h)),
    };
    return keys;
}

constexpr std::string_view kLocalUsers = "names of local users (letters, digits and _.@-+$)";
constexpr std::string_view kLocalGroups = "names of local groups (letters, digits and _.@-+$)";
constexpr std::string_view kAccountName = "the name of a Rackspace user, without blanks and quotes";

constexpr MapRule kAccountMap{
    is_local_name, "the name of a local user as key (letters, digits and _.@-+$)", is_account_name,
    kAccountName, "a table of local = \"Rackspace\" names"};

const std::vector<Key<AccountSettings>>& account_keys() {
    static const std::vector<Key<AccountSettings>> keys{
        key("minimum_uid", &AccountSettings::minimum_uid, number(1, 4294967294U)),
        key("maximum_uid", &AccountSettings::maximum_uid, number(1, 4294967294U)),
        key("exempt_users", &AccountSettings::exempt_users, names(is_local_name, kLocalUsers)),
        key("exempt_groups", &AccountSettings::exempt_groups, names(is_local_name, kLocalGroups)),
        key("rackspace_user", &AccountSettings::rackspace_user,
            text(is_account_template, "a Rackspace user name in which {user} is the local name")),
        key("tenant_id", &AccountSettings::tenant_id,
            text(is_tenant, "\"\", or a tenant id without blanks and quotes")),
        key("tenant_name", &AccountSettings::tenant_name,
            text(is_tenant, "\"\", or a tenant name without blanks and quotes")),
        map_key("map", &AccountSettings::map, kAccountMap),
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
        rows.push_back(key("password_prompt", &ServiceSettings::password_prompt,
                           text(is_password_prompt, kPasswordPrompt)));
        rows.push_back(key("plain_prompts", &ServiceSettings::plain_prompts, boolean));
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
class Reader final : private KeyListener {
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

    void read_section(const std::string& name, const toml::node& node, unsigned line);
    void read_services(const toml::table& table);
    template <class Owner>
    void read_table(const std::string& path, const toml::node& node, unsigned line,
                    const std::vector<Key<Owner>>& keys, Owner& owner);
    void key_set(const std::string& path, unsigned line) override { places_[path] = {file_, line}; }
    void key_wrong(const std::string& path, unsigned line, std::string found,
                   std::string wanted) override;
    void check_together(const std::string& main_file);
    bool is_sound(std::initializer_list<const char*> keys) const;

    Settings settings_;
    SettingsFaults faults_;
    std::map<std::string, Place> places_;
    std::set<std::string> unsound_; ///< keys that have a fault: not worth judging with others
    std::string file_;
    std::string main_file_;
};

void Reader::key_wrong(const std::string& path, unsigned line, std::string found,
                       std::string wanted) {
    unsound_.insert(path);
    complain({file_, line, path, std::move(found), std::move(wanted)});
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
        key_set(child_path, child_line);
        known->read(Value(child, child_path, child_line, *this), owner);
    }
}

void Reader::read_services(const toml::table& table) {
    for (const auto& [name, child] : table) {
        const std::string path = "services." + sanitise(name.str(), kMaxShownBytes);
        const unsigned line = line_of(name.source());
        if (!is_service_name(name.str())) {
            complain({file_, line, path, in_quotes(name.str()), "the name of a PAM service"});
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
        complain(syntax_fault(bytes, file, error));
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
        complain_about("identity.proxy", "identity.url", in_quotes(s.identity.proxy),
                       "no proxy, or one on this machine: identity.url is http://, so passwords "
                       "would go to the proxy unencrypted");
    }
    if (s.accounts.maximum_uid < s.accounts.minimum_uid &&
        is_sound({"accounts.maximum_uid", "accounts.minimum_uid"})) {
        complain_about(
            "accounts.maximum_uid", "accounts.minimum_uid",
            fmt::format("{}", s.accounts.maximum_uid),
            fmt::format("at least accounts.minimum_uid, which is {}", s.accounts.minimum_uid));
    }
    if (!s.accounts.tenant_id.empty() && !s.accounts.tenant_name.empty()) {
        complain_about("accounts.tenant_name", "accounts.tenant_id",
                       in_quotes(s.accounts.tenant_name), "tenant_id or tenant_name, not both");
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

std::variant<Settings, SettingsFaults> load_settings(const SettingsPlace& place,
                                                     std::vector<SettingsText>* texts) {
    FilesRead files = read_files(place);
    Reader reader;
    for (const SettingsText& text : files.texts) {
        reader.read(text.bytes, text.file);
    }
    for (SettingsFault& fault : files.faults) {
        reader.complain(std::move(fault));
    }
    const std::string& ca_file = reader.settings().identity.ca_file;
    if (!ca_file.empty() && access(ca_file.c_str(), R_OK) != 0) {
        // Said here, at once, rather than as "Identity unreachable" at the first login.
        reader.complain_about("identity.ca_file", {}, error_text(errno) + ": " + in_quotes(ca_file),
                              "a readable PEM file");
    }
    if (texts != nullptr) {
        *texts = std::move(files.texts);
    }
    return reader.finish(place.file);
}

std::variant<Settings, SettingsFaults> parse_settings(const std::vector<SettingsText>& texts) {
    Reader reader;
    for (const SettingsText& text : texts) {
        reader.read(text.bytes, text.file);
    }
    return reader.finish(texts.empty() ? std::string() : texts.front().file);
}

std::variant<Settings, SettingsFaults> parse_settings(std::string_view text,
                                                      std::string_view name) {
    return parse_settings({{std::string(name), std::string(text)}});
}

} // namespace raxauth::settings
