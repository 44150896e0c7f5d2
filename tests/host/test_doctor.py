# SPDX-License-Identifier: Apache-2.0
"""doctor on a host that is well, and on hosts broken in one way each: it names what is broken."""

import contextlib
import json
import re
import subprocess

import pytest

CONTROL = r"\[success=(\d+) user_unknown=ignore ignore=ignore default=die\]"


def examine(host, **options):
    """The exit status, and the findings that are problems."""
    done = host.run(["raxauth", "doctor", "--json"], check=False, **options)
    told = json.loads(done.stdout)
    problems = [one for one in told["findings"] if one["problem"]]
    assert told["well"] is (not problems) and done.returncode == (1 if problems else 0), done.stdout
    assert all(one["what"] and one["cure"] for one in problems), problems
    return problems


def reload_bus(host):
    host.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
              "org.freedesktop.DBus.ReloadConfig"], check=False)


@contextlib.contextmanager
def changed(host, path, change):
    """The file PATH of the host as CHANGE makes it of its text; None: it is away."""
    file = host.path(path)
    before = file.read_bytes() if file.exists() else None
    mode = file.stat().st_mode & 0o7777 if before is not None else 0o644
    text = change((before or b"").decode())
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)
            file.chmod(mode)


def replaced(path, pattern, by):
    def breaking(host):
        def change(text):
            new = re.sub(pattern, by, text, flags=re.M)
            assert new != text, f"{pattern} is not in {path}"
            return new
        return changed(host, path, change)
    return breaking


def written(path, text):
    return lambda host: changed(host, path, lambda _: text)


def away(path):
    return lambda host: changed(host, path, lambda _: None)


@contextlib.contextmanager
def configured(host, change):
    host.configure(change)
    yield


def settings(change):
    return lambda host: configured(host, change)


@contextlib.contextmanager
def mode(host, path, bits):
    file = host.path(path)
    before = file.stat().st_mode & 0o7777
    file.chmod(bits)
    try:
        yield
    finally:
        file.chmod(before)


@contextlib.contextmanager
def identity_down(host):
    host.identity.stop()
    try:
        yield
    finally:
        host.identity.start()


@contextlib.contextmanager
def expired(host):
    host.run(["chage", "-E", "1", "bob"])
    try:
        yield
    finally:
        host.run(["chage", "-E", "-1", "bob"])


@contextlib.contextmanager
def hidden_processes(host):
    host.run(["mount", "-o", "remount,hidepid=2", "/proc"])
    try:
        yield
    finally:
        host.run(["mount", "-o", "remount,hidepid=0", "/proc"])


@contextlib.contextmanager
def without_module(host):
    file = host.path(host.module_path())
    hidden = file.with_suffix(".hidden")
    file.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(file)


@contextlib.contextmanager
def stale_module(host):
    """A program that runs the module of before an upgrade."""
    file = host.path(host.module_path())
    code = ("import ctypes, sys; ctypes.CDLL(sys.argv[1]); print('loaded', flush=True); "
            "sys.stdin.read()")
    holder = host.spawn(["/usr/bin/python3", "-c", code, host.module_path()],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "loaded\n"
    fresh = file.with_suffix(".new")
    fresh.write_bytes(file.read_bytes())
    fresh.rename(file)
    try:
        yield
    finally:
        holder.communicate("")


@contextlib.contextmanager
def root_without_a_way_in(host):
    with replaced("/etc/shadow", "^root:[^:]*:", "root:*:")(host):
        yield


FAILLOCK = ("auth [default=die] pam_faillock.so authfail\nauth sufficient pam_faillock.so authsucc\n")
PROFILE = "/etc/pam.d/common-auth"
HOST_SETTINGS = "/etc/raxauth/raxauth.d/50-host.toml"
EXTRA = "/etc/raxauth/raxauth.d/60-broken.toml"
SSHD = "/etc/ssh/sshd_config.d/00-test.conf"

BROKEN = {
    "wrong CA": (settings({"identity": {"ca_file": "/etc/ssl/certs/ca-certificates.crt"}}),
                 "identity", "certificate", "ca_file"),
    "CA that is not there": (settings({"identity": {"ca_file": "/nowhere.pem"}}),
                             "configuration", "identity.ca_file", "raxauth reload"),
    "world-writable configuration": (lambda host: mode(host, HOST_SETTINGS, 0o666),
                                     "configuration", "mode 0666", "reload"),
    "configuration for root alone": (lambda host: mode(host, HOST_SETTINGS, 0o600),
                                     "configuration", "Permission denied", "chmod a+r"),
    "typing error in a key": (written(EXTRA, "[access]\nany_domian = true\n"),
                              "configuration", "any_domian", "reload"),
    "table of no service": (written(EXTRA, "[services.ssh]\nreuse = 'none'\n"),
                            "configuration", "[services.sshd]", "correct the name"),
    "no binding": (settings({"access": {"domains": []}}),
                   "configuration", "no organisation is named", "raxauth setup"),
    "UsePAM no": (written(SSHD, "UsePAM no\n"), "sshd", "UsePAM is no", "raxauth setup sshd"),
    "KbdInteractive no": (written(SSHD, "KbdInteractiveAuthentication no\n"),
                          "sshd", "00-test.conf:1", "raxauth setup sshd"),
    "passwords in a Match block": (
        written("/etc/ssh/sshd_config.d/zz.conf", "Match Address 192.0.2.0/24\nPasswordAuthentication yes\n"),
        "sshd", "zz.conf:2", "remove that line"),
    "AuthenticationMethods password": (written(SSHD, "PasswordAuthentication yes\nAuthenticationMethods publickey,password\n"),
                                       "sshd", "AuthenticationMethods", "keyboard-interactive"),
    "LoginGraceTime 30": (written(SSHD, "LoginGraceTime 30\n"), "sshd", "30 s", "raxauth setup sshd"),
    "auth profile missing": (replaced(PROFILE, "^.*pam_raxauth.*$", ""),
                             "pam", "half enabled", "pam-auth-update"),
    "account profile missing": (replaced("/etc/pam.d/common-account", "^.*pam_raxauth.*$", ""),
                                "pam", "half enabled", "pam-auth-update"),
    "session profile missing": (replaced("/etc/pam.d/common-session", "^.*pam_raxauth.*$", ""),
                                "pam", "raxauth-session", "pam-auth-update"),
    "required before root's console": (
        replaced("/etc/pam.d/login", r"\A", "auth required pam_raxauth.so\n"),
        "pam", "login: /etc/pam.d/login:1 keeps root and exempt accounts out", "user_unknown=ignore"),
    "fails open": (replaced(PROFILE, "default=die", "default=ignore"),
                   "pam", "a local password lets people in when raxauth refuses", "default=die"),
    "fails open while Identity is down": (
        replaced(PROFILE, "default=die", "authinfo_unavail=ignore default=die"),
        "pam", "cannot reach its daemon", "default=die"),
    "another module in front": (
        replaced(PROFILE, r"\A", "auth sufficient pam_krb5.so minimum_uid=1000\n"),
        "pam", "pam_krb5.so lets people in past raxauth", "pam-auth-update"),
    "faillock beside": (replaced(PROFILE, r"^(.*pam_deny.*)$", FAILLOCK + r"\1"),
                        "pam", "pam_faillock does not hear", "pam_faillock"),
    "age of local passwords": (
        replaced("/etc/pam.d/common-account", CONTROL,
                 "[success=ok user_unknown=ignore ignore=ignore default=die]"),
        "pam", "age of local passwords", "pam-auth-update"),
    "no pam_loginuid": (replaced("/etc/pam.d/sshd", "^session.*pam_loginuid.*$", ""),
                        "pam", "sshd: its session phase lacks pam_loginuid", "pam_loginuid"),
    "module missing": (without_module, "pam", "pam_raxauth.so is missing", "reinstall"),
    "module stale": (stale_module, "host", "the module of before an upgrade", "restart"),
    "hidepid": (hidden_processes, "host", "hidepid=", "mount"),
    "account expired": (expired, "host", "bob has expired", "chage"),
    "no break-glass": (root_without_a_way_in, "host", "while Identity cannot be reached", "adduser"),
    "Identity down": (identity_down, "identity", "cannot be reached", "network"),
    "dead name server": (settings({"identity": {"url": "https://id.invalid/v2.0"}}),
                         "identity", "cannot be looked up", "resolv.conf"),
    "another key than the pinned one": (settings({"identity": {"pinned_public_key": "sha256//" + "A" * 43 + "="}}),
                            "identity", "another key", "pinned_public_key"),
    "bus policy missing": (away("/usr/share/dbus-1/system.d/org.raxauth.Auth1.conf"),
                           "daemon", "bus policy is missing", "reload dbus"),
    "activation missing": (away("/usr/share/dbus-1/system-services/org.raxauth.Auth1.service"),
                           "daemon", "the bus cannot start raxauthd", "reinstall"),
    "no bus": (lambda host: host.bus_absent(), "daemon", "system bus", "systemctl status dbus"),
}


def test_a_host_that_is_well(host):
    assert examine(host) == []
    text = host.run(["raxauth", "doctor"]).stdout
    assert text.endswith("All is well: configuration, raxauthd, Identity, PAM, sshd, accounts.\n")
    assert "alice" in text and "local password or key" in text  # a note, no problem


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_its_cure(host, name):
    breaking, check, what, cure = BROKEN[name]
    with breaking(host):
        if check == "daemon":
            host.kill_daemon()
            reload_bus(host)
        problems = examine(host)
        found = [one for one in problems if one["check"] == check and what in one["what"]]
        assert found, problems
        assert any(cure in one["cure"] for one in found), found
        human = host.run(["raxauth", "doctor"], check=False)
        assert human.returncode == 1 and what in human.stdout
    if check == "daemon":
        reload_bus(host)


def test_a_clock_that_is_wrong_is_measured(host):
    code = ("import http.server, ssl, email.utils, time\n"
            "class H(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            "        self.send_response_only(200)\n"
            "        self.send_header('Date', email.utils.formatdate(time.time() - 3600, usegmt=True))\n"
            "        self.send_header('Content-Length', '2')\n"
            "        self.end_headers()\n"
            "        self.wfile.write(b'{}')\n"
            "s = http.server.HTTPServer(('127.0.0.1', 8099), H)\n"
            "print('up', flush=True)\n"
            "s.handle_request()\n")
    server = host.spawn(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "up\n"
    host.configure({"identity": {"url": "http://127.0.0.1:8099/v2.0"}})
    (problem,) = examine(host)
    server.wait(10)
    assert "ahead of Identity's" in problem["what"] and "timedatectl" in problem["cure"]
    assert abs(int(re.search(r"(\d+) s", problem["what"])[1]) - 3600) < 60


def test_a_person_who_is_not_root_sees_what_they_may(host):
    told = json.loads(host.run(["raxauth", "doctor", "--json"], user="alice").stdout)
    assert told["well"] is True
    assert any("only root can ask it" in one["what"] for one in told["findings"])


def test_the_report_is_roots_alone_and_holds_no_secret(host):
    host.run(["raxauth", "doctor", "--report", "/root/report.json"])
    file = host.path("/root/report.json")
    assert file.stat().st_mode & 0o777 == 0o600
    report = json.loads(file.read_text())
    assert report["well"] is True and report["pam"]["sshd"]["auth"]
    for secret in (host.identity.password("alice"), "local-alice", "$5$"):
        assert secret not in file.read_text()
    again = host.run(["raxauth", "doctor", "--report", "/root/report.json"], check=False)
    assert again.returncode == 1 and "does not exist yet" in again.stderr
    file.unlink()


def test_status_names_what_stands_in_the_way(host):
    assert "Attention" not in host.run(["raxauth", "status"]).stdout
    with written(SSHD, "UsePAM no\n")(host), replaced("/etc/pam.d/common-session",
                                                      "^.*pam_raxauth.*$", "")(host):
        said = host.run(["raxauth", "status"]).stdout
        assert "UsePAM is no" in said and "raxauth-session is not enabled" in said
        obstacles = json.loads(host.run(["raxauth", "status", "--json"]).stdout)["obstacles"]
        assert len(obstacles) == 2
