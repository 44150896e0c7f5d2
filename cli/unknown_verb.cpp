// SPDX-License-Identifier: Apache-2.0
#include "cli/unknown_verb.h"

#include "cli/failure.h"
#include "cli/spelling.h"
#include "common/text.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace raxauth::cli {
namespace {

std::vector<std::string> names_of(const std::vector<const CLI::App*>& verbs) {
    std::vector<std::string> names;
    for (const CLI::App* const verb : verbs) {
        names.push_back(verb->get_name());
    }
    return names;
}

[[noreturn]] void refuse(std::string_view word, const std::string& path,
                         const std::vector<std::string>& known) {
    const std::string shown = sanitise(word, 64);
    const std::string meant = nearest_word(word, known);
    const bool is_first = path == "raxauth";
    throw Failure(ExitStatus::Usage,
                  fmt::format("unknown verb \"{}\"{}", shown,
                              meant.empty()
                                  ? std::string()
                                  : fmt::format("; did you mean \"{} {}\"?", path, meant)),
                  is_first ? std::string("See raxauth --help.")
                           : fmt::format("\"{}\" has the verbs {}.", path, fmt::join(known, ", ")));
}

} // namespace

void refuse_unknown_verb(const CLI::App& program, int argc, const char* const* argv) {
    const CLI::App* at = &program;
    std::string path = "raxauth";
    bool is_value = false; // of the option before it
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto verbs = at->get_subcommands([](const CLI::App*) { return true; });
        if (verbs.empty()) {
            return; // what follows is for the verb to judge
        }
        if (word.starts_with("-")) {
            const CLI::Option* const option = at->get_option_no_throw(word);
            is_value = option != nullptr && option->get_expected_min() > 0;
            continue;
        }
        if (is_value) {
            is_value = false;
            continue;
        }
        const auto verb = std::find_if(verbs.begin(), verbs.end(), [&](const CLI::App* one) {
            return one->get_name() == word;
        });
        if (verb == verbs.end()) {
            refuse(word, path, names_of(verbs));
        }
        at = *verb;
        path += ' ' + word;
    }
}

} // namespace raxauth::cli
