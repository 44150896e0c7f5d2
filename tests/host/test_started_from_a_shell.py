# SPDX-License-Identifier: Apache-2.0
"""An sshd that somebody starts from a shell inherits that person's session. It proves nothing."""

import contextlib

import pytest

PORT = ("Port=2222",)


@pytest.fixture
def second_sshd(host):
    """alice signs in, becomes root by sudo and starts an sshd of her own."""
    host.authorize_key("alice")
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        _, screen = session.dialogue("sudo -k /usr/sbin/sshd -p 2222 -o PidFile=/run/second.pid",
                                     [host.identity.password("alice")])
        host.wait_until(lambda: host.path("/run/second.pid").exists(), "the second sshd runs")
        yield session
        host.run(["sh", "-c", "kill $(cat /run/second.pid)"])
    with contextlib.suppress(FileNotFoundError):
        host.path("/run/second.pid").unlink()
    host.path("/home/alice/.ssh/authorized_keys").unlink()


def test_it_lets_no_key_in_by_the_session_it_was_started_from(host, second_sshd):
    mark = host.journal.mark()
    got = host.try_ssh("alice", [], methods="publickey", key=True, options=PORT)
    assert not got.granted, got.transcript
    line = host.journal.wait(mark, RAXAUTH_USER="alice")
    assert line["RAXAUTH_REASON"] == "no-sign-in"


def test_a_login_through_it_proves_itself_and_the_journal_warns(host, second_sshd):
    first = second_sshd.shell("raxauth token")
    mark = host.journal.mark()
    with host.ssh("alice", options=PORT) as login:
        host.answer_both("alice", login)
        own = login.shell("raxauth token")
        assert own and own != first
    assert "started from somebody's shell" in host.journal.text(mark)
    # pam_loginuid leaves a login uid that is right already, and with it the kernel's session: to
    # raxauth both are one. It ends with the login that opened it last, and nothing is left over.
    assert "no sign-in" in second_sshd.shell("raxauth token 2>&1")
