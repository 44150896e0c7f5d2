# SPDX-License-Identifier: Apache-2.0
"""What the module leaves behind in a PAM application: nothing."""

import pytest


def login(host):
    return [host.identity.password("alice"), lambda: host.identity.sms("alice")]


def check_nothing_left(report):
    before, after = report.end["before"], report.end["after"]
    changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    assert changed == {}
    assert not after["module mapped"], "the module is still mapped after pam_end"
    assert report.end["wrote"] == "", "the module wrote to the application's stdout or stderr"


ALL = ["authenticate", "acct_mgmt", "setcred", "open_session", "close_session", "setcred:delete"]


def test_nothing_is_left_after_a_whole_login(host):
    report = host.probe("raxauth-alone", "alice", ALL, login(host))
    assert report.codes() == ["PAM_SUCCESS"] * len(ALL), report.events
    check_nothing_left(report)


@pytest.mark.parametrize("answers", [[], ["wrong"], [None]], ids=["cancelled", "wrong", "null"])
def test_nothing_is_left_after_a_sign_in_that_failed(host, answers):
    report = host.probe("raxauth-alone", "alice", ALL, answers)
    assert report.code != "PAM_SUCCESS"
    check_nothing_left(report)


def test_nothing_is_left_when_the_passcode_prompt_is_cancelled(host):
    report = host.probe("raxauth-alone", "alice", ALL, login(host)[:1])
    assert report.code == "PAM_CONV_ERR"
    check_nothing_left(report)


def test_nothing_is_left_without_a_bus(host):
    with host.bus_absent():
        check_nothing_left(host.probe("raxauth-alone", "alice", ALL))


def test_nothing_is_left_on_a_mute_bus(host):
    with host.bus_mute():
        check_nothing_left(host.probe("raxauth-alone", "alice", ["authenticate"]))


def test_nothing_is_left_when_the_daemon_dies(host):
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        host.kill_daemon()
        probe.answer("whatever")
        report = probe.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL"
    check_nothing_left(report)


def test_nothing_is_left_for_those_not_ours(host):
    check_nothing_left(host.probe("raxauth-alone", "root", ALL))


def test_a_module_loaded_and_unloaded_two_hundred_times_leaves_nothing(host):
    report = host.probe("raxauth-alone", "root", ["authenticate", "acct_mgmt"], repeat=200)
    check_nothing_left(report)


def test_standard_descriptors_that_are_closed_are_not_taken(host):
    """A daemon may run PAM with 0, 1 and 2 closed; a socket of ours there would get its output."""
    argv = ["sh", "-c", 'exec "$@" 0<&-', "sh"]
    report = host.probe("raxauth-alone", "alice", ["acct_mgmt"], wrap=argv)
    check_nothing_left(report)


def test_valgrind_finds_no_leak_and_no_bad_access_in_the_module(host):
    log = "/tmp/valgrind.log"
    report = host.probe("raxauth-alone", "alice", ALL, login(host),
                        wrap=["valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=all",
                              "--show-leak-kinds=definite,indirect", f"--log-file={log}",
                              "--keep-debuginfo=yes"])
    text = host.path(log).read_text()
    assert report.codes() == ["PAM_SUCCESS"] * len(ALL), report.events
    ours = [b for b in text.split("\n==") if "pam_raxauth" in b]
    assert not ours, text


def test_the_module_needs_only_pam_systemd_and_what_every_program_has(host):
    lines = host.run(["readelf", "-d", host.module_path()]).stdout
    needed = {line.split("[")[1].rstrip("]") for line in lines.splitlines() if "(NEEDED)" in line}
    assert needed <= {"libpam.so.0", "libsystemd.so.0", "libc.so.6", "libgcc_s.so.1",
                      "libstdc++.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, needed


def test_the_module_exports_the_six_hooks_and_nothing_else(host):
    lines = host.run(["nm", "-D", "--defined-only", host.module_path()]).stdout
    names = {line.split()[-1].split("@")[0] for line in lines.splitlines()}
    assert names == {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt",
                     "pam_sm_open_session", "pam_sm_close_session", "pam_sm_chauthtok"}
