# SPDX-License-Identifier: Apache-2.0
"""The daemon over many sign-ins: no leak, no bad access, nothing that grows."""

import os

from throwaway import CROWD


def sign_in(host, name):
    report = host.probe("raxauth-alone", name, ["authenticate", "acct_mgmt", "setcred"],
                        [host.identity.password(name), lambda: host.identity.sms(name)])
    assert report.codes() == ["PAM_SUCCESS"] * 3, (report.events, host.identity.story())


def daemon_state(host):
    """Open descriptors by kind, and threads."""
    (pid,) = host.pids("raxauthd")
    kinds = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{fd}")
        kinds.append(target.split(":")[0])
    return sorted(kinds), len(os.listdir(f"/proc/{pid}/task"))


def test_sign_ins_and_refusals_leave_no_descriptor_and_no_thread_in_the_daemon(host):
    sign_in(host, CROWD[0])
    before = daemon_state(host)
    for i, name in enumerate(CROWD[1:40]):
        if i % 4 == 0:
            host.probe("raxauth-alone", name, ["authenticate"], ["wrong"])
        elif i % 4 == 1:
            host.probe("raxauth-alone", name, ["authenticate"], [])
        else:
            sign_in(host, name)
    host.wait_until(lambda: daemon_state(host) == before, f"the daemon is as before: {before}")


def test_valgrind_finds_nothing_wrong_with_the_daemon_over_a_hundred_sign_ins(host):
    log = host.path("/tmp/valgrind.log")
    # under valgrind a TLS handshake takes seconds
    host.configure({"identity": {"connect_timeout": "30s", "request_timeout": "50s"}})

    def owns_its_name(_process):
        with host.caller() as root:
            host.wait_until(
                lambda: root.call("NameHasOwner", "s", "org.raxauth.Auth1",
                                  to="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                                  interface="org.freedesktop.DBus")[0],
                "the daemon under valgrind is up", timeout=60)

    daemon = host.service(
        ["setpriv", "--reuid=raxauth", "--regid=raxauth", "--clear-groups", "--", "valgrind", "-q",
         "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
         "--log-fd=9", "/usr/libexec/raxauthd"], owns_its_name, "valgrind")
    daemon.argv = ["sh", "-c", 'exec 9>/tmp/valgrind.log; exec "$@"', "sh", *daemon.argv]
    daemon.start()
    try:
        for name in CROWD:
            sign_in(host, name)
    finally:
        daemon.stop()
    assert log.read_text() == ""
