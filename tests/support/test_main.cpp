// SPDX-License-Identifier: Apache-2.0
// The one main of every CppUTest program. Leaks are the asan preset's job: CppUTest's own
// new/delete overloads mistake lazily filled statics for leaks.
#include <CppUTest/CommandLineTestRunner.h>
#include <CppUTest/MemoryLeakWarningPlugin.h>

int main(int argc, char** argv) {
    MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
    return CommandLineTestRunner::RunAllTests(argc, argv);
}
