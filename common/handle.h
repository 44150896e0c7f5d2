// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace raxauth {

/// Stateless deleter that calls one C release function, so that a handle is as small as a pointer.
template <auto Release>
struct ReleaseWith {
    template <class T>
    void operator()(T* pointer) const noexcept {
        // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): this is the owner
        static_cast<void>(Release(pointer));
    }
};

/// The only owner of C pointers in this project.
template <class T, auto Release>
using CHandle = std::unique_ptr<T, ReleaseWith<Release>>;

/// Lets a C function fill a handle through its `T**` out-parameter. The handle is filled at the
/// end of the full expression: read the return code in a statement of its own before using it.
template <class Handle>
class OutPointer {
  public:
    explicit OutPointer(Handle& handle) : handle_(handle) {}
    OutPointer(const OutPointer&) = delete;
    OutPointer& operator=(const OutPointer&) = delete;
    ~OutPointer() { handle_.reset(pointer_); }

    operator typename Handle::pointer *() noexcept { return &pointer_; } // NOLINT: meant implicit

  private:
    Handle& handle_;
    typename Handle::pointer pointer_ = nullptr;
};

template <class Handle>
OutPointer<Handle> out(Handle& handle) {
    return OutPointer<Handle>(handle);
}

} // namespace raxauth
