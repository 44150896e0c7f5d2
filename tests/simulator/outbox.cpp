// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/outbox.h"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace raxauth::simulator {

namespace {
constexpr std::size_t kKept = 1000;
}

void Outbox::write_to(const std::string& path) {
    file_.open(path, std::ios::app);
    if (!file_) {
        throw std::runtime_error("cannot write " + path);
    }
}

void Outbox::send(TextMessage message) {
    ++sent_;
    if (file_.is_open()) {
        const nlohmann::ordered_json line{{"time", iso8601(message.sent)},
                                          {"user", message.user},
                                          {"number", message.number},
                                          {"text", message.text}};
        file_ << line.dump() + "\n" << std::flush;
    }
    messages_.push_back(std::move(message));
    if (messages_.size() > kKept) {
        messages_.pop_front();
    }
}

void Outbox::clear() {
    messages_.clear();
    sent_ = 0;
}

} // namespace raxauth::simulator
