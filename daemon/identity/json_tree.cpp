// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/json_tree.h"

#include "common/letter_case.h"
#include "common/text.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <utility>

namespace raxauth::identity {
namespace {

constexpr std::size_t kDeepest = 32;
constexpr std::size_t kMostValues = 20'000;
constexpr std::size_t kUsualMembers = 6;

/// Builds the tree from nlohmann's events: limits hold before anything is built, and each string
/// is wiped in the lexer's buffer at once.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit TreeBuilder(JsonNode& root) : root_(root) {}

    bool null() override { return add(JsonNode::Kind::Null, {}); }
    bool boolean(bool value) override {
        return add(JsonNode::Kind::Bool, value ? "true" : "false");
    }
    bool number_integer(number_integer_t value) override {
        return add(JsonNode::Kind::Number, std::to_string(value));
    }
    bool number_unsigned(number_unsigned_t value) override {
        return add(JsonNode::Kind::Number, std::to_string(value));
    }
    bool number_float(number_float_t /*value*/, const string_t& written) override {
        return add(JsonNode::Kind::Number, written);
    }
    bool string(string_t& value) override {
        const bool go_on = add(JsonNode::Kind::Text, value);
        wipe(value.data(), value.size());
        return go_on;
    }
    bool binary(binary_t& /*value*/) override { return false; }
    bool start_object(std::size_t /*elements*/) override { return open(JsonNode::Kind::Object); }
    bool start_array(std::size_t /*elements*/) override { return open(JsonNode::Kind::Array); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        name_ = name;
        return true;
    }
    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        // The library's own text quotes the input.
        problem_ = "reply is not JSON (at byte " + std::to_string(position) + ")";
        return false;
    }
    const std::string& problem() const noexcept { return problem_; }

  private:
    bool count() {
        if (++values_ > kMostValues) {
            problem_ = "reply has too many values";
            return false;
        }
        return true;
    }
    /// A new value at this place; null inside what is left out.
    JsonNode* place() {
        if (skipping_ > 0) {
            return nullptr;
        }
        if (open_.empty()) {
            return &root_;
        }
        JsonNode& parent = *open_.back();
        if (parent.members.empty()) {
            parent.members.reserve(kUsualMembers);
        }
        JsonNode::Member& member = parent.members.emplace_back();
        if (parent.is_object()) {
            member.name = std::exchange(name_, {});
        }
        return &member.value;
    }
    bool add(JsonNode::Kind kind, std::string_view text) {
        if (!count()) {
            return false;
        }
        if (JsonNode* node = place()) {
            node->kind = kind;
            node->text = Secret(text);
        }
        return true;
    }
    bool open(JsonNode::Kind kind) {
        if (!count()) {
            return false;
        }
        if (open_.size() + skipping_ >= kDeepest) {
            problem_ = "reply is nested too deeply";
            return false;
        }
        const bool left_out = skipping_ == 0 && !open_.empty() && open_.back()->is_object() &&
                              equal_ignoring_case(name_, "serviceCatalog");
        if (skipping_ > 0 || left_out) {
            ++skipping_;
            return true;
        }
        JsonNode* node = place();
        node->kind = kind;
        open_.push_back(node);
        return true;
    }
    bool close() {
        if (skipping_ > 0) {
            --skipping_;
        } else {
            open_.pop_back();
        }
        return true;
    }

    JsonNode& root_;
    /// From the root down. A node's address holds while it is open: only its own members grow.
    std::vector<JsonNode*> open_;
    std::size_t skipping_ = 0; ///< depth inside what is left out
    std::size_t values_ = 0;
    std::string name_;
    std::string problem_;
};

} // namespace

const JsonNode* JsonNode::find(std::string_view name) const {
    if (kind != Kind::Object) {
        return nullptr;
    }
    const JsonNode* found = nullptr;
    for (const Member& member : members) {
        if (equal_ignoring_case(member.name, name)) {
            if (found != nullptr) {
                throw ReplyFault("reply has " + std::string(name) + " twice");
            }
            found = &member.value;
        }
    }
    return found;
}

std::string_view JsonNode::scalar() const noexcept {
    return kind == Kind::Text || kind == Kind::Number ? text.view() : std::string_view();
}

std::string_view JsonNode::scalar(std::string_view name) const {
    const JsonNode* member = text_member(name);
    if (member == nullptr) {
        return {};
    }
    if (!is_plain_text(member->text.view())) {
        throw ReplyFault("reply has a " + std::string(name) + " with a control character");
    }
    return member->text.view();
}

std::string JsonNode::shown(std::string_view name, std::size_t max_bytes) const {
    const JsonNode* member = text_member(name);
    return member != nullptr ? sanitise(member->text.view(), max_bytes) : std::string();
}

const JsonNode* JsonNode::text_member(std::string_view name) const {
    const JsonNode* member = find(name);
    if (member == nullptr || member->kind == Kind::Null) {
        return nullptr;
    }
    if (member->kind != Kind::Text && member->kind != Kind::Number) {
        throw ReplyFault("reply has a " + std::string(name) + " that is no text");
    }
    return member;
}

JsonNode parse_json(std::string_view text) {
    JsonNode root;
    TreeBuilder builder(root);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
        throw ReplyFault(builder.problem().empty() ? "reply is not JSON" : builder.problem());
    }
    return root;
}

} // namespace raxauth::identity
