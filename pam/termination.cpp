// SPDX-License-Identifier: Apache-2.0
//
// The runtime's own handler demangles the name of the exception and writes it to standard error,
// which is the PAM application's. Besides, it is a third of the module, and each function of libc
// that it wants is searched for whenever the module is loaded.
#include <cstdlib>

namespace __gnu_cxx {

[[noreturn]] void __verbose_terminate_handler(); // NOLINT(bugprone-reserved-identifier)
void __verbose_terminate_handler() {             // NOLINT(bugprone-reserved-identifier)
    std::abort();
}

} // namespace __gnu_cxx
