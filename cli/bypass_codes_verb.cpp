// SPDX-License-Identifier: Apache-2.0
// A bypass code replaces a passcode. It goes from the daemon's pipe to standard output and nowhere
// else: not through stdio's buffers, and its memory is wiped.
#include "cli/dialogue.h"
#include "cli/factor_management.h"
#include "cli/failure.h"
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
        const auto codes = result_.find("codes");
        if (codes == result_.end() || !codes->is_array() || codes->empty()) {
            throw failure_of_odd_daemon();
        }
        for (nlohmann::json& code : *codes) {
            auto* const text = code.get_ptr<std::string*>();
            if (text == nullptr || text->empty()) {
                throw failure_of_odd_daemon();
            }
            texts_.push_back(text);
        }
    }
    Codes(const Codes&) = delete;
    Codes& operator=(const Codes&) = delete;
    ~Codes() {
        for (std::string* text : texts_) {
            wipe(text->data(), text->size());
        }
    }

    Secret lines() const {
        Secret lines;
        for (const std::string* text : texts_) {
            lines.append(*text);
            lines.append('\n');
        }
        return lines;
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
    std::vector<std::string*> texts_; ///< within result_
};

} // namespace

ExitStatus bypass_codes(const Surroundings& around, const ManagementOptions& options,
                        const BypassCodesOptions& wanted) {
    const std::string minutes = wanted.valid_for.empty()
                                    ? ""
                                    : fmt::format("{}", parse_valid_for(wanted.valid_for).count());
    const std::string count = wanted.count == 0 ? "" : fmt::format("{}", wanted.count);
    std::vector<std::string> arguments{count, minutes};
    if (!wanted.user.empty()) {
        check_argument(wanted.user, "the name of a Rackspace user");
        arguments.push_back(wanted.user);
    }
    const Codes codes(manage_factors(around, {"bypass-codes", std::move(arguments),
                                              "raxauth bypass-codes", options.from_stdin}));
    if (options.json) {
        write_out(codes.json().view());
        return ExitStatus::Done;
    }
    write_out(codes.lines().view());
    fmt::print(stderr,
               "Each code replaces one passcode, {}. They are shown only now: store them safely.\n",
               codes.validity());
    return ExitStatus::Done;
}

} // namespace raxauth::cli
