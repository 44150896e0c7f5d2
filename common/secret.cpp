// SPDX-License-Identifier: Apache-2.0
#include "common/secret.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace raxauth {

void wipe(void* memory, std::size_t bytes) noexcept {
    if (memory != nullptr && bytes > 0) {
        explicit_bzero(memory, bytes);
    }
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    unsigned char difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = static_cast<unsigned char>(
            difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
    }
    return difference == 0;
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        clear();
        bytes_ = std::move(other.bytes_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
}

void Secret::reserve(std::size_t bytes) {
    if (bytes <= capacity_ && bytes_) {
        return;
    }
    const std::size_t wanted = std::max<std::size_t>({bytes, capacity_ * 2, 64});
    auto grown =
        std::make_unique_for_overwrite<char[]>(wanted + 1); // + 1: the NUL behind the content
    if (size_ > 0) {
        std::memcpy(grown.get(), bytes_.get(), size_);
    }
    grown[size_] = '\0';
    wipe(bytes_.get(), bytes_ ? capacity_ : 0);
    bytes_ = std::move(grown);
    capacity_ = wanted;
}

void Secret::append(std::string_view bytes) {
    reserve(size_ + bytes.size());
    if (!bytes.empty()) {
        std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
    }
    size_ += bytes.size();
    bytes_[size_] = '\0';
}

void Secret::truncate(std::size_t bytes) noexcept {
    if (bytes < size_) {
        wipe(bytes_.get() + bytes, size_ - bytes);
        size_ = bytes;
    }
}

void Secret::clear() noexcept {
    wipe(bytes_.get(), bytes_ ? capacity_ : 0);
    bytes_.reset();
    size_ = 0;
    capacity_ = 0;
}

std::string_view Secret::view() const noexcept {
    return bytes_ ? std::string_view(bytes_.get(), size_) : std::string_view("");
}

const char* Secret::c_str() const noexcept {
    return bytes_ ? bytes_.get() : "";
}

bool Secret::equals(std::string_view other) const noexcept {
    return equal_constant_time(view(), other);
}

} // namespace raxauth
