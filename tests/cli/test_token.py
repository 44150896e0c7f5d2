# SPDX-License-Identifier: Apache-2.0
"""token and env, and what happens where there is nobody to ask."""

import os
import pathlib
import socket
import subprocess
import time

import pexpect
import pytest

ERROR = "org.raxauth.Auth1.Error."
TOKEN = "AAD4gMWlkZW50aXR5LXRva2Vu-_~"
DETAILS = {
    "expires": ["t", 4102444800],
    "account": "alice.smith",
    "user-id": "10042",
    "tenant-id": "123456",
    "region": "DFW",
    "auth-url": "https://identity.example.net/v2.0",
}
SIX = ["OS_AUTH_URL", "OS_TOKEN", "OS_AUTH_TOKEN", "OS_TENANT_ID", "OS_USERNAME", "OS_REGION_NAME"]


def environment_after(lines, **before):
    """What a POSIX shell has in its environment after eval."""
    result = subprocess.run(["/bin/dash", "-euc", 'eval "$LINES_OF_IT"; exec env -0'],
                            env={"LINES_OF_IT": lines, "PATH": "/usr/bin:/bin", **before},
                            capture_output=True, check=True)
    return dict(entry.decode().split("=", 1) for entry in result.stdout.split(b"\0") if entry)


def test_token_is_alone_on_standard_output(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": DETAILS}])
    result = around.run("token")
    assert (result.returncode, result.stdout, result.stderr) == (0, TOKEN + "\n", "")


def test_calls_go_to_the_unique_name_of_the_daemon(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": DETAILS}])
    around.run("token")
    call = around.next_call()
    assert call["member"] == "GetToken" and call["args"] == [{}]
    assert call["to"].startswith(":")


def test_the_longest_token_comes_whole(around):
    around.start_daemon(GetToken=[{"token": "x" * 4096}])
    assert around.run("token").stdout == "x" * 4096 + "\n"


@pytest.mark.parametrize("answer", [
    {"token": ""}, {"token": "two\nlines"}, {"token": "\x1b[2J"}, {"stalled_token": ""},
    {"garbage": True}, {"nothing": True},
])
@pytest.mark.parametrize("verb", ["token", "env"])
def test_what_is_no_token_is_not_printed(around, verb, answer):
    around.start_daemon(GetToken=[answer])
    result = around.run(verb)
    assert (result.returncode, result.stdout) == (3, "")
    assert "raxauth: " in result.stderr


@pytest.mark.parametrize("verb", ["token", "env"])
@pytest.mark.parametrize("error, advice", [
    ("NoToken", "raxauth login"), ("AccessDenied", "administrator"), ("NotManaged", "raxauth status"),
])
def test_a_refusal_prints_nothing_and_says_what_to_do(around, verb, error, advice):
    around.start_daemon(GetToken=[{"error": [ERROR + error, "This session is not signed in."]}])
    result = around.run(verb)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("raxauth: This session is not signed in.\n")
    assert advice in result.stderr


def test_a_token_that_cannot_be_written_is_a_failure(around):
    around.start_daemon(GetToken=[{"token": TOKEN}])
    with open("/dev/full", "w", encoding="ascii") as full:
        result = around.run("token", stdout=full)
    assert result.returncode == 1
    assert TOKEN not in result.stderr


def test_env_begins_with_the_six_variables(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": DETAILS}])
    result = around.run("env")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split("=")[0] for line in lines[:6]] == ["export " + name for name in SIX]
    assert f"export OS_TOKEN='{TOKEN}'" in lines
    for line in lines[6:]:
        assert line.startswith(("export OS_", "unset OS_"))


def test_env_is_enough_for_a_client(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": DETAILS}])
    result = environment_after(around.run("env").stdout, OS_PASSWORD="old", OS_PROJECT_ID="other",
                               OS_USER_DOMAIN_NAME="Default", OS_TENANT_ID="other", KEPT="1")
    assert {name: result[name] for name in SIX} == {
        "OS_AUTH_URL": DETAILS["auth-url"], "OS_TOKEN": TOKEN, "OS_AUTH_TOKEN": TOKEN,
        "OS_TENANT_ID": "123456", "OS_USERNAME": "alice.smith", "OS_REGION_NAME": "DFW"}
    # Clients take a user name for the sign of a password, a project before a tenant, and refuse
    # version 2 where a domain is named.
    assert result["OS_AUTH_TYPE"] == "token"
    assert result["OS_IDENTITY_API_VERSION"] == "2"
    assert not {"OS_PASSWORD", "OS_PROJECT_ID", "OS_USER_DOMAIN_NAME"} & set(result)
    assert result["KEPT"] == "1"


def test_env_quotes_whatever_identity_says(around):
    odd = "it's $(touch /tmp/raxauth-was-here) `id` \"$HOME\" \\ ; exit 7 #"
    around.start_daemon(GetToken=[{"token": "a'b", "details": dict(DETAILS, account=odd)}])
    result = environment_after(around.run("env").stdout)
    assert result["OS_USERNAME"] == odd
    assert result["OS_TOKEN"] == "a'b"
    assert not pathlib.Path("/tmp/raxauth-was-here").exists()


def test_env_unsets_what_there_is_no_value_for(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": {"auth-url": "https://x/v2.0"}}])
    result = environment_after(around.run("env").stdout, OS_REGION_NAME="of another cloud",
                               OS_TENANT_ID="of another cloud")
    assert not {"OS_REGION_NAME", "OS_TENANT_ID", "OS_USERNAME"} & set(result)
    assert result["OS_TOKEN"] == TOKEN


def test_env_refuses_control_characters(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": dict(DETAILS, region="D\nFW")}])
    result = around.run("env")
    assert (result.returncode, result.stdout) == (1, "")
    assert "OS_REGION_NAME" in result.stderr and TOKEN not in result.stderr


def test_env_on_a_terminal_says_what_it_is_for(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": DETAILS}])
    child = around.at_terminal("env")
    child.expect_exact('eval "$(raxauth env)"')
    child.expect_exact("OS_AUTH_URL=")
    child.expect(pexpect.EOF)


def test_no_bus_is_told_apart(bare):
    result = bare.run("token")
    assert (result.returncode, result.stdout) == (3, "")
    assert "cannot reach the system bus" in result.stderr


def test_no_daemon_is_unreachable(around):
    result = around.run("status")
    assert (result.returncode, result.stdout) == (3, "")
    assert "raxauthd does not answer" in result.stderr
    assert "journalctl -t raxauthd" in result.stderr


def test_a_bus_that_says_nothing_holds_nobody(bare):
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(bare.socket))
        bare.socket.chmod(0o777)
        mute.listen(1)
        started = time.monotonic()
        result = bare.run("token")
        assert result.returncode == 3
        assert time.monotonic() - started < 6


def test_the_installed_program_takes_no_bus_from_the_environment(around):
    around.start_daemon(GetToken=[{"token": TOKEN, "details": DETAILS}])
    program = os.environ["RAXAUTH_PROGRAM"]
    address = around.environment["ELSEWHERE_BUS"]
    subprocess.run([program, "token"], capture_output=True, timeout=60, check=False,
                   env={"DBUS_SYSTEM_BUS_ADDRESS": address, "DBUS_STARTER_ADDRESS": address,
                        "DBUS_SESSION_BUS_ADDRESS": address, "ELSEWHERE_BUS": address})
    assert around.calls() == []

