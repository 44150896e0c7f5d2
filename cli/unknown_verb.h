// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace raxauth::cli {

/// Looks through the command line for a word that stands where a verb should and is none.
/// Errors: Failure (Usage), which names the verb that was probably meant.
void refuse_unknown_verb(const CLI::App& program, int argc, const char* const* argv);

} // namespace raxauth::cli
