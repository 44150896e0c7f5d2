// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <optional>
#include <string>

namespace raxauth::enrolment {

/// What a person typed as a telephone number, fit for Identity: without blanks around it, else as
/// typed ("+1 512-555-0100"). Taken are a '+', then 7 to 15 digits with blanks, dashes, dots and
/// round brackets between them, 40 characters in all; anything else is nothing. Whether there is
/// such a number is Identity's judgement.
/// Source: E.123 (international notation), E.164 (15 digits at most).
std::optional<Secret> read_phone_number(const Secret& typed);

/// The number with all digits but the last two hidden, in its own shape: "+* ***-***-**00". For
/// messages; also for numbers that Identity has, so what does not belong into a number shows as
/// '?', what is longer than 40 characters loses its beginning, and a number of fewer than seven
/// digits is hidden whole.
std::string masked(const Secret& number);

} // namespace raxauth::enrolment
