// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "common/secret.h"
#include "common/unique_fd.h"
#include "daemon/conversation/registry.h"
#include "daemon/loop/loop.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace raxauth::bus {

/// Whether `fd` is an end of a socket pair: a connected stream of AF_UNIX without any name. Nobody
/// else can speak on one, and nobody's server is at its other end.
bool is_end_of_pair(int fd) noexcept;

/// The daemon's end of a dialogue's private channel, where it is the server: what comes there is
/// one of two calls on one object (see org.raxauth.Auth1(5)), bounded in size, or ends the
/// conversation. What it says is a reply, or the signal that the conversation ended while nobody
/// waited. A peer that reads nothing is given up after a few replies; one that hangs up has left.
///
/// Not attached to sd-event, which would look at each of a thousand connections at every turn: one
/// watch each. The connection itself is made when the first byte comes, so that who gets a verdict
/// at once costs none.
class Channel : public std::enable_shared_from_this<Channel> {
  public:
    /// `gone` is called once, when nothing is to be said or heard any more; it may be called from
    /// within every function below, and must not destroy the channel before the loop's next turn.
    Channel(Loop& loop, conversation::Registry& registry, UniqueFd end,
            std::function<void(Channel*)> gone);
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel();

    /// Begins to listen, for the conversation `id`.
    void open(std::uint64_t id);
    /// Keeps a step for the first answer that comes: it holds a secret, and its caller is still on
    /// the bus. The step has no grant.
    void keep(conversation::Step step) { kept_.emplace(std::move(step)); }
    /// The conversation is over. To be called from its Registry::Begin::ended.
    void over(const conversation::Ending& ending);

  private:
    static int on_message(sd_bus_message* message, void* self, sd_bus_error* error);
    void start();
    void on_ready();
    void process();
    bool is_within_bounds();
    Secret peek(std::size_t bytes) const;
    void handle(sd_bus_message* message);
    void answer(sd_bus_message* call);
    void give_kept(sd_bus_message* call, std::uint64_t serial);
    void refuse(sd_bus_message* call, const char* error, const char* text);
    void tell_end(const conversation::Ending& ending);
    void watch();
    std::uint64_t unread() const;
    /// The caller has left, or broke the rules (`why`).
    void hang_up(const char* why = nullptr);
    void finish();

    Loop& loop_;
    conversation::Registry& registry_;
    UniqueFd end_; ///< until start()
    int fd_ = -1;
    std::function<void(Channel*)> gone_;
    std::optional<std::uint64_t> id_; ///< while the conversation lives
    std::optional<conversation::Step> kept_;
    bool is_open_ = false;
    bool over_ = false;
    bool told_end_ = false;   ///< by the signal: an answer may be on its way
    bool heard_ = false;      ///< a whole message came in this turn
    bool has_input_ = false;  ///< something came in this turn
    std::size_t missing_ = 0; ///< bytes of the message under way
    unsigned refused_ = 0;
    Timer patience_; ///< when nobody takes what is left to be said
    Bus bus_;
    IoWatch watch_; ///< goes first: the bus closes the descriptor
};

} // namespace raxauth::bus
