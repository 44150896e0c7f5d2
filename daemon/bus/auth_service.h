// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/bus/caller_shares.h"
#include "daemon/bus/callers.h"
#include "daemon/bus/context_message.h"
#include "daemon/bus/reply_values.h"
#include "daemon/conversation/registry.h"
#include "daemon/flows/pending_enrolments.h"
#include "daemon/flows/services.h"
#include "daemon/flows/sign_in.h"
#include "daemon/identity/configuration.h"
#include "daemon/identity/revocation.h"
#include "daemon/journal/history.h"
#include "daemon/loop/loop.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace raxauth::bus {

/// The rooms behind the bus. All outlive the service.
struct Rooms {
    Loop& loop;
    const Clock& clock;
    limits::Limiter& limiter;
    policy::LocalAccounts& local_accounts;
    sessions::SessionStore& sessions;
    conversation::Registry& registry;
    journal::History& history;
    const identity::Revocations& revocations;
    flows::PendingEnrolments& enrolments;
    std::function<ConfigurationInForce()> configuration;
    std::function<void()> reload;
};

/// org.raxauth.Auth1 on the system bus: who may call what, and values to and from messages. Takes
/// no decision about sign-ins. See org.raxauth.Auth1(5).
class AuthService {
  public:
    /// Connects, adds the object and takes the name, synchronously: at start-up only.
    /// Errors: std::system_error (no bus, the name is taken, the policy does not allow it).
    AuthService(Rooms rooms, const char* address);
    AuthService(const AuthService&) = delete;
    AuthService& operator=(const AuthService&) = delete;
    ~AuthService();

    /// Gives the name back, so that no new caller comes; live conversations go on being served.
    void release_name() noexcept;

    sd_bus* bus() const noexcept { return bus_.get(); }

  private:
    friend struct AuthServiceVtable;
    enum class Dialogue { SignIn, Enrolment, PasswordChange, FactorManagement };
    static const char* hook_of(Dialogue dialogue);

    void begin(sd_bus_message* call, Dialogue dialogue);
    void answer(sd_bus_message* call);
    void cancel(sd_bus_message* call);
    void check_account(sd_bus_message* call);
    void open_session(sd_bus_message* call);
    void close_session(sd_bus_message* call);
    void reload(sd_bus_message* call);
    static int on_session_removed(sd_bus_message* signal, void* self, sd_bus_error* error);
    void get_token(sd_bus_message* call);
    void sign_out(sd_bus_message* call);
    void list_sessions(sd_bus_message* call);
    void flush(sd_bus_message* call);
    void get_status(sd_bus_message* call);
    void get_history(sd_bus_message* call);

    /// Runs `task`, which answers a call later, keeping it until it is done.
    void serve(sd_bus_message* call, Task<void> task);
    void served(std::uint64_t id);
    Task<void> serve_begin(BusMessage call, ClaimedContext claimed, Dialogue dialogue);
    Task<void> serve_check_account(BusMessage call, ClaimedContext claimed);
    Task<void> serve_open_session(BusMessage call, ClaimedContext claimed);
    Task<void> serve_close_session(BusMessage call, std::string handle);
    Task<void> serve_reload(BusMessage call);
    Task<void> serve_get_token(BusMessage call);
    Task<void> serve_sign_out(BusMessage call);
    Task<void> serve_list_sessions(BusMessage call);
    Task<void> serve_flush(BusMessage call, std::string user);
    Task<void> serve_get_status(BusMessage call);
    Task<void> serve_get_history(BusMessage call, std::uint32_t most);

    struct Established {
        std::optional<caller::Context> context;
        const char* error = nullptr; ///< D-Bus error name, with `text`
        std::string text;
    };
    /// Turns claims into a context: root is believed, others act for themselves alone.
    Task<Established> establish(std::string sender, ClaimedContext claimed);
    std::function<void(const conversation::Ending&)>
    write_line(std::string_view hook, const caller::Context& context,
               std::shared_ptr<flows::SignInTrace> trace);
    /// A verdict that no conversation led to.
    void record(std::string_view hook, const caller::Context& context, State state, Reason reason,
                std::string_view why);
    void add_overview(Dictionary& status) const;
    void add_person(Dictionary& status, const caller::Context& person,
                    const policy::LocalAccount& local, const Configuration& configuration) const;
    flows::Services services(const Configuration& configuration) const;
    const sessions::Session* standing_sign_in(const caller::Context& context,
                                              const Configuration& configuration) const;

    Rooms rooms_;
    Bus bus_;
    std::unique_ptr<Callers> callers_;
    BusSlot object_;
    BusSlot session_removed_;
    CallerShares shares_;
    std::uint64_t last_served_ = 0;
    std::unordered_map<std::string, std::size_t> served_senders_; ///< calls of each in serving_
    struct Served {
        std::string sender;
        Job job;
    };
    std::unordered_map<std::uint64_t, Served> serving_; ///< last: the jobs refer to all above
};

} // namespace raxauth::bus
