// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/journal/journal.h"

#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace raxauth::bus {

/// Runs `body` for a C library: no exception may cross its frames. 0, or a negative errno after a
/// fault, which has been logged.
template <class Body>
int guard(Body&& body) noexcept {
    try {
        std::forward<Body>(body)();
        return 0;
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    } catch (const std::exception& fault) {
        journal::error(std::string("fault in a bus callback: ") + fault.what());
        return -EIO;
    } catch (...) {
        journal::error("fault in a bus callback");
        return -EIO;
    }
}

} // namespace raxauth::bus
