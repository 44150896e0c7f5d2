# SPDX-License-Identifier: Apache-2.0
"""Identity is slow, absent, or lies: at each step of a sign-in, with each fault the simulator knows."""

import time

import pytest

from throwaway.identity import FAULTS, HARMLESS

TIMEOUT = 2.0  # seconds; identity.request_timeout of these tests
STEPS = {"password": 1, "passcode": 2}


@pytest.fixture
def impatient(host):
    host.configure({"identity": {"request_timeout": f"{TIMEOUT:.0f}s", "connect_timeout": "1s"}})
    return host


def attempt(host, user="alice", service="raxauth-alone"):
    return host.probe(service, user, ["authenticate"],
                      [host.identity.password(user), lambda: host.identity.sms(user)])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", [f for f in FAULTS if f not in HARMLESS])
def test_no_fault_of_identity_lets_anybody_in_or_is_tried_twice(impatient, name, step):
    host = impatient
    host.identity.fault("alice", name, step=step)
    started = time.monotonic()
    report = attempt(host)
    took = time.monotonic() - started
    if step == "password" and host.identity.posts()[-1]["step"] == "passcode":
        # the spoilt first reply was a challenge all the same, and the second one is honest
        assert report.code == "PAM_SUCCESS" or len(host.identity.posts()) == 2
    else:
        assert report.code in ("PAM_AUTHINFO_UNAVAIL", "PAM_AUTH_ERR"), report.events
    steps = [p["step"] for p in host.identity.posts()]
    assert steps.count("password") <= 1 and steps.count("passcode") <= 1, steps
    assert took < TIMEOUT + 2.5, f"{name} held the caller for {took:.1f} s"
    assert host.pids("raxauthd"), f"the daemon did not survive {name}"
    host.identity.fault("alice", "")
    assert attempt(host, "judy").code == "PAM_SUCCESS", "the daemon does not work any more"


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_but_honest_identity_is_understood(impatient, name):
    impatient.identity.fault("alice", name, ms=100)
    report = attempt(impatient)
    assert report.code == "PAM_SUCCESS", (report.events, impatient.identity.story())


@pytest.mark.parametrize("step", STEPS)
def test_a_stalled_identity_is_unavailable_within_its_time_and_others_are_served(impatient, step):
    host = impatient
    host.identity.fault("alice", "stall", step=step)
    with host.start_probe("raxauth-alone", "alice") as held:
        held.question("password")
        held.answer(host.identity.password("alice"))
        if step == "passcode":
            held.question("passcode")
            held.answer(host.identity.sms("alice"))
        host.identity.wait_for_request(STEPS[step])
        started = time.monotonic()
        assert attempt(host, "judy").code == "PAM_SUCCESS"
        assert time.monotonic() - started < 1.5, "another person's sign-in had to wait"
        report = held.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    assert time.monotonic() - started < TIMEOUT + 1


def test_a_slow_identity_only_makes_people_wait(host):
    host.identity.fault("alice", "slow", ms=1500)
    report = attempt(host)
    assert report.code == "PAM_SUCCESS"
    assert 3.0 < report.seconds < 6.0


def test_an_identity_that_nobody_answers_for_is_decided_quickly(impatient):
    host = impatient
    host.configure({"identity": {"url": "https://127.0.0.1:1/v2.0", "connect_timeout": "1s"}})
    report = attempt(host)
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    assert report.seconds < 3


def test_a_certificate_for_another_name_is_not_believed(host):
    host.configure({"identity": {"url": host.identity.url_of("throwaway")}})
    assert attempt(host).code == "PAM_AUTHINFO_UNAVAIL"
    assert host.identity.posts() == []


def test_a_certificate_of_an_unknown_authority_is_not_believed(host):
    host.configure({"identity": {"ca_file": ""}})
    assert attempt(host).code == "PAM_AUTHINFO_UNAVAIL"
    assert host.identity.posts() == []


def test_a_key_that_is_not_the_pinned_one_is_not_believed(host):
    pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    host.configure({"identity": {"pinned_public_key": pin}})
    assert attempt(host).code == "PAM_AUTHINFO_UNAVAIL"
    assert host.identity.posts() == []


def test_words_of_identity_cannot_paint_the_terminal_or_the_journal(host):
    host.identity.fault("alice", "escapes")
    got = host.try_ssh("alice", ["wrong"])
    assert not got.granted
    for text in (got.transcript.replace("\n", ""), host.journal.raw(host.reset_mark)):
        assert not any(ord(c) < 32 and c not in "\n\t" for c in text), repr(text)
        assert "\u202e" not in text and "\u009b" not in text
