# SPDX-License-Identifier: Apache-2.0
"""The host under test: one for each file of tests, put back as if just installed between tests."""

import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from throwaway import ThrowawayHost  # noqa: E402 - needs the path above


LINES_SHOWN = 40


def pytest_configure():
    # Started in the background by a shell, or by nohup, everything from here on would be deaf to ^C
    # and to a terminal that goes away.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if os.geteuid() != 0:
        pytest.exit("the host tests need root: they make namespaces and mounts", 2)
    if "RAXAUTH_BUILD" not in os.environ:
        pytest.exit("RAXAUTH_BUILD must name the build directory to test", 2)


@pytest.fixture(scope="module")
def shared_host():
    with ThrowawayHost() as host:
        yield host


@pytest.fixture
def host(shared_host):
    shared_host.reset()
    yield shared_host


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the host logged and what Identity was asked."""
    report = (yield).get_result()
    host = getattr(item, "funcargs", {}).get("host")
    if report.failed and host is not None:
        since = getattr(host, "reset_mark", 0)
        for title, text in (("host's journal", host.journal.text(since)),
                            ("asked of Identity", host.identity.story())):
            report.sections.append((title, "\n".join(text.splitlines()[-LINES_SHOWN:])))
