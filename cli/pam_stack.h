// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/pam_places.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::cli {

/// What a module can answer, as far as stacks in use tell answers apart.
enum class PamAnswer { Success, Failure, Unavailable, UserUnknown, Ignore, ModuleUnknown };

/// What libpam does with an answer.
struct PamAction {
    enum class Kind { Ignore, Ok, Done, Bad, Die, Reset, Jump };
    Kind kind = Kind::Bad;
    unsigned jump = 0; ///< lines to pass over
};

/// One line of a stack, as libpam reads it.
struct PamLine {
    std::string file;
    unsigned number = 0;
    std::map<PamAnswer, PamAction> actions; ///< one for each answer
    std::string module;                     ///< its file name: "pam_unix.so"
    std::vector<std::string> options;
    std::vector<PamLine> substack; ///< of a line that names one in place of a module
    /// A line with '-' in front counts only if the module is there.
    bool may_be_missing = false;

    bool is_ours() const { return module == "pam_raxauth.so"; }
    std::string place() const { return file + ':' + std::to_string(number); }
    bool has_option(std::string_view option) const;
};
using PamStack = std::vector<PamLine>;

/// The lines of one phase ("auth", "account", "password", "session") of a service, those of
/// included files in their places; empty if this host has no such service.
PamStack read_pam_stack(const PamPlaces& places, const std::string& service,
                        std::string_view phase);
/// Is there such a service, in the first place where libpam looks?
bool has_pam_service(const PamPlaces& places, const std::string& service);

/// What a module answers in the case that is played through.
using PamAnswers = std::function<PamAnswer(const PamLine&)>;

struct PamOutcome {
    bool success = false;
    std::vector<const PamLine*> asked; ///< in this order
};

/// Plays a stack through as libpam's dispatcher does: _pam_dispatch_aux() of libpam 1.5.
PamOutcome play(const PamStack& stack, const PamAnswers& answers);

} // namespace raxauth::cli
