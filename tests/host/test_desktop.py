# SPDX-License-Identifier: Apache-2.0
"""A screen locker that gives one text to every prompt (i3lock), and polkit."""

import re

import pytest
from throwaway import XDisplay

SHARED = ("ControlMaster=auto", "ControlPath=/tmp/shared")


@pytest.fixture
def display(host):
    with XDisplay(host, "alice") as display:
        yield display
        for pid in host.pids("i3lock"):
            host.kill(pid)


def test_a_locker_without_a_sign_in_costs_one_sms_and_keeps_nobody_out_of_ssh(host, display):
    host.pam_service("i3lock", "@include common-auth\n")  # Debian's, without the delay of login's
    # i3lock returns when the screen is locked, and goes on in the background.
    host.run(["sh", "-c", "i3lock >/dev/null 2>&1"], user="alice", env=display.env)
    for _ in range(2):
        mark = host.journal.mark()
        display.type(host.identity.password("alice"))
        line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in")
        assert line["RAXAUTH_REASON"] == "password-only-client"
    assert host.pids("i3lock"), "unlocked by the password alone"
    assert host.identity.sms_count("alice") == 1
    assert host.sign_in("alice").granted


def test_a_locker_in_the_window_opens_with_the_password_alone(host, display):
    host.pam_service("i3lock", "@include common-auth\n")
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        session.shell(f"DISPLAY={display.NAME} i3lock >/dev/null 2>&1")
        assert host.pids("i3lock")
        display.type(host.identity.password("alice"))
        host.wait_until(lambda: not host.pids("i3lock"), "the screen is unlocked")
    assert host.identity.outcomes() == [401, 200]


def test_pkexec_asks_for_the_password_in_the_window(host):
    with host.ssh("alice", options=SHARED) as session:
        host.answer_both("alice", session)
        with host.ssh("alice", options=SHARED) as agent:
            assert agent.next() == ("in", "")
            mark = host.journal.mark()
            agent.answer(f"pkttyagent --process {session.shell('echo $$')}")
            host.journal.wait(mark, MESSAGE=re.compile("Registered Authentication Agent"))
            session.answer("pkexec id -un")
            agent.until("Authenticating as: alice")
            assert "Info: The second factor of" in agent.until("Password: ")
            agent.answer(host.identity.password("alice"))
            session.until("\nroot\r\n")
    assert host.identity.outcomes() == [401, 200]
