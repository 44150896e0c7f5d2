# SPDX-License-Identifier: Apache-2.0
"""The very program, as a person who is not root, against a daemon that says what a test wants."""

import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile

import pexpect
import pytest

NOBODY = 65534
TOP = pathlib.Path(__file__).parents[2]
BUS_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""


OURS = "[success={} user_unknown=ignore ignore=ignore default=die] pam_raxauth.so"
# As pam-auth-update writes them with both profiles on.
PAM = {
    "common-auth": f"auth {OURS.format(2)} exempt_group=raxauth-exempt\n"
                   "auth [success=1 default=ignore] pam_unix.so nullok\n"
                   "auth requisite pam_deny.so\nauth required pam_permit.so\n",
    "common-account": f"account {OURS.format(2)}\n"
                      "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
                      "account requisite pam_deny.so\naccount required pam_permit.so\n",
    "common-session": "session required pam_unix.so\nsession optional pam_systemd.so\n"
                      "session optional pam_raxauth.so\n",
    "sshd": "@include common-auth\naccount required pam_nologin.so\n@include common-account\n"
            "session required pam_loginuid.so\n@include common-session\n",
    "sudo": "@include common-auth\n@include common-account\n",
    "login": "auth optional pam_faildelay.so delay=3000000\n@include common-auth\n"
             "@include common-account\nsession required pam_loginuid.so\n"
             "@include common-session\n",
    "su": "auth sufficient pam_rootok.so\n@include common-auth\n@include common-account\n",
    "cron": "@include common-account\n",
    "polkit-1": "@include common-auth\n@include common-account\n",
}


def dialogue_step(serial, state, reason="", messages=(), **more):
    """A step as the scripted daemon takes it; `more`: details."""
    return {"step": {"serial": serial, "state": state, "reason": reason,
                     "messages": [list(message) for message in messages], **more}}


def as_person():
    """Who runs the program: never root, where that can be chosen."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def become_person():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a child inherits that
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


class Surroundings:
    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "bus"
        # Where it was built, others may have no way to.
        self.program = folder / "raxauth"
        shutil.copy(os.environ["RAXAUTH_ELSEWHERE"], self.program)
        self.program.chmod(0o755)
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "TZ": "UTC0",
            "ELSEWHERE_BUS": f"unix:path={self.socket}",
            "ELSEWHERE_SETTINGS": str(folder / "raxauth.toml"),
            "ELSEWHERE_DROP_INS": str(folder / "raxauth.d"),
            "ELSEWHERE_PAM": str(folder / "pam.d"),
            "ELSEWHERE_MODULES": str(folder / "security"),
        }
        self.write("security/pam_raxauth.so", "")
        for name, text in PAM.items():
            self.write(f"pam.d/{name}", text)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.started = []
        self.daemon = None

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run(self, *arguments, stdin=None, root=False, **options):
        """Runs a verb without a terminal; `stdin` is text."""
        return subprocess.run(
            [self.program, *arguments], env=self.environment, text=True, input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, timeout=60,
            start_new_session=True, **({} if root else as_person()), **options)

    def at_terminal(self, *arguments):
        child = pexpect.spawn(str(self.program), list(arguments), env=self.environment,
                              preexec_fn=become_person, encoding="utf-8", timeout=20)
        self.started.append(child)
        return child

    def start_bus(self):
        configuration = self.write("bus.conf", BUS_CONFIGURATION.format(socket=self.socket))
        bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE, text=True)
        self.started.append(bus)
        assert bus.stdout.readline().startswith("unix:path=")

    def start_daemon(self, **script):
        path = self.write("script.json", json.dumps(script))
        self.daemon = subprocess.Popen(
            [os.environ["RAXAUTH_SCRIPTED_DAEMON"], self.environment["ELSEWHERE_BUS"], path],
            stdout=subprocess.PIPE, text=True)
        self.started.append(self.daemon)
        assert self.daemon.stdout.readline() == "ready\n"

    def next_call(self, timeout=10):
        """The next call that reached the daemon: {"member", "to", "args"}."""
        ready, _, _ = select.select([self.daemon.stdout], [], [], timeout)
        assert ready, "no call reached the daemon"
        return json.loads(self.daemon.stdout.readline())

    def calls(self):
        """All calls that have not been looked at; the daemon is gone afterwards."""
        self.daemon.terminate()
        self.daemon.wait()
        return [json.loads(line) for line in self.daemon.stdout]

    def stop(self):
        for process in reversed(self.started):
            if isinstance(process, subprocess.Popen):
                if process.poll() is None:
                    process.kill()
                process.wait()
                process.stdout.close()
            else:
                process.close(force=True)


@pytest.fixture
def bare():
    """Surroundings in which there is not even a bus."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="raxauth-cli-"))
    folder.chmod(0o755)
    surroundings = Surroundings(folder)
    yield surroundings
    surroundings.stop()
    shutil.rmtree(folder)


@pytest.fixture
def around(bare):
    """Surroundings with a bus; start_daemon() is the test's."""
    bare.start_bus()
    return bare
