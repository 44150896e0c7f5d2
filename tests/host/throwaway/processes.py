# SPDX-License-Identifier: Apache-2.0
"""Starting, finding and ending the processes of a host, seen from outside of it."""

import contextlib
import functools
import os
import pathlib
import select
import signal
import subprocess
import time

UNSET_LOGIN = "4294967295"


def wait_until(ready, what, timeout=10.0):
    """Polls READY every few milliseconds: for things that have no event to wait for."""
    limit = time.monotonic() + timeout
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"{what}: not within {timeout} s")
        select.select([], [], [], 0.004)


def end_process(pid, how=signal.SIGKILL, timeout=10):
    """Sends the signal HOW to PID and returns when it has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, how)
        ready, _, _ = select.select([handle], [], [], timeout)
        if not ready:
            raise AssertionError(f"process {pid} did not end on signal {how}")
    finally:
        os.close(handle)


def children(pid):
    """The direct children of PID."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if entry.isdigit():
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
                if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry))
    return found


@functools.lru_cache(maxsize=None)
def forget_login():
    """Where this very process belongs to a login session, its children must not: a host's do
    what a boot's services do, and only pam_loginuid gives them a session."""
    own = pathlib.Path("/proc/self/loginuid")
    if not own.exists() or own.read_text().strip() == UNSET_LOGIN:
        return None

    def forget():
        with open("/proc/self/loginuid", "w") as file:
            file.write(UNSET_LOGIN)
    return forget


class Service:
    """A program of a host that runs until it is stopped. READY waits for its first sign of life."""

    def __init__(self, host, argv, ready, errors):
        self.host, self.argv, self.ready, self.errors = host, argv, ready, errors
        self.process = None

    def start(self):
        self.process = self.host.spawn(self.argv, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=self.errors)
        self.ready(self.process)

    def stop(self):
        """SIGTERM to the program (not to the nsenter that holds it), then SIGKILL."""
        if self.process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            for pid in children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            try:
                self.process.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.stdout.close()
        self.process = None

    def restart(self):
        self.stop()
        self.start()
