# SPDX-License-Identifier: Apache-2.0
"""A whole Linux host in namespaces: PAM, sshd, the system bus, and raxauth installed in it."""

import contextlib
import crypt
import functools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .caller import Caller
from .identity import Identity
from .journal import Journal
from .probe import Probe
from .terminal import SHELL, Terminal

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[2]
UNSET_LOGIN = "4294967295"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
               "LANG": "C.UTF-8", "TERM": "dumb"}

# The people of the host. Their local passwords are what pam_unix knows; what Identity knows
# is in the simulator's file. `nell` has an account here that Identity does not know.
LOCAL_PASSWORD = "local-{name}"
PEOPLE = {"alice": 2001, "bob": 2002, "carol": 2003, "dave": 2004, "erin": 2005, "frank": 2006,
          "grace": 2007, "heidi": 2008, "ivan": 2009, "judy": 2010, "kate": 2011, "leo": 2012,
          "mallory": 2013, "nell": 2014, "oscar": 2015, "peggy": 2016, "breakglass": 2090}

# A hundred more, for crowds; they share one local password hash.
CROWD = [f"crowd{i:02d}" for i in range(100)]
PEOPLE |= {name: 3000 + i for i, name in enumerate(CROWD)}

# A service of raxauth's modules alone: what they say is what the application gets.
ALONE = """\
auth     required pam_raxauth.so
account  required pam_raxauth.so
password required pam_raxauth.so
session  required pam_raxauth.so
"""

SSHD_SETTINGS = """\
ListenAddress 127.0.0.1
MaxStartups 500
MaxSessions 50
UseDNS no
PrintMotd no
PrintLastLog no
"""


def local_password(name):
    return LOCAL_PASSWORD.format(name=name)


@functools.lru_cache(maxsize=None)
def _password_hash(name):
    if name in CROWD:
        name = "crowd"
    return crypt.crypt(local_password(name), crypt.mksalt(crypt.METHOD_SHA256, rounds=1000))


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


def toml(settings):
    """SETTINGS (nested dicts of texts, numbers, truth values and lists) as TOML."""
    def value(v):
        return json.dumps(v) if not isinstance(v, list) else "[" + ", ".join(map(value, v)) + "]"

    lines = []

    def table(path, content):
        plain = {k: v for k, v in content.items() if not isinstance(v, dict)}
        if path and plain:
            lines.append("[" + ".".join(json.dumps(p) for p in path) + "]")
        lines.extend(f"{k} = {value(v)}" for k, v in plain.items())
        for key, inner in content.items():
            if isinstance(inner, dict):
                table(path + [key], inner)

    table([], settings)
    return "\n".join(lines) + "\n"


def merged(base, change):
    """BASE with the nested keys of CHANGE over it."""
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


class Service:
    """A program of the host that runs until it is stopped."""

    def __init__(self, host, argv, ready, **options):
        self.host, self.argv, self.ready, self.options = host, argv, ready, options
        self.process = None

    def start(self):
        self.process = self.host.spawn(self.argv, stdin=subprocess.DEVNULL, **self.options)
        self.ready(self.process)

    def stop(self):
        """SIGTERM to what nsenter started, not to nsenter; returns when it is gone."""
        if self.process is None:
            return
        for pid in self.host.children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in self.host.children(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait(5)
        self.process.stdout.close()
        self.process = None

    def restart(self):
        self.stop()
        self.start()


class ThrowawayHost:
    """A host that is thrown away: `with ThrowawayHost(build) as host: ...`.

    BUILD is a build directory of the product (default: $RAXAUTH_BUILD); with product=False the
    host is stock Debian with sshd and a system bus. Nothing of it outlives close() or the death
    of this process.
    """

    def __init__(self, build=None, product=True, settings=None, profiles=True, sshd_drop_in=True):
        build = build or os.environ.get("RAXAUTH_BUILD")
        if product and not build:
            raise RuntimeError("RAXAUTH_BUILD names no build directory to install from")
        self.build = pathlib.Path(build).resolve() if build else None
        self.product = product
        self._closing = contextlib.ExitStack()
        self._logs = pathlib.Path(tempfile.mkdtemp(prefix="raxauth-host."))
        self._closing.callback(shutil.rmtree, self._logs, ignore_errors=True)
        try:
            self._boot()
            if product:
                self._install()
            self.bus = self.service(["dbus-daemon", "--system", "--nofork", "--nopidfile",
                                     "--print-address=1"], self._first_line, "dbus")
            self.sshd = self.service(["/usr/sbin/sshd", "-D"], self._sshd_listens, "sshd")
            if product:
                self.identity = Identity(self, CROWD)
                self.base_settings = self.identity.settings()
                self.configure(settings or {})
                if profiles:
                    self.enable_profiles()
            self._write_sshd_settings(sshd_drop_in)
            self.bus.start()
            self.sshd.start()
        except BaseException:
            self.close()
            raise

    # -- life and death

    def _boot(self):
        self._master, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._master.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        places = [p for p in (SOURCE, self.build) if p]
        what = {"visible": [str(p) for p in places],
                "writable": [str(self.build)] if self.build else [],
                "hostname": "throwaway", "today": int(time.time() // 86400),
                "root": _password_hash("root"),
                "users": {name: {"uid": uid, "hash": _password_hash(name),
                                 "home": name not in CROWD,
                                 "groups": ["sudo"] if name == "alice" else []}
                          for name, uid in PEOPLE.items()}}
        self._init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
             "--", "/usr/bin/python3", "-I", str(HERE / "init.py")],
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
                self.pid = int.from_bytes(payload[:4], "little")  # PID 1, as this machine sees it
            elif kind == socket.SCM_RIGHTS:
                sockets = [socket.socket(fileno=int.from_bytes(payload[i:i + 4], "little"))
                           for i in (0, 4)]
        self.journal = Journal(*sockets)
        self._closing.callback(self.journal.close)

    def _halt(self):
        self._master.close()  # PID 1 ends when its other end closes, and the rest with it
        try:
            self._init.wait(5)
        except subprocess.TimeoutExpired:
            self._init.kill()
            self._init.wait()

    def close(self):
        self._closing.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _log(self, name):
        return self._closing.enter_context(open(self._logs / name, "ab"))

    def log(self, name):
        """What the program NAME (init, dbus, sshd, identity) wrote to its standard error."""
        return (self._logs / name).read_text(errors="replace")

    # -- the product

    def _install(self):
        self.run(["cmake", "--install", str(self.build), "--prefix", "/usr"])
        self.run(["systemd-sysusers", "/usr/lib/sysusers.d/raxauth.conf"])
        if self.path("/usr/lib/tmpfiles.d/raxauth.conf").exists():
            self.run(["systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/raxauth.conf"])
        self.run(["install", "-d", "-m", "0700", "-o", "raxauth", "-g", "raxauth",
                  "/var/lib/raxauth"])
        self.pam_service("raxauth-alone", ALONE)

    def module_path(self):
        """Where the host's libpam looks for the module."""
        arch = os.uname().machine
        return f"/usr/lib/{arch}-linux-gnu/security/pam_raxauth.so"

    def add_module_options(self, options):
        """Writes OPTIONS behind the module's name in the stacks that pam-auth-update made."""
        for kind in ("auth", "account", "password"):
            file = self.path(f"/etc/pam.d/common-{kind}")
            file.write_text(file.read_text().replace("pam_raxauth.so", f"pam_raxauth.so {options}"))

    def enable_profiles(self, *names):
        """What the administrator does: pam-auth-update with the profiles switched on."""
        self.run(["pam-auth-update", "--enable", *(names or ("raxauth", "raxauth-session"))],
                 env={"DEBIAN_FRONTEND": "noninteractive"})

    def configure(self, change):
        """Puts CHANGE over the host's settings; the daemon is started anew at the next call."""
        settings = merged(self.base_settings, change)
        target = self.path("/etc/raxauth/raxauth.d/50-host.toml")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(toml(settings))
        target.chmod(0o644)
        self.kill_daemon()

    def kill_daemon(self, how=signal.SIGKILL):
        """Ends the daemon and waits until it is gone; True if there was one."""
        found = self.pids("raxauthd")
        for pid in found:
            end_process(pid, how)
        return bool(found)

    def reset(self, change=None):
        """As if just installed: no daemon, no remembered limits, Identity's people as written."""
        self.kill_daemon()
        state = self.path("/var/lib/raxauth")
        for entry in state.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.identity.reset()
        self.configure(change or {})
        self.reset_mark = self.journal.mark()

    @contextlib.contextmanager
    def without_own_settings(self):
        """The configuration is the one installed, but for where Identity is."""
        whole = self.base_settings
        self.base_settings = {"identity": whole["identity"]}
        self.configure({})
        try:
            yield
        finally:
            self.base_settings = whole

    # -- running programs

    wait_until = staticmethod(wait_until)

    def service(self, argv, ready, name):
        """A Service of this host, not yet started; its standard error goes to log(NAME)."""
        return Service(self, argv, ready, stdout=subprocess.PIPE, stderr=self._log(name))

    def argv(self, argv, user=None, env=None):
        """ARGV as a command of this machine that runs it inside the host."""
        settings = dict(ENVIRONMENT)
        enter = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-w", "--"]
        if user:
            uid = str(PEOPLE.get(user, user))
            enter += ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"] \
                if user in PEOPLE else \
                ["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups", "--"]
            settings |= {"USER": user, "LOGNAME": user, "HOME": f"/home/{user}"}
        settings |= env or {}
        enter += ["env", "-i"] + [f"{k}={v}" for k, v in settings.items()]
        return enter + [str(a) for a in argv]

    def spawn(self, argv, user=None, env=None, **options):
        """Starts ARGV inside the host; a Popen of the nsenter that holds it."""
        return subprocess.Popen(self.argv(argv, user, env), preexec_fn=_forget_login(), **options)

    def run(self, argv, user=None, env=None, check=True, timeout=60, **options):
        """Runs ARGV inside the host and returns the CompletedProcess, output as text."""
        done = subprocess.run(self.argv(argv, user, env), timeout=timeout, text=True,
                              stdin=None if "input" in options else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=_forget_login(), **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def path(self, inside):
        """A path of the host, as a path that can be opened from here."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def pids(self, name=None):
        """Processes of this host (as this machine numbers them), all or those called NAME."""
        ours = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/ns/pid") != ours:
                    continue
                comm = pathlib.Path(f"/proc/{entry}/comm").read_text().strip()
                if name is None or comm == name[:15]:
                    found.append(int(entry))
        return found

    def children(self, pid):
        """The direct children of PID."""
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                if entry.isdigit():
                    stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
                    if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(entry))
        return found

    def kill(self, pid, how=signal.SIGKILL):
        """Ends the process PID (as this machine numbers it) and waits for its end."""
        end_process(pid, how)

    @contextlib.contextmanager
    def stopped(self, name):
        """The processes called NAME are stopped (SIGSTOP) as long as the block runs."""
        found = self.pids(name)
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def uid(self, user):
        """The number of a local account."""
        return int(self.run(["id", "-u", user]).stdout)

    # -- sshd and the people who use it

    def _first_line(self, process):
        if not process.stdout.readline():
            raise RuntimeError("the bus did not start:\n" + self.log("dbus"))

    def _sshd_listens(self, process):
        def listening():
            if process.poll() is not None:
                raise RuntimeError("sshd did not start:\n" + self.log("sshd"))
            table = pathlib.Path(f"/proc/{self.pid}/net/tcp").read_text()
            return any(line.split()[1].endswith(":0016") and line.split()[3] == "0A"
                       for line in table.splitlines()[1:])
        wait_until(listening, "sshd listens")

    def _write_sshd_settings(self, drop_in):
        for old in self.path("/etc/ssh").glob("ssh_host_*"):
            old.unlink()
        stock = self.path("/usr/share/openssh/sshd_config")
        text = stock.read_text().replace("Include /etc/ssh/sshd_config.d/*.conf", "")
        self.path("/etc/ssh/sshd_config").write_text(
            "Include /etc/ssh/sshd_config.d/*.conf\n" + text)
        folder = self.path("/etc/ssh/sshd_config.d")
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / "10-throwaway.conf").write_text(SSHD_SETTINGS)
        shipped = self.path("/usr/share/raxauth/50-raxauth-sshd.conf")
        if drop_in and self.product:
            (folder / "50-raxauth-sshd.conf").write_text(shipped.read_text())
        keys = pathlib.Path(self._logs, "keys")
        if not keys.exists():
            keys.mkdir()
            for name in ("ssh_host_ed25519_key", "client"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throwaway",
                                "-f", str(keys / name)], check=True, stdin=subprocess.DEVNULL)
        for part in ("", ".pub"):
            target = self.path(f"/etc/ssh/ssh_host_ed25519_key{part}")
            shutil.copyfile(keys / f"ssh_host_ed25519_key{part}", target)
            target.chmod(0o600)
            client = self.path(f"/etc/ssh/client_key{part}")
            shutil.copyfile(keys / f"client{part}", client)
            client.chmod(0o600)

    def set_sshd(self, text=""):
        """Restarts sshd with TEXT before all its other settings (the first one given counts)."""
        self.path("/etc/ssh/sshd_config.d/00-test.conf").write_text(text)
        self.sshd.restart()

    def authorize_key(self, user):
        """USER's authorized_keys get the host's one client key."""
        keys = self.path(f"/home/{user}/.ssh/authorized_keys")
        keys.write_text(self.path("/etc/ssh/client_key.pub").read_text())
        os.chown(keys, PEOPLE[user], PEOPLE[user])

    def ssh_argv(self, user, command=None, methods="keyboard-interactive", key=False, options=()):
        argv = ["ssh", "-F", "/dev/null", "-tt", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "NumberOfPasswordPrompts=1", "-o", f"PreferredAuthentications={methods}"]
        argv += ["-i", "/etc/ssh/client_key", "-o", "IdentitiesOnly=yes"] if key else \
            ["-o", "PubkeyAuthentication=no"]
        for option in options:
            argv += ["-o", option]
        return argv + [f"{user}@127.0.0.1", command or f"PS1='{SHELL}' exec sh -i"]

    def ssh(self, user, **how):
        """A real ssh client that goes to USER's account, on a terminal. Arguments: ssh_argv."""
        return Terminal(self.argv(self.ssh_argv(user, **how)))

    def try_ssh(self, user, answers, **how):
        """Whether these ANSWERS get USER in by ssh; an Attempt. Leaves again."""
        with self.ssh(user, **how) as terminal:
            return terminal.attempt(answers)

    def answer_both(self, user, terminal):
        """Answers password and passcode (an SMS user's) as they are asked, up to the shell."""
        terminal.question("password")
        terminal.answer(self.identity.password(user))
        terminal.question("passcode")
        terminal.answer(self.identity.sms(user))
        kind, text = terminal.next()
        assert kind == "in", f"{kind} {text}\n{terminal.transcript}"

    def sign_in(self, user, **how):
        """An ssh login of an SMS user with the right answers; an Attempt."""
        return self.try_ssh(user, [self.identity.password(user), lambda: self.identity.sms(user)],
                            **how)

    def terminal(self, argv, user=None, env=None):
        """ARGV on a terminal of the host's own (su, login and sudo want to know its name)."""
        quoted = " ".join("'" + str(a).replace("'", "'\\''") + "'" for a in argv)
        return Terminal(self.argv(["script", "-qefc", quoted, "/dev/null"], user, env))

    def probe(self, service, user, steps=("authenticate",), answers=(), **how):
        """A run of pam_probe from start to end with these ANSWERS; its Report."""
        with self.start_probe(service, user, steps, **how) as probe:
            return probe.finish(answers)

    def start_probe(self, service, user, steps=("authenticate",), **how):
        """A Probe to be driven event by event."""
        return Probe(self, service, user, steps, **how)

    def caller(self, user=None):
        """A bus connection of USER's own (root's without one)."""
        return Caller(self, user)

    def pam_service(self, name, text):
        """Writes the PAM stack of a service of the tests' own."""
        self.path(f"/etc/pam.d/{name}").write_text(text)

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
        with self.bus_absent(), self._tool("mute") as tool:
            yield tool

    @contextlib.contextmanager
    def bus_flooded(self):
        """`nobody` holds every half-open connection the bus allows, and comes back at once."""
        with self._tool("flood", user="65534") as tool:
            yield tool

    @contextlib.contextmanager
    def _tool(self, *argv, user=None):
        process = self.spawn(["/usr/bin/python3", "-I", HERE / "trouble.py", *argv], user=user,
                             stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"{argv} did not start")
            yield process
        finally:
            process.stdin.close()  # it ends with its standard input
            process.wait(10)
            process.stdout.close()


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


@functools.lru_cache(maxsize=None)
def _forget_login():
    """Where this very process belongs to a login session, its children must not: a host's do
    what a boot's services do, and only pam_loginuid gives them a session."""
    own = pathlib.Path("/proc/self/loginuid")
    if not own.exists() or own.read_text().strip() == UNSET_LOGIN:
        return None

    def forget():
        with open("/proc/self/loginuid", "w") as file:
            file.write(UNSET_LOGIN)
    return forget
