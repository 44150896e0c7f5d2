# SPDX-License-Identifier: Apache-2.0
"""No daemon, no bus, a bus that says nothing, a bus that is kept busy: who gets in, and how fast."""

import time

import pytest

from throwaway import PEOPLE, ThrowawayHost, local_password

LOCALS = ["root", "breakglass"]  # not ours: uid 0, and exempt on the module's line


@pytest.fixture(scope="module")
def shared_host():
    with ThrowawayHost() as host:
        host.add_module_options("exempt_user=breakglass")
        # Debian's own stacks without the delay that login adds to a failure
        host.pam_service("a-service", "@include common-auth\n@include common-account\n")
        yield host


def local_sign_in(host, user):
    """A sign-in with the local password by the stack pam-auth-update made, timed."""
    started = time.monotonic()
    report = host.probe("a-service", user, ["authenticate", "acct_mgmt"], [local_password(user)])
    return report.codes(), time.monotonic() - started


def locals_get_in_at_once(host):
    for user in LOCALS:
        codes, took = local_sign_in(host, user)
        assert codes == ["PAM_SUCCESS", "PAM_SUCCESS"], (user, codes)
        assert took < 2.0, f"{user} waited {took:.1f} s"


def ours_do_not_get_in(host, within):
    for service in ("a-service", "raxauth-alone"):
        report = host.probe(service, "alice", ["authenticate"], [local_password("alice")] * 3)
        assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
        assert report.seconds < within, f"alice was kept waiting for {report.seconds:.1f} s"


def test_the_exempt_and_root_sign_in_locally_while_all_is_well(host):
    locals_get_in_at_once(host)
    report = host.probe("a-service", "alice", ["authenticate"], [local_password("alice")] * 3)
    assert report.code == "PAM_AUTH_ERR", "a local password got a user of ours in"


def test_without_a_bus_only_those_not_ours_get_in(host):
    with host.bus_absent():
        locals_get_in_at_once(host)
        ours_do_not_get_in(host, within=1.0)
    assert host.sign_in("alice").granted


def test_on_a_mute_bus_only_those_not_ours_get_in(host):
    with host.bus_mute():
        locals_get_in_at_once(host)
        ours_do_not_get_in(host, within=4.0)
    assert host.sign_in("alice").granted


def test_on_a_bus_flooded_by_nobody_only_those_not_ours_get_in(host):
    with host.bus_flooded():
        locals_get_in_at_once(host)
        ours_do_not_get_in(host, within=4.0)
    assert host.sign_in("alice").granted


def test_without_a_daemon_to_start_only_those_not_ours_get_in(host):
    daemon = host.path("/usr/libexec/raxauthd")
    daemon.rename(daemon.with_name("raxauthd.away"))
    try:
        locals_get_in_at_once(host)
        ours_do_not_get_in(host, within=4.0)
    finally:
        daemon.with_name("raxauthd.away").rename(daemon)
    assert host.sign_in("alice").granted


def test_a_daemon_that_starts_and_never_takes_its_name_is_not_waited_for(host):
    daemon = host.path("/usr/libexec/raxauthd")
    aside = daemon.with_name("raxauthd.away")
    daemon.rename(aside)
    try:
        daemon.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
        daemon.chmod(0o755)
        locals_get_in_at_once(host)
        ours_do_not_get_in(host, within=4.0)
    finally:
        for pid in host.pids("sleep"):
            host.kill(pid)
        daemon.unlink()
        aside.rename(daemon)


def test_a_stopped_daemon_is_given_up_after_the_modules_timeout(host):
    host.pam_service("raxauth-short", "auth required pam_raxauth.so timeout=2\n")
    with host.caller() as root:
        root.property("Version")  # it runs
    with host.stopped("raxauthd"):
        report = host.probe("raxauth-short", "alice", ["authenticate"], [])
    assert report.code == "PAM_AUTHINFO_UNAVAIL"
    assert 1.5 < report.seconds < 3.0


def test_a_bus_address_in_the_environment_is_not_followed(host):
    report = host.probe("raxauth-alone", "alice", ["authenticate"], [],
                        wrap=["env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/elsewhere"])
    assert report.prompts, "the module did not find the bus"


def test_system_accounts_are_not_ours(host):
    for name, uid in (("daemon", 1), ("www-data", 33)):
        assert uid < 1000 < min(PEOPLE.values())
        with host.bus_absent():
            report = host.probe("raxauth-alone", name, ["authenticate", "acct_mgmt"], [])
        assert report.codes() == ["PAM_USER_UNKNOWN", "PAM_USER_UNKNOWN"]
