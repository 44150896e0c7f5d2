// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/replies.h"

#include "common/letter_case.h"
#include "common/text.h"
#include "daemon/identity/json_tree.h"
#include "daemon/identity/times.h"

#include <algorithm>

namespace raxauth::identity::rackspace {
namespace {

/// Long enough for "authenticated encrypted" tokens several times over; it goes back as a header.
constexpr std::size_t kLongestToken = 8192;

bool fits_a_header(std::string_view token) {
    return token.size() <= kLongestToken &&
           std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

const JsonNode& object_at(const JsonNode& parent, std::string_view name) {
    const JsonNode* node = parent.find(name);
    if (node == nullptr || !node->is_object()) {
        throw ReplyFault("reply has no " + std::string(name));
    }
    return *node;
}

ProvenFactors read_proofs(const JsonNode& token) {
    ProvenFactors proven;
    const JsonNode* list = token.find("RAX-AUTH:authenticatedBy");
    if (list == nullptr) {
        return proven;
    }
    if (!list->is_array()) {
        throw ReplyFault("authenticatedBy is no list");
    }
    for (const JsonNode::Member& item : list->members) {
        const std::string_view word = item.value.is_text() ? item.value.text.view() : "";
        proven.password = proven.password || equal_ignoring_case(word, "PASSWORD");
        proven.api_key = proven.api_key || equal_ignoring_case(word, "APIKEY");
        proven.second_factor = proven.second_factor || equal_ignoring_case(word, "PASSCODE") ||
                               equal_ignoring_case(word, "OTPPASSCODE");
    }
    return proven;
}

std::vector<Role> read_roles(const JsonNode& user) {
    std::vector<Role> roles;
    const JsonNode* list = user.find("roles");
    if (list == nullptr || list->kind == JsonNode::Kind::Null) {
        return roles;
    }
    if (!list->is_array()) {
        throw ReplyFault("roles is no list");
    }
    for (const JsonNode::Member& item : list->members) {
        if (!item.value.is_object()) {
            throw ReplyFault("a role is no object");
        }
        roles.push_back({std::string(item.value.scalar("id")),
                         std::string(item.value.scalar("name")),
                         std::string(item.value.scalar("tenantId"))});
    }
    return roles;
}

UserFacts read_user(const JsonNode& access, const JsonNode& token) {
    const JsonNode& user = object_at(access, "user");
    UserFacts facts;
    facts.id = user.scalar("id");
    facts.name = user.scalar("name");
    facts.domain_id = user.scalar("RAX-AUTH:domainId");
    facts.default_region = user.scalar("RAX-AUTH:defaultRegion");
    if (const JsonNode* tenant = token.find("tenant"); tenant != nullptr && tenant->is_object()) {
        facts.tenant_id = tenant->scalar("id");
        facts.tenant_name = tenant->scalar("name");
    }
    facts.roles = read_roles(user);
    if (facts.id.empty() || facts.name.empty()) {
        throw ReplyFault("reply does not say whose token it is");
    }
    return facts;
}

int read_auth_code(std::string_view message) {
    const std::string folded = lower_case(message);
    const std::size_t at = folded.find("auth-0");
    if (at == std::string::npos || folded.size() < at + 8) {
        return 0;
    }
    const char tens = folded[at + 6];
    const char ones = folded[at + 7];
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return digit(tens) && digit(ones) ? (tens - '0') * 10 + (ones - '0') : 0;
}

void read_fault(const JsonNode& root, FaultReply& fault) {
    const JsonNode::Member* found = nullptr;
    for (const JsonNode::Member& member : root.members) {
        if (member.value.find("message") != nullptr || member.value.find("code") != nullptr) {
            if (found != nullptr) {
                return;
            }
            found = &member;
        }
    }
    if (!root.is_object() || found == nullptr) {
        return;
    }
    fault.message = found->value.shown("message", 300);
    fault.auth_code = read_auth_code(fault.message);
    fault.retry_at = parse_iso8601(found->value.scalar("retryAfter"));
    fault.name = lower_case(sanitise(found->name, 64));
}

} // namespace

TokenReply read_token_reply(std::string_view body) {
    const JsonNode root = parse_json(body);
    const JsonNode* wrapped = root.find("access");
    const JsonNode& access = wrapped != nullptr ? *wrapped : root;
    TokenReply reply;
    const JsonNode* token = access.find("token");
    if (token == nullptr || !token->is_object()) {
        reply.problem = "reply has no token";
        return reply;
    }
    const JsonNode* id = token->find("id");
    if (id == nullptr || !id->is_text() || id->text.empty() || !fits_a_header(id->text.view())) {
        reply.problem = "reply has no usable token";
        return reply;
    }
    reply.token = id->text.clone();
    try {
        reply.names_user = access.find("user") != nullptr;
        reply.expires = parse_iso8601(token->scalar("expires"));
        if (!reply.expires) {
            throw ReplyFault("reply does not say when the token expires");
        }
        reply.proven = read_proofs(*token);
        reply.user = read_user(access, *token);
    } catch (const ReplyFault& fault) {
        reply.problem = fault.what();
    }
    return reply;
}

bool is_foreign(const HttpReply& reply) {
    if (trim(reply.body.view()).empty()) {
        return false;
    }
    try {
        static_cast<void>(parse_json(reply.body.view()));
        return false;
    } catch (const ReplyFault&) {
        return true;
    }
}

std::string status_and_type(const HttpReply& reply) {
    const auto type = reply.header("Content-Type").value_or("no content type");
    return "HTTP " + std::to_string(reply.status) + ", " + sanitise(type, 60);
}

bool FaultReply::says(std::string_view words) const {
    return lower_case(message).find(lower_case(words)) != std::string::npos;
}

FaultReply read_fault_reply(std::string_view body) {
    FaultReply fault;
    try {
        read_fault(parse_json(body), fault);
    } catch (const ReplyFault&) {
        return {}; // the status alone must do
    }
    return fault;
}

} // namespace raxauth::identity::rackspace
