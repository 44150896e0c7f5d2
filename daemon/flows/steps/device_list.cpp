// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/device_list.h"

#include "daemon/enrolment/phone_number.h"

#include <algorithm>

namespace raxauth::flows {

const identity::Phone* DeviceList::phone(std::string_view id) const {
    const auto found = std::find_if(phones.begin(), phones.end(),
                                    [&](const identity::Phone& one) { return one.id == id; });
    return found == phones.end() ? nullptr : &*found;
}

bool DeviceList::has_authenticator(std::string_view id) const {
    return std::any_of(authenticators.begin(), authenticators.end(),
                       [&](const identity::OtpDevice& one) { return one.id == id; });
}

void DeviceList::write(ResultJson& json, Numbers numbers) const {
    json.key("otp_devices").open('[');
    for (const identity::OtpDevice& device : authenticators) {
        json.open('{')
            .add("id", device.id)
            .add("name", device.name)
            .add("verified", device.verified)
            .close('}');
    }
    json.close(']').key("phones").open('[');
    for (const identity::Phone& one : phones) {
        json.open('{').add("id", one.id).key("number");
        if (numbers == Numbers::Whole) {
            json.string(one.number.view());
        } else {
            json.string(enrolment::masked(one.number));
        }
        json.add("verified", one.verified).close('}');
    }
    json.close(']');
}

} // namespace raxauth::flows
