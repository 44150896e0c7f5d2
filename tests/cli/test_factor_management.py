# SPDX-License-Identifier: Apache-2.0
"""mfa, devices and bypass-codes: what is asked of the daemon, and what is made of its result."""

import json
import os

import pexpect
import pytest

from conftest import dialogue_step

OTP = {"id": "otp-1", "name": "my phone", "verified": True}
PHONE = {"id": "sms-1", "number": "+1 *** *** 0100", "verified": False}
STATUS = {"account": "alice.smith", "enabled": True, "locked": False, "factor": "otp",
          "enforcement": "default", "domain": "123456", "domain_enforcement": "required",
          "otp_devices": [OTP], "phones": [PHONE]}
DEVICES = {"otp_devices": [OTP], "phones": [PHONE]}
DOMAIN = {"domain": "123456", "enforcement": "required"}
CODES = {"codes": ["123456789", "987654321"], "valid_for_minutes": 20}
DATA = [("mfa", STATUS), ("mfa status", STATUS), ("devices", DEVICES), ("bypass-codes", CODES),
        ("mfa domain", DOMAIN), ("mfa domain show", DOMAIN)]
DEEDS = ["devices remove otp-1", "mfa default sms", "mfa disable", "mfa unlock bob.jones",
         "mfa require bob.jones required", "mfa domain set optional"]


def done(result=None, messages=(), serial=1):
    details = {} if result is None else {"result": json.dumps(result)}
    return dialogue_step(serial, "granted", "done", messages, details=details)


def answer_with(result, **changes):
    return done({**result, **changes})


@pytest.mark.parametrize("command, verb, arguments", [
    ("mfa", "mfa-status", []), ("mfa status", "mfa-status", []), ("devices", "devices", []),
    ("devices --numbers", "devices", ["numbers"]),
    ("devices remove otp-1", "devices-remove", ["otp-1"]),
    ("mfa default otp", "mfa-default", ["otp"]), ("mfa default sms", "mfa-default", ["sms"]),
    ("devices verify otp-1", "devices-verify", ["otp-1"]),
    ("mfa enable", "mfa-enable", []), ("mfa enable sms", "mfa-enable", ["sms"]),
    ("mfa disable --remove-devices", "mfa-disable", ["devices"]),
    ("bypass-codes --user bob.jones", "bypass-codes", ["", "", "bob.jones"]),
    ("mfa disable", "mfa-disable", []), ("bypass-codes", "bypass-codes", ["", ""]),
    ("bypass-codes --count 3", "bypass-codes", ["3", ""]),
    ("bypass-codes --valid-for 20m", "bypass-codes", ["", "20"]),
    ("bypass-codes --count 10 --valid-for 1h30m", "bypass-codes", ["10", "90"]),
    ("mfa unlock bob.jones", "mfa-unlock", ["bob.jones"]),
    ("mfa require bob.jones default", "mfa-require", ["bob.jones", "default"]),
    ("mfa require bob.jones optional", "mfa-require", ["bob.jones", "optional"]),
    ("mfa domain", "mfa-domain-show", []), ("mfa domain show", "mfa-domain-show", []),
    ("mfa domain set required", "mfa-domain-set", ["required"]),
])
def test_every_verb_asks_for_what_it_says(around, command, verb, arguments):
    around.start_daemon(BeginFactorManagement=[done({**STATUS, **DOMAIN, **CODES})])
    result = around.run(*command.split())
    assert (result.returncode, result.stderr.startswith("raxauth:")) == (0, False)
    call, = around.calls()
    assert call["member"] == "BeginFactorManagement"
    context = call["args"][0]
    assert (context["verb"], context.get("arguments", [])) == (verb, arguments)
    assert context["interactive"] is False
    assert "factor" not in context


@pytest.mark.parametrize("command", [
    "bypass-codes --count 0", "bypass-codes --count 11", "bypass-codes --valid-for 4h",
    "bypass-codes --valid-for 0m", "bypass-codes --valid-for soon", "mfa default pigeon",
    "mfa require bob.jones", "mfa require bob.jones mandated", "mfa domain set mandated",
    "mfa domain set default", "mfa unlock", "mfa frobnicate", "devices remove", "devices erase x",
])
def test_what_makes_no_sense_is_not_sent(around, command):
    around.start_daemon(BeginFactorManagement=[done({})])
    assert around.run(*command.split()).returncode == 2
    assert around.calls() == []


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 513])
def test_names_that_are_none_are_not_sent(around, name):
    around.start_daemon(BeginFactorManagement=[done({})])
    assert around.run("mfa", "unlock", name).returncode == 2
    assert around.run("devices", "remove", name).returncode == 2
    assert around.calls() == []


@pytest.mark.parametrize("command, result", DATA)
def test_json_is_one_object_on_stdout(around, command, result):
    around.start_daemon(BeginFactorManagement=[done(result, [("info", "Signed in anew.")])])
    told = around.run(*command.split(), "--json")
    assert told.returncode == 0
    assert json.loads(told.stdout) == result
    assert told.stderr == "Signed in anew.\n"


def test_status_is_told(around):
    around.start_daemon(BeginFactorManagement=[done(STATUS)])
    assert around.run("mfa").stdout == """\
Account        alice.smith
Second factor  on, passcodes from an authenticator app
For you        set by the domain
Domain         123456: a second factor is required for all users

ID     KIND               NAME      NUMBER           STATE
otp-1  authenticator app  my phone                   verified
sms-1  phone (SMS)                  +1 *** *** 0100  not verified
"""


@pytest.mark.parametrize("changes, said", [
    ({"enabled": False, "factor": ""}, "Second factor  off\n"),
    ({"factor": "sms"}, "on, passcodes by SMS\n"),
    ({"factor": ""}, "Second factor  on\n"),
    ({"locked": True}, "raxauth mfa unlock alice.smith\n"),
    ({"enforcement": "required"}, "For you        required\n"),
    ({"enforcement": "optional"}, "For you        optional\n"),
    ({"enforcement": "mandated"}, "For you        required by Rackspace\n"),
    ({"domain_enforcement": "optional"}, "a second factor is not required for all users\n"),
    ({"domain_enforcement": ""}, "Domain         123456\n"),
    ({"otp_devices": [], "phones": []}, "No devices. To set one up: raxauth enrol\n"),
])
def test_status_in_words(around, changes, said):
    around.start_daemon(BeginFactorManagement=[answer_with(STATUS, **changes)])
    assert said in around.run("mfa", "status").stdout


def test_devices_are_told(around):
    around.start_daemon(BeginFactorManagement=[done(DEVICES)])
    lines = around.run("devices").stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["otp-1", "authenticator", "app", "my", "phone", "verified"]


def test_the_domain_is_told(around):
    around.start_daemon(BeginFactorManagement=[done(DOMAIN)])
    assert around.run("mfa", "domain").stdout == \
        "Domain         123456: a second factor is required for all users\n"


@pytest.mark.parametrize("minutes, said", [(20, "for 20 min"), (None, "until it is used")])
def test_bypass_codes_are_printed_alone_and_once(around, minutes, said):
    around.start_daemon(BeginFactorManagement=[answer_with(CODES, valid_for_minutes=minutes)])
    result = around.run("bypass-codes")
    assert result.stdout == "123456789\n987654321\n"
    assert said in result.stderr and "store them safely" in result.stderr
    assert "123456789" not in result.stderr


def test_bypass_codes_are_shown_once_at_a_terminal(around):
    around.start_daemon(BeginFactorManagement=[done(CODES)])
    child = around.at_terminal("bypass-codes")
    child.expect_exact("123456789\r\n987654321\r\n")
    child.expect_exact("store them safely")
    child.expect(pexpect.EOF)
    assert "123456789" not in child.before
    child.wait()
    assert child.exitstatus == 0


@pytest.mark.parametrize("command", DEEDS)
@pytest.mark.parametrize("messages, said", [([], "Done.\n"),
                                            ([("info", "It is done, Alice.")], "It is done, Alice.\n")])
def test_a_deed_is_told_in_the_words_of_the_daemon(around, command, messages, said):
    around.start_daemon(BeginFactorManagement=[done({}, messages)])
    result = around.run(*command.split())
    assert (result.returncode, result.stdout, result.stderr) == (0, "", said)


def test_what_the_daemon_asks_is_asked(around):
    sure = dialogue_step(1, "ask", messages=[("info", "Your domain demands one."),
                                             ("text", "Really disable it? (yes/no) ")])
    around.start_daemon(BeginFactorManagement=[sure], Answer=[done({}, [("info", "It is off.")], serial=2)])
    child = around.at_terminal("mfa", "disable")
    child.expect_exact("Your domain demands one.")
    child.expect_exact("Really disable it? (yes/no) ")
    child.sendline("yes")
    child.expect_exact("It is off.")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    begin, answer = around.calls()
    assert begin["args"][0]["interactive"] is True
    assert answer["args"][1] == ["yes"]


def test_a_question_without_a_terminal_is_not_answered(around):
    around.start_daemon(BeginFactorManagement=[dialogue_step(1, "ask", messages=[("password", "Password: ")])])
    result = around.run("mfa", "disable")
    assert result.returncode == 2
    assert "raxauth mfa disable --stdin" in result.stderr
    assert [call["member"] for call in around.calls()] in (["BeginFactorManagement"], ["BeginFactorManagement", "Cancel"])


@pytest.mark.parametrize("command", [command for command, _ in DATA] + DEEDS)
def test_every_verb_can_be_cancelled(around, command):
    around.start_daemon(BeginFactorManagement=[dialogue_step(1, "ask", messages=[("password", "Password: ")])])
    result = around.run(*command.split(), "--stdin", stdin="")
    assert (result.returncode, result.stdout) == (1, "")
    assert "cancelled, nothing was changed" in result.stderr
    assert [call["member"] for call in around.calls()] == ["BeginFactorManagement", "Cancel"]


@pytest.mark.parametrize("command", [command for command, _ in DATA] + DEEDS)
def test_a_refusal_of_identity_is_told_in_its_words(around, command):
    around.start_daemon(BeginFactorManagement=[dialogue_step(1, "denied", "management-refused", [
        ("error", "This is the last verified device.")])])
    result = around.run(*command.split())
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == ["This is the last verified device.",
                                          "raxauth: not done (management-refused)"]


def test_at_a_terminal_too_a_refusal_goes_to_standard_error(around):
    around.start_daemon(BeginFactorManagement=[dialogue_step(1, "denied", "management-refused", [
        ("error", "This is the last verified device.")])])
    child = around.at_terminal_with_marked_errors("mfa disable")
    child.expect_exact("err: This is the last verified device.")
    child.expect_exact("err: raxauth: not done (management-refused)")
    child.expect(pexpect.EOF)


@pytest.mark.parametrize("state, reason, status", [
    ("denied", "management-refused", 1), ("unavailable", "identity-unreachable", 3),
    ("unavailable", "identity-fault", 3), ("denied", "not-supported", 1), ("denied", "throttled", 1),
])
def test_a_refusal_without_words_says_what_to_do(around, state, reason, status):
    around.start_daemon(BeginFactorManagement=[dialogue_step(1, state, reason)])
    result = around.run("mfa", "unlock", "bob.jones")
    assert result.returncode == status
    assert result.stderr.startswith(f"raxauth: not done ({reason})\n")
    assert len(result.stderr.splitlines()) == 2


def test_errors_of_a_call_are_told(around):
    around.start_daemon(BeginFactorManagement=[
        {"error": ["org.raxauth.Auth1.Error.NoToken", "this session is not signed in"]}])
    result = around.run("mfa")
    assert result.returncode == 1
    assert "raxauth login" in result.stderr


def test_a_daemon_without_such_calls_is_of_another_version(around):
    around.start_daemon(GetStatus=[{"fields": {}}])
    result = around.run("mfa")
    assert result.returncode == 1
    assert "another version" in result.stderr


@pytest.mark.parametrize("result", ["", "[]", "nonsense", '"text"', "{", '{"a": 1} {}', None])
@pytest.mark.parametrize("command", [command for command, _ in DATA])
def test_a_result_that_is_none_is_not_believed(around, command, result):
    around.start_daemon(BeginFactorManagement=[dialogue_step(
        1, "granted", "done", details={} if result is None else {"result": result})])
    told = around.run(*command.split())
    assert (told.returncode, told.stdout) == (3, "")


@pytest.mark.parametrize("codes", [{}, {"codes": []}, {"codes": [1]}, {"codes": [""]}, {"codes": {}}])
def test_codes_that_are_none_are_not_printed(around, codes):
    around.start_daemon(BeginFactorManagement=[done(codes)])
    told = around.run("bypass-codes")
    assert (told.returncode, told.stdout) == (3, "")


def test_odd_members_of_a_result_do_no_harm(around):
    odd = {"account": 7, "enabled": "yes", "locked": [], "factor": {}, "enforcement": None,
           "domain": 1.5, "otp_devices": {"id": "x"}, "phones": [7, {"id": 7, "verified": "no"}]}
    around.start_daemon(BeginFactorManagement=[done(odd)])
    result = around.run("mfa")
    assert result.returncode == 0
    assert "Second factor  off\n" in result.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_escapes_in_a_result_do_not_reach_the_terminal(around, options):
    nasty = {"id": "a\x1b[2Jb", "name": "c\u009bd\u202ee", "verified": True}
    around.start_daemon(BeginFactorManagement=[answer_with(DEVICES, otp_devices=[nasty])])
    out = around.run("devices", *options).stdout
    assert "a?[2Jb" in out and "c?d?e" in out
    assert not set("\x1b\u009b\u202e") & set(out) and "\\u" not in out


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be refused as root")
@pytest.mark.parametrize("command", [command for command, _ in DATA] + DEEDS)
def test_root_is_refused(around, command):
    around.start_daemon(BeginFactorManagement=[done(STATUS)])
    result = around.run(*command.split(), root=True)
    assert result.returncode == 1
    assert "root does not sign in" in result.stderr
    assert around.calls() == []
