# SPDX-License-Identifier: Apache-2.0
"""check-config and reload."""

import json
import os
import subprocess

import pytest

from conftest import TOP

BOUND = '[access]\ndomains = ["123456"]\n'


@pytest.fixture
def owned(bare):
    """The host's own files are root's; without root there is no such place to try."""
    assert os.geteuid() == 0, "these tests write files that root must own"
    return bare


def test_a_good_configuration_is_summed_up(owned):
    owned.write("raxauth.toml", BOUND)
    owned.write("raxauth.d/10.toml", '[services.sudo]\nreuse = "all"\nreuse_for = "90m"\n')
    result = owned.run("check-config")
    assert (result.returncode, result.stderr) == (0, "")
    assert "accounts of domain 123456" in result.stdout
    assert "reuse all for 1 h 30 min" in result.stdout


def test_a_polkit_that_asks_less_than_sudo_is_warned_of(owned):
    owned.write("raxauth.toml", BOUND + '[services.sudo]\nroles = ["admin"]\n')
    result = owned.run("check-config")
    assert result.returncode == 0
    assert "[services.polkit-1] asks less than [services.sudo]: roles" in result.stderr
    owned.write("raxauth.d/10.toml", '[services.polkit-1]\nroles = ["admin"]\n')
    assert owned.run("check-config").stderr == ""


def test_all_faults_are_told_at_once(owned):
    owned.write("raxauth.toml", "[access]\nrole = 1\nroles = 2\n")
    owned.write("raxauth.d/10.toml", "[limits]\nresends = -1\n")
    result = owned.run("check-config")
    assert result.returncode == 1
    for part in ("raxauth.toml:2: access.role:", "raxauth.toml:3: access.roles:",
                 "10.toml:2: limits.resends:"):
        assert part in result.stdout
    assert "3 faults" in result.stderr


def test_a_missing_configuration_is_a_fault(owned):
    result = owned.run("check-config")
    assert result.returncode == 1 and "raxauth.toml: found" in result.stdout


def test_a_configuration_with_which_nobody_gets_in_is_refused(owned):
    owned.write("raxauth.toml", "")
    result = owned.run("check-config")
    assert result.returncode == 1
    assert "No faults" in result.stdout and "nobody yet" in result.stdout
    assert "nobody can sign in" in result.stderr and "access.domains" in result.stderr


def test_the_installed_configuration_names_nobody(owned):
    text = (TOP / "etc/raxauth.toml").read_text()
    owned.write("raxauth.toml", text)
    result = owned.run("check-config", "--json")
    data = json.loads(result.stdout)
    assert result.returncode == 1
    assert data["usable"] is True and data["binds"] is False and "access.domains" in data["advice"]


def test_json_has_each_fault_in_parts(owned):
    owned.write("raxauth.toml", "[access]\nroles = 2\n")
    result = owned.run("check-config", "--json")
    data = json.loads(result.stdout)
    assert result.returncode == 1 and data["usable"] is False
    fault = data["faults"][0]
    assert (fault["line"], fault["key"], fault["found"]) == (2, "access.roles", "2")


def test_json_of_a_good_configuration(owned):
    owned.write("raxauth.toml", BOUND)
    result = owned.run("check-config", "--json")
    data = json.loads(result.stdout)
    assert result.returncode == 0 and data["binds"] is True and data["faults"] == []
    assert data["settings"]["services"]["sshd"]["without_sign_in"] == "deny"


def test_a_named_file_is_judged_alone(owned):
    owned.write("raxauth.toml", "[nonsense]\n")
    owned.write("raxauth.d/10.toml", "[nonsense]\n")
    draft = owned.write("draft.toml", BOUND)
    assert owned.run("check-config", draft).returncode == 0


def test_a_draft_of_ones_own_needs_no_root(owned):
    draft = owned.write("draft.toml", BOUND)
    os.chown(draft, 65534, 65534)
    assert owned.run("check-config", draft).returncode == 0


def test_a_file_that_others_may_write_is_refused(owned):
    draft = owned.write("draft.toml", BOUND, mode=0o666)
    result = owned.run("check-config", draft)
    assert result.returncode == 1 and "draft.toml" in result.stdout


def test_a_file_of_somebody_else_is_refused(owned):
    draft = owned.write("draft.toml", BOUND)
    os.chown(draft, 1234, 1234)
    assert owned.run("check-config", draft).returncode == 1


def test_a_reload_is_confirmed(around):
    around.start_daemon(Reload=[{"nothing": True}])
    result = around.run("reload")
    assert result.returncode == 0 and "in force" in result.stdout
    assert around.next_call()["member"] == "Reload"


def test_a_refused_reload_shows_the_faults(around):
    around.start_daemon(Reload=[{"error": ["org.freedesktop.DBus.Error.Failed",
                                           "raxauth.toml:3: one\nraxauth.toml:9: two"]}])
    result = around.run("reload", root=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert "what held before still holds:\nraxauth.toml:3: one\nraxauth.toml:9: two\n" \
        in result.stderr
    assert "check-config" in result.stderr


@pytest.mark.parametrize("arguments", [
    ["no-such-verb"], ["status", "--nonsense"], ["setup"], ["setup", "apache"], ["--nonsense"], [],
    ["token", "extra"], ["check-config", "a", "b"],
])
def test_mistakes_are_usage(bare, arguments):
    result = bare.run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "raxauth" in result.stderr


def test_closed_standard_streams_do_no_harm(owned):
    owned.write("raxauth.toml", BOUND)
    result = subprocess.run(["/bin/sh", "-c", f'"{owned.program}" check-config <&- >&- 2>&-'],
                            env=owned.environment, check=False)
    assert result.returncode == 0
