# SPDX-License-Identifier: Apache-2.0
"""What all test hosts have in common: running programs in them, sshd, raxauth's settings."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

from .caller import Caller
from .clients import LIBRARIES, Client
from .people import PEOPLE
from .probe import Probe
from .processes import Service, children, end_process, forget_login, wait_until
from .terminal import SHELL, Terminal

HERE = pathlib.Path(__file__).resolve().parent
# Where the tests' own programs lie inside a host. A clone may lie where only root can look (/root),
# and people of the host run these too.
PROGRAMS = "/usr/local/libexec/raxauth-tests"

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
               "LANG": "C.UTF-8", "TERM": "dumb"}

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


class Host:
    """A Linux host in namespaces. Subclasses make it and say how a program gets into it.

    They set `pid` (its PID 1, as this machine numbers it), `build`, `journal` and `identity`.
    """

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve() if build else None
        self.identity = None
        self.base_settings = {}
        self.reset_mark = 0
        self._closing = contextlib.ExitStack()
        self._logs = {}  # in memory: nothing is left behind however this process ends

    def close(self):
        self._closing.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _log(self, name):
        file = self._closing.enter_context(os.fdopen(os.memfd_create(name), "w+b", buffering=0))
        self._logs[name] = file
        return file

    def log(self, name):
        """What the service NAME wrote to its standard error."""
        file = self._logs[name]
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    # -- running programs

    wait_until = staticmethod(wait_until)
    children = staticmethod(children)

    def way_in(self):
        """The command of this machine before which any other runs inside the host."""
        raise NotImplementedError

    def argv(self, argv, user=None, env=None):
        """ARGV as a command of this machine that runs it inside the host."""
        settings = dict(ENVIRONMENT)
        enter = list(self.way_in())
        if user:
            uid = PEOPLE.get(user, user)
            group = PEOPLE.get(user, 65534)
            enter += ["setpriv", f"--reuid={uid}", f"--regid={group}", "--clear-groups", "--"]
            settings |= {"USER": user, "LOGNAME": user, "HOME": f"/home/{user}"}
        settings |= env or {}
        enter += ["env", "-i"] + [f"{k}={v}" for k, v in settings.items()]
        return enter + [str(a) for a in argv]

    def spawn(self, argv, user=None, env=None, **options):
        """Starts ARGV inside the host; a Popen of what holds it there."""
        return subprocess.Popen(self.argv(argv, user, env), preexec_fn=forget_login(), **options)

    def run(self, argv, user=None, env=None, check=True, timeout=60, **options):
        """Runs ARGV inside the host and returns the CompletedProcess, output as text."""
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        done = subprocess.run(self.argv(argv, user, env), timeout=timeout, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=forget_login(), **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def service(self, argv, ready, name):
        """A Service of this host, not yet started; its standard error goes to log(NAME)."""
        return Service(self, argv, ready, self._log(name))

    def path(self, inside):
        """A path of the host, as a path that can be opened from here."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def pids(self, name=None):
        """Processes of this host (as this machine numbers them), all or those called NAME."""
        ours = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if not entry.isdigit() or os.readlink(f"/proc/{entry}/ns/pid") != ours:
                    continue
                comm = pathlib.Path(f"/proc/{entry}/comm").read_text().strip()
                if name is None or comm == name[:15]:
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

    # -- programs of the tests' own

    def install_programs(self):
        """Copies what the people of the host run to where they may read it."""
        folder = self.path(PROGRAMS)
        folder.mkdir(parents=True, exist_ok=True)
        for place in (folder, folder.parent):
            place.chmod(0o755)  # whatever the umask of this process is
        programs = [HERE / name for name in ("speak_bus.py", "peer.py", "trouble.py")]
        programs += [HERE / "clients" / name for name in (*LIBRARIES, "strangers.py")]
        if self.build:
            programs.append(self.build / "tests/host/pam_probe")
        for program in programs:
            if program.exists():
                target = folder / program.name
                shutil.copyfile(program, target)
                target.chmod(0o755)

    def program(self, name):
        """The path, inside the host, of a program of the tests' own."""
        return f"{PROGRAMS}/{name}"

    # -- the product

    def module_path(self):
        """Where the host's libpam looks for the module."""
        return f"/usr/lib/{os.uname().machine}-linux-gnu/security/pam_raxauth.so"

    def pam_service(self, name, text):
        """Writes the PAM stack of a service of the tests' own."""
        self.path(f"/etc/pam.d/{name}").write_text(text)

    def enable_profiles(self, *names):
        """What the administrator does: pam-auth-update with the profiles switched on."""
        self.run(["pam-auth-update", "--enable", *(names or ("raxauth", "raxauth-session"))],
                 env={"DEBIAN_FRONTEND": "noninteractive"})

    def add_module_options(self, options):
        """Writes OPTIONS behind the module's name in the stacks that pam-auth-update made."""
        for kind in ("auth", "account", "password"):
            file = self.path(f"/etc/pam.d/common-{kind}")
            file.write_text(file.read_text().replace("pam_raxauth.so", f"pam_raxauth.so {options}"))

    def write_settings(self, change):
        """Puts CHANGE over the host's settings; a running daemon does not hear of it."""
        target = self.path("/etc/raxauth/raxauth.d/50-host.toml")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(toml(merged(self.base_settings, change)))
        target.chmod(0o644)

    def configure(self, change):
        """Puts CHANGE over the host's settings; they hold from the next call on."""
        self.write_settings(change)
        self.kill_daemon()

    def reconfigure(self, change):
        """As configure(), for the daemon that runs: its sessions stay."""
        self.write_settings(change)
        with self.caller() as root:
            root.call("Reload")

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

    def kill_daemon(self, how=signal.SIGKILL):
        """Ends the daemon and waits until it is gone; True if there was one."""
        found = self.pids("raxauthd")
        for pid in found:
            end_process(pid, how)
        return bool(found)

    def forget_state(self):
        """Empties the state directory; the daemon must not run."""
        for entry in self.path("/var/lib/raxauth").iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def reset(self, change=None):
        """As if just installed: no daemon, no remembered limits, Identity's people as written."""
        self.kill_daemon()
        self.forget_state()
        self.identity.reset()
        self.configure(change or {})
        self.reset_mark = self.journal.mark()

    # -- sshd and the people who use it

    def write_sshd_settings(self, drop_in):
        """Debian's own sshd_config, raxauth's drop-in if wanted, host and client keys."""
        for old in self.path("/etc/ssh").glob("ssh_host_*"):
            old.unlink()
        text = self.path("/usr/share/openssh/sshd_config").read_text()
        self.path("/etc/ssh/sshd_config").write_text(text)
        folder = self.path("/etc/ssh/sshd_config.d")
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / "10-host.conf").write_text(SSHD_SETTINGS)
        if drop_in:
            shipped = self.path("/usr/share/raxauth/50-raxauth-sshd.conf")
            (folder / "01-raxauth.conf").write_text(shipped.read_text())
        # JSch, for one, knows no ed25519
        for place, kind in (("/etc/ssh/ssh_host_ed25519_key", "ed25519"),
                            ("/etc/ssh/ssh_host_ecdsa_key", "ecdsa"),
                            ("/etc/ssh/client_key", "ed25519")):
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "host",
                            "-f", self.path(place)], check=True, stdin=subprocess.DEVNULL)
        known = self.path("/etc/ssh/ssh_known_hosts")
        known.write_text("127.0.0.1,localhost,throwaway "
                         + self.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text())
        known.chmod(0o644)

    def restart_sshd(self):
        raise NotImplementedError

    def set_sshd(self, text=""):
        """Restarts sshd with TEXT before all its other settings (the first one given counts)."""
        self.path("/etc/ssh/sshd_config.d/00-test.conf").write_text(text)
        self.restart_sshd()

    def authorize_key(self, user):
        """USER's authorized_keys get the host's one client key."""
        keys = self.path(f"/home/{user}/.ssh/authorized_keys")
        keys.write_text(self.path("/etc/ssh/client_key.pub").read_text())
        os.chown(keys, PEOPLE[user], PEOPLE[user])

    def ssh_argv(self, user, command=None, methods="keyboard-interactive", key=False, options=()):
        """The ssh client's command line: one try only; ends in a shell whose prompt we know."""
        argv = ["ssh", "-F", "/dev/null", "-tt", "-o", "StrictHostKeyChecking=yes",
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

    def sign_in(self, user, **how):
        """An ssh login of an SMS user with the right answers; an Attempt."""
        return self.try_ssh(user, [self.identity.password(user), lambda: self.identity.sms(user)],
                            **how)

    def answer_both(self, user, terminal):
        """Answers password and passcode (an SMS user's) as they are asked, up to the shell."""
        terminal.question("password")
        terminal.answer(self.identity.password(user))
        terminal.question("passcode")
        terminal.answer(self.identity.sms(user))
        kind, text = terminal.next()
        assert kind == "in", f"{kind} {text}\n{terminal.transcript}"

    def terminal(self, argv, user=None, env=None):
        """ARGV on a terminal of the host's own (su, login and sudo want to know its name)."""
        quoted = " ".join("'" + str(a).replace("'", "'\\''") + "'" for a in argv)
        return Terminal(self.argv(["script", "-qefc", quoted, "/dev/null"], user, env))

    def client(self, library, user, how):
        """A Client of USER's that signs in with a LIBRARY of its own ("jsch.bsh" ...)."""
        return Client(self, library, user, how)

    # -- people of the host, as programs

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
