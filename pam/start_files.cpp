// SPDX-License-Identifier: Apache-2.0
//
// What the compiler's and libc's start files would call if a profiler (gprof) or transactional
// memory were linked in. They are not; but without these the dynamic linker searches every library
// of the PAM application for them, in vain, each time the module is loaded: some 3000 instructions,
// of the 200,000 that a sign-in takes there.

extern "C" {
void __gmon_start__() {}              // NOLINT(bugprone-reserved-identifier): crti.o's name
void _ITM_registerTMCloneTable() {}   // NOLINT(bugprone-reserved-identifier): crtbegin.o's name
void _ITM_deregisterTMCloneTable() {} // NOLINT(bugprone-reserved-identifier): crtbegin.o's name
}
