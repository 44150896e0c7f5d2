// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

int main(int argc, char** argv) {
    return raxauth::cli::run(argc, argv, raxauth::cli::Surroundings{});
}
