# SPDX-License-Identifier: Apache-2.0
"""A graphical desktop without a screen: Xvfb, and somebody who types."""

import contextlib
import subprocess

from .processes import children, end_process, wait_until


class XDisplay:
    """An X server of USER's inside a host, gone with the `with`."""

    NAME = ":7"

    def __init__(self, host, user):
        self.host, self.user = host, user
        self.env = {"DISPLAY": self.NAME}
        self.server = host.spawn(["Xvfb", self.NAME, "-screen", "0", "320x240x24", "-nolisten", "tcp"],
                                 user=user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        wait_until(host.path(f"/tmp/.X11-unix/X{self.NAME[1:]}").exists, "the X server listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in children(self.server.pid):
            with contextlib.suppress(ProcessLookupError):
                end_process(pid)
        self.server.wait()
        for left in (f"/tmp/.X11-unix/X{self.NAME[1:]}", f"/tmp/.X{self.NAME[1:]}-lock"):
            self.host.path(left).unlink(missing_ok=True)

    def type(self, text):
        """Types TEXT and the return key."""
        for argv in (["type", "--delay", "2", text], ["key", "Return"]):
            self.host.run(["xdotool", *argv], user=self.user, env=self.env)
