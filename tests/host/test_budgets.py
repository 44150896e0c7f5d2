# SPDX-License-Identifier: Apache-2.0
"""Budgets: no stranger, outage or habit of the person may use up what the person needs."""

import pathlib

import pytest


def probe(host, user, answers, rhost, service="raxauth-alone"):
    return host.probe(service, user, ["authenticate"], answers, items={"rhost": rhost})


def login(host, user):
    return [host.identity.password(user), lambda: host.identity.sms(user)]


@pytest.fixture
def lenient(host):
    """Identity's own lock after wrong passwords is not what is tested here."""
    host.identity.switch(password_lock_after=10000)
    return host


@pytest.mark.parametrize("network", ["2001:db8:{:x}:1::1", "2001:db8:1:{:x}::1"],
                         ids=["one_32", "one_48"])
def test_wrong_passwords_from_many_networks_keep_nobody_out(lenient, network):
    for i in range(64):
        probe(lenient, "alice", ["wrong"], rhost=network.format(i + 2))
    assert probe(lenient, "alice", login(lenient, "alice"), "198.51.100.7").code == "PAM_SUCCESS"
    assert probe(lenient, "alice", login(lenient, "alice"), "").code == "PAM_SUCCESS"


def test_an_outage_does_not_use_up_the_messages_for_half_an_hour(host):
    host.configure({"identity": {"request_timeout": "1s", "connect_timeout": "500ms"}})
    host.identity.fault("alice", "stall", step="first")
    for _ in range(6):
        report = probe(host, "alice", ["wrong"], "192.0.2.1")
        assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    host.identity.fault("alice", "")
    mark = host.journal.mark()
    report = probe(host, "alice", [host.identity.password("alice")], "192.0.2.1")
    line = host.journal.wait(mark, RAXAUTH_REASON="throttled")
    # Six are six, but in minutes they are over; the log says so as well.
    text = host.path("/var/lib/raxauth/limiter.log").read_text()
    assert text.count(" unanswered ") == 6, (line, text)


def test_eight_logins_by_text_message_in_a_row_all_work(host):
    for i in range(8):
        report = probe(host, "alice", login(host, "alice"), "192.0.2.1")
        assert report.code == "PAM_SUCCESS", (i, report.events)
    assert host.identity.sms_count("alice") == 8


def test_the_last_message_but_one_is_announced(host):
    words = []
    for _ in range(6):
        report = probe(host, "alice", [host.identity.password("alice")], "192.0.2.1")
        words.append(" ".join(report.prompts + report.messages))
    assert ["one more can be sent" in text for text in words] == [False] * 4 + [True, False], words
    assert "the last code that can be sent until" in words[5], words


@pytest.mark.parametrize("content", ["", "2 17684"], ids=["empty", "torn"])
def test_a_log_that_lost_records_brings_nobody_to_the_lock_at_identity(host, content):
    wrong = host.identity.wrong_code("alice")
    password = host.identity.password("alice")
    probe(host, "alice", [password, wrong, wrong], "192.0.2.1")
    assert host.kill_daemon()
    log: pathlib.Path = host.path("/var/lib/raxauth/limiter.log")
    with open(log, "w") as file:  # in place: owner and mode stay
        file.write(content)
    for i in range(4):
        probe(host, "alice", [password, wrong, wrong], f"198.51.100.{i}")
    tried = [p for p in host.identity.posts() if p["step"] == "passcode"]
    assert len(tried) == 2, host.identity.story()
