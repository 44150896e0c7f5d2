# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what lintian says of it, installing, upgrading, removing and purging it."""

import os
import pathlib
import subprocess

import pytest

from throwaway import ThrowawayHost, local_password
from throwaway.identity import Identity

BUILD = pathlib.Path(os.environ["RAXAUTH_BUILD"])
STRICT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
PROFILE = "/usr/share/pam-configs/raxauth"
DROP_IN = "/etc/ssh/sshd_config.d/01-raxauth.conf"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    subprocess.run(["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", folder],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    (file,) = folder.glob("raxauth_*.deb")
    return file


@pytest.fixture
def host(package):
    """Stock Debian with sshd and a bus, and Identity; the package lies in /root."""
    with ThrowawayHost(BUILD, product=False) as host:
        host.path("/root/raxauth.deb").write_bytes(package.read_bytes())
        host.path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        host.identity = Identity(host)
        host.reset_mark = host.journal.mark()
        yield host


def dpkg(host, *words, check=True):
    return host.run(["dpkg", *words], check=check, env=STRICT, timeout=120)


def install(host):
    return dpkg(host, "--install", "/root/raxauth.deb")


def set_up(host):
    settings = host.identity.settings()
    host.run(["raxauth", "setup", "--url", settings["identity"]["url"], "--ca-file",
              settings["identity"]["ca_file"], "--domain", settings["access"]["domains"][0],
              "--exempt", "breakglass", "--yes"])
    host.restart_sshd()


def stacks(host):
    return {file.name: file.read_text() for file in host.path("/etc/pam.d").iterdir()}


def test_lintian_has_nothing_against_it(package):
    done = subprocess.run(["lintian", "--fail-on", "error,warning,info", "--no-tag-display-limit",
                           "--info", package], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


def test_three_steps_to_two_factors(host):
    before = stacks(host)
    said = install(host).stdout
    assert "Next, as root: raxauth setup\n" in said
    assert stacks(host) == before, "installing changes no sign-in"
    host.run(["getent", "passwd", "raxauth"])
    host.run(["getent", "group", "raxauth-exempt"])
    state = host.path("/var/lib/raxauth").stat()
    assert state.st_mode & 0o777 == 0o700 and state.st_uid == host.uid("raxauth")
    set_up(host)
    assert host.sign_in("alice").granted
    assert host.try_ssh("breakglass", [local_password("breakglass")]).granted
    assert "All is well" in host.run(["raxauth", "doctor"]).stdout


def test_an_upgrade_refreshes_profiles_and_keeps_options(host):
    install(host)
    set_up(host)
    # an earlier package, with other control words, and options that an administrator added
    text = host.path(PROFILE).read_text()
    host.path(PROFILE).write_text(text.replace("default=die", "new_authtok_reqd=bad default=die"))
    host.run(["pam-auth-update", "--package"], env=STRICT)
    auth = host.path("/etc/pam.d/common-auth")
    assert "new_authtok_reqd=bad" in auth.read_text()
    auth.write_text(auth.read_text().replace(
        "pam_raxauth.so exempt_group=raxauth-exempt",
        "pam_raxauth.so exempt_group=raxauth-exempt exempt_user=deploy timeout=20"))
    install(host)
    (line,) = [one for one in auth.read_text().splitlines() if "pam_raxauth.so" in one]
    assert "new_authtok_reqd" not in line
    assert line.split("pam_raxauth.so")[1].split() == [
        "exempt_group=raxauth-exempt", "exempt_user=deploy", "timeout=20"]
    assert host.sign_in("alice").granted


def test_an_upgrade_ends_the_old_daemon_where_systemd_does_not_run(host):
    install(host)
    host.run(["raxauth", "status"], check=False)
    (old,) = host.pids("raxauthd")
    install(host)
    assert old not in host.pids("raxauthd")
    host.run(["raxauth", "status"], check=False)
    assert host.pids("raxauthd")


def test_removing_gives_local_sign_ins_back(host):
    before = stacks(host)
    install(host)
    set_up(host)
    dpkg(host, "--remove", "raxauth")
    assert stacks(host) == before
    assert not host.path(DROP_IN).exists() and not host.pids("raxauthd")
    assert not host.path("/usr/bin/raxauth").exists()
    report = host.probe("login", "alice", ["authenticate", "acct_mgmt"], [local_password("alice")])
    assert report.codes() == ["PAM_SUCCESS"] * 2
    host.set_sshd("KbdInteractiveAuthentication yes\n")
    assert host.try_ssh("alice", [local_password("alice")]).granted
    # installed again, PAM stays off until somebody switches it on
    install(host)
    assert stacks(host) == before


def test_removing_is_refused_while_a_stack_of_ones_own_needs_the_module(host):
    install(host)
    set_up(host)
    host.path("/etc/pam.d/own-service").write_text("auth required pam_raxauth.so\n")
    before = stacks(host)
    done = dpkg(host, "--remove", "raxauth", check=False)
    assert done.returncode != 0 and "/etc/pam.d/own-service" in done.stderr
    assert stacks(host) == before and host.path(DROP_IN).exists()
    assert host.sign_in("alice").granted
    host.path("/etc/pam.d/own-service").write_text("# auth required pam_raxauth.so\n")
    dpkg(host, "--remove", "raxauth")


def test_removing_is_refused_while_pam_auth_update_keeps_its_hands_off(host):
    install(host)
    set_up(host)
    auth = host.path("/etc/pam.d/common-auth")
    auth.write_text(auth.read_text().replace("default=ignore]\tpam_unix.so",
                                             "default=bad]\tpam_unix.so"))
    before = stacks(host)
    done = dpkg(host, "--remove", "raxauth", check=False)
    assert done.returncode != 0 and "/etc/pam.d/common-auth" in done.stderr
    assert stacks(host) == before and host.path(host.module_path()).exists()
    assert host.sign_in("alice").granted


def test_a_purge_leaves_nothing(host):
    install(host)
    set_up(host)
    dpkg(host, "--purge", "raxauth")
    for path in ("/etc/raxauth", "/var/lib/raxauth", DROP_IN, "/usr/share/doc/raxauth"):
        assert not host.path(path).exists(), path
