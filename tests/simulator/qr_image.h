// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth::simulator {

/// `text` as a QR code in a PNG of 640x640, as the data: URI Identity gives for a new OTP device.
std::string qr_data_uri(const std::string& text);

} // namespace raxauth::simulator
