# SPDX-License-Identifier: Apache-2.0
"""No password, passcode or token where it does not belong: logs, bus messages, memory."""

import re
import subprocess


TOKEN = re.compile(r"[A-Za-z0-9_-]{100,}")  # Identity's tokens and session ids have 200 and more


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
    assert host.identity.issued_tokens("alice")
    for pid in host.children(monitor.pid):
        host.kill(pid, 15)
    captured = monitor.stdout.read().decode("latin-1")
    monitor.wait()
    monitor.stdout.close()
    assert "BeginSignIn" in captured, "the capture holds nothing: this proves nothing"

    secrets = [password, *codes]
    logs = host.journal.raw(mark) + host.log("dbus") + host.log("sshd")
    for place, text in (("a message on the bus", captured), ("a log", logs)):
        assert not [s for s in secrets if s in text], f"a secret is in {place}"
        assert not TOKEN.search(text), f"a token or session id is in {place}"
    (daemon,) = host.pids("raxauthd")
    (bus,) = host.pids("dbus-daemon")
    assert memory_holds(bus, secrets + ["org.raxauth.Auth1"]) == {"org.raxauth.Auth1"}
    assert memory_holds(daemon, secrets + ["localhost:8443"]) == {"localhost:8443"}


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
        password = host.identity.password("alice")
        for pid in host.pids():
            for place in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{place}", "rb") as file:
                    text = file.read().decode("latin-1")
                assert password not in text and not TOKEN.search(text), (pid, place)
