// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <cstring>
#include <curl/curl.h>
#include <new>
#include <string_view>
#include <utility>

namespace raxauth::identity {

/// Lines for libcurl. Request headers may carry a token or session id: wiped, then freed.
class HeaderList {
  public:
    HeaderList() = default;
    HeaderList(const HeaderList&) = delete;
    HeaderList& operator=(const HeaderList&) = delete;
    ~HeaderList() { clear(); }

    void add(std::string_view name, std::string_view value) {
        Secret line;
        line.reserve(name.size() + value.size() + 2);
        line.append(name);
        line.append(": ");
        line.append(value);
        add_line(line.c_str());
    }
    void add_line(const char* line) {
        curl_slist* longer = curl_slist_append(list_, line);
        if (longer == nullptr) {
            throw std::bad_alloc();
        }
        list_ = longer;
    }
    void clear() noexcept {
        for (const curl_slist* item = list_; item != nullptr; item = item->next) {
            wipe(item->data, std::strlen(item->data));
        }
        curl_slist_free_all(std::exchange(list_, nullptr));
    }
    curl_slist* get() const noexcept { return list_; }

  private:
    curl_slist* list_ = nullptr;
};

} // namespace raxauth::identity
