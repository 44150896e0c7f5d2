# SPDX-License-Identifier: Apache-2.0
"""Programs that run without anybody at a terminal: cron, at; and a server that asks only once, vsftpd."""

import contextlib
import subprocess

import pytest

JOB = "(id -un; raxauth token; echo status $?) >/var/tmp/job 2>&1"
NO_SIGN_IN = ("alice\nraxauth: this login session has no sign-in\n"
              "Sign in for this session first: raxauth login\nstatus 1\n")


@contextlib.contextmanager
def running(host, argv):
    process = host.spawn(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        for pid in host.children(process.pid):
            host.kill(pid)
        process.wait()


@pytest.fixture
def job(host):
    """What the job wrote, once it has run."""
    result = host.path("/var/tmp/job")

    def wait():
        host.wait_until(lambda: result.exists() and "status" in result.read_text(), "the job ran")
        return result.read_text()

    yield wait
    result.unlink(missing_ok=True)


def test_a_cron_job_runs_without_a_sign_in_and_has_none(host, job):
    table = host.path("/etc/cron.d/raxauth-test")
    table.write_text(f"@reboot alice {JOB}\n")
    with running(host, ["cron", "-f"]):
        assert job() == NO_SIGN_IN
    table.unlink()
    assert host.journal.wait(host.reset_mark, RAXAUTH_HOOK="account")["RAXAUTH_SERVICE"] == "cron"
    assert host.identity.requests() == []


def test_a_job_of_at_runs_without_a_sign_in_and_has_none(host, job):
    with running(host, ["atd", "-f"]):
        host.run(["at", "now"], user="alice", input=JOB + "\n")
        assert job() == NO_SIGN_IN
    assert host.journal.wait(host.reset_mark, RAXAUTH_HOOK="account")["RAXAUTH_SERVICE"] == "atd"
    assert host.identity.requests() == []


@pytest.fixture
def ftp(host):
    """vsftpd as Debian has it (PAM, no second question possible): ftp(USER, PASSWORD) lists a folder."""
    host.path("/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
    options = ["background=NO", "isolate=NO", "isolate_network=NO"]  # no namespaces in a namespace

    def listing(user, password):
        return host.run(["curl", "-sS", "-u", f"{user}:{password}", "ftp://127.0.0.1/"], check=False)

    with running(host, ["vsftpd", *(f"-o{option}" for option in options)]):
        host.wait_until(lambda: host.listens(21), "vsftpd listens")
        yield listing


def test_ftp_with_a_password_alone_is_refused_and_costs_one_sms(host, ftp):
    for _ in range(2):
        done = ftp("alice", host.identity.password("alice"))
        assert (done.returncode, done.stderr) == (67, "curl: (67) Access denied: 530\n")
    assert host.identity.sms_count("alice") == 1
    assert host.sign_in("alice").granted


def test_ftp_gets_in_with_both_factors_on_one_line(host, ftp):
    host.configure({"sign_in": {"single_prompt": True}})
    done = ftp("bob", f"{host.identity.password('bob')},{host.identity.totp('bob')}")
    assert done.returncode == 0, done.stderr
    assert host.identity.outcomes() == [401, 200]
