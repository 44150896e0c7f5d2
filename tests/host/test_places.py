# SPDX-License-Identifier: Apache-2.0
"""One local user without rights at four hundred prompts of su and as many of polkit's helper, with the
limits that dbus-daemon is packaged with: nobody else is kept from the bus, or from signing in."""

import contextlib
import selectors
import subprocess
import time

from throwaway import CROWD, wait_until

HELPER = "/usr/lib/polkit-1/polkit-agent-helper-1"
SUDO = "sudo -k id -un"
OFFICE = {"rhost": "192.0.2.7"}


class Crowd:
    """COUNT processes of USER's that run ARGV; gone with the `with`."""

    def __init__(self, host, user, argv, count, first_line=None):
        self.host = host
        self.processes = []
        for number in range(count):
            words = [word.format(number) for word in argv]
            process = host.spawn(words, user=user, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
            if first_line:
                process.stdin.write(first_line)
                process.stdin.flush()
            self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.stdout.read()
            process.wait(60)
            process.stdout.close()

    def at_prompts(self):
        """Waits until each has its prompt or was refused; how many have theirs."""
        found = 0
        deadline = time.monotonic() + 120
        with selectors.DefaultSelector() as waiting:
            for process in self.processes:
                waiting.register(process.stdout, selectors.EVENT_READ)
            while waiting.get_map():
                assert time.monotonic() < deadline, f"{len(waiting.get_map())} said nothing"
                for key, _ in waiting.select(1):
                    found += b"assword" in key.fileobj.read1(4096)
                    waiting.unregister(key.fileobj)
        return found


def signs_in(host, user, items=None):
    """A sign-in by both factors; how long the stack worked at it."""
    with host.start_probe("raxauth-alone", user, items=items) as probe:
        started = time.monotonic()
        probe.question("password")
        probe.answer(host.identity.password(user))
        probe.question("passcode")
        probe.answer(host.identity.sms(user))
        report = probe.finish()
        assert report.code == "PAM_SUCCESS", report.events
        return time.monotonic() - started


def live(host):
    with host.caller() as root:
        return root.property("LiveConversations")


def test_eight_hundred_prompts_of_a_local_user_hold_nobody_up(host):
    signs_in(host, "alice", OFFICE)  # from now on a known origin
    with host.ssh("alice") as session, contextlib.ExitStack() as stack:
        host.answer_both("alice", session)
        crowds = [stack.enter_context(Crowd(host, "mallory", ["su", "alice"], 400)),
                  stack.enter_context(Crowd(host, "mallory", [HELPER, "alice"], 400, b"cookie\n"))]
        prompts = sum(crowd.at_prompts() for crowd in crowds)
        assert prompts == live(host) == 16, "mallory's share"

        names = host.run(["busctl", "--system", "--no-pager", "list"]).stdout
        assert "org.raxauth.Auth1" in names
        assert host.run(["raxauth", "status", "--json"]).returncode == 0

        assert signs_in(host, "alice", OFFICE) < 1.0
        started = time.monotonic()
        _, screen = session.dialogue(SUDO, [host.identity.password("alice")])
        assert "\nroot\n" in screen, screen
        assert time.monotonic() - started < 1.0
    wait_until(lambda: live(host) == 0, "the conversations have ended")


def test_prompts_hold_no_connection_of_the_bus(host):
    def connections():
        return host.run(["busctl", "--system", "--no-pager", "--unique", "list"]).stdout.count("\n:")

    with host.caller() as root:
        root.property("Version")  # the daemon runs
    before = connections()
    with contextlib.ExitStack() as stack:
        for name in CROWD[:30]:
            stack.enter_context(host.start_probe("raxauth-alone", name)).question("password")
        assert live(host) == 30
        assert connections() == before


def test_names_that_do_not_exist_share_one_small_part(host):
    host.configure({"limits": {"conversations": 32}})  # of which a sixteenth is two
    with contextlib.ExitStack() as stack:
        for number in range(2):
            probe = host.start_probe("raxauth-alone", f"nobody{number}",
                                     items={"rhost": f"198.51.100.{number}"})
            stack.enter_context(probe).question("password")
        third = host.probe("raxauth-alone", "nobody3", items={"rhost": "198.51.100.3"})
        assert third.code == "PAM_AUTHINFO_UNAVAIL", third.events
        stack.enter_context(host.start_probe("raxauth-alone", "alice")).question("password")


def test_strangers_leave_a_quarter_to_known_origins(host):
    host.configure({"limits": {"conversations": 16}})
    signs_in(host, "alice", OFFICE)
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(CROWD[:12]):
            probe = host.start_probe("raxauth-alone", name, items={"rhost": f"198.51.100.{number}"})
            stack.enter_context(probe).question("password")
        stranger = host.probe("raxauth-alone", "alice", items={"rhost": "203.0.113.1"})
        assert stranger.code == "PAM_AUTHINFO_UNAVAIL", stranger.events
        signs_in(host, "alice", OFFICE)


def test_a_conversation_whose_time_is_over_holds_no_place(host):
    host.configure({"sign_in": {"deadline": "5s"}, "identity": {"request_timeout": "2s",
                                                             "connect_timeout": "1s"}})
    with host.start_probe("raxauth-alone", "alice") as probe:
        probe.question("password")
        assert live(host) == 1
        wait_until(lambda: live(host) == 0, "its time is over")
        probe.answer(host.identity.password("alice"))
        report = probe.finish()
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events
    assert host.identity.posts() == []
