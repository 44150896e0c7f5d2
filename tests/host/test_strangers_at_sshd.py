# SPDX-License-Identifier: Apache-2.0
"""Strangers at sshd from many addresses: their prompts and their wrong passwords keep nobody out who
comes from a known place, from an open session or to the console."""

import collections
import json
import subprocess

import pytest
from throwaway import CROWD, SHELL

HERE, HERE_V6 = "192.0.2.1", "2001:db8::1"
OFFICE, CAFE = "192.0.2.7", "203.0.113.9"


@pytest.fixture(scope="module")
def networks(shared_host):
    """The host can be reached from other addresses than its own loopback."""
    for network in ("192.0.2.1/24", "198.51.100.1/24", "203.0.113.1/24"):
        shared_host.run(["ip", "address", "add", network, "dev", "lo"])
    addresses = [HERE_V6] + [f"2001:db8:1:{n:x}::1" for n in range(64)]
    shared_host.run(["ip", "-batch", "-"], input="".join(
        f"address add {a}/128 dev lo nodad\n" for a in addresses))
    shared_host.set_sshd(f"ListenAddress {HERE}\nListenAddress {HERE_V6}\n")
    known = shared_host.path("/etc/ssh/ssh_known_hosts")
    known.write_text(known.read_text().replace("127.0.0.1,", f"127.0.0.1,{HERE},"))


class Strangers:
    """Ssh clients from FROM (addresses) that try USERS one by one; see strangers.py."""

    def __init__(self, host, sources, users, password=None):
        self.count = len(sources)
        who = [{"from": source, "to": HERE_V6 if ":" in source else HERE,
                "user": users[n % len(users)], "password": password}
               for n, source in enumerate(sources)]
        self.process = host.spawn(["/usr/bin/python3", "-I", host.program("strangers.py")],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        self.process.stdin.write(json.dumps(who) + "\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def results(self):
        """How many were asked, refused, let in; waits for all of them."""
        return collections.Counter(self.process.stdout.readline().strip()
                                   for _ in range(self.count))


def ssh_from(host, source, user="alice"):
    argv = host.ssh_argv(user, options=(f"BindAddress={source}",))
    argv[argv.index(f"{user}@127.0.0.1")] = f"{user}@{HERE}"
    return host.terminal(argv)


def signs_in_from(host, source):
    with ssh_from(host, source) as session:
        host.answer_both("alice", session)


def signs_in_at_the_console(host):
    with host.terminal(["login", "alice"]) as session:
        host.answer_both("alice", session)


@pytest.mark.usefixtures("networks")
def test_strangers_at_prompts_leave_room_for_known_places_sessions_and_the_console(host):
    host.configure({"limits": {"conversations": 16}})
    signs_in_from(host, OFFICE)
    sources = [f"198.51.100.{n}" for n in range(2, 18)]
    with ssh_from(host, OFFICE) as session:
        host.answer_both("alice", session)
        with Strangers(host, sources, CROWD) as strangers:
            assert strangers.results() == {"asked": 12, "refused": 4}
            _, screen = session.dialogue("sudo -k id -un", [host.identity.password("alice")])
            assert "\nroot\n" in screen, screen
            signs_in_at_the_console(host)
            signs_in_from(host, OFFICE)


@pytest.mark.usefixtures("networks")
def test_wrong_passwords_from_64_networks_keep_nobody_out(host):
    host.identity.switch(password_lock_after=10000)  # Identity's own lock is not what is tested
    sources = [f"2001:db8:1:{n:x}::1" for n in range(64)]
    with Strangers(host, sources, ["alice"], password="wrong") as strangers:
        assert strangers.results() == {"refused": 64}
    signs_in_from(host, CAFE)  # never seen before
    signs_in_at_the_console(host)
