// SPDX-License-Identifier: Apache-2.0
//
// scripted_daemon ADDRESS SCRIPT: has the daemon's name on a private bus, serves the channels it is
// given, and answers as the JSON file SCRIPT says: {"Member": [ANSWER...]}, the last answer for all
// further calls. An answer is
//   {"error": [NAME, MESSAGE]}
//   {"step": {"serial", "state", "reason", "messages": [[KIND, TEXT]...], "details": {}},
//    "then": [STATE, REASON]} (with "then", it ends so after that, and hangs up)
//   {"token": TEXT, "details": {}}, {"stalled_token": ""} (the writing end stays open)
//   {"fields": {}}, {"list": [{}...]}, {"count": N}, {"nothing": true}, {"garbage": true}
//   {"silence": true} (no reply)
// In an a{sv} a number is written ["u", N] or ["t", N]. Each call is printed as a line of JSON,
// with the names of those who are on the bus then ("others": how many beside the daemon), after a
// first line "ready".
#include "common/bus_contract.h"
#include "common/bus_handles.h"
#include "common/secret_pipe.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/core.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

using nlohmann::json;
using namespace raxauth;

namespace {

void check(int r) {
    if (r < 0) {
        throw std::runtime_error(fmt::format("sd-bus: {}", r));
    }
}

class ScriptedDaemon {
  public:
    ScriptedDaemon(const char* address, json script) : script_(std::move(script)) {
        check(sd_bus_new(out(bus_)));
        check(sd_bus_set_address(bus_.get(), address));
        check(sd_bus_set_bus_client(bus_.get(), 1));
        check(sd_bus_negotiate_fds(bus_.get(), 1));
        check(sd_bus_start(bus_.get()));
        check(sd_bus_add_object(bus_.get(), out(object_), contract::kObject, &on_call, this));
        check(sd_bus_request_name(bus_.get(), contract::kBusName, 0));
    }

    void run() {
        fmt::print("ready\n");
        std::fflush(stdout);
        for (;;) {
            int r = sd_bus_process(bus_.get(), nullptr);
            check(r);
            if (channel_) {
                const int spoken = sd_bus_process(channel_.get(), nullptr);
                if (spoken < 0 || hang_up_) {
                    channel_.reset();
                    hang_up_ = false;
                }
                r += std::max(spoken, 0);
            }
            if (r == 0) {
                std::array<pollfd, 2> watched{
                    {{sd_bus_get_fd(bus_.get()), POLLIN, 0},
                     {channel_ ? sd_bus_get_fd(channel_.get()) : -1, POLLIN, 0}}};
                ::poll(watched.data(), watched.size(), -1);
            }
        }
    }

  private:
    static int on_call(sd_bus_message* call, void* self, sd_bus_error* /*error*/) {
        const char* interface = sd_bus_message_get_interface(call);
        const std::string name(interface != nullptr ? interface : "");
        if (name != contract::kInterface && name != contract::kConversationInterface) {
            return 0; // Ping and introspection are sd-bus's own
        }
        static_cast<ScriptedDaemon*>(self)->serve(call);
        return 1;
    }

    void serve(sd_bus_message* call) {
        const std::string member = sd_bus_message_get_member(call);
        const char* to = sd_bus_message_get_destination(call);
        json line{{"member", member}, {"args", arguments(call)}};
        if (to != nullptr) {
            line["to"] = to;
        } else {
            line["others"] = others_on_bus();
        }
        fmt::print("{}\n", line.dump());
        std::fflush(stdout);
        if (sd_bus_message_get_expect_reply(call) == 0) {
            return;
        }
        const auto found = script_.find(member);
        if (found == script_.end()) {
            check(sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_METHOD, "not scripted"));
            return;
        }
        std::size_t& turn = turns_[member];
        const json& answer = (*found)[std::min(turn++, found->size() - 1)];
        reply(call, answer);
    }

    json arguments(sd_bus_message* call) {
        json list = json::array();
        for (;;) {
            char type = 0;
            const char* contents = nullptr;
            const int r = sd_bus_message_peek_type(call, &type, &contents);
            check(r);
            if (r == 0) {
                return list;
            }
            if (type == 's') {
                const char* text = nullptr;
                check(sd_bus_message_read(call, "s", &text));
                list.push_back(text);
            } else if (type == 'u') {
                std::uint32_t number = 0;
                check(sd_bus_message_read(call, "u", &number));
                list.push_back(number);
            } else if (type == 't') {
                std::uint64_t number = 0;
                check(sd_bus_message_read(call, "t", &number));
                list.push_back(number);
            } else if (std::string(contents) == "ay") {
                list.push_back(answers(call));
            } else {
                list.push_back(context(call));
            }
        }
    }

    static json answers(sd_bus_message* call) {
        json list = json::array();
        check(sd_bus_message_enter_container(call, 'a', "ay"));
        while (sd_bus_message_at_end(call, 0) == 0) {
            const void* bytes = nullptr;
            std::size_t size = 0;
            check(sd_bus_message_read_array(call, 'y', &bytes, &size));
            list.push_back(std::string(static_cast<const char*>(bytes), size));
        }
        check(sd_bus_message_exit_container(call));
        return list;
    }

    /// Unique names beside our own. The bus hears of an end a little later than we of what follows.
    std::size_t others_on_bus() {
        std::size_t count = 0;
        for (int look = 0; look < 1000; ++look) {
            char** names = nullptr;
            check(sd_bus_list_names(bus_.get(), &names, nullptr));
            count = 0;
            for (char** name = names; *name != nullptr; ++name) {
                count += (*name)[0] == ':' ? 1U : 0U;
                std::free(*name); // NOLINT: sd_bus_list_names(3) says free
            }
            std::free(names); // NOLINT
            if (--count == 0) {
                break;
            }
        }
        return count;
    }

    void take_channel(int fd) {
        const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
        check(sd_bus_new(out(channel_)));
        check(sd_bus_set_fd(channel_.get(), own, own));
        check(sd_bus_set_server(channel_.get(), 1, sd_id128_t{}));
        check(sd_bus_set_anonymous(channel_.get(), 1));
        check(sd_bus_add_object(channel_.get(), nullptr, contract::kConversationObject, &on_call,
                                this));
        check(sd_bus_start(channel_.get()));
    }

    void end(const json& how) {
        while (sd_bus_is_ready(channel_.get()) == 0) {
            check(sd_bus_process(channel_.get(), nullptr));
        }
        check(sd_bus_emit_signal(
            channel_.get(), contract::kConversationObject, contract::kConversationInterface,
            contract::channel::kEnded, contract::channel::kEndedSignature,
            how.at(0).get<std::string>().c_str(), how.at(1).get<std::string>().c_str(), 0));
        hang_up_ = true;
    }

    static json strings(sd_bus_message* call) {
        json list = json::array();
        check(sd_bus_message_enter_container(call, 'v', "as"));
        check(sd_bus_message_enter_container(call, 'a', "s"));
        const char* text = nullptr;
        while (sd_bus_message_read(call, "s", &text) > 0) {
            list.push_back(text);
        }
        check(sd_bus_message_exit_container(call));
        check(sd_bus_message_exit_container(call));
        return list;
    }

    json context(sd_bus_message* call) {
        json object = json::object();
        check(sd_bus_message_enter_container(call, 'a', "{sv}"));
        while (sd_bus_message_enter_container(call, 'e', "sv") > 0) {
            const char* key = nullptr;
            const char* contents = nullptr;
            check(sd_bus_message_read(call, "s", &key));
            check(sd_bus_message_peek_type(call, nullptr, &contents));
            if (std::string(contents) == "s") {
                const char* text = nullptr;
                check(sd_bus_message_read(call, "v", "s", &text));
                object[key] = text;
            } else if (std::string(contents) == "as") {
                object[key] = strings(call);
            } else if (std::string(contents) == "h") {
                int fd = -1;
                check(sd_bus_message_read(call, "v", "h", &fd));
                take_channel(fd);
            } else {
                int flag = 0;
                check(sd_bus_message_read(call, "v", "b", &flag));
                object[key] = flag != 0;
            }
            check(sd_bus_message_exit_container(call));
        }
        check(sd_bus_message_exit_container(call));
        return object;
    }

    UniqueFd pipe_of(const json& text) {
        if (text.is_string()) {
            return send_through_pipe(text.get<std::string>());
        }
        std::array<int, 2> ends{};
        check(::pipe(ends.data()));
        stalled_.reset(ends[1]);
        return UniqueFd(ends[0]);
    }

    static void append_fields(sd_bus_message* reply, const json& fields) {
        check(sd_bus_message_open_container(reply, 'a', "{sv}"));
        append_each(reply, fields);
        check(sd_bus_message_close_container(reply));
    }

    static void append_each(sd_bus_message* reply, const json& fields) {
        for (const auto& [key, value] : fields.items()) {
            const char* name = key.c_str();
            if (value.is_string()) {
                check(sd_bus_message_append(reply, "{sv}", name, "s",
                                            value.get<std::string>().c_str()));
            } else if (value.is_boolean()) {
                check(sd_bus_message_append(reply, "{sv}", name, "b",
                                            static_cast<int>(value.get<bool>())));
            } else if (value.at(0) == "u") {
                check(sd_bus_message_append(reply, "{sv}", name, "u",
                                            value.at(1).get<std::uint32_t>()));
            } else if (value.at(0) == "t") {
                check(sd_bus_message_append(reply, "{sv}", name, "t",
                                            value.at(1).get<std::uint64_t>()));
            } else {
                check(sd_bus_message_append(reply, "{sv}", name, "as", 1, "of another type"));
            }
        }
    }

    static void append_step(sd_bus_message* reply, const json& step) {
        check(sd_bus_message_append(reply, "tss", step.at("serial").get<std::uint64_t>(),
                                    step.at("state").get<std::string>().c_str(),
                                    step.value("reason", "").c_str()));
        check(sd_bus_message_open_container(reply, 'a', "(ss)"));
        for (const json& message : step.value("messages", json::array())) {
            check(sd_bus_message_append(reply, "(ss)", message.at(0).get<std::string>().c_str(),
                                        message.at(1).get<std::string>().c_str()));
        }
        check(sd_bus_message_close_container(reply));
        check(sd_bus_message_open_container(reply, 'a', "{sv}"));
        append_each(reply, step.value("details", json::object()));
        check(sd_bus_message_close_container(reply));
    }

    void append_token(sd_bus_message* reply, const json& answer) {
        const UniqueFd pipe =
            pipe_of(answer.contains("stalled_token") ? json() : answer.at("token"));
        check(sd_bus_message_append(reply, "h", pipe.get()));
        append_fields(reply, answer.value("details", json::object()));
    }

    void reply(sd_bus_message* call, const json& answer) {
        if (answer.contains("silence")) {
            return;
        }
        if (answer.contains("error")) {
            BusError error;
            sd_bus_error_set(error.get(), answer["error"][0].get<std::string>().c_str(),
                             answer["error"][1].get<std::string>().c_str());
            check(sd_bus_reply_method_error(call, error.get()));
            return;
        }
        BusMessage reply;
        check(sd_bus_message_new_method_return(call, out(reply)));
        if (answer.contains("step")) {
            append_step(reply.get(), answer["step"]);
        } else if (answer.contains("token") || answer.contains("stalled_token")) {
            append_token(reply.get(), answer);
        } else if (answer.contains("fields")) {
            append_fields(reply.get(), answer["fields"]);
        } else if (answer.contains("list")) {
            check(sd_bus_message_open_container(reply.get(), 'a', "a{sv}"));
            for (const json& one : answer["list"]) {
                append_fields(reply.get(), one);
            }
            check(sd_bus_message_close_container(reply.get()));
        } else if (answer.contains("count")) {
            check(sd_bus_message_append(reply.get(), "u", answer["count"].get<std::uint32_t>()));
        } else if (answer.contains("garbage")) {
            check(sd_bus_message_append(reply.get(), "x", static_cast<std::int64_t>(-1)));
        }
        check(sd_bus_message_send(reply.get()));
        if (answer.contains("then")) {
            end(answer["then"]);
        }
    }

    json script_;
    std::map<std::string, std::size_t> turns_;
    UniqueFd stalled_;
    bool hang_up_ = false;
    Bus bus_;
    Bus channel_; ///< of the dialogue that began last
    BusSlot object_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        return 2;
    }
    std::ifstream file(argv[2]);
    ScriptedDaemon(argv[1], json::parse(file)).run();
}
