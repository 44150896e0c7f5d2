// SPDX-License-Identifier: Apache-2.0
// Any bytes as a reply of Identity: the status (three digits), header lines, an empty line, the
// body. No crash; no refusal becomes a token; what is taken is fit for headers and logs.
#include "daemon/identity/json_tree.h"
#include "daemon/identity/rackspace/refusal.h"
#include "daemon/identity/rackspace/replies.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::identity::rackspace;

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

bool printable(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            return false;
        }
    }
    return true;
}

void read_as_token(std::string_view body) {
    try {
        const TokenReply reply = read_token_reply(body);
        require(reply.token.empty() ? !reply.problem.empty() : reply.token.size() <= 8192);
        for (const char c : reply.token.view()) {
            require(c > 0x20 && c < 0x7F);
        }
        if (reply.problem.empty()) {
            require(reply.expires.has_value());
            require(!reply.user.id.empty() && !reply.user.name.empty());
        }
        require(printable(reply.problem));
    } catch (const ReplyFault& fault) {
        require(printable(fault.what()));
    }
}

HttpReply split(std::string_view bytes) {
    HttpReply reply;
    for (int i = 0; i < 3 && !bytes.empty(); ++i) {
        const char c = bytes.front();
        reply.status = reply.status * 10 + (c >= '0' && c <= '9' ? c - '0' : 0);
        bytes.remove_prefix(1);
    }
    const std::size_t end = bytes.find("\n\n");
    if (end != std::string_view::npos) {
        reply.header_lines = Secret(bytes.substr(0, end + 1));
        bytes.remove_prefix(end + 2);
    }
    reply.body = Secret(bytes);
    return reply;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const HttpReply reply = split({reinterpret_cast<const char*>(data), size});
    read_as_token(reply.body.view());
    const FaultReply fault = read_fault_reply(reply.body.view());
    require(printable(fault.message) && printable(fault.name));
    const WallTime now{std::chrono::seconds{1'768'478'400}};
    for (const Step step : {Step::Credentials, Step::Passcode}) {
        const Answer answer = read_refusal(step, reply, now);
        require(!std::holds_alternative<TokenIssued>(answer));
        if (const auto* challenge = std::get_if<PasscodeRequired>(&answer)) {
            require(reply.status == 401 && step == Step::Credentials);
            require(!challenge->challenge.continuation.empty());
        }
        if (const auto* wait = std::get_if<Throttled>(&answer);
            wait != nullptr && wait->retry_after) {
            require(wait->retry_after->count() >= 0 && wait->retry_after->count() <= 86'400);
        }
        if (const auto* broken = std::get_if<Fault>(&answer)) {
            require(printable(broken->detail));
        }
    }
    return 0;
}
