# SPDX-License-Identifier: Apache-2.0
"""sudo as scripts and tools call it (-n, -S, -A, -p, Ansible), while the second factor of the session
still counts and when it does not."""

import json
import time

import pytest
from throwaway import SHELL, Terminal

SHARED = ("ControlMaster=auto", "ControlPath=/tmp/shared")
WINDOW_IS_OVER = {"services": {"sudo": {"reuse": "none"}}}
NOT_ASKED = "This client cannot be asked for a passcode: it sent the password again.\n"


@pytest.fixture
def inside(host):
    """An ssh session of alice's whose second factor counts for sudo."""
    with host.ssh("alice", options=SHARED) as session:
        host.answer_both("alice", session)
        yield session


@pytest.fixture
def outside(host):
    """The same where sudo wants both factors again."""
    host.configure(WINDOW_IS_OVER)
    with host.ssh("alice", options=SHARED) as session:
        host.answer_both("alice", session)
        yield session


def askpass(host):
    """A program that knows one answer: alice's password."""
    script = host.path("/home/alice/askpass")
    script.write_text("#!/bin/sh\necho '" + host.identity.password("alice") + "'\n")
    script.chmod(0o755)
    return "SUDO_ASKPASS=/home/alice/askpass "


def sms_since(host, before):
    return host.identity.sms_count("alice") - before


def test_n_works_where_nothing_is_asked_and_sudoers_lets_it_try(host, inside):
    host.reconfigure({"services": {"sudo": {"reuse": "all"}}})
    assert "sudo: a password is required\n" in inside.dialogue("sudo -k -n id -un")[1]
    rule = host.path("/etc/sudoers.d/noninteractive")
    rule.write_text("Defaults noninteractive_auth\n")
    assert "\nroot\n" in inside.dialogue("sudo -k -n id -un")[1]
    host.reconfigure({})
    _, screen = inside.dialogue("sudo -k -n id -un")
    rule.unlink()
    assert "\nroot\n" not in screen and "sudo: a password is required\n" in screen, screen
    assert host.identity.outcomes() == [401, 200]


@pytest.mark.parametrize("how", ["stdin", "askpass"])
def test_a_stored_password_is_enough_in_the_window(host, inside, how):
    password = host.identity.password("alice")
    command = f"echo '{password}' | sudo -k -S -p '' id -un" if how == "stdin" else \
        askpass(host) + "sudo -k -A id -un"
    questions, screen = inside.dialogue(command)
    assert (questions, "\nroot\n" in screen) == ([], True), screen
    assert host.identity.outcomes() == [401, 200]


def test_S_out_of_the_window_ends_at_once(host, outside):
    before = host.identity.sms_count("alice")
    command = f"echo '{host.identity.password('alice')}' | sudo -k -S -p '' id -un 2>&1 | cat"
    _, screen = outside.dialogue(command)
    assert "sudo: no password was provided\nsudo: a password is required\n" in screen, screen
    assert sms_since(host, before) == 1
    assert host.sign_in("alice").granted


def test_S_with_both_factors_on_two_lines_gets_in(host):
    host.configure(WINDOW_IS_OVER)
    rule = host.path("/etc/sudoers.d/carol")
    rule.write_text("carol ALL=(ALL) ALL\n")
    password = host.identity.password("carol")
    with host.ssh("carol") as session:
        session.question("password")
        session.answer(password)
        session.question("passcode")
        session.answer(host.identity.totp("carol"))
        assert session.next() == ("in", "")
        lines = f"{password}\\n{host.identity.bypass_code('carol')}\\n"
        _, screen = session.dialogue(f"printf '{lines}' | sudo -k -S -p '' id -un")
    rule.unlink()
    assert "\nroot\n" in screen, screen


def test_A_out_of_the_window_says_why_and_costs_one_sms(host, outside):
    before = host.identity.sms_count("alice")
    for _ in range(2):
        questions, screen = outside.dialogue(askpass(host) + "sudo -k -A id -un")
        assert questions == [] and NOT_ASKED in screen, screen
        assert "sudo: 3 incorrect password attempts\n" in screen, screen
    assert sms_since(host, before) == 1
    assert host.sign_in("alice").granted  # ssh asks as always
    # and so does sudo, once the person at it has asked for a code
    answers = [host.identity.password("alice"), "", lambda: host.identity.sms("alice")]
    _, screen = outside.dialogue("sudo -k id -un", answers)
    assert "\nroot\n" in screen, screen


def test_p_replaces_both_prompts_and_the_answers_count(host, outside):
    outside.answer("sudo -k -p '%p, please> ' id -un")
    outside.until("\nalice, please> ")
    outside.answer(host.identity.password("alice"))
    outside.until("alice, please> ")
    outside.answer(host.identity.sms("alice"))
    outside.until("\nroot\r\n")


# -- Ansible


class Ansible:
    """`ansible -b` on the host itself, over the shared connection or without it."""

    def __init__(self, host, connection="/tmp/shared"):
        self.host = host
        self.inventory = {"all": {"hosts": {"web1": {
            "ansible_host": "127.0.0.1", "ansible_user": "alice",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": f"-F /dev/null -o BatchMode=yes -o ControlPath={connection}"}}}}

    def argv(self, *options):
        self.host.path("/tmp/inventory.json").write_text(json.dumps(self.inventory))
        return ["ansible", "-i", "/tmp/inventory.json", "web1", "-b", "-m", "command", "-a", "id -un",
                *options]

    def run(self):
        """As from cron: the password stands in a file. (status, output, seconds)"""
        file = self.host.path("/tmp/password")
        file.write_text(self.host.identity.password("alice") + "\n")
        started = time.monotonic()
        done = self.host.run(self.argv("--become-password-file", "/tmp/password"), check=False)
        return done.returncode, done.stdout, time.monotonic() - started


def test_ansible_with_K_becomes_root_in_the_window(host, inside):
    ansible = Ansible(host)
    with Terminal(host.argv(ansible.argv("-K"))) as screen:
        screen.until("BECOME password: ")
        screen.answer(host.identity.password("alice"))
        screen.until("web1 | CHANGED | rc=0 >>\r\nroot\r\n")
    assert host.identity.outcomes() == [401, 200]


def test_ansible_out_of_the_window_ends_within_seconds_and_costs_one_sms(host, outside):
    before = host.identity.sms_count("alice")
    status, output, seconds = Ansible(host).run()
    assert (status, seconds < 15) == (2, True), output
    assert "Incorrect sudo password" in output
    assert sms_since(host, before) == 1
    assert host.sign_in("alice").granted


def test_ansible_is_refused_at_once_where_sudo_asks_for_no_passcode(host):
    """By a local connection: there it would wait for ever at a second prompt."""
    host.configure({"services": {"sshd": {"without_sign_in": "allow"},
                                 "sudo": {"reuse_only": True}}})
    host.authorize_key("alice")
    ansible = Ansible(host)
    ansible.inventory["all"]["hosts"]["web1"]["ansible_connection"] = "local"
    with host.ssh("alice", methods="publickey", key=True) as session:
        assert session.next() == ("in", "")
        session.answer(" ".join(ansible.argv("-K")).replace("id -un", "'id -un'"))
        session.until("BECOME password: ")
        session.answer(host.identity.password("alice"))
        session.until("web1 | FAILED", timeout=15)
        session.until("no second factor of this session counts. Sign in first")
        session.until(SHELL)
    host.path("/home/alice/.ssh/authorized_keys").unlink()
    assert host.identity.posts() == []


def test_ansible_without_a_connection_is_refused_and_costs_nothing(host):
    status, output, seconds = Ansible(host, connection="none").run()
    assert (status, seconds < 15) == (4, True), output
    assert "alice@127.0.0.1: Permission denied (publickey,keyboard-interactive)." in output
    assert host.identity.posts() == []
