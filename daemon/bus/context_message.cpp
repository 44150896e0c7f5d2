// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/context_message.h"

#include "common/bus_contract.h"
#include "common/secret_pipe.h"

#include <cstring>
#include <string_view>

namespace raxauth::bus {
namespace {

/// Under one key that this version does not know.
constexpr unsigned kMaxUnknownValues = 256;

bool read_string(sd_bus_message* call, std::string& into) {
    const char* text = nullptr;
    if (sd_bus_message_read(call, "v", "s", &text) < 0 ||
        std::strlen(text) > contract::kMaxContextStringBytes) {
        return false;
    }
    into = text;
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
        into.emplace_back(text);
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

thread_local PipeReceiver receiver;

bool read_secret(sd_bus_message* call, std::optional<Secret>& into) {
    int fd = -1; // stays the message's
    if (sd_bus_message_read(call, "v", "h", &fd) < 0) {
        return false;
    }
    return receiver.receive(fd, into.emplace());
}

/// Passes over what stands next, unless that is more than `left` values: sd_bus_message_skip() goes
/// through an array element by element, and one message has room for 30 million of them.
bool skip_value(sd_bus_message* call, unsigned& left) {
    char type = 0;
    const char* contents = nullptr;
    if (left == 0 || sd_bus_message_peek_type(call, &type, &contents) <= 0) {
        return false;
    }
    --left;
    if (contents == nullptr) {
        const char plain[] = {type, '\0'};
        return sd_bus_message_skip(call, plain) >= 0;
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

bool read_entry(sd_bus_message* call, std::string_view key, ClaimedContext& context) {
    namespace keys = contract::context;
    if (key == keys::kUser) {
        return read_string(call, context.user);
    }
    if (key == keys::kService) {
        return read_string(call, context.service);
    }
    if (key == keys::kTty) {
        return read_string(call, context.tty);
    }
    if (key == keys::kRemoteHost) {
        return read_string(call, context.remote_host);
    }
    if (key == keys::kRemoteUser) {
        return read_string(call, context.remote_user);
    }
    if (key == keys::kSession) {
        return read_string(call, context.session.logind_session);
    }
    if (key == keys::kTicket) {
        std::string text;
        if (!read_string(call, text)) {
            return false;
        }
        context.ticket = Secret(text);
        wipe(text.data(), text.size());
        return true;
    }
    if (key == keys::kPassword) {
        return read_secret(call, context.password);
    }
    if (key == keys::kAuditSession) {
        return read_number(call, context.session.audit_session);
    }
    if (key == keys::kLoginUid) {
        return read_number(call, context.session.login_uid);
    }
    if (key == keys::kRealUid) {
        return read_number(call, context.session.real_uid);
    }
    if (key == keys::kAccountUid) {
        return read_number(call, context.account_uid.emplace());
    }
    if (key == keys::kSignedIn) {
        return read_bool(call, context.signed_in);
    }
    if (key == keys::kInteractive) {
        return read_bool(call, context.interactive);
    }
    if (key == keys::kNoReuse) {
        return read_bool(call, context.no_reuse);
    }
    if (key == keys::kLocale) {
        return read_string(call, context.locale);
    }
    if (key == keys::kFactor) {
        return read_string(call, context.factor);
    }
    if (key == keys::kVerb) {
        return read_string(call, context.verb);
    }
    if (key == keys::kArguments) {
        return read_strings(call, context.arguments);
    }
    unsigned left = kMaxUnknownValues;
    return skip_value(call, left);
}

} // namespace

std::optional<ClaimedContext> read_context(sd_bus_message* call) {
    ClaimedContext context;
    if (sd_bus_message_enter_container(call, 'a', "{sv}") < 0) {
        return std::nullopt;
    }
    int r = 0;
    std::size_t entries = 0;
    while ((r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
        const char* key = nullptr;
        if (++entries > contract::kMaxContextEntries || sd_bus_message_read(call, "s", &key) < 0 ||
            !read_entry(call, key, context) || sd_bus_message_exit_container(call) < 0) {
            return std::nullopt;
        }
    }
    if (r < 0 || sd_bus_message_exit_container(call) < 0) {
        return std::nullopt;
    }
    return context;
}

std::optional<std::vector<Secret>> read_answers(sd_bus_message* call) {
    std::vector<Secret> answers;
    if (sd_bus_message_enter_container(call, 'a', "h") < 0) {
        return std::nullopt;
    }
    int fd = -1;
    int r = 0;
    while ((r = sd_bus_message_read_basic(call, 'h', &fd)) > 0) {
        if (answers.size() == contract::kMaxAnswers ||
            !receiver.receive(fd, answers.emplace_back())) {
            return std::nullopt;
        }
    }
    if (r < 0) {
        return std::nullopt;
    }
    return answers;
}

} // namespace raxauth::bus
