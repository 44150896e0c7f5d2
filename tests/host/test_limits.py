# SPDX-License-Identifier: Apache-2.0
"""What an attacker, or a confused client, can cost a person: passcodes, SMS, lock-outs."""

import re


def probe(host, user, answers, rhost="192.0.2.1"):
    return host.probe("raxauth-alone", user, ["authenticate"], answers, items={"rhost": rhost})


def passcodes(host):
    return [p for p in host.identity.posts() if p["step"] == "passcode"]


def test_identity_sees_at_most_two_wrong_passcodes_whatever_the_attacker_does(host):
    wrong = host.identity.wrong_code("alice")
    mark = host.journal.mark()
    for i in range(6):
        report = probe(host, "alice", [host.identity.password("alice"), wrong, wrong, wrong],
                       rhost=f"198.51.100.{i}")
        assert report.code != "PAM_SUCCESS"
    assert len(passcodes(host)) == 2, host.identity.story()
    host.journal.wait(mark, RAXAUTH_USER="alice")


def test_each_wrong_passcode_is_a_line_with_user_service_and_address(host):
    wrong = host.identity.wrong_code("alice")
    mark = host.journal.mark()
    probe(host, "alice", [host.identity.password("alice"), wrong], rhost="198.51.100.7")  # leaves
    line = host.journal.wait(mark, RAXAUTH_EVENT="wrong-passcode")
    assert (line["RAXAUTH_USER"], line["RAXAUTH_REMOTE_HOST"]) == ("alice", "198.51.100.7")
    assert "user=alice service=raxauth-alone rhost=198.51.100.7" in line["MESSAGE"]
    left = host.journal.wait(mark, RAXAUTH_REASON="cancelled")
    assert "RAXAUTH_VERDICT" not in left and "after the right password" in left["MESSAGE"]


def test_who_leaves_after_a_refusal_is_no_outage(host):
    mark = host.journal.mark()
    probe(host, "alice", ["wrong"])
    host.journal.wait(mark, RAXAUTH_VERDICT="denied")
    probe(host, "alice", [])  # sshd asks once more, and the client has gone
    host.journal.wait(mark, RAXAUTH_REASON="cancelled")
    assert not host.journal.entries(mark, RAXAUTH_VERDICT="unavailable")


def test_the_last_wrong_passcode_says_that_the_host_refuses_now_and_until_when(host):
    wrong = host.identity.wrong_code("alice")
    report = probe(host, "alice", [host.identity.password("alice"), wrong, wrong])
    assert re.search(r"now refuses sign-ins of this account until \d\d:\d\d",
                     " ".join(report.messages)), report.events


def test_the_local_refusal_says_when_to_try_again(host):
    wrong = host.identity.wrong_code("alice")
    probe(host, "alice", [host.identity.password("alice"), wrong, wrong])
    report = probe(host, "alice", [host.identity.password("alice"), wrong])
    words = " ".join(report.prompts + report.messages)
    assert re.search(r"\d\d:\d\d", words), report.events


def test_limits_survive_a_killed_daemon(host):
    wrong = host.identity.wrong_code("alice")
    probe(host, "alice", [host.identity.password("alice"), wrong, wrong])
    assert host.kill_daemon()
    probe(host, "alice", [host.identity.password("alice"), wrong, wrong])
    assert len(passcodes(host)) == 2, host.identity.story()


def test_success_forgives_a_wrong_passcode(host):
    for _ in range(3):
        report = probe(host, "alice", [host.identity.password("alice"),
                                       host.identity.wrong_code("alice"),
                                       lambda: host.identity.sms("alice")])
        assert report.code == "PAM_SUCCESS", report.events


def test_no_more_sms_are_caused_than_the_limit_says(host):
    for i in range(10):
        probe(host, "alice", [host.identity.password("alice")], rhost=f"198.51.100.{i}")
    assert host.identity.sms_count("alice") == 6


def test_a_guesser_of_passwords_is_refused_here_before_identity_locks_the_account(host):
    for _ in range(15):
        assert probe(host, "alice", ["wrong"]).code == "PAM_AUTH_ERR"
    assert len(host.identity.posts()) == 10, host.identity.story()


def test_a_strangers_failures_do_not_keep_the_person_out_from_where_they_always_sign_in(host):
    host.identity.switch(password_lock_after=1000)  # of Identity's own, a second long
    login = [host.identity.password("alice"), lambda: host.identity.sms("alice")]
    assert probe(host, "alice", login, rhost="203.0.113.5").code == "PAM_SUCCESS"
    for i in range(30):
        probe(host, "alice", ["wrong"], rhost=f"198.51.100.{i % 3}")
    assert probe(host, "alice", login, rhost="203.0.113.5").code == "PAM_SUCCESS"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(host):
    known = [probe(host, "alice", ["wrong"]).seconds for _ in range(5)]
    unknown = [probe(host, "no-such-name", ["wrong"]).seconds for _ in range(5)]
    known, unknown = sorted(known)[2], sorted(unknown)[2]
    assert abs(known - unknown) < 0.25 + max(known, unknown) / 2, (known, unknown)
