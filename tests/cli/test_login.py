# SPDX-License-Identifier: Apache-2.0
"""login: a dialogue that the daemon leads, at a terminal or line by line."""

import os
import pwd
import signal

import pexpect
import pytest

from conftest import NOBODY, become_person

PASSWORD = "correct horse"


def step(serial, state, reason="", messages=(), **details):
    return {"step": {"serial": serial, "state": state, "reason": reason,
                     "messages": [list(message) for message in messages], "details": details}}


ASK_PASSWORD = step(1, "ask", messages=[("password", "Rackspace password for alice (user): ")])
ASK_PASSCODE = step(2, "ask", messages=[("info", "Sent to *** 1234."),
                                        ("secret", "Rackspace passcode for alice (user): ")])
GRANTED = step(3, "granted", "mfa-proven", account="alice.smith")


def own_name():
    return pwd.getpwuid(NOBODY if os.geteuid() == 0 else os.getuid()).pw_name


def finish(child):
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus


def test_password_and_passcode_are_asked_without_echo(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD], Answer=[ASK_PASSCODE, GRANTED])
    child = around.at_terminal("login")
    child.expect_exact("Rackspace password for alice (user): ")
    child.sendline(PASSWORD)
    child.expect_exact("Sent to *** 1234.")
    child.expect_exact("Rackspace passcode for alice (user): ")
    assert PASSWORD not in child.before
    child.sendline("123456")
    child.expect_exact("Signed in as alice.smith.")
    assert "123456" not in child.before
    assert finish(child) == 0

    begin, first, second = around.calls()
    assert first["others"] == 0, "a connection of the bus is held while the person types"
    assert begin["member"] == "BeginSignIn"
    assert begin["args"][0]["user"] == own_name()
    assert begin["args"][0]["interactive"] is True
    assert begin["args"][0]["tty"].startswith("/dev/pts/")
    assert first["args"] == [1, [PASSWORD]]
    assert second["args"] == [2, ["123456"]]


def test_what_was_typed_before_the_question_is_no_answer(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD], Answer=[GRANTED])
    child = around.at_terminal("login")
    child.send("typed ahead")  # no line yet when the question comes
    child.expect_exact("(user): ")
    child.sendline("afterwards")
    assert finish(child) == 0
    answer = around.calls()[-1]["args"][1][0]
    assert answer in ("afterwards", "typed aheadafterwards")
    assert answer.endswith("afterwards")


def test_a_visible_question_is_echoed(around):
    around.start_daemon(BeginSignIn=[step(1, "ask", messages=[("text", "Which one? ")])],
                        Answer=[GRANTED])
    child = around.at_terminal("login")
    child.expect_exact("Which one? ")
    child.sendline("the second")
    child.expect_exact("the second")
    assert finish(child) == 0


@pytest.mark.parametrize("key", ["\x03", "\x1c", "\x04"])
def test_a_person_can_cancel(around, key):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD])
    child = around.at_terminal("login")
    child.expect_exact("(user): ")
    child.send(key)
    child.expect_exact("cancelled, you are not signed in")
    assert finish(child) == 1
    assert [(call["member"], call["args"]) for call in around.calls()[1:]] == [("Cancel", [])]


def login_in_a_shell(around, afterwards):
    """The shell outlives raxauth and does `afterwards` at the terminal it leaves behind."""
    child = pexpect.spawn("/bin/sh",
                          ["-c", f"trap : INT HUP TERM; {around.program} login; {afterwards}"],
                          env=around.environment, encoding="utf-8", timeout=20,
                          preexec_fn=become_person)
    around.started.append(child)
    child.expect_exact("(user): ")
    assert child.getecho() is False
    # It asks, so it is the one child that the shell has now.
    return child, int(open(f"/proc/{child.pid}/task/{child.pid}/children").read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM,
                                    signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2,
                                    signal.SIGXCPU])
def test_the_terminal_is_put_right_whatever_comes(around, number):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD])
    child, login = login_in_a_shell(around, "stty -a")
    os.kill(login, number)
    child.expect_exact("cancelled")
    child.expect(r"[ ;]echo[ ;]")
    assert " -echo " not in child.before
    assert finish(child) is not None


def test_half_a_password_is_not_left_for_the_shell(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD])
    child, login = login_in_a_shell(
        around, 'stty -icanon min 0 time 3; echo "left:[$(dd bs=99 count=1 2>/dev/null)]"')
    child.send("half-a-pass")
    os.kill(login, signal.SIGTERM)
    child.expect_exact("cancelled")
    child.expect_exact("left:[]")
    assert finish(child) is not None


def test_stopping_shows_what_is_typed_and_going_on_asks_again(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD], Answer=[GRANTED])
    child = around.at_terminal("login")
    child.expect_exact("(user): ")
    child.send("\x1a")
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert child.getecho() is True
    os.kill(child.pid, signal.SIGCONT)
    child.expect_exact("(user): ")
    assert child.getecho() is False
    child.sendline(PASSWORD)
    child.expect_exact("Signed in as alice.smith.")
    assert PASSWORD not in child.before
    assert finish(child) == 0
    assert around.calls()[-1]["args"] == [1, [PASSWORD]]


def test_stdin_gives_one_answer_a_line(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD], Answer=[ASK_PASSCODE, GRANTED])
    result = around.run("login", "--stdin", stdin=f"{PASSWORD}\n123456\n")
    assert (result.returncode, result.stdout) == (0, "")
    assert "Signed in as alice.smith." in result.stderr
    assert PASSWORD not in result.stderr
    assert [call["args"] for call in around.calls()[1:]] == [
        [1, [PASSWORD]], [2, ["123456"]]]


def test_stdin_that_ends_too_early_cancels(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD], Answer=[ASK_PASSCODE])
    result = around.run("login", "--stdin", stdin=f"{PASSWORD}\n")
    assert result.returncode == 1
    assert around.calls()[-1]["member"] == "Cancel"


def test_an_empty_line_is_an_answer(around):
    around.start_daemon(BeginSignIn=[ASK_PASSCODE], Answer=[GRANTED])
    assert around.run("login", "--stdin", stdin="\n").returncode == 0
    assert around.calls()[-1]["args"] == [2, [""]]


def test_several_questions_of_one_step_are_answered_together(around):
    both = step(1, "ask", messages=[("password", "Old: "), ("info", "Rules."), ("secret", "New: ")])
    around.start_daemon(BeginSignIn=[both], Answer=[GRANTED])
    assert around.run("login", "--stdin", stdin="a\nb\n").returncode == 0
    assert around.calls()[-1]["args"] == [1, ["a", "b"]]


def test_a_script_that_takes_standard_input_away_is_not_asked_on_the_terminal(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD])
    shell = pexpect.spawn("/bin/sh", ["-c", f"{around.program} login </dev/null; echo ended $?"],
                          env=around.environment, preexec_fn=become_person, encoding="utf-8",
                          timeout=20)
    around.started.append(shell)
    shell.expect("ended 2")
    assert "login --stdin" in shell.before


def test_without_a_terminal_it_says_how(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD])
    result = around.run("login")
    assert result.returncode == 2
    assert "login --stdin" in result.stderr
    assert around.calls() == []


@pytest.mark.parametrize("state, reason, status", [
    ("denied", "wrong-credentials", 1), ("max-tries", "wrong-credentials", 1),
    ("ignored", "exempt", 1), ("unknown-user", "unknown-user", 1), ("expired", "password-expired", 1),
    ("unavailable", "misconfigured", 1), ("unavailable", "deadline", 1),
    ("unavailable", "identity-unreachable", 3), ("unavailable", "identity-fault", 3),
])
def test_only_granted_is_success(around, state, reason, status):
    around.start_daemon(BeginSignIn=[step(1, state, reason)])
    result = around.run("login", "--stdin", stdin="")
    assert result.returncode == status
    assert f"not signed in ({reason})" in result.stderr
    assert len(result.stderr.splitlines()) == 2, "a refusal says what to do"


def test_the_words_of_the_daemon_come_first(around):
    around.start_daemon(BeginSignIn=[
        step(1, "denied", "throttled", [("error", "Try again after 14:30.")])])
    result = around.run("login", "--stdin", stdin="")
    assert result.stderr.splitlines() == ["Try again after 14:30.",
                                          "raxauth: not signed in (throttled)"]


def test_escapes_in_a_prompt_do_not_reach_the_terminal(around):
    around.start_daemon(BeginSignIn=[step(1, "ask", messages=[("secret", "a\x1b[2Jb: ")])],
                        Answer=[GRANTED])
    result = around.run("login", "--stdin", stdin="x\n")
    assert "\x1b" not in result.stderr and "a?[2Jb: " in result.stderr


@pytest.mark.parametrize("odd", [
    step(1, "perhaps"), step(1, "granted", messages=[("password", "And now: ")]),
    step(1, "ask", messages=[("riddle", "?")]), step(1, "ask", messages=[("secret", "?")] * 9),
    step(1, "denied", messages=[("info", "x")] * 33), {"garbage": True},
])
def test_a_daemon_that_makes_no_sense_is_not_believed(around, odd):
    around.start_daemon(BeginSignIn=[odd])
    result = around.run("login", "--stdin", stdin="x\n" * 20)
    assert result.returncode == 3
    assert all(call["member"] == "BeginSignIn" for call in around.calls())


def test_a_dialogue_without_end_is_ended(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD], Answer=[ASK_PASSWORD])
    result = around.run("login", "--stdin", stdin="x\n" * 200)
    assert result.returncode == 3
    assert around.calls()[-1]["member"] == "Cancel"


def test_a_deadline_that_passes_while_the_person_types_is_told(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD],
                        Answer=[{**ASK_PASSCODE, "then": ["unavailable", "deadline"]}])
    child = around.at_terminal("login")
    child.expect_exact("password for alice (user): ")
    child.sendline(PASSWORD)
    child.expect_exact("passcode for alice (user): ")
    child.sendline("123456")  # who answers in that very moment finds the line cut instead
    child.expect_exact("not signed in (deadline)")
    child.expect_exact("Start again")
    assert finish(child) == 1


def test_a_daemon_of_another_version_is_told(around):
    around.start_daemon(BeginSignIn=[{"garbage": True}])
    result = around.run("login", "--stdin", stdin="x\n")
    assert result.returncode == 3
    assert "different version" in result.stderr


def test_errors_of_a_call_are_told(around):
    around.start_daemon(BeginSignIn=[
        {"error": ["org.raxauth.Auth1.Error.LimitExceeded", "too many sign-ins at once"]}])
    result = around.run("login", "--stdin", stdin="x\n")
    assert result.returncode == 1
    assert "too many sign-ins at once\nWait" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be refused as root")
def test_root_does_not_sign_in(around):
    around.start_daemon(BeginSignIn=[ASK_PASSWORD])
    result = around.run("login", "--stdin", stdin="x\n", root=True)
    assert result.returncode == 1
    assert "root does not sign in" in result.stderr
    assert around.calls() == []
