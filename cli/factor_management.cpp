// SPDX-License-Identifier: Apache-2.0
#include "cli/factor_management.h"

#include "cli/dialogue.h"
#include "cli/failure.h"
#include "cli/prompter_choice.h"
#include "cli/shell_word.h"
#include "common/bus_contract.h"
#include "common/text.h"

#include <fmt/core.h>

namespace raxauth::cli {
namespace {

constexpr std::size_t kMaxShownBytes = 512;

DialogueEnd hold(const Surroundings& around, Prompter& prompter, const FactorRequest& request) {
    return hold_dialogue(around, prompter,
                         {contract::method::kBeginFactorManagement, "nothing was changed",
                          "not done",
                          /*factor=*/{}, request.verb, request.arguments});
}

void clean(nlohmann::json& value) {
    if (value.is_string()) {
        value = sanitise(value.get_ref<const std::string&>(), kMaxShownBytes);
    } else if (value.is_array()) {
        for (nlohmann::json& element : value) {
            clean(element);
        }
    } else if (value.is_object()) {
        nlohmann::json cleaned = nlohmann::json::object();
        for (const auto& [key, element] : value.items()) {
            nlohmann::json& copy = cleaned[sanitise(key)];
            copy = element;
            clean(copy);
        }
        value = std::move(cleaned);
    }
}

const nlohmann::json* find(const nlohmann::json& object, std::string_view key) {
    const auto found = object.find(std::string(key));
    return found != object.end() ? &*found : nullptr;
}

} // namespace

Secret manage_factors(const Surroundings& around, const FactorRequest& request) {
    refuse_root();
    const auto prompter =
        choose_prompter({request.command, request.from_stdin, /*sure_to_ask=*/false});
    return hold(around, *prompter, request).result;
}

void manage_factors_and_tell(const Surroundings& around, const FactorRequest& request) {
    refuse_root();
    const auto prompter =
        choose_prompter({request.command, request.from_stdin, /*sure_to_ask=*/false});
    if (!hold(around, *prompter, request).said_anything) {
        prompter->show(contract::MessageKind::Info, "Done.");
    }
}

nlohmann::json read_result(const Secret& result) {
    nlohmann::json object = nlohmann::json::parse(result.view(), nullptr, /*throw=*/false);
    if (!object.is_object()) {
        throw failure_of_odd_daemon();
    }
    clean(object);
    return object;
}

std::string text_of(const nlohmann::json& object, std::string_view key) {
    const nlohmann::json* value = find(object, key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

bool flag_of(const nlohmann::json& object, std::string_view key) {
    const nlohmann::json* value = find(object, key);
    return value != nullptr && value->is_boolean() && value->get<bool>();
}

const nlohmann::json& list_of(const nlohmann::json& object, std::string_view key) {
    static const nlohmann::json none = nlohmann::json::array();
    const nlohmann::json* value = find(object, key);
    return value != nullptr && value->is_array() ? *value : none;
}

void check_argument(std::string_view argument, std::string_view what, std::string_view advice) {
    if (argument.empty() || argument.size() > contract::kMaxContextStringBytes ||
        !is_printable(argument)) {
        throw Failure(ExitStatus::Usage, fmt::format("\"{}\" is not {}", sanitise(argument), what),
                      std::string(advice));
    }
}

} // namespace raxauth::cli
