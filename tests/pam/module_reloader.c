/* SPDX-License-Identifier: Apache-2.0 */
/* module_reloader MODULE TIMES: loads MODULE and unloads it. In C, so that no C++ runtime of this
   program hides what the module's own does. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
    if (argc != 3) {
        return 2;
    }
    for (int i = atoi(argv[2]); i > 0; --i) {
        void* module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (module == NULL || dlsym(module, "pam_sm_authenticate") == NULL ||
            dlclose(module) != 0) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
    }
    return 0;
}
