// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth::simulator {

/// Makes in `directory` what TLS tests need, unless it is all there already: `ca.pem`; certificate
/// and key (P-256) of four servers, NAME.pem and NAME.key:
///   server      for localhost, identity.test, 127.0.0.1 and ::1, signed by ca.pem
///   foreign     the same names, signed by another authority (foreign-ca.pem)
///   wrong-host  signed by ca.pem, for wrong.example only
///   expired     signed by ca.pem, ended yesterday
/// and `server.pin`, the public key of `server` as curl wants a pin ("sha256//...").
/// Throws std::runtime_error if OpenSSL or the file system refuses.
void make_certificates(const std::string& directory);

} // namespace raxauth::simulator
