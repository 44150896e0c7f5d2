// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/context_message.h"

#include "common/bus_contract.h"
#include "common/secret_pipe.h"
#include "common/text.h"

#include <cstring>
#include <fcntl.h>
#include <string_view>

namespace raxauth::bus {
namespace {

/// In one message, under all keys that this version does not know: values, and bytes of text and of
/// plain numbers.
constexpr unsigned kMaxUnknownValues = 256;
constexpr std::size_t kMaxUnknownBytes = 16384;
constexpr std::size_t kMaxArgumentBytes = 256;

using caller::Context;

/// Who is believed.
enum class Speaker { Anybody, Root };

/// One key of the context: a new one is a row here, and a field of caller::Context.
struct Key {
    const char* name;
    Speaker speaker;
    bool (*read)(sd_bus_message*, Context&);
    void (*forget)(Context&);
};

bool read_string(sd_bus_message* call, std::string& into) {
    const char* text = nullptr;
    if (sd_bus_message_read(call, "v", "s", &text) < 0 ||
        std::strlen(text) > contract::kMaxContextStringBytes) {
        return false;
    }
    into = text;
    return true;
}

template <std::size_t MaxBytes>
bool read_clean_string(sd_bus_message* call, std::string& into) {
    if (!read_string(call, into)) {
        return false;
    }
    into = sanitise(into, MaxBytes);
    return true;
}

bool read_strings(sd_bus_message* call, std::vector<std::string>& into) {
    if (sd_bus_message_enter_container(call, 'v', "as") < 0 ||
        sd_bus_message_enter_container(call, 'a', "s") < 0) {
        return false;
    }
    const char* text = nullptr;
    int r = 0;
    into.clear();
    while ((r = sd_bus_message_read(call, "s", &text)) > 0) {
        if (into.size() == contract::kMaxArguments ||
            std::strlen(text) > contract::kMaxContextStringBytes) {
            return false;
        }
        into.push_back(sanitise(text, kMaxArgumentBytes));
    }
    return r == 0 && sd_bus_message_exit_container(call) >= 0 &&
           sd_bus_message_exit_container(call) >= 0;
}

bool read_number(sd_bus_message* call, std::uint32_t& into) {
    return sd_bus_message_read(call, "v", "u", &into) >= 0;
}

bool read_bool(sd_bus_message* call, bool& into) {
    int value = 0;
    if (sd_bus_message_read(call, "v", "b", &value) < 0) {
        return false;
    }
    into = value != 0;
    return true;
}

bool read_number(sd_bus_message* call, std::optional<uid_t>& into) {
    return read_number(call, into.emplace());
}

bool read_ticket(sd_bus_message* call, Secret& into) {
    std::string text;
    const bool good = read_string(call, text);
    into = Secret(text);
    wipe(text.data(), text.size());
    return good;
}

thread_local PipeReceiver receiver;

bool read_piped(sd_bus_message* call, std::optional<Secret>& into) {
    int fd = -1; // stays the message's
    if (sd_bus_message_read(call, "v", "h", &fd) < 0) {
        return false;
    }
    return receiver.receive(fd, into.emplace());
}

/// What of a message may still be passed over.
struct Unknown {
    unsigned values = kMaxUnknownValues;
    std::size_t bytes = kMaxUnknownBytes;

    bool take(std::size_t more) {
        const bool fits = more <= bytes;
        bytes -= fits ? more : 0;
        return fits;
    }
};

/// Numbers, which sd-bus hands over as one piece.
bool is_plain_number(char type) {
    return std::string_view("ynqiuxtd").find(type) != std::string_view::npos;
}

bool is_text(char type) {
    return type == 's' || type == 'o' || type == 'g';
}

/// Passes over what stands next, unless that is more than `left`: sd_bus_message_skip() goes
/// through an array element by element, and one message has room for 30 million of them; and what
/// is passed over is held as long as the call is served.
bool skip_value(sd_bus_message* call, Unknown& left) {
    char type = 0;
    const char* contents = nullptr;
    if (left.values == 0 || sd_bus_message_peek_type(call, &type, &contents) <= 0) {
        return false;
    }
    --left.values;
    if (is_text(type)) {
        const char* text = nullptr;
        return sd_bus_message_read_basic(call, type, &text) > 0 && left.take(std::strlen(text));
    }
    if (contents == nullptr) {
        const char plain[] = {type, '\0'};
        return sd_bus_message_skip(call, plain) >= 0;
    }
    if (type == 'a' && contents[1] == '\0' && is_plain_number(contents[0])) {
        const void* numbers = nullptr;
        std::size_t bytes = 0;
        return sd_bus_message_read_array(call, contents[0], &numbers, &bytes) >= 0 &&
               left.take(bytes);
    }
    if (sd_bus_message_enter_container(call, type, contents) <= 0) {
        return false;
    }
    int at_end = 0;
    while ((at_end = sd_bus_message_at_end(call, 0)) == 0) {
        if (!skip_value(call, left)) { // as deep as sd-bus allows: 32 arrays and 32 structures
            return false;
        }
    }
    return at_end > 0 && sd_bus_message_exit_container(call) >= 0;
}

/// A row for the field that `expression` names, read by `reader`.
#define RAXAUTH_KEY(name, speaker, reader, expression)                                             \
    Key {                                                                                          \
        name, Speaker::speaker,                                                                    \
            [](sd_bus_message* call, Context& context) {                                           \
                return reader(call, context.expression);                                           \
            },                                                                                     \
            [](Context& context) { context.expression = Context{}.expression; }                    \
    }

namespace key = contract::context;
constexpr Key kKeys[] = {
    RAXAUTH_KEY(key::kUser, Anybody, read_string, user),
    RAXAUTH_KEY(key::kService, Root, read_clean_string<64>, service),
    RAXAUTH_KEY(key::kTty, Anybody, read_clean_string<64>, tty),
    RAXAUTH_KEY(key::kRemoteHost, Root, read_clean_string<255>, remote_host),
    RAXAUTH_KEY(key::kRemoteUser, Root, read_clean_string<128>, remote_user),
    RAXAUTH_KEY(key::kPassword, Anybody, read_piped, password),
    RAXAUTH_KEY(key::kTicket, Root, read_ticket, ticket),
    RAXAUTH_KEY(key::kSession, Root, read_string, session.logind_session),
    RAXAUTH_KEY(key::kAuditSession, Root, read_number, session.audit_session),
    RAXAUTH_KEY(key::kLoginUid, Root, read_number, session.login_uid),
    RAXAUTH_KEY(key::kRealUid, Root, read_number, session.real_uid),
    RAXAUTH_KEY(key::kAccountUid, Root, read_number, account_uid),
    RAXAUTH_KEY(key::kSignedIn, Root, read_bool, signed_in),
    RAXAUTH_KEY(key::kInteractive, Anybody, read_bool, interactive),
    RAXAUTH_KEY(key::kNoReuse, Anybody, read_bool, no_reuse),
    RAXAUTH_KEY(key::kLocale, Anybody, read_clean_string<64>, locale),
    RAXAUTH_KEY(key::kFactor, Anybody, read_clean_string<16>, factor),
    RAXAUTH_KEY(key::kVerb, Anybody, read_clean_string<32>, verb),
    RAXAUTH_KEY(key::kArguments, Anybody, read_strings, arguments),
};
#undef RAXAUTH_KEY

bool read_channel(sd_bus_message* call, UniqueFd& into) {
    int fd = -1; // stays the message's
    if (sd_bus_message_read(call, "v", "h", &fd) < 0) {
        return false;
    }
    into = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    return static_cast<bool>(into);
}

bool read_entry(sd_bus_message* call, std::string_view name, ContextMessage& context,
                Unknown& left) {
    if (name == key::kChannel) {
        return read_channel(call, context.channel);
    }
    for (const Key& known : kKeys) {
        if (name == known.name) {
            return known.read(call, context.claims);
        }
    }
    return left.take(name.size()) && skip_value(call, left);
}

} // namespace

std::optional<ContextMessage> read_context(sd_bus_message* call) {
    ContextMessage context;
    if (sd_bus_message_enter_container(call, 'a', "{sv}") < 0) {
        return std::nullopt;
    }
    int r = 0;
    std::size_t entries = 0;
    Unknown left;
    while ((r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
        const char* key = nullptr;
        if (++entries > contract::kMaxContextEntries || sd_bus_message_read(call, "s", &key) < 0 ||
            !read_entry(call, key, context, left) || sd_bus_message_exit_container(call) < 0) {
            return std::nullopt;
        }
    }
    if (r < 0 || sd_bus_message_exit_container(call) < 0) {
        return std::nullopt;
    }
    return context;
}

bool are_bounded_options(sd_bus_message* call) {
    Unknown left;
    return skip_value(call, left);
}

void keep_what_anybody_may_say(Context& claims) {
    for (const Key& known : kKeys) {
        if (known.speaker == Speaker::Root) {
            known.forget(claims);
        }
    }
}

} // namespace raxauth::bus
