# SPDX-License-Identifier: Apache-2.0
"""Local accounts as hosts have them: aged, expired, oddly named, with a password set by root."""

import contextlib

import pytest

from throwaway import local_password

FILES = ("/etc/passwd", "/etc/shadow", "/etc/group")


@pytest.fixture(autouse=True)
def own_account_files(host):
    before = {name: host.path(name).read_bytes() for name in FILES}
    yield
    for name, content in before.items():
        host.path(name).write_bytes(content)


def both(host, user="alice"):
    return [host.identity.password(user), lambda: host.identity.sms(user)]


@contextlib.contextmanager
def nopasswd(host):
    file = host.path("/etc/sudoers.d/alice")
    file.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
    file.chmod(0o440)
    try:
        yield
    finally:
        file.unlink()


AGED = [["chage", "-M", "1", "-d", "2000-01-01", "alice"], ["passwd", "-e", "alice"],
        ["chage", "-M", "1", "-W", "7", "-I", "1", "-d", "2000-01-01", "alice"]]


@pytest.mark.parametrize("command", AGED, ids=lambda c: " ".join(c))
def test_the_age_of_a_local_password_is_no_business_of_ours(host, command):
    host.run(command)
    got = host.try_ssh("alice", both(host))
    assert got.granted, got.transcript
    assert len(got.prompts) == 2, got.prompts


@pytest.mark.parametrize("command", AGED, ids=lambda c: " ".join(c))
def test_the_age_of_a_local_password_skips_no_rule_of_ours(host, command):
    host.configure({"services": {"sudo": {"roles": ["nobody-has-it"]}}})
    with nopasswd(host):
        refused = host.run(["sudo", "-n", "id", "-u"], user="alice", check=False)
        assert refused.returncode != 0 and refused.stdout == ""
        host.run(command)
        aged = host.run(["sudo", "-n", "id", "-u"], user="alice", check=False)
    assert aged.returncode != 0 and aged.stdout == "", aged
    assert "raxauth login" in aged.stderr, aged.stderr


def test_sudo_i_is_held_to_the_rules_of_sudo(host):
    host.configure({"services": {"sudo": {"roles": ["nobody-has-it"]}}})
    with nopasswd(host):
        refused = host.run(["sudo", "-n", "-i", "id", "-u"], user="alice", check=False)
    assert refused.returncode != 0 and refused.stdout == "", refused


def test_an_account_that_has_expired_gets_nowhere(host):
    host.run(["chage", "-E", "2000-01-01", "alice"])
    got = host.try_ssh("alice", both(host))
    assert not got.granted, got.transcript
    with nopasswd(host):
        done = host.run(["sudo", "-n", "id", "-u"], user="alice", check=False)
    assert done.returncode != 0 and done.stdout == "" and "expired" in done.stderr, done
    report = host.probe("raxauth-alone", "alice", ["acct_mgmt"])
    assert report.code == "PAM_ACCT_EXPIRED", report.events


def test_an_account_that_expires_tomorrow_is_good(host):
    host.run(["chage", "-E", "2100-01-01", "alice"])
    assert host.sign_in("alice").granted


def add(host, name, uid, groups=()):
    with host.path("/etc/passwd").open("a") as passwd:
        passwd.write(f"{name}:x:{uid}:{uid}:::/bin/sh\n")
    with host.path("/etc/group").open("a") as group:
        group.writelines(f"{g}:x:{uid + 50000}:{name}\n" for g in groups)


@pytest.mark.parametrize("name, uid, groups", [
    ("EX\\svc", 500, ()), ("EX\\carol", 5000, ("exempt",)), ("John Doe", 5000, ("exempt",)),
    ("jürgen", 999, ()), ("x" * 132, 500, ()), ("dynamic", 61184, ()), ("EX\\mapped", 200000, ())])
def test_who_is_not_ours_is_not_ours_by_whatever_name(host, name, uid, groups):
    add(host, name, uid, groups)
    host.pam_service("exempting", "auth required pam_raxauth.so exempt_group=exempt\n"
                                  "account required pam_raxauth.so exempt_group=exempt\n")
    with host.bus_absent():
        for step in ("authenticate", "acct_mgmt"):
            report = host.probe("exempting", name, [step])
            assert report.code == "PAM_USER_UNKNOWN", report.events
            assert report.prompts == []


@pytest.mark.parametrize("name", ["EX\\carol", "John Doe", "jürgen"])
def test_a_name_that_would_be_ours_and_cannot_be_sent_is_refused(host, name):
    add(host, name, 5000)
    assert host.probe("raxauth-alone", name, ["authenticate"]).code == "PAM_AUTH_ERR"
    assert host.probe("raxauth-alone", name, ["acct_mgmt"]).code == "PAM_PERM_DENIED"
    assert host.pids("raxauthd") == []


def test_root_sets_a_local_password(host):
    host.run(["chpasswd"], input="alice:Set-by-root-1\n")
    host.run(["passwd", "bob"], input="Set-by-root-2\nSet-by-root-2\n")
    host.pam_service("local", "auth required pam_unix.so\n")
    for user, password in (("alice", "Set-by-root-1"), ("bob", "Set-by-root-2")):
        assert host.probe("local", user, answers=[password]).code == "PAM_SUCCESS"
    assert host.identity.requests() == []
    got = host.try_ssh("alice", ["Set-by-root-1"])
    assert not got.granted, "a local password got somebody in past raxauth"


def test_a_password_typed_at_login_stands_in_no_log(host):
    typed = "Correct-Horse-9!"
    mark = host.journal.mark()
    for name in (typed, typed + " with blanks", typed.replace("!", "")):
        host.probe("login", name, ["authenticate", "acct_mgmt"], ["whatever"])
    with host.caller() as root:
        history = str(root.call("GetHistory", "u", 50))
    ours = [entry["MESSAGE"] for entry in host.journal.entries(mark)
            if "raxauth" in entry.get("SYSLOG_IDENTIFIER", "") + entry["MESSAGE"]]
    assert ours and "Horse" not in " ".join(ours), ours
    assert "Horse" not in history


def test_a_final_refusal_is_shown_by_sudo(host):
    host.identity.stop()
    with host.terminal(["sudo", "-k", "id"], user="alice") as terminal:
        terminal.question("password")
        terminal.answer(host.identity.password("alice"))
        terminal.until("cannot be reached")


def test_local_passwords_of_others_are_as_before(host):
    assert local_password("root")
    report = host.probe("login", "root", ["authenticate", "acct_mgmt"], [local_password("root")])
    assert report.codes() == ["PAM_SUCCESS", "PAM_SUCCESS"], report.events
