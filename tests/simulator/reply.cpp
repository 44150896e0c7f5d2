// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/reply.h"

#include "tests/simulator/catalogue.h"

#include <fmt/format.h>

namespace raxauth::simulator {

namespace {

constexpr std::string_view kMark = "\"@catalogue:";

void rename_attributes(nlohmann::ordered_json& node, const Switches& switches) {
    if (node.is_object()) {
        nlohmann::ordered_json renamed = nlohmann::ordered_json::object();
        for (auto& [name, value] : node.items()) {
            rename_attributes(value, switches);
            const bool prefixed = switches.lower_case_attributes && name.starts_with("RAX-AUTH:");
            renamed[prefixed ? "rax-auth:" + name.substr(9) : name] = std::move(value);
        }
        node = std::move(renamed);
    } else if (node.is_array()) {
        for (auto& element : node) {
            rename_attributes(element, switches);
        }
    } else if (node.is_boolean() && switches.text_booleans) {
        node = node.get<bool>() ? "true" : "false";
    }
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
}

void put_catalogue(std::string& text, const Switches& switches) {
    const std::size_t at = text.find(kMark);
    if (at == std::string::npos) {
        return;
    }
    const std::size_t end = text.find("@\"", at);
    const std::string tenant = text.substr(at + kMark.size(), end - at - kMark.size());
    text.replace(at, end + 2 - at, catalogue_text(tenant, switches.catalogue_copies));
}

} // namespace

Reply fault_reply(int status, std::string_view fault, std::string_view message) {
    nlohmann::ordered_json inner{{"code", status}};
    if (!message.empty()) {
        inner["message"] = message;
    }
    nlohmann::ordered_json tree = nlohmann::ordered_json::object();
    tree[std::string(fault)] = std::move(inner);
    return json_reply(status, std::move(tree));
}

std::string coded(const Switches& switches, std::string_view code, std::string_view message) {
    return switches.fault_codes ? fmt::format("Error code: '{}'; {}", code, message)
                                : std::string(message);
}

Reply json_reply(int status, nlohmann::ordered_json tree) {
    Reply reply;
    reply.status = status;
    reply.tree = std::move(tree);
    return reply;
}

Reply empty_reply(int status) {
    Reply reply;
    reply.status = status;
    reply.content_type.clear();
    return reply;
}

std::string catalogue_mark(std::string_view tenant) {
    return fmt::format("@catalogue:{}@", tenant);
}

void render(Reply& reply, const Switches& switches) {
    if (reply.tree.is_null()) {
        return;
    }
    if (switches.lower_case_attributes || switches.text_booleans) {
        rename_attributes(reply.tree, switches);
    }
    reply.body = reply.tree.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    put_catalogue(reply.body, switches);
    if (switches.escape_ampersand) {
        replace_all(reply.body, "&", "\\u0026");
    }
    reply.tree = nullptr;
}

} // namespace raxauth::simulator
