# SPDX-License-Identifier: Apache-2.0
"""A host that is thrown away: PAM, sshd, the system bus, and raxauth installed in it; no systemd."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess

from .host import ALONE, ENVIRONMENT, Host
from .identity import Identity
from .journal import SocketJournal
from .people import CROWD, accounts
from .processes import wait_until

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[2]


class ThrowawayHost(Host):
    """`with ThrowawayHost(build) as host: ...`, up in well under a second.

    BUILD is a build directory of the product (default: $RAXAUTH_BUILD); with product=False the
    host is stock Debian with sshd and a system bus. Nothing of it outlives close() or the death
    of this process.
    """

    def __init__(self, build=None, product=True, settings=None, profiles=True, sshd_drop_in=True):
        build = build or os.environ.get("RAXAUTH_BUILD")
        if product and not build:
            raise RuntimeError("RAXAUTH_BUILD names no build directory to install from")
        super().__init__(build)
        try:
            self._boot()
            self.install_programs()
            self.bus = self.service(["dbus-daemon", "--system", "--nofork", "--nopidfile",
                                     "--print-address=1"], self._bus_answers, "dbus")
            self.sshd = self.service(["/usr/sbin/sshd", "-D"], self._sshd_listens, "sshd")
            if product:
                self._install()
                self.identity = Identity(self, CROWD)
                self.base_settings = self.identity.settings()
                self.configure(settings or {})
            if product and profiles:
                self.enable_profiles()
            self.write_sshd_settings(product and sshd_drop_in)
            self.bus.start()
            self.sshd.start()
        except BaseException:
            self.close()
            raise

    def way_in(self):
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-w", "--"]

    def restart_sshd(self):
        self.sshd.restart()

    # -- making it

    def _boot(self):
        self._master, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._master.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        builds = self._build_folders()
        what = {"visible": [str(SOURCE), *builds], "writable": builds,
                "hostname": "throwaway", "accounts": accounts()}
        self._init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
             "--", "/usr/bin/python3", "-B", "-E", "-s", str(HERE / "init.py")],
            stdin=theirs, stdout=self._log("init"), stderr=subprocess.STDOUT, env=ENVIRONMENT,
            start_new_session=True)
        self._closing.callback(self._halt)
        theirs.close()
        self._master.sendall(json.dumps(what).encode() + b"\n")
        data, ancillary, _, _ = self._master.recvmsg(16, socket.CMSG_SPACE(12)
                                                     + socket.CMSG_SPACE(2 * 4))
        if data != b"up":
            raise RuntimeError("the throwaway host did not come up:\n" + self.log("init"))
        sockets = []
        for _, kind, payload in ancillary:
            if kind == socket.SCM_CREDENTIALS:
                self.pid = int.from_bytes(payload[:4], "little")
            elif kind == socket.SCM_RIGHTS:
                sockets = [socket.socket(fileno=int.from_bytes(payload[i:i + 4], "little"))
                           for i in (0, 4)]
        self.journal = SocketJournal(*sockets)
        self._closing.callback(self.journal.close)

    def _build_folders(self):
        """The build, and where it was configured: its install scripts name files by that place."""
        if not self.build:
            return []
        cache = (self.build / "CMakeCache.txt").read_text()
        home = re.search(r"^CMAKE_CACHEFILE_DIR:INTERNAL=(.*)$", cache, re.M).group(1)
        return list(dict.fromkeys([str(self.build), str(pathlib.Path(home).resolve())]))

    def _halt(self):
        self._master.close()  # PID 1 ends when its other end closes, and the rest with it
        try:
            self._init.wait(5)
        except subprocess.TimeoutExpired:
            self._init.kill()
            self._init.wait()

    def _install(self):
        self.run(["cmake", "--install", str(self.build), "--prefix", "/usr"])
        self.run(["systemd-sysusers", "/usr/lib/sysusers.d/raxauth.conf"])
        # what the unit's ExecStartPre= does on a host with systemd
        self.run(["install", "-d", "-m", "0700", "-o", "raxauth", "-g", "raxauth",
                  "/var/lib/raxauth"])
        self.pam_service("raxauth-alone", ALONE)

    def _bus_answers(self, process):
        if not process.stdout.readline():
            raise RuntimeError("the bus did not start:\n" + self.log("dbus"))

    def _sshd_listens(self, process):
        def listening():
            if process.poll() is not None:
                raise RuntimeError("sshd did not start:\n" + self.log("sshd"))
            return self.listens(22)
        wait_until(listening, "sshd listens")

    def listens(self, port):
        """Does anything in the host listen on this TCP port?"""
        sockets = [line.split() for family in ("tcp", "tcp6") for line in
                   pathlib.Path(f"/proc/{self.pid}/net/{family}").read_text().splitlines()[1:]]
        return any(s[1].endswith(f":{port:04X}") and s[3] == "0A" for s in sockets)

    # -- a bus in trouble

    @contextlib.contextmanager
    def bus_absent(self):
        """No bus at all: no daemon, no socket."""
        self.kill_daemon()
        self.bus.stop()
        with contextlib.suppress(FileNotFoundError):
            self.path("/run/dbus/system_bus_socket").unlink()
        try:
            yield
        finally:
            self.bus.start()

    @contextlib.contextmanager
    def bus_mute(self):
        """A bus that takes connections and never says a word."""
        with self.bus_absent():
            with self._trouble("mute"):
                yield
            self.path("/run/dbus/system_bus_socket").unlink()

    @contextlib.contextmanager
    def bus_flooded(self):
        """`nobody` holds every half-open connection the bus allows, and comes back at once."""
        with self._trouble("flood", user="65534"):
            yield

    @contextlib.contextmanager
    def daemon_flooded(self, kind):
        """`nobody` sends the daemon messages as fast as the bus takes them: "fat", "pings", "huge"."""
        with self._trouble(kind, user="65534"):
            yield

    @contextlib.contextmanager
    def _trouble(self, kind, user=None):
        process = self.spawn(["/usr/bin/python3", "-I", self.program("trouble.py"), kind], user=user,
                             stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"trouble of the kind {kind} did not start")
            yield
        finally:
            process.stdin.close()  # it ends with its standard input
            process.wait(10)
            process.stdout.close()
