// SPDX-License-Identifier: Apache-2.0
// A header is a comma-separated list of items; an item is `scheme`, `scheme name=value`,
// `name=value` (belonging to the scheme before it) or `scheme token68`. A word followed by a blank
// and then by something that is not '=' begins a challenge. Foreign challenges only have to be
// passed over without losing the thread: quotes are honoured, everything else skipped.
#include "daemon/identity/rackspace/os_mf_challenge.h"

#include "common/letter_case.h"

#include <algorithm>

namespace raxauth::identity::rackspace {
namespace {

constexpr std::size_t kLongestSessionId = 4096;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool at_end() const { return rest_.empty(); }
    char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
    void skip() { rest_.remove_prefix(1); }
    void skip_blanks() {
        while (!rest_.empty() && is_blank(rest_.front())) {
            skip();
        }
    }
    bool take(char wanted) {
        skip_blanks();
        if (peek() != wanted || at_end()) {
            return false;
        }
        skip();
        return true;
    }
    /// Up to a blank, a comma or a '='.
    std::string_view word() {
        std::size_t length = 0;
        while (length < rest_.size() && !is_blank(rest_[length]) && rest_[length] != ',' &&
               rest_[length] != '=') {
            ++length;
        }
        return take_bytes(length);
    }
    /// What stands after the '=' of a parameter. In double quotes a backslash takes the next
    /// character as it is. A quote that never closes runs to the end, and is no value.
    std::optional<Secret> value() {
        skip_blanks();
        const char quote = peek();
        if (quote != '"' && quote != '\'') {
            return Secret(bare_value());
        }
        skip();
        const std::string_view ends = quote == '"' ? "\"\\" : "'";
        Secret content;
        for (;;) {
            const std::size_t length = rest_.find_first_of(ends);
            if (length == std::string_view::npos) {
                rest_ = {};
                return std::nullopt;
            }
            content.append(take_bytes(length));
            const bool closed = peek() == quote;
            skip();
            if (closed) {
                return content;
            }
            content.append(
                take_bytes(std::min<std::size_t>(1, rest_.size()))); // behind a backslash
        }
    }

  private:
    std::string_view take_bytes(std::size_t length) {
        const std::string_view taken = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return taken;
    }
    /// Up to a blank or comma; '=' belongs to it (padding).
    std::string_view bare_value() {
        std::size_t length = 0;
        while (length < rest_.size() && !is_blank(rest_[length]) && rest_[length] != ',') {
            ++length;
        }
        return take_bytes(length);
    }

    std::string_view rest_;
};

struct Found {
    bool in_challenge = false; ///< reading parameters of an OS-MF challenge
    std::optional<Secret> session_id;
    Factor factor = Factor::Passcode;
    bool mentioned = false;

    bool complete() const { return in_challenge && session_id.has_value(); }
    void begin(std::string_view scheme) {
        in_challenge = equal_ignoring_case(scheme, "OS-MF");
        mentioned = mentioned || in_challenge;
        session_id.reset();
        factor = Factor::Passcode;
    }
};

bool usable(const std::optional<Secret>& session_id) {
    if (!session_id || session_id->empty() || session_id->size() > kLongestSessionId) {
        return false;
    }
    for (const char c : session_id->view()) {
        if (c <= 0x20 || c >= 0x7F) {
            return false;
        }
    }
    return true;
}

void take_parameter(Found& found, std::string_view name, std::optional<Secret> value) {
    if (!found.in_challenge || !value) {
        return;
    }
    if (equal_ignoring_case(name, "sessionId")) {
        if (!found.session_id && usable(value)) {
            found.session_id = std::move(value);
        }
    } else if (equal_ignoring_case(name, "factor")) {
        const bool otp = equal_ignoring_case(value->view(), "OTPPASSCODE");
        found.factor = otp ? Factor::OtpDevice : Factor::Passcode;
    }
}

/// Reads one header; true as soon as a usable challenge of ours is complete.
bool read_header(std::string_view header, Found& found) {
    Reader reader(header);
    found.in_challenge = false;
    while (!reader.at_end()) {
        reader.skip_blanks();
        if (reader.take(',')) {
            continue;
        }
        const std::string_view word = reader.word();
        if (reader.take('=')) {
            take_parameter(found, word, reader.value());
        } else if (!word.empty()) {
            if (found.complete()) {
                return true; // the next challenge begins
            }
            found.begin(word);
        }
    }
    return found.complete();
}

} // namespace

std::optional<Challenge> find_os_mf_challenge(const std::vector<std::string_view>& headers) {
    for (const std::string_view header : headers) {
        Found found;
        if (read_header(header, found)) {
            return Challenge{std::move(*found.session_id), found.factor};
        }
    }
    return std::nullopt;
}

bool mentions_os_mf(const std::vector<std::string_view>& headers) {
    for (const std::string_view header : headers) {
        Found found;
        if (read_header(header, found) || found.mentioned) {
            return true;
        }
    }
    return false;
}

} // namespace raxauth::identity::rackspace
