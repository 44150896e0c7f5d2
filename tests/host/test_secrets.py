# SPDX-License-Identifier: Apache-2.0
"""No password, passcode or token where it does not belong: logs, bus messages, memory."""

import re
import subprocess


def memory_holds(pid, words):
    """Which of WORDS (texts) lie in the writable memory of process PID."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not area:
                continue
            start, end = (int(x, 16) for x in area.groups())
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue
            found |= {w for w in words if w.encode() in data}
    return found


def test_no_secret_stays_in_daemon_or_bus_memory_or_reaches_a_log_or_a_message(host):
    password = host.identity.password("alice")
    codes = []

    def code():
        codes.append(host.identity.sms("alice"))
        return codes[-1]

    monitor = host.spawn(["busctl", "--system", "capture"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    assert monitor.stdout.read(4), "the capture has begun"  # the file's magic number
    mark = host.journal.mark()
    report = host.probe("raxauth-alone", "alice", ["authenticate", "acct_mgmt", "setcred"],
                        [password, code])
    assert report.codes() == ["PAM_SUCCESS"] * 3, report.events
    tokens = [t["id"] for t in host.identity.issued_tokens("alice")]
    sessions = host.identity.challenge_sessions()
    for pid in host.children(monitor.pid):
        host.kill(pid, 15)
    captured = monitor.stdout.read().decode("latin-1")
    monitor.wait()
    monitor.stdout.close()
    assert "BeginSignIn" in captured, "the capture holds nothing: this proves nothing"

    secrets = [password, *codes, *tokens, *sessions]
    assert tokens and codes and all(len(s) > 5 for s in secrets)
    logs = host.journal.raw(mark) + host.log("dbus") + host.log("sshd")
    for secret in secrets:
        assert secret not in captured, "a secret crossed the bus in a message"
        assert secret not in logs, "a secret is in a log"
    (daemon,) = host.pids("raxauthd")
    (bus,) = host.pids("dbus-daemon")
    assert memory_holds(bus, secrets) == set()
    # the token may live as long as its owner, the ticket, does
    assert memory_holds(daemon, [password, *codes, *sessions]) == set()


def test_the_memory_scan_finds_what_is_there(host):
    planted = "planted-" + "secret-4711"
    holder = host.spawn(["/usr/bin/python3", "-c",
                         "import sys; text = sys.stdin.readline(); print('ok', flush=True); "
                         "sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write(planted + "\n")
    holder.stdin.flush()
    holder.stdout.readline()
    (pid,) = host.children(holder.pid)
    assert memory_holds(pid, [planted]) == {planted}
    holder.communicate()


def test_no_process_argument_or_environment_of_the_host_holds_a_secret(host):
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        secrets = [host.identity.password("alice")] + \
            [t["id"] for t in host.identity.issued_tokens("alice")]
        for pid in host.pids():
            for place in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{place}", "rb") as file:
                    text = file.read().decode("latin-1")
                assert not [s for s in secrets if s in text], (pid, place)
