// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "common/secret.h"
#include "common/unique_fd.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace raxauth::testing {

using ContextValue = std::variant<std::string, std::uint32_t, bool>;

/// What the fake was asked, in order.
struct Call {
    std::string member;
    std::string destination;
    std::map<std::string, ContextValue> context;
    std::uint64_t serial = 0;
    std::vector<std::string> answers;
    std::string handle;
    bool on_channel = false;
    bool alone = false; ///< nobody but the daemon was on the bus then
};

/// What it says to that: a step, an account verdict, a session, an error, nothing at all, …
struct Say {
    using Lines = std::vector<std::pair<std::string, std::string>>;

    static Say ask(Lines messages, std::uint64_t serial = 1);
    static Say verdict(const std::string& state, const std::string& reason, Lines messages = {},
                       const std::string& ticket = {});
    static Say account(const std::string& state, const std::string& reason, Lines messages = {});
    static Say session(const std::string& handle, Lines environment);
    static Say done();
    static Say error(const std::string& name);
    /// Never answers. `then`: runs in the daemon's thread instead.
    static Say nothing(std::function<void()> then = {});
    /// Leaves the bus, and hangs up.
    static Say gone();
    /// Says to the call before that the conversation is over, and hangs up.
    Say and_ends(const std::string& state, const std::string& reason) &&;
    /// Whatever the function puts into the reply.
    static Say raw(std::function<void(sd_bus_message*)> fill);
    /// Sends that many signals to the caller first.
    Say after_signals(int count) &&;

    enum class Kind { Reply, Error, Nothing, Gone };
    Kind kind = Kind::Reply;
    std::string error_name;
    std::function<void(sd_bus_message*)> fill;
    int signals = 0;
    std::string end_state; ///< empty: it goes on
    std::string end_reason;
};

/// org.raxauth.Auth1 on a bus and on the channels it is given, in a thread of its own, that follows
/// a script: one Say for each call it gets; the last one stands for all that follow.
class FakeDaemon {
  public:
    FakeDaemon(const char* address, std::vector<Say> script);
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;
    ~FakeDaemon();

    const std::string& unique_name() const noexcept { return unique_name_; }
    /// Ends it and tells what it was asked. `at_least`: waits (for 5 s) until there were so many
    /// calls, for those whose answer nobody has waited for.
    std::vector<Call> finish(std::size_t at_least = 0);

  private:
    static int on_call(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
    void record(sd_bus_message* message);
    void take_channel(int fd);
    void hang_up();
    void say(sd_bus_message* message, const Say& what);
    void say_end(const Say& what);
    void run();

    Bus bus_;
    Bus channel_; ///< of the dialogue that began last
    std::string unique_name_;
    std::vector<Say> script_;
    std::size_t next_ = 0;
    bool gone_ = false;
    bool ended_ = false;
    std::mutex mutex_; // of calls_
    std::condition_variable called_;
    std::vector<Call> calls_;
    UniqueFd stop_reading_;
    UniqueFd stop_writing_;
    std::thread thread_;
};

} // namespace raxauth::testing
