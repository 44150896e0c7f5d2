# SPDX-License-Identifier: Apache-2.0
"""Public keys, clients that know only passwords, and programs that ask once."""

import pytest


@pytest.fixture
def keyed(host):
    host.authorize_key("alice")
    yield host
    host.path("/home/alice/.ssh/authorized_keys").unlink()


@pytest.fixture
def stock_sshd(host):
    """Debian's own settings: one password, no second prompt possible."""
    host.set_sshd("KbdInteractiveAuthentication no\nPasswordAuthentication yes\n")
    yield host
    host.set_sshd()


def test_a_public_key_alone_is_refused_and_the_refusal_says_what_to_do(keyed):
    mark = keyed.journal.mark()
    got = keyed.try_ssh("alice", [], methods="publickey", key=True)
    assert not got.granted, got.transcript
    line = keyed.journal.wait(mark, RAXAUTH_USER="alice")
    assert (line["RAXAUTH_VERDICT"], line["RAXAUTH_REASON"]) == ("denied", "no-sign-in")
    assert keyed.identity.requests() == []


def test_a_public_key_alone_gets_in_where_the_service_allows_it(keyed):
    keyed.configure({"services": {"sshd": {"without_sign_in": "allow"}}})
    got = keyed.try_ssh("alice", [], methods="publickey", key=True)
    assert got.granted, got.transcript
    assert keyed.identity.requests() == []


def test_a_public_key_and_then_password_and_passcode_get_in(keyed):
    keyed.set_sshd("AuthenticationMethods publickey,keyboard-interactive\n")
    got = keyed.try_ssh("alice", [keyed.identity.password("alice"),
                                  lambda: keyed.identity.sms("alice")],
                        methods="publickey,keyboard-interactive", key=True)
    keyed.set_sshd()
    assert got.granted, got.transcript
    assert keyed.identity.outcomes() == [401, 200]


def test_password_and_passcode_without_the_wanted_key_are_not_enough(keyed):
    keyed.set_sshd("AuthenticationMethods publickey,keyboard-interactive\n")
    got = keyed.try_ssh("alice", [keyed.identity.password("alice"),
                                  lambda: keyed.identity.sms("alice")])
    keyed.set_sshd()
    assert not got.granted, got.transcript
    assert keyed.identity.requests() == []


def test_a_password_only_client_costs_one_sms_and_is_then_kept_away(stock_sshd):
    host = stock_sshd
    mark = host.journal.mark()
    for _ in range(3):
        got = host.try_ssh("alice", [host.identity.password("alice")], methods="password")
        assert not got.granted, got.transcript
    assert host.identity.sms_count("alice") == 1
    assert len(host.identity.posts()) == 1, "the password was sent as a passcode, or again"
    host.wait_until(lambda: len(host.journal.entries(mark, RAXAUTH_HOOK="sign-in")) == 3,
                    "a line for each attempt")
    reasons = [e["RAXAUTH_REASON"] for e in host.journal.entries(mark, RAXAUTH_HOOK="sign-in")]
    assert reasons[1:] == ["password-only-client"] * 2, reasons


def test_password_and_passcode_on_one_line_get_in_with_single_prompt(stock_sshd):
    host = stock_sshd
    host.configure({"sign_in": {"single_prompt": True}})
    got = host.try_ssh("bob", [lambda: f"{host.identity.password('bob')},{host.identity.totp('bob')}"],
                       methods="password")
    assert got.granted, got.transcript
    assert host.identity.outcomes() == [401, 200]


def test_password_and_passcode_on_one_line_are_one_wrong_password_otherwise(stock_sshd):
    host = stock_sshd
    got = host.try_ssh("bob", [lambda: f"{host.identity.password('bob')},{host.identity.totp('bob')}"],
                       methods="password")
    assert not got.granted, got.transcript
    assert host.identity.outcomes() == [401]


def test_a_password_that_ends_in_a_comma_is_taken_whole_without_it(stock_sshd):
    host = stock_sshd
    host.configure({"sign_in": {"single_prompt": True}})
    host.identity.change("bob", password="Ends-in-digits,123456")
    report = host.probe("sshd", "bob", ["authenticate"],
                        ["Ends-in-digits,123456,", lambda: host.identity.totp("bob")])
    assert report.code == "PAM_SUCCESS", report.events
