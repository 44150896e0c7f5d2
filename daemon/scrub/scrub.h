// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Memory that is given back is wiped first: in libcurl, in OpenSSL and behind `delete`. Those
/// libraries copy passwords and tokens into buffers of their own (the request as sent, TLS records,
/// replies), which would otherwise lie in the heap until something else happens to lie over them.
/// glibc's M_PERTURB is not enough: small pieces escape it through the thread cache.
namespace raxauth::scrub {

/// Gives libcurl and OpenSSL the wiping allocator and initialises libcurl. The first thing main()
/// does; aborts when OpenSSL has allocated already or libcurl does not start. A program that links
/// this file has the wiping `operator delete` from its beginning (not under AddressSanitizer, whose
/// own is worth more there).
void install() noexcept;

} // namespace raxauth::scrub
