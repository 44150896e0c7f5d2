// SPDX-License-Identifier: Apache-2.0
#include "common/bus/call_context.h"

namespace raxauth::client {
namespace {

namespace key = contract::context;

/// Builds one a{sv}. After an append that failed every later one does nothing, and finish() tells.
class Writer {
  public:
    explicit Writer(sd_bus_message* message) : message_(message) {
        keep(sd_bus_message_open_container(message_, 'a', "{sv}"));
    }
    void text(const char* name, const std::string& value) {
        if (!value.empty()) {
            entry(name, "s", value.c_str());
        }
    }
    void number(const char* name, const std::optional<unsigned>& value) {
        if (value) {
            entry(name, "u", *value);
        }
    }
    void flag(const char* name, bool value) {
        if (value) {
            entry(name, "b", 1);
        }
    }
    template <class Value>
    void entry(const char* name, const char* type, Value value) {
        if (result_ >= 0) {
            keep(sd_bus_message_append(message_, "{sv}", name, type, value));
        }
    }
    void texts(const char* name, const std::vector<std::string>& values) {
        if (values.empty()) {
            return;
        }
        keep(sd_bus_message_open_container(message_, 'e', "sv"));
        keep(sd_bus_message_append(message_, "s", name));
        keep(sd_bus_message_open_container(message_, 'v', "as"));
        keep(sd_bus_message_open_container(message_, 'a', "s"));
        for (const std::string& value : values) {
            keep(sd_bus_message_append(message_, "s", value.c_str()));
        }
        for (int open = 0; open < 3; ++open) {
            keep(sd_bus_message_close_container(message_));
        }
    }
    int finish() {
        keep(sd_bus_message_close_container(message_));
        return result_;
    }

  private:
    void keep(int r) noexcept {
        if (result_ >= 0 && r < 0) {
            result_ = r;
        }
    }
    sd_bus_message* message_;
    int result_ = 0;
};

} // namespace

int append_context(sd_bus_message* call, const CallContext& context, int channel) {
    Writer writer(call);
    writer.text(key::kUser, context.user);
    writer.text(key::kService, context.service);
    writer.text(key::kTty, context.tty);
    writer.text(key::kRemoteHost, context.remote_host);
    writer.text(key::kRemoteUser, context.remote_user);
    writer.text(key::kSession, context.session);
    writer.text(key::kLocale, context.locale);
    writer.text(key::kFactor, context.factor);
    writer.text(key::kVerb, context.verb);
    writer.texts(key::kArguments, context.arguments);
    writer.number(key::kAuditSession, context.audit_session);
    writer.number(key::kLoginUid, context.login_uid);
    writer.number(key::kRealUid, context.real_uid);
    writer.number(key::kAccountUid, context.account_uid);
    writer.flag(key::kSignedIn, context.signed_in);
    writer.flag(key::kNoReuse, context.no_reuse);
    writer.entry(key::kInteractive, "b", static_cast<int>(context.interactive));
    if (!context.ticket.empty()) {
        writer.entry(key::kTicket, "s", context.ticket.c_str());
    }
    if (channel >= 0) {
        writer.entry(key::kChannel, "h", channel); // the message takes a duplicate
    }
    return writer.finish();
}

} // namespace raxauth::client
