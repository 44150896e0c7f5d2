# SPDX-License-Identifier: Apache-2.0
"""setup: from an installed raxauth to ssh with two factors, and back; limits show and reset."""

import json

import pytest

from throwaway import ThrowawayHost, local_password

EXEMPT = ["--exempt", "breakglass"]
DROP_IN = "/etc/ssh/sshd_config.d/01-raxauth.conf"
WRITTEN = "/etc/raxauth/raxauth.d/10-setup.toml"


@pytest.fixture
def host():
    """A host on which raxauth was just installed: nobody named, PAM and sshd as Debian has them."""
    with ThrowawayHost(profiles=False, sshd_drop_in=False) as host:
        host.path("/etc/raxauth/raxauth.d/50-host.toml").unlink()
        host.path("/etc/pam.d/raxauth-alone").unlink()
        host.reset_mark = host.journal.mark()
        yield host


def options(host):
    identity = host.base_settings["identity"]
    return ["--url", identity["url"], "--ca-file", identity["ca_file"],
            "--domain", host.base_settings["access"]["domains"][0]]


def set_up(host, *more, check=True, **how):
    return host.run(["raxauth", "setup", *options(host), *more], check=check, **how)


def pam(host):
    return {kind: host.path(f"/etc/pam.d/common-{kind}").read_text()
            for kind in ("auth", "account", "password", "session")}


def test_from_installed_to_two_factors_and_back(host):
    before = pam(host)
    done = set_up(host, *EXEMPT, "--yes")
    assert "All is well" in done.stdout and "setup --undo" in done.stdout
    assert "pam_raxauth.so exempt_group=raxauth-exempt" in pam(host)["auth"]
    host.restart_sshd()
    assert host.sign_in("alice").granted
    # the exempt account keeps its local password, with and without a daemon
    assert host.try_ssh("breakglass", [local_password("breakglass")]).granted
    assert not host.try_ssh("bob", [local_password("bob")]).granted

    done = host.run(["raxauth", "setup", "--undo"])
    assert pam(host) == before and not host.path(DROP_IN).exists()
    host.restart_sshd()
    assert host.probe("login", "bob", ["authenticate"], [local_password("bob")]).code == "PAM_SUCCESS"

    # the exemption is still there
    host.enable_profiles()
    assert host.probe("login", "breakglass", ["authenticate"],
                      [local_password("breakglass")]).code == "PAM_SUCCESS"


def test_it_asks_shows_and_changes(host):
    identity = host.base_settings["identity"]
    host.path(WRITTEN).write_text(f'[identity]\nca_file = "{identity["ca_file"]}"\n')
    answers = [identity["url"], host.base_settings["access"]["domains"][0], "breakglass nell", "yes"]
    done = host.run(["raxauth", "setup", "--stdin", "--ca-file", identity["ca_file"]],
                    input="\n".join(answers) + "\n")
    assert "Rackspace account number" in done.stderr
    assert "alice, bob" in done.stderr  # who would lose a password
    assert WRITTEN in done.stdout and "breakglass, nell joins" in done.stdout
    assert host.path(WRITTEN).stat().st_mode & 0o777 == 0o644
    members = host.run(["getent", "group", "raxauth-exempt"]).stdout
    assert members.strip().endswith(":breakglass,nell")


def test_a_no_changes_nothing(host):
    before = pam(host)
    done = set_up(host, *EXEMPT, "--stdin", check=False, input="no\n")
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert pam(host) == before and not host.path(WRITTEN).exists()


def test_it_never_guesses_who_may_be_locked_out(host):
    done = set_up(host, "--yes", check=False)
    assert done.returncode == 2 and "alice" in done.stderr and "--exempt-nobody" in done.stderr
    done = set_up(host, "--exempt", "no-such-user", "--yes", check=False)
    assert done.returncode == 1 and "no-such-user is no local account" in done.stderr
    assert not host.path(WRITTEN).exists()


def test_pam_stays_as_it_is_while_identity_does_not_answer(host):
    before = pam(host)
    host.identity.stop()
    done = set_up(host, *EXEMPT, "--yes", check=False)
    assert done.returncode == 3
    assert "cannot be reached" in done.stderr and "PAM and sshd were not changed" in done.stderr
    assert pam(host) == before and not host.path(DROP_IN).exists()
    host.identity.start()
    assert set_up(host, *EXEMPT, "--yes").returncode == 0


def test_a_configuration_with_errors_is_told_first(host):
    host.path("/etc/raxauth/raxauth.d/20-mine.toml").write_text("[access]\nrole = 1\n")
    done = set_up(host, *EXEMPT, "--yes", check=False)
    assert done.returncode == 1 and "20-mine.toml:2: access.role" in done.stderr


def test_files_that_were_changed_by_hand_are_left_alone_and_told(host):
    auth = host.path("/etc/pam.d/common-auth")
    changed = auth.read_text().replace("default=ignore]\tpam_unix.so", "default=bad]\tpam_unix.so")
    assert changed != auth.read_text()
    auth.write_text(changed)
    before = pam(host)
    done = set_up(host, *EXEMPT, "--yes", check=False)
    assert done.returncode == 1 and "changed by hand" in done.stderr
    assert pam(host) == before


def test_undo_names_a_stack_that_still_needs_the_module(host):
    set_up(host, *EXEMPT, "--yes")
    host.path("/etc/pam.d/own").write_text("auth required pam_raxauth.so\n")
    done = host.run(["raxauth", "setup", "--undo"], check=False)
    assert done.returncode == 1 and "/etc/pam.d/own" in done.stderr
    assert host.path(DROP_IN).exists()


def test_it_is_for_root(host):
    done = host.run(["raxauth", "setup", "--undo"], user="alice", check=False)
    assert done.returncode == 1 and "only root" in done.stderr


def test_the_helpdesk_lets_a_throttled_person_in(host):
    set_up(host, *EXEMPT, "--yes")
    host.restart_sshd()
    wrong = host.identity.wrong_code("alice")
    host.try_ssh("alice", [host.identity.password("alice"), wrong, wrong])
    told = json.loads(host.run(["raxauth", "limits", "show", "alice", "--json"]).stdout)
    assert told["wrong_passcodes"] == told["limit_wrong_passcodes"] == 2
    assert told["account"] == "alice" and told["refused_until"] > 0
    assert not host.sign_in("alice").granted
    mark = host.journal.mark()
    assert "alice may sign in again" in host.run(["raxauth", "limits", "reset", "alice"]).stdout
    host.journal.wait(mark, MESSAGE="limits reset by root: user=alice account=alice")
    assert host.sign_in("alice").granted
    told = json.loads(host.run(["raxauth", "limits", "show", "alice", "--json"]).stdout)
    assert told["wrong_passcodes"] == 0
    # a restart does not bring back what was forgotten
    host.kill_daemon()
    told = json.loads(host.run(["raxauth", "limits", "show", "alice", "--json"]).stdout)
    assert told["wrong_passcodes"] == 0
    assert "Nothing was counted" in host.run(["raxauth", "limits", "reset", "bob"]).stdout


def test_limits_are_for_root(host):
    done = host.run(["raxauth", "limits", "reset", "alice"], user="alice", check=False)
    assert done.returncode == 1 and "only root can do this" in done.stderr
