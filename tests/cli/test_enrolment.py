# SPDX-License-Identifier: Apache-2.0
"""enrol and password: dialogues with secrets to be shown."""

import os

import pexpect
import pytest

from conftest import dialogue_step as step

CODE = "\n".join("█▀" * 22 for _ in range(22)) + "\n"  # as large as a QR code in half blocks gets
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ASK_CODE = step(1, "ask", messages=[("info", "Scan this with the app:"), ("info", CODE),
                                    ("secret", f"Key {KEY}. Passcode: ")])
ENROLLED = step(2, "granted", "enrolled", [("info", "The authenticator app is set up.")])
CHANGED = step(2, "granted", "password-changed", [("info", "The password is changed.")])
ASK_PASSWORDS = step(1, "ask", messages=[("password", "Present password: "),
                                         ("secret", "New password: "), ("secret", "Again: ")])


def finish(child):
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus


@pytest.mark.parametrize("factor", ["otp", "sms"])
def test_the_daemon_is_told_the_factor_and_the_locale(around, factor):
    around.environment["LC_ALL"] = "C.UTF-8"
    around.start_daemon(BeginEnrolment=[ENROLLED])
    result = around.run("enrol", factor, "--stdin", stdin="")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "The authenticator app is set up.\n"
    context = around.calls()[0]["args"][0]
    assert context["factor"] == factor
    assert context["locale"] == "C.UTF-8"
    assert "verb" not in context and "arguments" not in context


def test_the_daemon_is_told_what_the_authenticator_is_called(around):
    around.start_daemon(BeginEnrolment=[ENROLLED])
    assert around.run("enrol", "otp", "--name", "my phone", "--stdin", stdin="").returncode == 0
    assert around.calls()[0]["args"][0]["arguments"] == ["my phone"]
    assert around.run("enrol", "otp", "--name", "a\tb", "--stdin", stdin="").returncode == 2


def test_a_factor_that_is_not_said_is_asked_for(around):
    around.start_daemon(BeginEnrolment=[step(1, "ask", messages=[("text", "App or SMS? ")])],
                        Answer=[step(2, "granted", "enrolled")])
    result = around.run("enrol", "--stdin", stdin="app\n")
    assert result.returncode == 0
    assert result.stderr == "App or SMS? \nThe second factor is set up.\n"
    begin, answer = around.calls()
    assert "factor" not in begin["args"][0]
    assert answer["args"][1] == ["app"]


def test_another_factor_is_none(around):
    around.start_daemon(BeginEnrolment=[ENROLLED])
    assert around.run("enrol", "carrier-pigeon", "--stdin", stdin="").returncode == 2
    assert around.calls() == []


def test_secret_texts_are_shown_on_the_terminal(around):
    around.environment["LC_ALL"] = "C.UTF-8"
    around.start_daemon(BeginEnrolment=[ASK_CODE], Answer=[ENROLLED])
    child = around.at_terminal("enrol", "otp")
    child.expect_exact("Scan this with the app:")
    child.expect_exact(CODE.replace("\n", "\r\n"))
    child.expect_exact(f"Key {KEY}. Passcode: ")
    child.sendline("123456")
    child.expect_exact("The authenticator app is set up.")
    assert "123456" not in child.before
    assert finish(child) == 0
    assert around.calls()[-1]["args"][1] == ["123456"]


def test_escapes_in_a_secret_text_do_not_reach_the_terminal(around):
    around.start_daemon(BeginEnrolment=[step(1, "ask", messages=[("secret", "a\x1b[2Jb: ")])],
                        Answer=[ENROLLED])
    result = around.run("enrol", "--stdin", stdin="1\n")
    assert "\x1b" not in result.stderr and "a?[2Jb: " in result.stderr


@pytest.mark.parametrize("key", ["\x03", "\x04"])
@pytest.mark.parametrize("verb, first, prompt, said", [
    ("enrol", ASK_CODE, "Passcode: ", "cancelled, nothing was set up"),
    ("password", ASK_PASSWORDS, "New password: ", "cancelled, the password was not changed"),
])
def test_a_person_can_cancel(around, key, verb, first, prompt, said):
    around.start_daemon(BeginEnrolment=[first], BeginPasswordChange=[first])
    child = around.at_terminal(verb)
    if verb == "password":
        child.expect_exact("Present password: ")
        child.sendline("old")
    child.expect_exact(prompt)
    child.send(key)
    child.expect_exact(said)
    assert finish(child) == 1
    assert [call["member"] for call in around.calls()[1:]] == ["Cancel"]


def test_a_password_is_changed(around):
    around.start_daemon(BeginPasswordChange=[ASK_PASSWORDS], Answer=[CHANGED])
    child = around.at_terminal("password")
    for prompt, answer in [("Present password: ", "old one"), ("New password: ", "New one 1"),
                           ("Again: ", "New one 1")]:
        child.expect_exact(prompt)
        child.sendline(answer)
    child.expect_exact("The password is changed.")
    assert finish(child) == 0
    begin, answer = around.calls()
    assert begin["member"] == "BeginPasswordChange"
    assert answer["args"][1] == ["old one", "New one 1", "New one 1"]


@pytest.mark.parametrize("verb, refused", [("enrol", "not set up"),
                                           ("password", "the password was not changed")])
@pytest.mark.parametrize("state, reason, status", [
    ("denied", "management-refused", 1), ("denied", "wrong-credentials", 1), ("max-tries", "", 1),
    ("unavailable", "deadline", 1), ("unavailable", "identity-unreachable", 3),
])
def test_a_refusal_says_why_and_what_to_do(around, verb, refused, state, reason, status):
    around.start_daemon(BeginEnrolment=[step(1, state, reason)],
                        BeginPasswordChange=[step(1, state, reason)])
    result = around.run(verb, "--stdin", stdin="")
    assert result.returncode == status
    assert result.stderr.startswith(f"raxauth: {refused} ({reason or state})\n")
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize("verb", ["enrol", "password"])
def test_without_a_terminal_it_says_how(around, verb):
    around.start_daemon(BeginEnrolment=[ASK_CODE], BeginPasswordChange=[ASK_PASSWORDS])
    result = around.run(verb)
    assert result.returncode == 2
    assert f"raxauth {verb} --stdin" in result.stderr
    assert around.calls() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be refused as root")
@pytest.mark.parametrize("verb", ["enrol", "password"])
def test_root_is_refused(around, verb):
    around.start_daemon(BeginEnrolment=[ENROLLED], BeginPasswordChange=[CHANGED])
    result = around.run(verb, "--stdin", stdin="", root=True)
    assert result.returncode == 1
    assert "root does not sign in" in result.stderr
    assert around.calls() == []
