# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts on a host, and that nothing else is needed to run it."""

import stat
import xml.etree.ElementTree as ElementTree

import pytest

FILES = {
    "/usr/libexec/raxauthd": 0o755,
    "/usr/bin/raxauth": 0o755,
    "/etc/raxauth/raxauth.toml": 0o644,
    "/usr/lib/systemd/system/raxauthd.service": 0o644,
    "/usr/share/dbus-1/system-services/org.raxauth.Auth1.service": 0o644,
    "/usr/share/dbus-1/system.d/org.raxauth.Auth1.conf": 0o644,
    "/usr/lib/sysusers.d/raxauth.conf": 0o644,
    "/usr/share/pam-configs/raxauth": 0o644,
    "/usr/share/pam-configs/raxauth-session": 0o644,
    "/usr/share/raxauth/50-raxauth-sshd.conf": 0o644,
}


@pytest.mark.parametrize("path", FILES)
def test_it_is_installed_where_the_contract_says(host, path):
    what = host.path(path).stat()
    assert stat.S_IMODE(what.st_mode) == FILES[path]
    assert (what.st_uid, what.st_gid) == (0, 0)


def test_the_module_is_where_pam_looks_for_it(host):
    assert host.path(host.module_path()).is_file()


def test_the_bus_policy_denies_by_default_and_bounds_descriptors(host):
    root = ElementTree.fromstring(host.path("/usr/share/dbus-1/system.d/org.raxauth.Auth1.conf")
                                  .read_text())
    allowed = [a for p in root.findall("policy") for a in p.findall("allow")
               if a.get("send_destination") or a.get("send_interface")]
    assert allowed
    for rule in allowed:
        assert rule.get("send_member") or rule.get("send_interface", "").startswith(
            "org.freedesktop.DBus."), ElementTree.tostring(rule)


def test_the_activation_file_works_with_and_without_systemd(host):
    text = host.path("/usr/share/dbus-1/system-services/org.raxauth.Auth1.service").read_text()
    assert "SystemdService=raxauthd.service" in text
    assert "Exec=/usr/libexec/raxauthd" in text
    assert "User=raxauth" in text


def test_the_daemon_starts_by_activation_in_an_empty_environment(host):
    with host.caller() as root:
        assert root.property("Version")
    (pid,) = host.pids("raxauthd")
    assert not host.path("/run/raxauth").exists()
    umask = next(line for line in open(f"/proc/{pid}/status") if line.startswith("Umask"))
    assert umask.split()[1] == "0077"


def test_the_sshd_drop_in_makes_a_second_prompt_possible(host):
    settings = host.run(["/usr/sbin/sshd", "-T"]).stdout.lower().splitlines()
    for wanted in ("kbdinteractiveauthentication yes", "passwordauthentication no",
                   "logingracetime 300", "usepam yes"):
        assert wanted in settings


def test_the_unit_is_what_the_contract_says(host):
    text = host.path("/usr/lib/systemd/system/raxauthd.service").read_text()
    unit = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in ("Restart=always", "StartLimitIntervalSec=0", "User=raxauth"):
        assert line in unit, line
    for absent in ("ProtectProc=", "PrivateUsers=yes", "PrivateUsers=true", "network-online"):
        assert absent not in unit, absent
    assert "Before=systemd-user-sessions.service" in unit
    verified = host.run(["systemd-analyze", "verify", "/usr/lib/systemd/system/raxauthd.service"],
                        check=False)
    ours = [x for x in (verified.stdout + verified.stderr).splitlines() if "raxauthd" in x]
    assert ours == []


def test_the_profiles_can_be_taken_out_again(host):
    before = host.path("/etc/pam.d/common-auth").read_text()
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    host.run(["pam-auth-update", "--remove", "raxauth", "raxauth-session"], env=quiet)
    without = host.path("/etc/pam.d/common-auth").read_text()
    host.enable_profiles()
    assert "pam_raxauth.so" in before
    assert "pam_raxauth.so" not in without
    assert host.path("/etc/pam.d/common-auth").read_text() == before
