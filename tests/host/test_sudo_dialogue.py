# SPDX-License-Identifier: Apache-2.0
"""sudo as it is: it asks for silence, replaces prompts, and only takes a note of ^C."""

import contextlib
import re
import time

SUDO = "sudo -k id -un"
ANEW = {"services": {"sudo": {"reuse": "none"}}}


@contextlib.contextmanager
def signed_in(host, user="alice"):
    with host.ssh(user) as session:
        host.answer_both(user, session)
        yield session


def test_it_says_which_second_factor_still_counts(host):
    with signed_in(host) as session:
        _, screen = session.dialogue(SUDO, [host.identity.password("alice")])
    assert re.search(r"The second factor of \d\d:\d\d is still valid\.\n\[sudo\] password", screen), screen
    assert "\nroot\n" in screen


def test_a_prompt_of_its_own_is_announced_by_what_it_cannot_replace(host):
    host.configure(ANEW)
    with signed_in(host) as session:
        session.answer("sudo -k -p 'say it: ' id -un")
        session.until("\nsay it: ")
        session.answer(host.identity.password("alice"))
        screen = session.until("\nsay it: ")
        assert "sent you a code by SMS" in screen, screen
        session.answer(host.identity.sms("alice"))
        assert "root" in session.until("in-the-shell> ")


def test_an_askpass_program_is_announced_too(host):
    """It gives the password to every prompt: the person reads what was wanted, and why it ended."""
    host.configure(ANEW)
    helper = host.path("/run/askpass")
    helper.write_text(f"#!/bin/sh\necho {host.identity.password('alice')}\n")
    helper.chmod(0o755)
    with signed_in(host) as session:
        screen = session.shell("SUDO_ASKPASS=/run/askpass sudo -k -A id -un")
    helper.unlink()
    assert "sent you a code by SMS" in screen and "sent the password again" in screen, screen
    assert "root" not in screen.split("\n"), screen


def test_reuse_only_refuses_and_says_what_to_do_and_asks_nothing(host):
    host.configure({"services": {"sudo": {"reuse_only": True, "reuse_for": "1s"}}})
    with signed_in(host) as session:
        session.shell("sleep 2")  # until the sign-in is older than reuse_for, by the host's clocks
        prompts, screen = session.dialogue(SUDO)
    assert prompts == [] and "\nroot\n" not in screen, screen
    assert "raxauth login" in screen, screen
    assert host.identity.sms_count("alice") == 1


def test_who_waits_is_told_and_an_interrupt_sends_nothing_more(host):
    host.configure({"sessions": {"recheck_after": "0s"}})
    with signed_in(host) as session:
        host.identity.fault("alice", "slow", step="validate", ms=15000)
        session.answer(SUDO)
        session.question("password")
        session.answer(host.identity.password("alice"))
        session.until("takes its time. Please wait.")
        pressed = time.monotonic()
        session.press("c")
        session.until("in-the-shell> ", timeout=20)
        assert time.monotonic() - pressed < 5, "^C was not heard"
        host.journal.wait(host.reset_mark, RAXAUTH_REASON="cancelled", RAXAUTH_SERVICE="sudo")
    assert host.identity.sms_count("alice") == 1, "a first step was sent after the interrupt"
