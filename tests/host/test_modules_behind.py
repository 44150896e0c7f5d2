# SPDX-License-Identifier: Apache-2.0
"""What the modules behind ours get as the password: keyrings, pam_mount and others keep it."""

import pytest

NEW = "Brand-new-1"


@pytest.fixture
def keeper(host):
    """A service whose second module writes down what it gets as the password."""
    heard = host.path("/run/heard-password")
    heard.unlink(missing_ok=True)
    script = host.path("/run/keep-password")
    script.write_text("#!/bin/sh\ncat >/run/heard-password\n")
    script.chmod(0o755)
    host.pam_service("keeper",
                     "auth [success=ok ignore=ignore default=die] pam_raxauth.so\n"
                     "auth optional pam_exec.so expose_authtok /run/keep-password\n"
                     "account required pam_permit.so\n")
    host.heard = lambda: heard.read_bytes().rstrip(b"\0").decode()
    yield host
    script.unlink()
    heard.unlink(missing_ok=True)


def test_of_one_line_with_both_factors_it_is_the_password_alone(keeper):
    host = keeper
    host.configure({"sign_in": {"single_prompt": True}})
    report = host.probe("keeper", "bob", ["authenticate"],
                        [lambda: f"{host.identity.password('bob')},{host.identity.totp('bob')}"])
    assert report.code == "PAM_SUCCESS", report.events
    assert host.heard() == host.identity.password("bob")


def test_of_an_expired_password_it_is_the_new_one(keeper):
    host = keeper
    report = host.probe("keeper", "grace", ["authenticate"],
                        [host.identity.password("grace"), NEW, NEW,
                         lambda: host.identity.sms("grace")])
    assert report.code == "PAM_SUCCESS", report.events
    assert host.heard() == NEW


def test_otherwise_it_is_what_was_typed(keeper):
    host = keeper
    report = host.probe("keeper", "alice", ["authenticate"],
                        [host.identity.password("alice"), lambda: host.identity.sms("alice")])
    assert report.code == "PAM_SUCCESS", report.events
    assert host.heard() == host.identity.password("alice")
