# SPDX-License-Identifier: Apache-2.0
"""Real ssh and sftp clients other than ssh(1): who can be asked gets in by both factors; who knows only
a password is refused quickly, costs one SMS, and keeps its owner's own ssh out of nothing."""

import os
import time

import pytest
from throwaway import PEOPLE, SHELL

PASSCODE_PROMPT = ("Rackspace sent you a code by SMS, or your app has it.\n"
                   "Empty line: send a new SMS.\nPasscode: ")
SHARED = ("ControlMaster=auto", "ControlPath=/tmp/shared")
# What stands in the next passcode prompt instead of an SMS, and what asks for one.
REPEATED = ("This client sent its password as the passcode before.", "")
SILENT = ("This client left the passcode prompt empty before.", "r")


def own_ssh_gets_in(host, before=REPEATED, user="alice"):
    """The person's own ssh from the same address, after a client that could not be asked."""
    note, wanted = before
    with host.ssh(user) as session:
        session.question("password")
        session.answer(host.identity.password(user))
        assert note in session.question("passcode")
        session.answer(wanted)
        session.question("passcode")
        session.answer(host.identity.sms(user))
        assert session.next() == ("in", ""), session.transcript


def quick(host, argv, **how):
    """ARGV, which must end within seconds."""
    started = time.monotonic()
    done = host.run(argv, check=False, **how)
    assert time.monotonic() - started < 8, done
    return done


@pytest.fixture
def shared(host):
    """alice has a connection open that other programs may use; both factors were asked once."""
    with host.ssh("alice", options=SHARED) as session:
        host.answer_both("alice", session)
        yield host
        assert host.identity.sms_count("alice") == 1, "another sign-in was made"


@pytest.mark.parametrize("library", ["jsch.bsh", "paramiko_client.py"])
def test_a_library_with_somebody_to_ask_gets_in(host, library):
    password = host.identity.password("alice")
    # JSch knows "Password: " as a question for what it has
    answers = [] if library == "jsch.bsh" else [password]
    with host.client(library, "alice", "interactive") as client:
        assert client.attempt([*answers, lambda: host.identity.sms("alice")]) == "in"
    assert client.prompts == ["Password: "][:len(answers)] + [PASSCODE_PROMPT]
    assert host.identity.outcomes() == [401, 200]


def test_paramiko_with_a_password_alone_costs_one_sms(host):
    for _ in range(2):
        with host.client("paramiko_client.py", "alice", "silent") as client:
            assert client.attempt() == ("refused Bad authentication type; allowed types: "
                                        "['publickey', 'keyboard-interactive']")
    assert host.identity.sms_count("alice") == 1
    own_ssh_gets_in(host)


def test_jsch_with_a_password_alone_leaves_prompts_empty_and_that_is_noticed(host):
    for _ in range(2):
        with host.client("jsch.bsh", "alice", "silent") as client:
            assert client.attempt() == "refused Auth cancel"
        # an empty line asks for a new code: limits.resends of them, in the first attempt alone
        assert host.identity.sms_count("alice") == 3
    own_ssh_gets_in(host, SILENT)


def test_mcs_sftp_link_leaves_prompts_empty_and_that_is_noticed(host):
    known = host.path("/home/peggy/.ssh/known_hosts")
    keys = host.path("/etc/ssh/ssh_known_hosts").read_text()
    known.write_text(keys.replace(",localhost,throwaway", ""))
    os.chown(known, PEOPLE["peggy"], PEOPLE["peggy"])
    url = f"sftp://alice:{host.identity.password('alice')}@127.0.0.1/etc/hostname"
    for _ in range(10):
        with host.terminal(["mcview", url], user="peggy", env={"TERM": "vt100"}) as screen:
            # mc gives its handshake up at times; refused, it asks for another password in a dialogue
            if screen.child.expect_exact(["establishing SSH session (-9)", "ancel ]"]) == 1:
                break
    known.unlink()
    line = host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in")
    assert line["RAXAUTH_REASON"] == "password-only-client"
    own_ssh_gets_in(host, SILENT)


def test_curls_sftp_costs_one_sms(host):
    for _ in range(2):
        done = quick(host, ["curl", "-sSk", "-u", f"alice:{host.identity.password('alice')}",
                            "sftp://127.0.0.1/etc/hostname"])
        assert (done.returncode, done.stderr) == (67, "curl: (67) Authentication failure\n")
    assert host.identity.sms_count("alice") == 1
    own_ssh_gets_in(host)


def test_curls_sftp_gets_in_with_both_factors_on_one_line(host):
    host.configure({"sign_in": {"single_prompt": True}})
    both = f"bob:{host.identity.password('bob')},{host.identity.totp('bob')}"
    done = quick(host, ["curl", "-sSk", "-u", both, "sftp://127.0.0.1/etc/hostname"])
    assert (done.returncode, done.stdout) == (0, "throwaway\n"), done.stderr


def lftp(host, *settings):
    settings = ["set net:max-retries 1", "set net:timeout 2", *settings]
    command = [f"open -u alice,{host.identity.password('alice')} sftp://127.0.0.1",
               "cat /etc/hostname"]
    return quick(host, ["lftp", "-c", "; ".join(settings + command)])


def test_lftp_waits_at_the_passcode_and_costs_one_sms_an_attempt(host):
    done = lftp(host)
    assert (done.returncode, done.stderr) == (1, "cat: /etc/hostname: "
                                                 "Fatal error: max-retries exceeded\n")
    # It begins anew when its time is over, and gives up meanwhile: what it began may be counted.
    assert host.identity.sms_count("alice") in (1, 2)
    assert host.sign_in("alice").granted


def test_lftp_uses_a_shared_connection(shared):
    done = lftp(shared, 'set sftp:connect-program "ssh -a -x -o ControlPath=/tmp/shared"')
    assert (done.returncode, done.stdout) == (0, "throwaway\n"), done.stderr


def test_sftp_and_scp_use_a_shared_connection(shared):
    options = ["-F", "/dev/null", "-q", "-o", "ControlPath=/tmp/shared", "-o", "BatchMode=yes"]
    shared.run(["scp", *options, "alice@127.0.0.1:/etc/hostname", "/tmp/by_scp"])
    shared.run(["sftp", *options, "alice@127.0.0.1:/etc/hostname", "/tmp/by_sftp"])
    assert shared.path("/tmp/by_scp").read_text() == "throwaway\n"
    assert shared.path("/tmp/by_sftp").read_text() == "throwaway\n"


def test_mcs_shell_link_asks_as_ssh_does(host):
    argv = ["mcview", "sh://alice@127.0.0.1/etc/hostname"]
    with host.terminal(argv, user="peggy", env={"TERM": "vt100"}) as screen:
        screen.question("password")
        screen.answer(host.identity.password("alice"))
        screen.question("passcode")
        screen.answer(host.identity.sms("alice"))
        screen.until("throwaway")
    assert host.identity.outcomes() == [401, 200]


def test_mcs_shell_link_uses_a_shared_connection(host):
    config = host.path("/home/peggy/.ssh/config")
    config.write_text("Host 127.0.0.1\n    ControlPath ~/.ssh/shared\n")
    os.chown(config, PEOPLE["peggy"], PEOPLE["peggy"])
    argv = ["ssh", "-tt", "-M", "-o", "PubkeyAuthentication=no", "alice@127.0.0.1",
            f"PS1='{SHELL}' exec sh -i"]
    with host.terminal(argv, user="peggy") as session:
        host.answer_both("alice", session)
        with host.terminal(["mcview", "sh://alice@127.0.0.1/etc/hostname"], user="peggy",
                           env={"TERM": "vt100"}) as screen:
            screen.until("throwaway")
    config.unlink()
    assert host.identity.sms_count("alice") == 1


def test_a_jump_host_and_the_target_ask_for_both_factors_each(host):
    with host.ssh("alice", options=("ProxyJump=alice@localhost",)) as session:
        for place in ("localhost", "127.0.0.1"):
            assert session.question("password") == f"(alice@{place}) Password:"
            session.answer(host.identity.password("alice"))
            session.question("passcode")
            session.answer(host.identity.sms("alice"))
        assert session.next() == ("in", ""), session.transcript
    assert host.identity.outcomes() == [401, 200] * 2
