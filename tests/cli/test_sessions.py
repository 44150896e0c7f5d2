# SPDX-License-Identifier: Apache-2.0
"""sessions, logout, flush."""

import json
import time

NOW = int(time.time())
TWO = [
    {"user": "alice", "account": "alice.smith", "service": "sshd", "remote-host": "2001:db8::7",
     "audit-session": ["u", 3], "session": "3", "signed-in": ["t", NOW - 60],
     "expires": ["t", NOW + 60], "second-factor": True, "this": True},
    {"user": "bob", "account": "bob", "service": "login", "remote-host": "",
     "audit-session": ["u", 4], "session": "", "signed-in": ["t", NOW - 60],
     "expires": ["t", NOW + 60], "second-factor": False, "this": False},
]


def test_sessions_are_a_table(around):
    around.start_daemon(ListSessions=[{"list": TWO}])
    result = around.run("sessions")
    heading, first, second = result.stdout.splitlines()
    assert heading.split()[:5] == ["USER", "ACCOUNT", "SERVICE", "FROM", "SESSION"]
    assert first.split()[:5] == ["alice", "alice.smith", "sshd", "2001:db8::7", "3"]
    assert " two " in first and first.endswith("this session")
    assert second.split()[:4] == ["bob", "bob", "login", "4"]
    assert second.endswith("one")


def test_sessions_as_json(around):
    around.start_daemon(ListSessions=[{"list": TWO}])
    data = json.loads(around.run("sessions", "--json").stdout)
    assert [one["user"] for one in data] == ["alice", "bob"]
    assert data[0]["this"] is True and data[0]["audit_session"] == 3


def test_no_session_is_said(around):
    around.start_daemon(ListSessions=[{"list": []}])
    assert around.run("sessions").stdout == "No session is signed in.\n"


def test_no_session_as_json_is_an_empty_list(around):
    around.start_daemon(ListSessions=[{"list": []}])
    assert json.loads(around.run("sessions", "--json").stdout) == []


def test_logout_signs_out(around):
    around.start_daemon(SignOut=[{"nothing": True}])
    result = around.run("logout")
    assert result.returncode == 0 and result.stdout.startswith("Signed out.")
    assert [call["member"] for call in around.calls()] == ["SignOut"]


def test_logout_of_a_session_that_is_not_signed_in_is_refused(around):
    around.start_daemon(SignOut=[{"error": ["org.raxauth.Auth1.Error.NoToken", "Not signed in."]}])
    result = around.run("logout")
    assert (result.returncode, result.stdout) == (1, "")


def test_flush_says_how_many(around):
    around.start_daemon(Flush=[{"count": 2}, {"count": 1}, {"count": 0}])
    assert around.run("flush", "alice").stdout.startswith("2 sign-ins of alice ended")
    assert around.run("flush", "alice").stdout.startswith("1 sign-in of alice ended")
    assert around.run("flush", "nobody").stdout == "nobody has no session that is signed in.\n"
    assert around.next_call()["args"] == ["alice"]


def test_flush_of_what_is_no_name_is_a_mistake(around):
    around.start_daemon(Flush=[{"count": 0}])
    for arguments in ([], ["a b"], [""], ["../x"], ["alice", "bob"]):
        assert around.run("flush", *arguments).returncode == 2
    assert around.calls() == []


def test_flush_of_nobody_whom_the_host_knows_is_no_success(around):
    around.start_daemon(Flush=[{"count": 0}])
    result = around.run("flush", "no-such-user")
    assert (result.returncode, result.stdout) == (1, "")
    assert "there is no user no-such-user on this host" in result.stderr


def test_flush_by_somebody_else_is_refused_without_the_words_of_the_bus(around):
    words = 'Rejected send message, 2 matched rules; type="method_call", sender=":1.4" (uid=20000'
    around.start_daemon(Flush=[{"error": ["org.freedesktop.DBus.Error.AccessDenied", words]}])
    result = around.run("flush", "alice")
    assert result.returncode == 1
    assert result.stderr == "raxauth: only root can do this\nRun it with sudo.\n"


def test_a_bus_without_the_policy_is_told_to_root(around):
    around.start_daemon(Flush=[{"error": ["org.freedesktop.DBus.Error.AccessDenied", "no"]}])
    result = around.run("flush", "alice", root=True)
    assert result.returncode == 1 and "systemctl reload dbus" in result.stderr
