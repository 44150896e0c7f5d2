# SPDX-License-Identifier: Apache-2.0
"""tmux, screen and mosh: what runs inside the login session uses its sign-in; what outlives the login
session has none and asks for both factors."""

import pytest
from throwaway import SHELL

KEEPERS = {"tmux": ("tmux new -s work", "tmux attach -t work"),
           "screen": ("screen -S work", "screen -r work")}
HERE = f"sh -c \"PS1='{SHELL}' exec sh -i\""


@pytest.fixture(params=KEEPERS)
def keeper(host, request):
    folder = host.path("/run/screen")  # which screen's service makes at boot
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    return KEEPERS[request.param]


def sudo(host, session, passcode):
    """sudo as the terminal's programs draw it; by the password alone, or with a PASSCODE too."""
    result = host.path("/tmp/who")
    result.unlink(missing_ok=True)
    session.answer("sudo -k id -un >/tmp/who")
    session.until("[sudo] password for alice: ")
    session.answer(host.identity.password("alice"))
    if passcode:
        session.until("Passcode: ")
        session.answer(host.identity.sms("alice"))
    host.wait_until(lambda: result.exists() and result.read_text() == "root\n", "sudo has run")


def test_sudo_inside_uses_the_sign_in_until_the_logout_and_then_asks_for_both(host, keeper):
    start, attach = keeper
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        session.answer(f"TERM=vt100 {start} {HERE}")
        assert session.next() == ("in", "")
        sudo(host, session, passcode=False)
    host.identity.wait_for_no_live_tokens()
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        session.answer(f"TERM=vt100 {attach}")
        sudo(host, session, passcode=True)
        session.answer("exit")
    assert host.identity.outcomes() == [401, 200] * 3


def test_mosh_asks_as_ssh_does_and_its_sudo_asks_for_both(host):
    ssh = "ssh -F /dev/null -o PubkeyAuthentication=no"
    argv = ["mosh", f"--ssh={ssh}", "--bind-server=any", "alice@127.0.0.1", "--",
            "sh", "-c", f"PS1='{SHELL}' exec sh -i"]
    with host.terminal(argv, user="peggy", env={"TERM": "xterm"}) as session:
        host.answer_both("alice", session)
        host.identity.wait_for_no_live_tokens()  # its ssh has ended
        sudo(host, session, passcode=True)
    assert host.identity.outcomes() == [401, 200] * 2
