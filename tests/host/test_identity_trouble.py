# SPDX-License-Identifier: Apache-2.0
"""Identity is slow, absent, or lies: at each step of a sign-in, with each fault the simulator knows."""

import time

import pytest

from throwaway.identity import (ALL_FAULTS, BROKEN, HARMLESS, LIES, NO_CHALLENGE, UNDECIDED)

TIMEOUT = 2.0  # seconds; identity.request_timeout of these tests
STEPS = {"first": 1, "passcode": 2}
NOT_IN = ["PAM_AUTHINFO_UNAVAIL", "PAM_AUTH_ERR", "PAM_CONV_ERR"]


@pytest.fixture
def impatient(host):
    host.configure({"identity": {"request_timeout": f"{TIMEOUT:.0f}s", "connect_timeout": "1s"}})
    return host


def attempt(host, user="alice"):
    """The right answers; whoever is asked once more after them gives up (PAM_CONV_ERR)."""
    def code():
        return host.identity.sms(user) if host.identity.sms_count(user) else "1234567"

    return host.probe("raxauth-alone", user, ["authenticate"], [host.identity.password(user), code])


def spoilt_attempt(host, name, step, **how):
    """alice's attempt while Identity does NAME to her; what must hold whatever the fault is."""
    host.identity.fault("alice", name, step=step, **how)
    started = time.monotonic()
    report = attempt(host)
    took = time.monotonic() - started
    steps = [p["step"] for p in host.identity.posts()]
    assert steps.count("first") <= 1 and steps.count("passcode") <= 1, f"asked again: {steps}"
    assert took < TIMEOUT * len(steps) + 1.5, f"{name} held the caller for {took:.1f} s"
    assert attempt(host, "judy").code == "PAM_SUCCESS", f"the daemon did not survive {name}"
    return report


def test_these_are_all_the_faults_there_are(host):
    assert sorted(ALL_FAULTS) == sorted(host.identity.fault_names())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", BROKEN)
def test_a_reply_that_is_none_is_unavailable(impatient, name, step):
    report = spoilt_attempt(impatient, name, step)
    if name == "header_nul":  # a challenge for a session that Identity does not know
        assert report.code in ("PAM_AUTHINFO_UNAVAIL", "PAM_AUTH_ERR"), report.events
    else:
        assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    impatient.journal.wait(impatient.reset_mark, RAXAUTH_USER="alice")  # comes after the answer


@pytest.mark.parametrize("name", NO_CHALLENGE)
def test_a_challenge_that_cannot_be_answered_is_no_way_in(impatient, name):
    report = spoilt_attempt(impatient, name, "first")
    assert report.code in ("PAM_AUTHINFO_UNAVAIL", "PAM_AUTH_ERR"), report.events


@pytest.mark.parametrize("name", LIES)
def test_a_yes_that_proves_nothing_is_no_way_in(impatient, name):
    report = spoilt_attempt(impatient, name, "passcode")
    assert report.code in NOT_IN, report.events


@pytest.mark.parametrize("name", ["wrong_user", "wrong_domain", "password_only", "no_proof"])
def test_the_token_of_a_yes_that_proves_nothing_is_revoked(impatient, name):
    spoilt_attempt(impatient, name, "passcode")
    impatient.wait_until(lambda: not impatient.identity.live_tokens("alice"), "alice's token is revoked")
    assert impatient.identity.issued_tokens("alice")


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_but_honest_identity_is_understood(impatient, name):
    report = spoilt_attempt(impatient, name, "any", ms=100)
    assert report.code == "PAM_SUCCESS", (report.events, impatient.identity.story())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", UNDECIDED)
def test_a_reply_that_can_be_read_both_ways_harms_nobody(impatient, name, step):
    report = spoilt_attempt(impatient, name, step, ms=1)
    assert report.code in NOT_IN + ["PAM_SUCCESS"], report.events
    if report.code == "PAM_SUCCESS":
        assert impatient.identity.posts()[1]["outcome"] == "token", "granted without a token"


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
        host.identity.wait_for_post(STEPS[step])
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
    host.configure({"identity": {"url": "https://127.0.0.1:1/v2.0"}})
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
