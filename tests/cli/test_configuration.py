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
    assert "asks for nothing, for 1 h 30 min" in result.stdout


def test_a_polkit_that_asks_less_than_sudo_is_warned_of(owned):
    owned.write("raxauth.toml", BOUND + '[services.sudo]\nroles = ["admin"]\n')
    result = owned.run("check-config")
    assert result.returncode == 0
    assert "[services.polkit-1] asks less than [services.sudo]: roles" in result.stderr
    owned.write("raxauth.d/10.toml", '[services.polkit-1]\nroles = ["admin"]\n')
    owned.write("pam.d/polkit-1", "@include common-auth\n@include common-account\n")
    assert owned.run("check-config").stderr == ""


def test_all_faults_are_told_at_once(owned):
    owned.write("raxauth.toml", "[access]\nrole = 1\nroles = 2\n")
    owned.write("raxauth.d/10.toml", "[limits]\nresends = -1\n")
    result = owned.run("check-config")
    assert result.returncode == 1
    for part in ("raxauth.toml:2: access.role:", "raxauth.toml:3: access.roles:",
                 "10.toml:2: limits.resends:"):
        assert part in result.stdout
    assert "3 errors" in result.stderr


def test_a_missing_configuration_is_a_fault(owned):
    result = owned.run("check-config")
    assert result.returncode == 1 and "raxauth.toml: found" in result.stdout


def test_a_configuration_with_which_nobody_gets_in_is_refused(owned):
    owned.write("raxauth.toml", "")
    result = owned.run("check-config")
    assert result.returncode == 1
    assert "No errors" in result.stdout and "nobody yet" in result.stdout
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
    assert result.returncode == 0 and "in use" in result.stdout
    assert around.next_call()["member"] == "Reload"


def test_a_refused_reload_shows_the_faults(around):
    around.start_daemon(Reload=[{"error": ["org.freedesktop.DBus.Error.Failed",
                                           "raxauth.toml:3: one\nraxauth.toml:9: two"]}])
    result = around.run("reload", root=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert "The previous configuration stays in use. Errors:\nraxauth.toml:3: one\nraxauth.toml:9: two\n" \
        in result.stderr
    assert "check-config" in result.stderr


@pytest.mark.parametrize("arguments", [
    ["no-such-verb"], ["status", "--nonsense"], ["limits"], ["setup", "apache"], ["--nonsense"], [],
    ["token", "extra"], ["check-config", "a", "b"],
])
def test_mistakes_are_usage(bare, arguments):
    result = bare.run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "raxauth" in result.stderr


@pytest.mark.parametrize("typed, meant", [
    (["statsu"], 'unknown verb "statsu"; did you mean "raxauth status"?'),
    (["enroll", "otp"], 'did you mean "raxauth enrol"?'),
    (["mfa", "disabel"], 'did you mean "raxauth mfa disable"?'),
    (["mfa", "--stdin", "domain", "sett"], 'did you mean "raxauth mfa domain set"?'),
    (["frobnicate"], 'unknown verb "frobnicate"\nSee raxauth --help.'),
    (["setup", "apache"], '"raxauth setup" has the verbs sshd'),
])
def test_a_verb_that_is_none_is_told_with_the_one_that_was_meant(bare, typed, meant):
    result = bare.run(*typed)
    assert (result.returncode, result.stdout) == (2, "")
    assert meant in result.stderr


def test_help_and_version_are_verbs_too(bare):
    assert bare.run("help").stdout == bare.run("--help").stdout
    assert bare.run("version").stdout == bare.run("--version").stdout


def test_a_file_without_a_name_is_a_mistake(owned):
    owned.write("raxauth.toml", BOUND)
    assert owned.run("check-config", "").returncode == 2


def test_root_is_told_what_the_daemon_cannot_read(owned):
    owned.environment["ELSEWHERE_DAEMON_USER"] = "nobody"
    owned.write("ca.pem", "", mode=0o600)
    owned.write("raxauth.toml", BOUND)
    owned.write("raxauth.d/10.toml", "", mode=0o600)
    result = owned.run("check-config", root=True)
    assert result.returncode == 1
    assert "10.toml: found Permission denied, wanted a readable file for user nobody" in result.stdout
    (owned.folder / "raxauth.d/10.toml").chmod(0o644)
    assert owned.run("check-config", root=True).returncode == 0
    owned.write("raxauth.d/20.toml", f'[identity]\nca_file = "{owned.folder}/ca.pem"\n')
    told = json.loads(owned.run("check-config", "--json", root=True).stdout)
    assert [fault["key"] for fault in told["faults"]] == ["identity.ca_file"]


def test_what_has_no_effect_is_warned_of(owned):
    owned.write("raxauth.toml", BOUND + "[services.ssh]\n[services.sudo]\n")
    owned.write("raxauth.d/10-a.tml", "")
    owned.write("raxauth.d/10-a.toml~", "")
    result = owned.run("check-config")
    assert result.returncode == 0
    warnings = result.stderr.splitlines()
    assert len(warnings) == 2
    assert "raxauth.d/10-a.tml is not read: its name does not end in .toml" in warnings[0]
    assert "[services.ssh] has no effect" in warnings[1]
    assert "did you mean [services.sshd]?" in warnings[1]
    assert len(json.loads(owned.run("check-config", "--json").stdout)["warnings"]) == 2


def test_closed_standard_streams_do_no_harm(owned):
    owned.write("raxauth.toml", BOUND)
    result = subprocess.run(["/bin/sh", "-c", f'"{owned.program}" check-config <&- >&- 2>&-'],
                            env=owned.environment, check=False)
    assert result.returncode == 0
