// SPDX-License-Identifier: Apache-2.0
// A bypass code is worth a passcode to whoever has it: it goes from the daemon's pipe to standard
// output and nowhere else, past stdio, and what we keep of it is wiped.
#include "cli/care.h"
#include "cli/dialogue.h"
#include "cli/valid_for.h"
#include "cli/verbs.h"
#include "cli/write_all.h"

#include <fmt/core.h>
#include <optional>

namespace raxauth::cli {
namespace {

/// The parsed result. Its strings are wiped when it goes.
class Codes {
  public:
    explicit Codes(const Secret& result) : result_(read_result(result)) {
        for (const nlohmann::json& code : list_of(result_, "codes")) {
            if (!code.is_string() || code.get_ref<const std::string&>().empty()) {
                throw_odd_daemon();
            }
        }
        if (list_of(result_, "codes").empty()) {
            throw_odd_daemon();
        }
    }
    Codes(const Codes&) = delete;
    Codes& operator=(const Codes&) = delete;
    ~Codes() {
        for (nlohmann::json& code : result_["codes"]) {
            if (code.is_string()) {
                auto& text = code.get_ref<std::string&>();
                wipe(text.data(), text.size());
            }
        }
    }

    Secret lines() const {
        Secret text;
        for (const nlohmann::json& code : list_of(result_, "codes")) {
            text.append(code.get_ref<const std::string&>());
            text.append('\n');
        }
        return text;
    }
    Secret json() const {
        std::string dumped = result_.dump(2);
        Secret text(dumped);
        wipe(dumped.data(), dumped.size());
        text.append('\n');
        return text;
    }
    std::string validity() const {
        const auto found = result_.find("valid_for_minutes");
        return found != result_.end() && found->is_number_unsigned()
                   ? fmt::format("for {} min", found->get<std::uint64_t>())
                   : "until it is used";
    }

  private:
    nlohmann::json result_;
};

} // namespace

ExitStatus bypass_codes(const Surroundings& around, const CareOptions& options,
                        const BypassCodesOptions& wanted) {
    const std::string minutes = wanted.valid_for.empty()
                                    ? ""
                                    : fmt::format("{}", parse_valid_for(wanted.valid_for).count());
    const std::string count = wanted.count == 0 ? "" : fmt::format("{}", wanted.count);
    const Codes codes(take_care(
        around, {"bypass-codes", {count, minutes}, "raxauth bypass-codes", options.from_stdin}));
    if (options.json) {
        write_out(codes.json().view());
        return ExitStatus::Done;
    }
    write_out(codes.lines().view());
    fmt::print(stderr,
               "Each works once in place of a passcode, {}. They are shown this once: keep them "
               "like money.\n",
               codes.validity());
    return ExitStatus::Done;
}

} // namespace raxauth::cli
