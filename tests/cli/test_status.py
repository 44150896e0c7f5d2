# SPDX-License-Identifier: Apache-2.0
"""status and its history."""

import json
import time

NOW = int(time.time())

ALL = {
    "version": "1.2.3", "configuration": "", "binding": "", "identity-url": "https://id.example/v2.0",
    "identity-reachable": True, "identity-since": ["t", NOW - 600],
    "identity-round-trip": ["t", 38400], "identity-detail": "", "conversations": ["u", 2],
    "sessions": ["u", 5], "tickets": ["u", 1], "user": "alice", "account": "alice.smith",
    "exempt": False, "wrong-passcodes": ["u", 1], "limit-wrong-passcodes": ["u", 2],
    "wrong-passwords": ["u", 3], "challenges": ["u", 4], "limit-challenges": ["u", 6],
    "refused-until": ["t", NOW + 1200], "signed-in": ["t", NOW - 1500], "expires": ["t", NOW + 40000],
    "second-factor": True, "sudo-asks": "password", "sudo-why": "services.sudo.reuse is \"passcode\"",
    "tokens-issued": ["t", 12], "tokens-revoked": ["t", 7], "tokens-waiting": ["t", 1],
    "of-a-later-version": ["as", 0],
}


def status(around, *arguments, **changes):
    fields = {key: value for key, value in dict(ALL, **changes).items() if value is not None}
    around.start_daemon(GetStatus=[{"fields": fields}])
    return around.run("status", *arguments)


def changed(**changes):
    return {key.replace("_", "-"): value for key, value in changes.items()}


def test_everything_it_is_told_is_shown(around):
    result = status(around)
    assert (result.returncode, result.stderr) == (0, "")
    lines = {line[:14].strip() or last: line[15:] for last, line in
             zip([""] + [l[:14].strip() + "+" for l in result.stdout.splitlines()],
                 result.stdout.splitlines())}
    assert lines["raxauthd"] == "1.2.3"
    assert lines["Configuration"] == "in use"
    assert lines["Identity"] == "https://id.example/v2.0"
    assert "(10 min ago), last answer in 38 ms" in lines["Identity+"]
    assert lines["Now"] == "2 signing in, 5 signed in, 1 waiting for their session to start"
    assert lines["Tokens"] == "12 issued, 7 revoked, 1 waiting to be revoked"
    assert lines["You"] == "alice, Rackspace user alice.smith"
    assert "(25 min ago) with a second factor; token until" in lines["This session"]
    assert lines["sudo"] == 'asks for the password only (services.sudo.reuse is "passcode")'
    assert lines["Limits"] == "1 of 2 wrong passcodes, 3 wrong passwords, 4 of 6 passcode requests"
    assert "refused until" in lines["Limits+"] and "(in 20 min)" in lines["Limits+"] \
        or "(in 19 min)" in lines["Limits+"]
    assert "Attention" not in lines


def test_a_daemon_that_says_little_is_fine(around):
    around.start_daemon(GetStatus=[{"fields": {"version": "9"}}])
    result = around.run("status")
    assert (result.returncode, result.stdout) == (0, "raxauthd       9\n")


def test_json_has_the_types_of_the_bus(around):
    result = status(around, "--json")
    data = json.loads(result.stdout)
    assert data["wrong_passcodes"] == 1 and data["second_factor"] is True
    assert data["signed_in"] == NOW - 1500 and data["sudo_asks"] == "password"
    assert data["version"] == "1.2.3" and data["usable"] is True
    assert "of_a_later_version" not in data


def test_json_says_whether_people_can_sign_in(around):
    assert json.loads(status(around, "--json", binding="set access.domains").stdout)["usable"] is False


def test_a_failure_is_json_too(bare):
    result = bare.run("status", "--json")
    told = json.loads(result.stdout)
    assert (result.returncode, told["exit_status"]) == (3, 3)
    assert "bus" in told["error"] and told["error"] in result.stderr and told["advice"]


def test_faults_of_the_configuration_are_shown_line_by_line(around):
    result = status(around, **changed(configuration="raxauth.toml:3: one\nraxauth.toml:9: two"))
    assert result.returncode == 1
    assert "has errors; the last accepted one stays in use:" in result.stdout
    assert "\nraxauth.toml:3: one\nraxauth.toml:9: two\n" in result.stdout


def test_errors_at_the_start_keep_everybody_out(around):
    around.start_daemon(GetStatus=[{"fields": {"version": "9", "configuration": "raxauth.toml:3: x"}}])
    assert "has errors; nobody can sign in:\nraxauth.toml:3: x\n" in around.run("status").stdout


def test_a_missing_binding_is_shown(around):
    result = status(around, **changed(binding="set access.domains"))
    assert result.returncode == 1
    assert "nobody can sign in yet: set access.domains" in result.stdout


def test_an_unreachable_identity_has_a_status_of_its_own(around):
    result = status(around, **changed(identity_reachable=False, identity_detail="connection refused"))
    assert result.returncode == 3
    assert "NOT reachable since" in result.stdout and "connection refused" in result.stdout


def test_an_identity_that_was_not_asked_yet_is_neither(around):
    result = status(around, **changed(identity_since=["t", 0], identity_round_trip=["t", 0]))
    assert result.returncode == 0
    assert "not asked yet" in result.stdout and " reachable" not in result.stdout


def test_somebody_exempt_is_told_so(around):
    result = status(around, **changed(exempt=True, signed_in=None, account=None))
    assert "alice, exempt: does not sign in with Rackspace" in result.stdout
    assert "raxauth login" not in result.stdout


def test_a_session_without_sign_in_is_told_what_to_do(around):
    result = status(around, **changed(signed_in=None))
    assert "not signed in (raxauth login)" in result.stdout


def test_escapes_do_not_reach_the_terminal(around):
    result = status(around, **changed(identity_detail="\x1b[31mred", account="\x1b]0;x\x07"))
    assert "\x1b" not in result.stdout and "\x07" not in result.stdout


HISTORY = [
    {"time": ["t", NOW - 5], "hook": "sign-in", "user": "alice", "service": "sshd",
     "remote-host": "192.0.2.7", "verdict": "denied", "reason": "wrong-credentials",
     "why": "wrong passcode", "took-ms": ["u", 812]},
    {"time": ["t", NOW - 60], "hook": "account", "user": "alice", "service": "sudo",
     "remote-host": "", "verdict": "granted", "reason": "local-rules",
     "why": "this session signed in", "took-ms": ["u", 1]},
]


def test_the_history_names_the_rule(around):
    around.start_daemon(GetHistory=[{"list": HISTORY}])
    result = around.run("status", "--last")
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["WHEN", "USER", "WHAT", "SERVICE", "FROM", "VERDICT", "REASON",
                               "TOOK", "WHY"]
    assert "192.0.2.7" in first and "wrong-credentials" in first and "812 ms" in first
    assert first.endswith("wrong passcode") and second.endswith("this session signed in")
    assert around.next_call()["args"] == [10]


def test_the_history_may_be_longer_and_json(around):
    around.start_daemon(GetHistory=[{"list": HISTORY}])
    result = around.run("status", "--last", "25", "--json")
    data = json.loads(result.stdout)
    assert data[0]["took_ms"] == 812 and data[1]["hook"] == "account"
    assert around.next_call()["args"] == [25]


def test_an_empty_history_is_said(around):
    around.start_daemon(GetHistory=[{"list": []}])
    said = around.run("status", "--last").stdout
    assert said.startswith("No sign-in was tried since raxauthd started.") and "pam-auth-update" in said


def test_a_history_of_nothing_is_a_mistake(around):
    for value in ("0", "-1", "101", "many"):
        assert around.run("status", "--last", value).returncode == 2
