// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/bus/channel.h"
#include "daemon/bus/context_message.h"
#include "daemon/bus/dispatcher.h"
#include "daemon/bus/rooms.h"
#include "daemon/flows/sign_in.h"

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>

namespace raxauth::bus {

enum class DialogueKind { SignIn, Enrolment, PasswordChange, FactorManagement };

/// The calls that begin a dialogue, and the channels on which it goes on.
class DialogueCalls {
  public:
    DialogueCalls(const Rooms& rooms, Dispatcher& dispatcher)
        : rooms_(rooms), dispatcher_(dispatcher) {}
    DialogueCalls(const DialogueCalls&) = delete;
    DialogueCalls& operator=(const DialogueCalls&) = delete;

    void begin(sd_bus_message* call, DialogueKind kind);

  private:
    Task<void> serve_begin(BusMessage call, ContextMessage context, DialogueKind kind);
    void begin_conversation(const BusMessage& call, caller::Context context, UniqueFd channel,
                            std::shared_ptr<const Configuration> configuration, DialogueKind kind);
    conversation::Claim claim_of(const caller::Context& context,
                                 const settings::Settings& settings);
    std::shared_ptr<Channel> make_channel(UniqueFd end);
    std::function<void(const conversation::Ending&)>
    write_line(std::string_view hook, const caller::Context& context,
               std::shared_ptr<flows::SignInTrace> trace);

    const Rooms& rooms_;
    Dispatcher& dispatcher_;
    std::unordered_map<Channel*, std::shared_ptr<Channel>> channels_;
};

} // namespace raxauth::bus
