# SPDX-License-Identifier: Apache-2.0
"""The host that is measured, and the programs that measure in it."""

import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "host"))

from throwaway import CROWD, PEOPLE, ThrowawayHost  # noqa: E402 - needs the path above
from throwaway.identity import OTP_SECRETS, PLACE, password  # noqa: E402

USER = "alice"  # who signs in through PAM; the bare requests are bob's
AUDIT_SESSION = 900000  # of sessions that exist for the daemon alone
RUN = "/run/bench"
DAEMON = "org.raxauth.Auth1"
BARE = "org.raxauth.BenchBare"  # the same without anything that is ours: bare_daemon.cpp

SETTINGS = {
    # what keeps strangers out would keep the bench out
    "limits": {"wrong_passcodes": 1000000, "wrong_passwords": 1000000, "challenges": 1000000,
               # five thousand at their prompts are strangers, who get three quarters
               "conversations": 8000, "conversations_per_user": 8000},
    "services": {"bench-gate": {"reuse": "all"}, "sudo": {"reuse": "all"}},
}

# As installed, one uid may have 256 connections to a bus, and 64 descriptors may be on their way to
# one receiver: 1000 sign-ins that all begin in the same moment need more.
BUS_SETTINGS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <limit name="max_connections_per_user">3000</limit>
  <limit name="max_completed_connections">4000</limit>
  <limit name="max_incoming_unix_fds">4000</limit>
  <limit name="max_outgoing_unix_fds">4000</limit>
  <policy user="root">
    <allow own="org.raxauth.BenchEcho"/>
    <allow send_destination="org.raxauth.BenchEcho"/>
    <allow own="org.raxauth.BenchBare"/>
    <allow send_destination="org.raxauth.BenchBare"/>
  </policy>
</busconfig>
"""

PAM_SERVICES = {
    "bench-permit": "pam_permit.so",
    "bench-null": "{build}/tests/bench/pam_null.so",
    "bench-gate": "pam_raxauth.so",
    "bench-login": "pam_raxauth.so",
    "bench-bare": "{build}/tests/bench/pam_bare.so",
    "bench-exec-true": "pam_exec.so quiet /bin/true",
    "bench-exec-curl": "pam_exec.so quiet expose_authtok {run}/two-posts {place}/tls/ca.pem",
    "bench-exec-curl-bundle": "pam_exec.so quiet expose_authtok {run}/two-posts {run}/bundle.pem",
    "bench-exec-curl-sudo":  # sudo has no terminal here to ask for the password on
        "pam_exec.so quiet {run}/two-posts {place}/tls/ca.pem {run}/password",
}

# What an administrator would write who has pam_exec and curl and no module: the password comes from
# pam_exec and goes into no argument list. Seven forks, like the script of the prototype's figures.
# Where the passcode comes from does not count.
TWO_POSTS = """\
#!/bin/sh
url={url}/tokens?include_endpoints=false
json='Content-Type: application/json'
IFS= read -r password < "${{2:-/dev/stdin}}"
read -r passcode < {run}/passcode
session=$(
    printf '{{"auth":{{"passwordCredentials":{{"username":"%s","password":"%s"}}}}}}' \\
        "$PAM_USER" "$password" |
    curl -s --cacert "$1" -D - -o /dev/null -H "$json" -d @- "$url" |
    sed -n "s/.*sessionId='\\([^']*\\)'.*/\\1/p")
printf '{{"auth":{{"RAX-AUTH:passcodeCredentials":{{"passcode":"%s"}}}}}}' "$passcode" |
    curl -s --fail --cacert "$1" -o /dev/null -H "$json" -H "X-SessionId: $session" -d @- "$url"
"""


class Worker:
    """A program in the host that measures when told to, one line in, one line of JSON out."""

    def __init__(self, bench, program, *arguments, ready=False):
        self.bench, self.program = bench, program
        self.process = bench.host.spawn(
            [bench.tool(program), *arguments],
            env={"BENCH_PASSWORD": password(USER), "BENCH_CODE": bench.code()}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        if ready:
            self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.program} broke off")
        return json.loads(line)

    def ask(self, *words):
        self.tell(*words)
        return self.read()

    def measure(self, *words):
        """As ask(), with a passcode that is good now."""
        self.tell("code", self.bench.code())
        return self.ask(*words)


class Bench:
    """A throwaway host with everything in it that the rows need."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        # Without the profiles: libpam loads what /etc/pam.d/other names with every service.
        self.host = ThrowawayHost(self.build, settings=SETTINGS, profiles=False)
        self._running = []
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.host.close()
        for process in self._running:
            process.wait()

    def tool(self, name):
        return self.build / "tests/bench" / name

    def _prepare(self):
        host = self.host
        native, syslog = host.journal.stop_reading()
        self._running.append(host.spawn([self.tool("log_sink")], stdin=native, stdout=syslog))
        host.path("/etc/dbus-1/system-local.conf").write_text(BUS_SETTINGS)
        host.bus.restart()
        for name in (USER, *CROWD):
            host.identity.change(name, mfa="otp", otp_secret=OTP_SECRETS["bob"])
        host.path(RUN).mkdir()
        places = {"build": self.build, "run": RUN, "place": PLACE, "url": self.url}
        for name, module in PAM_SERVICES.items():
            self.host.pam_service(name, "".join(
                f"{phase} required {what}\n" for phase, what in
                (("auth", module.format(**places)), ("account", "pam_permit.so"),
                 ("password", "pam_permit.so"),
                 ("session", "pam_raxauth.so" if name == "bench-login" else "pam_permit.so"))))
        script = host.path(f"{RUN}/two-posts")
        script.write_text(TWO_POSTS.format(**places))
        script.chmod(0o755)
        own = host.path(f"{PLACE}/tls/ca.pem").read_text()
        bundle = host.path("/etc/ssl/certs/ca-certificates.crt").read_text()
        host.path(f"{RUN}/bundle.pem").write_text(bundle + own)
        host.path(f"{RUN}/password").write_text(password(USER))
        self.sudo_stack(account=False)
        self._service("bus_floor", "serve")
        self._service("bare_daemon", self.url, f"{PLACE}/tls/ca.pem", "bench-gate")

    def _service(self, program, *arguments):
        service = self.host.spawn([self.tool(program), *arguments], stdout=subprocess.PIPE)
        self._running.append(service)
        if service.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"{program} did not start")

    @property
    def url(self):
        return self.host.identity.settings()["identity"]["url"]

    def code(self):
        """What everybody's authenticator shows now, also written where pam_exec's script reads."""
        code = self.host.identity.totp("bob")
        self.host.path(f"{RUN}/passcode").write_text(code)
        return code

    def sudo_stack(self, account, auth="pam_raxauth.so"):
        """sudo with AUTH, with or without the module's account phase."""
        self.host.pam_service("sudo", f"auth required {auth}\n"
                              f"account required {'pam_raxauth.so' if account else 'pam_permit.so'}\n"
                              "session required pam_permit.so\n")

    def module_of(self, service):
        return PAM_SERVICES[service].format(build=self.build, run=RUN, place=PLACE)

    # -- workers

    def pam(self, session=False):
        """A PAM application of alice's, outside any login session or inside one of hers."""
        return Worker(self, "pam_series", USER, *(["--session", "bench-login"] if session else []),
                      ready=True)

    def bus(self):
        return Worker(self, "bus_floor")

    def https(self):
        return Worker(self, "https_floor", self.url, f"{PLACE}/tls/ca.pem", "bob", password("bob"))

    def gate(self, sign_in=True, daemon=DAEMON):
        """The gate on an open bus connection, for a session that signs in for it."""
        worker = Worker(self, "bus_gate", daemon, USER, PEOPLE[USER], AUDIT_SESSION, "bench-gate")
        if sign_in:
            worker.ask("sign-in", "bench-login", password(USER), self.code())
        return worker

    def logins(self, daemon=DAEMON):
        before, after = password("|").split("|")
        return Worker(self, "login_load", daemon, "bench-login", before, after, *CROWD)

    # -- the daemon

    def restart_daemon(self):
        """A daemon that has just begun; its pid."""
        self.host.kill_daemon()
        self.host.forget_state()
        self.host.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                       "/", "org.freedesktop.DBus.StartServiceByName",
                       "string:org.raxauth.Auth1", "uint32:0"])
        (pid,) = self.host.pids("raxauthd")
        return pid

    def wait_for_worker(self):
        """Until the daemon's worker has done what it was given: this call goes through it too."""
        self.host.run(["setpriv", "--reuid", PEOPLE[USER], "--clear-groups", "--", "raxauth",
                       "sessions"])


def memory_of(pid, file, field):
    """A field of /proc/PID/FILE in kB."""
    text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE).group(1))
