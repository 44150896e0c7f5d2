# SPDX-License-Identifier: Apache-2.0
"""Screen lockers that run as the person: i3lock, swaylock and xsecurelock give one text to every prompt."""

import json
import shlex

import pytest


@pytest.fixture
def locker(host):
    host.pam_service("i3lock", "auth include common-auth\n")
    host.pam_service("a-service", "auth include common-auth\n")
    yield host


def logged_in(host):
    session = host.ssh("alice")
    session.question("password")
    session.answer(host.identity.password("alice"))
    session.question("passcode")
    session.answer(host.identity.sms("alice"))
    assert session.next() == ("in", ""), session.transcript
    return session


def unlock(host, session, *answers, service="i3lock"):
    """A PAM application of the person's own, which nobody gives any right; its events."""
    typed = "".join(json.dumps({"answer": answer}) + "\n" for answer in answers)
    heard = host.path("/home/alice/heard")
    session.shell(f"printf %s {shlex.quote(typed)} | "
                  f"{host.program('pam_probe')} {service} alice authenticate >heard")
    events = [json.loads(line) for line in heard.read_text().splitlines()]
    heard.unlink()
    return events


def code_of(events):
    return [event["code"] for event in events if event["event"] == "step"][-1]


def questions(events):
    return [event["text"] for event in events if event["event"] == "ask"]


def test_one_reuses_the_session_and_asks_for_the_password_alone(locker):
    host = locker
    with logged_in(host) as session:
        events = unlock(host, session, host.identity.password("alice"))
        assert code_of(events) == "PAM_SUCCESS" and questions(events) == ["Password: "], events
        events = unlock(host, session, "wrong")
        assert code_of(events) == "PAM_AUTH_ERR", events
    assert host.identity.sms_count("alice") == 1


def test_another_service_that_the_person_claims_is_not_believed(locker):
    host = locker
    host.configure({"services": {"a-service": {"reuse": "all"}}})
    with logged_in(host) as session:
        events = unlock(host, session, host.identity.password("alice"), service="a-service")
        assert code_of(events) != "PAM_SUCCESS", events
        assert len(questions(events)) == 2, events


def test_one_text_for_every_prompt_costs_one_sms_and_nothing_elsewhere(locker):
    host = locker
    host.configure({"services": {"i3lock": {"reuse": "none"}}})
    password = host.identity.password("alice")
    with logged_in(host) as session:
        for _ in range(4):
            events = unlock(host, session, password, password)
            assert code_of(events) == "PAM_AUTH_ERR", events
        assert host.identity.sms_count("alice") == 2  # the login's and the first unlock's
        events = unlock(host, session, password, password, service="a-service")
        assert len(questions(events)) == 2, events
    assert host.identity.sms_count("alice") == 3, "another service was refused"
