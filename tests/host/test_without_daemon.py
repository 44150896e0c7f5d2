# SPDX-License-Identifier: Apache-2.0
"""What goes on, and what does not, while no daemon answers: real cron, su, sudo and sshd."""

import contextlib
import re

import pytest

REFUSED_BY_PAM = re.compile("Permission denied|Authentication service cannot retrieve")
RAN = "/tmp/cron-ran-as"
FAULTY = {"access": {"domians": ["123456"]}}
ROLES = {"services": {"sudo": {"roles": ["admin"]}}}


@contextlib.contextmanager
def unstartable(host):
    """systemctl mask, as a host without systemd has it: the bus cannot start the daemon."""
    host.kill_daemon()
    program = host.path("/usr/libexec/raxauthd")
    mode = program.stat().st_mode
    program.chmod(0o644)
    try:
        yield
    finally:
        program.chmod(mode)


@contextlib.contextmanager
def misconfigured(host):
    """Restarted with a fault, on a host that never had a good configuration."""
    host.kill_daemon()
    host.forget_state()
    host.configure(FAULTY)
    yield


TROUBLES = {"masked": unstartable, "no bus": lambda host: host.bus_absent(),
            "mute bus": lambda host: host.bus_mute(), "misconfigured": misconfigured}


@pytest.fixture(params=TROUBLES)
def trouble(host, request):
    accept(host)
    with TROUBLES[request.param](host):
        yield request.param


@pytest.fixture
def nopasswd(host):
    file = host.path("/etc/sudoers.d/alice")
    file.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    file.chmod(0o440)
    yield
    file.unlink()


def accept(host, settings=None):
    """The daemon reads its configuration and accepts it."""
    host.configure(settings or {})
    host.run(["raxauth", "status"])


def cron_runs(host, user="alice"):
    """Whether cron, started now, runs a job of USER's; waits for its word on it."""
    host.path("/etc/cron.d/job").write_text(f"@reboot {user} id -un >{RAN}-{user}\n")
    ran = host.path(f"{RAN}-{user}")
    for left in (ran, host.path("/run/crond.reboot")):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()
    mark = host.journal.mark()
    cron = host.spawn(["cron", "-f"])
    try:
        # cron's own words for what PAM answered; the daemon's line comes before the job runs.
        host.wait_until(lambda: (ran.exists() and ran.read_text()) or
                        host.journal.entries(mark, SYSLOG_IDENTIFIER=re.compile("(?i)^cron$"),
                                             MESSAGE=REFUSED_BY_PAM),
                        "cron has run the job, or refused to", 30)
    finally:
        for pid in host.pids("cron"):
            host.kill(pid)
        cron.wait()
        host.path("/etc/cron.d/job").unlink()
    return ran.exists() and ran.read_text() == f"{user}\n"


def sudo(host):
    """alice's sudo with NOPASSWD: authenticate is skipped, account is not."""
    return host.run(["sudo", "-n", "id", "-un"], user="alice", check=False)


def test_cron_goes_on(host, trouble):
    assert cron_runs(host), host.journal.text(host.reset_mark)


def test_su_of_root_goes_on(host, trouble):
    assert host.run(["su", "alice", "-c", "id -un"]).stdout == "alice\n"


def test_sudo_without_a_password_goes_on_and_is_logged(host, trouble, nopasswd):
    mark = host.journal.mark()
    done = sudo(host)
    assert done.stdout == "root\n", done.stderr
    assert "goes on without raxauthd" in host.journal.text(mark)


def test_a_key_alone_stays_outside(host, trouble):
    host.authorize_key("alice")
    got = host.try_ssh("alice", [], methods="publickey", key=True)
    host.path("/home/alice/.ssh/authorized_keys").unlink()
    assert not got.granted, got.transcript


def test_password_and_passcode_do_not_get_in(host, trouble):
    got = host.try_ssh("alice", [host.identity.password("alice"), "123456"])
    assert not got.granted, got.transcript


def test_a_service_with_roles_is_refused_as_before(host, nopasswd):
    accept(host, ROLES)
    with unstartable(host):
        done = sudo(host)
        assert done.returncode != 0 and done.stdout == "", done
        assert host.run(["su", "alice", "-c", "id -un"]).stdout == "alice\n"
        assert cron_runs(host)


def test_what_was_in_force_last_decides_and_not_what_is_in_etc(host, nopasswd):
    accept(host, ROLES)
    with unstartable(host):
        host.write_settings({})
        assert sudo(host).returncode != 0
    accept(host)
    with unstartable(host):
        host.write_settings(ROLES)
        assert sudo(host).stdout == "root\n"


@pytest.mark.parametrize("spoil", [
    lambda file: file.chmod(0o666),
    lambda file: file.write_text("raxauth-account-rules 1\n"),
    lambda file: (file.unlink(), file.symlink_to("/etc/hostname")),
])
def test_rules_that_cannot_be_trusted_are_a_no(host, nopasswd, spoil):
    accept(host)
    with unstartable(host):
        spoil(host.path("/var/lib/raxauth/account-rules"))
        assert sudo(host).returncode != 0


def test_rules_that_are_gone_are_a_no_for_sshd_alone(host, nopasswd):
    accept(host, {"services": {"sshd": {"without_sign_in": "allow"}}})
    host.authorize_key("alice")
    with unstartable(host):
        assert host.try_ssh("alice", [], methods="publickey", key=True).granted
        host.path("/var/lib/raxauth/account-rules").unlink()
        assert not host.try_ssh("alice", [], methods="publickey", key=True).granted
        assert sudo(host).stdout == "root\n"
    host.path("/home/alice/.ssh/authorized_keys").unlink()


def test_after_a_restart_with_a_fault_the_configuration_before_holds(host):
    accept(host)
    mark = host.journal.mark()
    host.configure(FAULTY)

    assert host.sign_in("alice").granted

    journal = host.journal.text(mark)
    assert "domians" in journal and "the last accepted one stays in use" in journal
    status = host.run(["raxauth", "status"], check=False).stdout
    assert "has errors; the last accepted one stays in use" in status and "domians" in status
    host.configure({})
    assert "has errors" not in host.run(["raxauth", "status"]).stdout


def test_a_configuration_kept_where_others_could_write_is_not_believed(host):
    accept(host)
    host.path("/var/lib/raxauth/accepted-configuration").chmod(0o666)
    host.configure(FAULTY)
    mark = host.journal.mark()

    assert not host.try_ssh("alice", [host.identity.password("alice")]).granted

    assert host.journal.wait(mark, RAXAUTH_USER="alice")["RAXAUTH_REASON"] == "misconfigured"
