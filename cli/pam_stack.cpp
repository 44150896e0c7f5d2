// SPDX-License-Identifier: Apache-2.0
#include "cli/pam_stack.h"

#include "common/letter_case.h"
#include "common/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

namespace raxauth::cli {
namespace {

constexpr int kMaxDepth = 16; // PAM_SUBSTACK_MAX_LEVEL

using Kind = PamAction::Kind;

constexpr std::array kAnswers{PamAnswer::Success,     PamAnswer::Failure, PamAnswer::Unavailable,
                              PamAnswer::UserUnknown, PamAnswer::Ignore,  PamAnswer::ModuleUnknown};

/// The word of pam.conf(5) for an answer. A failure has many; modules that say no say auth_err, and
/// perm_denied in the account phase.
std::vector<std::string_view> words_of(PamAnswer answer) {
    switch (answer) {
    case PamAnswer::Success:
        return {"success"};
    case PamAnswer::Failure:
        return {"auth_err", "perm_denied"};
    case PamAnswer::Unavailable:
        return {"authinfo_unavail"};
    case PamAnswer::UserUnknown:
        return {"user_unknown"};
    case PamAnswer::Ignore:
        return {"ignore"};
    case PamAnswer::ModuleUnknown:
        return {"module_unknown"};
    }
    return {};
}

std::optional<PamAction> action_of(std::string_view word) {
    if (word == "ignore") {
        return PamAction{Kind::Ignore};
    }
    if (word == "ok") {
        return PamAction{Kind::Ok};
    }
    if (word == "done") {
        return PamAction{Kind::Done};
    }
    if (word == "bad") {
        return PamAction{Kind::Bad};
    }
    if (word == "die") {
        return PamAction{Kind::Die};
    }
    if (word == "reset") {
        return PamAction{Kind::Reset};
    }
    unsigned jump = 0;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), jump);
    if (error != std::errc{} || rest != word.data() + word.size()) {
        return std::nullopt;
    }
    // a jump over nothing is an ignore
    return jump == 0 ? PamAction{Kind::Ignore} : PamAction{Kind::Jump, jump};
}

std::string_view spelled_out(std::string_view control) {
    if (control == "required") {
        return "success=ok new_authtok_reqd=ok ignore=ignore default=bad";
    }
    if (control == "requisite") {
        return "success=ok new_authtok_reqd=ok ignore=ignore default=die";
    }
    if (control == "sufficient") {
        return "success=done new_authtok_reqd=done default=ignore";
    }
    if (control == "optional") {
        return "success=ok new_authtok_reqd=ok default=ignore";
    }
    return control;
}

std::map<PamAnswer, PamAction> actions_of(std::string_view control) {
    std::map<std::string, PamAction, std::less<>> by_word;
    std::istringstream words{std::string(spelled_out(control))};
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        if (const auto action = action_of(std::string_view(word).substr(
                equals == std::string::npos ? word.size() : equals + 1))) {
            by_word[word.substr(0, equals)] = *action;
        }
    }
    const auto fallback = by_word.find("default");
    std::map<PamAnswer, PamAction> actions;
    for (const PamAnswer answer : kAnswers) {
        // what is not said is bad: _pam_parse_control()
        actions[answer] = fallback != by_word.end() ? fallback->second : PamAction{Kind::Bad};
        for (const std::string_view word : words_of(answer)) {
            if (const auto own = by_word.find(word); own != by_word.end()) {
                actions[answer] = own->second;
                break;
            }
        }
    }
    return actions;
}

/// Words of a line; [several of them] are one.
std::vector<std::string> words_of_line(std::string_view line) {
    std::vector<std::string> words;
    while (!(line = trim(line)).empty()) {
        const bool bracket = line.front() == '[';
        const std::size_t end = std::min(line.find_first_of(bracket ? "]" : " \t"), line.size());
        words.emplace_back(line.substr(bracket ? 1 : 0, end - (bracket ? 1 : 0)));
        line.remove_prefix(std::min(line.size(), end + (bracket ? 1 : 0)));
    }
    return words;
}

/// The file that libpam takes for a name: as it stands, or the first of its folders that has it.
std::string file_of(const PamPlaces& places, const std::string& name) {
    if (name.starts_with('/')) {
        return name;
    }
    for (const std::string& folder : places.services) {
        std::string file = folder + '/' + name;
        if (std::ifstream(file).good()) {
            return file;
        }
    }
    return {};
}

class StackReader {
  public:
    StackReader(const PamPlaces& places, std::string_view phase) : places_(places), phase_(phase) {}

    void read(const std::string& file, PamStack& stack, int depth) { // NOLINT(misc-no-recursion)
        std::ifstream stream(file);
        std::string text;
        for (unsigned number = 1; depth < kMaxDepth && std::getline(stream, text); ++number) {
            const unsigned first = number;
            while (text.ends_with('\\')) { // goes on in the next line
                text.back() = ' ';
                std::string more;
                if (!std::getline(stream, more)) {
                    break;
                }
                text += more;
                ++number;
            }
            const auto words = words_of_line(std::string_view(text).substr(0, text.find('#')));
            take(words, file, first, stack, depth);
        }
    }

  private:
    // NOLINTNEXTLINE(misc-no-recursion)
    void take(const std::vector<std::string>& words, const std::string& file, unsigned number,
              PamStack& stack, int depth) {
        if (words.size() == 2 && words[0] == "@include") {
            read(file_of(places_, words[1]), stack, depth + 1);
            return;
        }
        if (words.size() < 3) {
            return;
        }
        const bool dash = words[0].starts_with('-');
        if (!equal_ignoring_case(words[0].substr(dash ? 1 : 0), phase_)) {
            return;
        }
        if (words[1] == "include") {
            read(file_of(places_, words[2]), stack, depth + 1);
            return;
        }
        PamLine line;
        line.file = file;
        line.number = number;
        line.may_be_missing = dash;
        if (words[1] == "substack") {
            line.module = words[2];
            read(file_of(places_, words[2]), line.substack, depth + 1);
        } else {
            line.actions = actions_of(words[1]);
            line.module = words[2].substr(words[2].rfind('/') + 1);
            line.options.assign(words.begin() + 3, words.end());
        }
        stack.push_back(std::move(line));
    }

    const PamPlaces& places_;
    std::string phase_;
};

class Dispatcher {
  public:
    Dispatcher(const PamAnswers& answers, PamOutcome& outcome)
        : answers_(answers), outcome_(outcome) {}

    void run(const PamStack& stack) { // NOLINT(misc-no-recursion)
        for (std::size_t i = 0; i < stack.size(); ++i) {
            const PamLine& line = stack[i];
            if (line.actions.empty()) { // a substack: what ends it does not end us
                run(line.substack);
                continue;
            }
            outcome_.asked.push_back(&line);
            const PamAnswer answer = answers_(line);
            const PamAction action = line.actions.at(answer);
            if (action.kind == Kind::Jump) {
                i += action.jump;
                if (i >= stack.size()) { // past the end: libpam makes a failure of it
                    fail();
                }
                continue;
            }
            if (ends(action.kind, answer)) {
                return;
            }
        }
    }

    bool granted() const { return impression_ == Impression::Positive && success_; }

  private:
    enum class Impression { None, Positive, Negative };

    void fail() {
        impression_ = Impression::Negative;
        success_ = false;
    }

    bool ends(Kind kind, PamAnswer answer) {
        switch (kind) {
        case Kind::Ignore:
        case Kind::Jump:
            return false;
        case Kind::Reset:
            impression_ = Impression::None;
            success_ = false;
            return false;
        case Kind::Ok:
        case Kind::Done:
            if (impression_ == Impression::None ||
                (impression_ == Impression::Positive && success_)) {
                if (answer != PamAnswer::Ignore) {
                    impression_ = Impression::Positive;
                    success_ = answer == PamAnswer::Success;
                }
            }
            return kind == Kind::Done && impression_ == Impression::Positive;
        case Kind::Bad:
        case Kind::Die:
            fail();
            return kind == Kind::Die;
        }
        return false;
    }

    const PamAnswers& answers_;
    PamOutcome& outcome_;
    Impression impression_ = Impression::None;
    bool success_ = false;
};

} // namespace

bool PamLine::has_option(std::string_view option) const {
    return std::find(options.begin(), options.end(), option) != options.end();
}

bool has_pam_service(const PamPlaces& places, const std::string& service) {
    return !file_of(places, service).empty();
}

PamStack read_pam_stack(const PamPlaces& places, const std::string& service,
                        std::string_view phase) {
    PamStack stack;
    StackReader(places, phase).read(file_of(places, service), stack, 0);
    return stack;
}

PamOutcome play(const PamStack& stack, const PamAnswers& answers) {
    PamOutcome outcome;
    Dispatcher dispatcher(answers, outcome);
    dispatcher.run(stack);
    outcome.success = dispatcher.granted();
    return outcome;
}

} // namespace raxauth::cli
