# SPDX-License-Identifier: Apache-2.0
"""People who go away, clients that die, and daemons that are killed in mid-conversation."""

import signal

import pytest

from throwaway import wait_until


def at_the_passcode_prompt(host, user="alice"):
    session = host.ssh(user)
    session.question("password")
    session.answer(host.identity.password(user))
    session.question("passcode")
    return session


def live_conversations(host):
    with host.caller() as root:
        return root.property("LiveConversations")


def nothing_is_left(host):
    wait_until(lambda: live_conversations(host) == 0, "the conversation has ended")


def test_control_c_at_the_passcode_prompt_ends_the_conversation(host):
    with at_the_passcode_prompt(host) as session:
        assert live_conversations(host) == 1
        session.press("c")
        nothing_is_left(host)
    assert len(host.identity.posts()) == 1
    assert host.sign_in("alice").granted


def test_control_c_at_the_password_prompt_costs_nothing_at_identity(host):
    with host.ssh("alice") as session:
        session.question("password")
        session.press("c")
        nothing_is_left(host)
    assert host.identity.posts() == []


def test_a_killed_ssh_client_ends_the_conversation(host):
    with at_the_passcode_prompt(host) as session:
        session.kill()
        nothing_is_left(host)
    assert len(host.identity.posts()) == 1


def test_a_killed_pam_application_ends_the_conversation(host):
    with host.start_probe("sshd", "alice") as probe:
        probe.question("password")
        probe.answer(host.identity.password("alice"))
        probe.question("passcode")
        for pid in host.pids("pam_probe"):
            host.kill(pid, signal.SIGKILL)
        nothing_is_left(host)


@pytest.mark.parametrize("prompt", [1, 2])
def test_a_failing_conversation_is_a_conversation_error_and_sends_nothing_more(host, prompt):
    answers = [host.identity.password("alice")][:prompt - 1]
    report = host.probe("sshd", "alice", ["authenticate"], answers)
    assert report.code == "PAM_CONV_ERR", report.events
    assert len(host.identity.posts()) == prompt - 1
    nothing_is_left(host)


def test_cancelling_does_not_count_as_a_failure(host):
    for _ in range(12):  # more than limits.wrong_passwords
        host.probe("sshd", "alice", ["authenticate"], [])
    assert host.sign_in("alice").granted


@pytest.mark.parametrize("prompt", [1, 2])
def test_a_null_answer_is_never_a_factor(host, prompt):
    answers = [host.identity.password("alice"), None][2 - prompt:]
    report = host.probe("raxauth-alone", "alice", ["authenticate"], answers)
    assert report.code == "PAM_CONV_ERR", report.events
    assert len(host.identity.posts()) == prompt - 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_that_dies_at_the_passcode_prompt_means_unavailable(host, how):
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        probe.answer(host.identity.password("alice"))
        probe.question("passcode")
        code = host.identity.sms("alice")
        assert host.kill_daemon(how)
        probe.answer(code)
        report = probe.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    assert [p["step"] for p in host.identity.posts()] == ["first"], "a passcode was sent twice"


def test_a_daemon_that_dies_at_the_password_prompt_never_hands_the_password_to_the_next(host):
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        assert host.kill_daemon()
        with host.caller() as root:
            root.property("Version")  # a new daemon is there now
        probe.answer(host.identity.password("alice"))
        report = probe.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    assert host.identity.posts() == []


def test_ssh_is_refused_when_the_daemon_dies_and_works_again_at_once(host):
    with at_the_passcode_prompt(host) as session:
        code = host.identity.sms("alice")
        assert host.kill_daemon()
        session.answer(code)
        assert session.next()[0] in ("refused", "end")
    assert host.sign_in("alice").granted


def test_a_daemon_killed_while_identity_thinks_means_unavailable(host):
    host.identity.fault("alice", "stall", step="first")
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        probe.answer(host.identity.password("alice"))
        host.identity.wait_for_post()
        assert host.kill_daemon()
        report = probe.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events


def test_an_unanswered_conversation_ends_at_its_deadline(host):
    host.configure({"sign_in": {"deadline": "2s"},
                    "identity": {"request_timeout": "1s", "connect_timeout": "500ms"}})
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        host.journal.wait(host.reset_mark, RAXAUTH_REASON="deadline", RAXAUTH_USER="alice")
        probe.answer(host.identity.password("alice"))
        report = probe.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    assert host.identity.posts() == []
    nothing_is_left(host)


def test_a_token_issued_to_a_conversation_that_is_gone_is_revoked(host):
    host.identity.fault("alice", "slow", step="passcode", ms=1000)
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        probe.answer(host.identity.password("alice"))
        probe.question("passcode")
        probe.answer(host.identity.sms("alice"))
        host.identity.wait_for_post(2)
        for pid in host.pids("pam_probe"):
            host.kill(pid, signal.SIGKILL)
    host.identity.wait_for_no_live_tokens()
    assert host.identity.issued_tokens("alice")


def test_a_sign_in_that_outlasts_a_reload_ends_with_the_client_it_began_with(host):
    host.configure({"identity": {"connect_timeout": "500ms", "request_timeout": "1s"}})
    with host.caller("alice") as alice:
        step = alice.answer(alice.begin(user="alice"), host.identity.password("alice"))
        host.reconfigure({"identity": {"connect_timeout": "400ms", "request_timeout": "2s"}})
        assert alice.answer(step, host.identity.sms("alice")).state == "granted"
        host.identity.wait_for_no_live_tokens()
        assert host.identity.issued_tokens("alice")


def test_two_reloads_during_a_revocation_do_not_lose_it(host):
    host.configure({"identity": {"connect_timeout": "1s", "request_timeout": "2s"}})
    host.identity.fault("alice", "stall", step="revoke", count=1)
    with host.caller("alice") as alice, host.caller() as root:
        # outside of any session: its token is let go at once
        step = alice.answer(alice.begin(user="alice"), host.identity.password("alice"))
        assert alice.answer(step, host.identity.sms("alice")).state == "granted"
        wait_until(lambda: any(r["method"] == "DELETE" for r in host.identity.requests()),
                   "the revocation has begun")
        for timeout in ("3s", "4s"):  # each time another client
            host.reconfigure({"identity": {"connect_timeout": "1s", "request_timeout": timeout}})
        host.identity.wait_for_no_live_tokens(timeout=15)
