// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/dialogue.h"
#include "pam/options.h"

#include <security/pam_modules.h>

namespace raxauth::pam {

/// A password item of the PAM handle: PAM_AUTHTOK, or PAM_OLDAUTHTOK while it is being changed. The
/// password as it is in the end is always PAM_AUTHTOK. libpam wipes its copy.
class SharedPassword final : public StackPassword {
  public:
    SharedPassword(pam_handle_t* pamh, int item, const Options& options)
        : pamh_(pamh), item_(item), take_(options.try_first_pass || options.use_first_pass),
          may_ask_(!options.use_first_pass) {}

    std::optional<Secret> first_pass() override;
    bool may_ask() const override { return may_ask_; }
    void typed(const Secret& password) override;
    void became(const Secret& password) override;

  private:
    pam_handle_t* pamh_;
    int item_;
    bool take_;
    bool may_ask_;
};

} // namespace raxauth::pam
