// SPDX-License-Identifier: Apache-2.0
// libstdc++ is linked into the module. Its copy takes 73 kB for exceptions when the module is
// loaded and would leave them behind each time it is unloaded: a greeter does that for every
// sign-in.

namespace __gnu_cxx { // NOLINT(bugprone-reserved-identifier): the library's name
// libstdc++'s, which has no header for it. Weak: another C++ library may do without.
__attribute__((weak)) void __freeres(); // NOLINT(bugprone-reserved-identifier): the library's name
} // namespace __gnu_cxx

namespace {

[[gnu::destructor]] void release_exception_memory() {
    if (&__gnu_cxx::__freeres != nullptr) {
        __gnu_cxx::__freeres();
    }
}

} // namespace
