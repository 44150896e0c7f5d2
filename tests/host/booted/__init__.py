# SPDX-License-Identifier: Apache-2.0
"""A host booted with systemd as PID 1 and logind: raxauth as an administrator would have it."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

from throwaway.host import ALONE, Host
from throwaway.identity import Identity
from throwaway.journal import FollowedJournal
from throwaway.people import accounts

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNTS = HERE.parent / "throwaway/accounts.py"


class BootedHost(Host):
    """`with BootedHost(build) as host: ...`; half a second once mkroot has made its tree.

    The tree of the product lies between Debian's and what is written, as a package would have
    unpacked it. NAME tells hosts that run at the same time apart.
    """

    def __init__(self, build=None, product=True, name=None, settings=None, sshd_drop_in=True):
        super().__init__(build or os.environ.get("RAXAUTH_BUILD"))
        self.name = name or f"raxauth-{os.getpid()}"
        self.product = product
        self._environment = os.environ | {"RAXAUTH_LAB_NAME": self.name}
        self._state = pathlib.Path(os.environ.get("RAXAUTH_LAB_STATE", "/var/tmp/raxauth-lab/state"),
                                   self.name)
        shown = [ACCOUNTS.parent] + ([self.build] if self.build and not product else [])
        self._environment["RAXAUTH_LAB_BIND"] = " ".join(map(str, shown))
        if product:
            self._environment["RAXAUTH_LAB_BUILD"] = str(self.build)
        try:
            self.boot()
            self._closing.callback(self.halt)
            self.install_programs()
            self.run(["/usr/bin/python3", "-c", ACCOUNTS.read_text()],
                     input=json.dumps(accounts()))
            if product:
                self.pam_service("raxauth-alone", ALONE)
                self.identity = Identity(self)
                self.base_settings = self.identity.settings()
                self.write_settings(settings or {})
                self.enable_profiles()
            self.write_sshd_settings(product and sshd_drop_in)
            self.restart_sshd()
        except BaseException:
            self.close()
            raise

    def boot(self):
        """Switches the host on; for one that is halted, once more."""
        done = subprocess.run([HERE / "boot"], env=self._environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the host did not boot:\n{done.stderr}")
        self.pid = int(done.stdout.split()[-1])
        self.journal = FollowedJournal(self)

    def _leave(self):
        """Ends what runs in the host from outside, which an orderly shutdown would wait for."""
        if self.identity is not None and self.identity.running:
            self.identity.stop()
        self.journal.close()

    def halt(self):
        self._leave()
        subprocess.run([HERE / "halt"], env=self._environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        shutil.rmtree(self._state, ignore_errors=True)

    def reboot(self):
        """An orderly reboot from inside; what was written to disk stays."""
        before = self.pid
        self._leave()
        self.run(["systemctl", "reboot"], check=False)

        def up_again():
            with contextlib.suppress(StopIteration):
                self.pid = next(p for p in self._leaders() if p != before)
                state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
                return state in ("running", "degraded")
            return False
        self.wait_until(up_again, "the host is up again", timeout=60)
        self.journal = FollowedJournal(self)

    def _leaders(self):
        """PID 1 of the host, as this machine numbers it; none while it reboots."""
        with contextlib.suppress(OSError, ValueError):
            for pid in self.children(int((self._state / "nspawn.pid").read_text())):
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                if any(line.split()[0] == "NSpid:" and line.split()[-1] == "1"
                       for line in status.splitlines() if line.strip()):
                    yield pid

    def way_in(self):
        return ["env", f"RAXAUTH_LAB_NAME={self.name}", str(HERE / "enter")]

    def restart_sshd(self):
        self.run(["systemctl", "restart", "ssh"])

    def systemctl(self, *words, check=True):
        return self.run(["systemctl", *words], check=check).stdout.strip()

    def reset(self, change=None):
        """As if just installed: the daemon is stopped and starts with the next call."""
        self.systemctl("stop", "raxauthd.service", check=False)
        self.systemctl("reset-failed", "raxauthd.service", check=False)
        if self.path("/var/lib/raxauth").exists():
            self.forget_state()
        self.identity.reset()
        self.write_settings(change or {})
        self.reset_mark = self.journal.mark()

    def configure(self, change):
        """Puts CHANGE over the host's settings and has the daemon read them."""
        self.write_settings(change)
        with self.caller() as root:
            root.call("Reload")
