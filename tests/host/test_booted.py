# SPDX-License-Identifier: Apache-2.0
"""A whole Debian with systemd as PID 1 and logind: the unit, login sessions, restarts, a reboot."""

import contextlib
import re
import time

import pytest

from booted import BootedHost

SUDO = "sudo -k id -un"
UNIT = "raxauthd.service"


@pytest.fixture(scope="module")
def shared_host():
    with BootedHost() as host:
        yield host


@contextlib.contextmanager
def signed_in(host, user="alice"):
    with host.ssh(user) as session:
        host.answer_both(user, session)
        yield session


def sudo_without_passcode(host, session):
    """sudo is answered with the password alone."""
    prompts, screen = session.dialogue(SUDO, [host.identity.password("alice")])
    assert len(prompts) == 1 and "\nroot\n" in screen, screen
    return True


def sudo_needs_both(session):
    prompts, _ = session.dialogue(SUDO)
    assert "second factor of" not in prompts[0], prompts
    return True


# -- unit and activation


def test_a_sign_in_starts_the_unit_by_activation(host):
    assert host.systemctl("is-active", UNIT, check=False) == "inactive"
    assert host.sign_in("alice").granted
    assert host.systemctl("is-active", UNIT) == "active"
    assert host.systemctl("show", "-P", "NRestarts", UNIT) == "0"


def test_nothing_has_failed_on_the_host(host):
    assert host.sign_in("alice").granted
    assert host.systemctl("list-units", "--failed", "--no-legend", "--plain") == ""


def test_the_daemon_is_confined(host):
    assert host.sign_in("alice").granted
    done = host.run(["systemd-analyze", "security", "--no-pager", UNIT], check=False)
    score = float(re.search(r"exposure level for \S+: ([\d.]+)", done.stdout).group(1))
    assert score <= 1.6, done.stdout
    (pid,) = host.pids("raxauthd")
    status = open(f"/proc/{pid}/status").read()
    assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    assert host.path("/var/lib/raxauth").stat().st_mode & 0o777 == 0o700


def test_the_journal_has_the_verdict_with_its_fields(host):
    mark = host.journal.mark()
    assert host.sign_in("alice").granted
    line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="alice")
    assert line["RAXAUTH_VERDICT"] == "granted"
    assert line["_SYSTEMD_UNIT"] == UNIT


def test_a_daemon_that_cannot_start_is_not_waited_for(host):
    drop_in = host.path("/run/systemd/system/raxauthd.service.d/50-broken.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nExecStart=\nExecStart=/bin/false\n")
    host.systemctl("daemon-reload")
    try:
        report = host.probe("raxauth-alone", "alice")
        assert report.code == "PAM_AUTHINFO_UNAVAIL"
        assert report.seconds < 4
        assert host.probe("raxauth-alone", "root").code == "PAM_USER_UNKNOWN"
    finally:
        drop_in.unlink()
        host.systemctl("daemon-reload")
    # mended, it comes up by itself
    host.wait_until(lambda: host.systemctl("is-active", UNIT, check=False) == "active", "it is up")
    assert host.sign_in("alice").granted


def test_a_daemon_that_cannot_start_is_tried_again_ever_more_slowly(host):
    def restarts():
        return int(host.systemctl("show", "-P", "NRestarts", UNIT))

    drop_in = host.path("/run/systemd/system/raxauthd.service.d/50-broken.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nExecStart=\nExecStart=/bin/false\n")
    host.systemctl("daemon-reload")
    try:
        host.systemctl("start", "--no-block", UNIT)
        host.wait_until(lambda: restarts() >= 3, "the first tries follow each other at once", 4)
        third = time.monotonic()
        host.wait_until(lambda: restarts() >= 5, "it goes on trying", 20)
        assert time.monotonic() - third > 5
    finally:
        drop_in.unlink()
        host.systemctl("daemon-reload")
    host.wait_until(lambda: host.systemctl("is-active", UNIT, check=False) == "active", "it is up")
    assert not host.path("/run/raxauth/failed-starts").exists()
    with signed_in(host) as session:
        sudo_without_passcode(host, session)
        (old,) = host.pids("raxauthd")
        host.kill(old)  # a single crash is not slowed down, and costs no session
        host.wait_until(lambda: [p for p in host.pids("raxauthd") if p != old], "a new daemon", 3)
        sudo_without_passcode(host, session)


def test_the_daemon_starts_where_its_state_cannot_be_written(host):
    assert host.sign_in("alice").granted  # and alice is known here
    host.systemctl("stop", UNIT)
    host.run(["mount", "--bind", "/var/lib/raxauth", "/var/lib/raxauth"])
    host.run(["mount", "-o", "remount,bind,ro", "/var/lib/raxauth"])
    try:
        assert host.sign_in("alice").granted
        assert host.systemctl("is-active", UNIT) == "active"
        assert "limiter.log" in host.run(["raxauth", "status"], check=False).stdout
    finally:
        host.systemctl("stop", UNIT)
        host.run(["umount", "/var/lib/raxauth"])


def test_the_daemon_makes_its_state_directory(host):
    host.systemctl("stop", UNIT)
    host.run(["rm", "-r", "/var/lib/raxauth"])
    assert host.sign_in("alice").granted
    place = host.path("/var/lib/raxauth")
    assert (place.stat().st_mode & 0o777, place.stat().st_uid) == (0o700, host.uid("raxauth"))


def test_a_host_that_hides_processes_from_each_other_changes_nothing(host):
    host.systemctl("stop", UNIT)
    host.run(["mount", "-o", "remount,hidepid=2", "/proc"])
    try:
        with signed_in(host) as session:
            sudo_without_passcode(host, session)
            assert len(session.shell("raxauth token").strip()) == 200
    finally:
        host.run(["mount", "-o", "remount,hidepid=0", "/proc"])


def test_a_journal_that_reads_nothing_stops_no_answer(host):
    assert host.sign_in("alice").granted
    fill = ("import socket\n"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
            "s.connect('/run/systemd/journal/socket')\n"
            "s.setblocking(False)\n"
            "n = 0\n"
            "try:\n"
            "    while n < 100000:\n"
            "        s.send(b'MESSAGE=fill\\nPRIORITY=7\\n')\n"
            "        n += 1\n"
            "except BlockingIOError:\n"
            "    print('full')\n")
    before = host.journal.mark()
    with host.stopped("systemd-journald"):
        assert host.run(["/usr/bin/python3", "-c", fill]).stdout == "full\n"
        with host.caller() as root:
            for _ in range(5):  # each is a line
                started = time.monotonic()
                root.call("CheckAccount", "a{sv}", {"user": "alice", "service": "cron"})
                assert time.monotonic() - started < 2
    host.wait_until(lambda: len(host.journal.entries(before, RAXAUTH_HOOK="account",
                                                    RAXAUTH_SERVICE="cron")) == 5,
                    "the lines have only waited", 10)
    assert host.sign_in("alice").granted


# -- sessions of logind


def test_the_session_is_known_by_logind_and_by_raxauth(host):
    with signed_in(host) as session:
        logind = session.shell("echo $XDG_SESSION_ID")
        assert logind and logind in session.shell("raxauth sessions")
        sudo_without_passcode(host, session)


@pytest.mark.parametrize("how", ["kill -9", "restart"])
def test_sessions_outlive_the_daemon(host, how):
    with signed_in(host) as session:
        sudo_without_passcode(host, session)  # so the password's verifier is made, and kept
        (old,) = host.pids("raxauthd")
        if how == "restart":
            host.systemctl("restart", UNIT)
        else:
            host.kill(old)
        host.wait_until(lambda: [p for p in host.pids("raxauthd") if p != old], "a new daemon")
        sudo_without_passcode(host, session)
        assert len(host.identity.issued_tokens()) == 1
    host.identity.wait_for_no_live_tokens()


def test_a_stop_ends_all_sessions_and_revokes_their_tokens(host):
    with signed_in(host) as session:
        host.systemctl("stop", UNIT)
        host.identity.wait_for_no_live_tokens()
        sudo_needs_both(session)


def test_a_restart_with_another_address_revokes_the_tokens_at_the_former_one(host):
    here = host.identity.url_of("localhost")
    with signed_in(host):
        host.write_settings({"identity": {"url": here.replace("https://localhost:",
                                                              "https://localhost:1")}})
        host.systemctl("restart", UNIT)
        assert host.identity.issued_tokens()
        host.identity.wait_for_no_live_tokens()
        with host.caller() as root:
            assert root.property("Sessions") == 0


def test_after_a_crash_no_token_reaches_another_address(host):
    elsewhere = host.identity.url_of("127.0.0.1")
    with signed_in(host):
        mark = host.journal.mark()
        host.write_settings({"identity": {"url": elsewhere}})
        (old,) = host.pids("raxauthd")
        host.kill(old)
        host.wait_until(lambda: [p for p in host.pids("raxauthd") if p != old], "a new daemon")
        found = host.journal.wait(mark, MESSAGE=(
            "the identity provider or its address is another than before the restart; people sign "
            "in anew; tokens of the former one that live until they expire: 1"))
        assert found
    assert not any(r["method"] == "DELETE" for r in host.identity.requests())
    assert len(host.identity.live_tokens()) == 1


def test_a_killed_ssh_session_is_over_and_its_token_revoked(host):
    with signed_in(host) as session:
        host.run(["loginctl", "terminate-session", session.shell("echo $XDG_SESSION_ID")])
        host.identity.wait_for_no_live_tokens()


def test_a_process_left_behind_by_logout_gets_nothing(host):
    with signed_in(host) as session:
        session.shell("(trap '' HUP; while ! [ -e /var/tmp/go ]; do sleep 0.05; done; "
                      "raxauth token >/var/tmp/left 2>&1; echo done >>/var/tmp/left) </dev/null "
                      ">/dev/null 2>&1 & true")
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()
    host.path("/var/tmp/go").touch()
    left = host.path("/var/tmp/left")
    host.wait_until(lambda: left.exists() and "done" in left.read_text(), "the process has tried")
    assert len(max(left.read_text().split(), key=len)) < 100, "it was given a token"
    host.path("/var/tmp/go").unlink()
    left.unlink()


def test_a_token_made_inside_a_session_ends_with_it_whatever_is_left_behind(host):
    host.authorize_key("alice")
    host.configure({"services": {"sshd": {"without_sign_in": "allow"}}})
    with host.ssh("alice", methods="publickey", key=True) as session:
        assert session.next() == ("in", "")
        session.dialogue("raxauth login", [host.identity.password("alice"),
                                           lambda: host.identity.sms("alice")])
        assert len(host.identity.live_tokens()) == 1
        session.shell("(trap '' HUP; setsid sleep 300) </dev/null >/dev/null 2>&1 & true")
        logind = session.shell("echo $XDG_SESSION_ID")
        session.answer("exit")
        session.next()
    try:
        host.identity.wait_for_no_live_tokens()
        state = host.run(["loginctl", "show-session", "-p", "State", "--value", logind]).stdout.strip()
        assert state == "closing", "the session had nothing left behind"
    finally:
        host.run(["loginctl", "kill-session", logind], check=False)
        host.path("/home/alice/.ssh/authorized_keys").unlink()


def test_a_sign_in_that_nothing_would_keep_is_refused_before_anything_is_asked(host):
    """What tmux or screen keeps running after the logout: logind calls its session closing."""
    with signed_in(host) as session:
        session.shell("(trap '' HUP; while ! [ -e /var/tmp/go ]; do sleep 0.05; done; "
                      "script -qec 'raxauth login' /var/tmp/asked; "
                      "echo exit $? >>/var/tmp/asked) </dev/null >/dev/null 2>&1 & true")
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()
    host.path("/var/tmp/go").touch()
    asked = host.path("/var/tmp/asked")
    host.wait_until(lambda: asked.exists() and "exit " in asked.read_text(), "it has ended")
    text = asked.read_text()
    assert "login session that is over" in text and "assword" not in text, text
    assert text.rstrip().endswith("exit 1"), text
    host.path("/var/tmp/go").unlink()
    asked.unlink()


def test_a_second_session_gets_nothing_from_the_first(host):
    host.authorize_key("alice")
    host.configure({"services": {"sshd": {"without_sign_in": "allow"}}})
    with signed_in(host), host.ssh("alice", methods="publickey", key=True) as second:
        assert second.next() == ("in", "")
        assert len(second.shell("raxauth token 2>&1")) < 200
        sudo_needs_both(second)
    host.path("/home/alice/.ssh/authorized_keys").unlink()


def test_roots_su_to_a_person_gets_nothing_and_leaves_the_session_alone(host):
    with signed_in(host) as session:
        done = host.run(["su", "-", "alice", "-c", "raxauth token"], check=False)
        assert done.returncode != 0 and len(done.stdout) < 100
        # opens and closes a session for alice, with the audit session of her own
        _, screen = session.dialogue("sudo -k su - alice -c 'id -un'",
                                     [host.identity.password("alice")])
        assert "\nalice\n" in screen, screen
        sudo_without_passcode(host, session)
        assert len(host.identity.live_tokens()) == 1


def test_sudo_i_opens_and_closes_its_own_session_only(host):
    with signed_in(host) as session:
        prompts, screen = session.dialogue("sudo -k -i id -un", [host.identity.password("alice")])
        assert len(prompts) == 1 and "\nroot\n" in screen, screen
        assert len(host.identity.live_tokens()) == 1, "the close of sudo's session ended alice's"
        sudo_without_passcode(host, session)


def test_what_runs_under_the_users_manager_has_no_session(host):
    with signed_in(host) as session:
        screen = session.shell("systemd-run --user --quiet --wait --pipe raxauth token 2>&1 | wc -c")
        assert int(screen.split()[-1]) < 200


def test_cron_jobs_run_and_get_nothing_from_a_session(host):
    host.path("/etc/cron.d/raxauth-test").write_text(
        "* * * * * alice (raxauth token; echo status $?) >/var/tmp/cron 2>&1\n")
    host.path("/etc/cron.d/raxauth-test").chmod(0o644)
    with signed_in(host):
        result = host.path("/var/tmp/cron")
        host.wait_until(lambda: result.exists() and "status" in result.read_text(),
                        "cron has run the job", timeout=75)
        assert "status 0" not in result.read_text()
    host.path("/etc/cron.d/raxauth-test").unlink()


def test_a_login_on_the_console_asks_for_both_factors(host):
    with host.terminal(["login", "alice"]) as session:
        host.answer_both("alice", session)
        assert session.shell("id -un") == "alice"


# -- the last test: it takes the host down


def test_a_reboot_leaves_nothing_of_a_session(host):
    with signed_in(host):
        assert len(host.identity.live_tokens()) == 1
        host.reboot()
    host.identity.start()
    with host.caller() as root:
        assert root.property("Sessions") == 0
    assert host.sign_in("alice").granted
