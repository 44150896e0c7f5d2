# SPDX-License-Identifier: Apache-2.0
"""The Rackspace password: expired at the login prompt, `passwd`, and `raxauth password`."""

import pytest

from throwaway import local_password

NEW = "Another-Grace-7"
WEAK = "short"
FIRST, AGAIN = "New Rackspace password for", "The new Rackspace password again: "
CHANGED = "password changed: user={0} account={0}"


def password_at_identity(host, user):
    return host.identity.account(user)["password"]


def expired(host, session, user="grace"):
    """The present password; what is said before the new one is asked for."""
    session.question("password")
    session.answer(host.identity.password(user))
    return session.until(FIRST)


# -- expired, at the login prompt


def test_an_expired_password_is_changed_at_the_prompt_and_the_sign_in_goes_on(host):
    with host.ssh("grace") as session:
        rules = expired(host, session)
        assert "has expired" in rules and "8 to 100 characters" in rules, rules
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        session.question("passcode")
        session.answer(host.identity.sms("grace"))
        assert session.next() == ("in", ""), session.transcript
        assert session.shell("id -un") == "grace"
        assert NEW not in session.transcript
    assert password_at_identity(host, "grace") == NEW
    journal = host.journal.raw(host.reset_mark)
    assert CHANGED.format("grace") in journal and NEW not in journal
    assert host.identity.password("grace") not in journal
    host.identity.wait_for_no_live_tokens()
    again = host.try_ssh("grace", [NEW, lambda: host.identity.sms("grace")])
    assert again.granted and len(again.prompts) == 2, again.transcript


def test_what_identity_does_not_take_is_told_in_its_words_and_asked_again(host):
    with host.ssh("grace") as session:
        expired(host, session)
        session.answer(WEAK)
        session.until(AGAIN)
        session.answer(WEAK)
        screen = session.until(FIRST)
        assert "does not accept this password: " in screen, screen
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        session.question("passcode")
        session.answer(host.identity.sms("grace"))
        assert session.next() == ("in", ""), session.transcript
    assert password_at_identity(host, "grace") == NEW


def test_two_that_differ_and_the_old_one_are_asked_again_without_bothering_identity(host):
    with host.ssh("grace") as session:
        expired(host, session)
        session.answer(host.identity.password("grace"))
        assert "has to differ" in session.until(FIRST)
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW + "x")
        assert "not the same" in session.until(FIRST)
        assert not [r for r in host.identity.requests() if r["step"] == "change-password"]
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        session.question("passcode")
        session.answer(host.identity.sms("grace"))
        assert session.next() == ("in", ""), session.transcript


def test_three_bad_ones_end_it(host):
    with host.ssh("grace") as session:
        expired(host, session)
        for left in (2, 1, 0):
            session.answer(WEAK)
            session.until(AGAIN)
            session.answer(WEAK)
            if left:
                session.until(FIRST)
        assert session.next()[0] in ("refused", "end")
        assert "was not changed" in session.transcript
    assert password_at_identity(host, "grace") == host.identity.password("grace")
    line = host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="grace")
    assert line["RAXAUTH_VERDICT"] == "max-tries", line


def test_an_empty_line_is_not_now(host):
    with host.ssh("grace") as session:
        assert "an empty line: not now" in expired(host, session).replace("\n", " ")
        session.answer("")
        assert session.next()[0] in ("refused", "end")
        assert "was not changed" in session.transcript
    assert password_at_identity(host, "grace") == host.identity.password("grace")
    assert host.identity.sms_count() == 0


def test_an_identity_that_goes_away_before_the_change_is_told(host):
    host.configure({"identity": {"connect_timeout": "500ms", "request_timeout": "1s"}})
    with host.ssh("grace") as session:
        expired(host, session)
        host.identity.stop()
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        assert session.next()[0] in ("refused", "end")
        assert "gave no answer" in session.transcript, session.transcript


def test_a_client_that_knows_only_one_answer_changes_nothing(host):
    host.set_sshd("PasswordAuthentication yes\n")
    try:
        got = host.try_ssh("grace", [host.identity.password("grace")], methods="password")
    finally:
        host.set_sshd("")
    assert not got.granted, got.transcript
    assert password_at_identity(host, "grace") == host.identity.password("grace")


def test_login_on_a_console_changes_it_too(host):
    with host.terminal(["login", "-h", "console.example", "grace"]) as session:
        expired(host, session)
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        session.question("passcode")
        session.answer(host.identity.sms("grace"))
        assert session.next() == ("in", ""), session.transcript
        assert session.shell("id -un") == "grace"


# -- passwd


@pytest.fixture(autouse=True)
def local_accounts_put_back(host):
    """What passwd writes is not the product's, and not put back by the reset between tests."""
    file = host.path("/etc/shadow")
    before = file.read_text()
    yield
    file.write_text(before)


def shadow(host, user):
    return next(line for line in host.path("/etc/shadow").read_text().splitlines()
                if line.startswith(user + ":")).split(":")[1]


def ends(host, session):
    """Waits for the program's end; its status."""
    host.wait_until(lambda: session.next(20)[0] == "end", "the program ends")
    session.child.wait()
    return session.child.exitstatus


def test_passwd_changes_the_rackspace_password_of_the_person(host):
    local = shadow(host, "alice")
    with host.terminal(["passwd"], user="alice") as session:
        session.until("Present Rackspace password for alice: ")
        session.answer(host.identity.password("alice"))
        assert "8 to 100 characters" in session.until(FIRST)
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        assert ends(host, session) == 0, session.transcript
        assert NEW not in session.transcript
    assert password_at_identity(host, "alice") == NEW
    assert shadow(host, "alice") == local, "the local password was changed"
    assert CHANGED.format("alice") in host.journal.text(host.reset_mark)
    assert NEW not in host.journal.raw(host.reset_mark)


def test_passwd_with_a_wrong_present_password_changes_nothing(host):
    local = shadow(host, "alice")
    with host.terminal(["passwd"], user="alice") as session:
        session.until("Present Rackspace password for alice: ")
        session.answer("wrong")
        session.until(FIRST)
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        assert ends(host, session) != 0
        assert "not the present password" in session.transcript, session.transcript
    assert password_at_identity(host, "alice") == host.identity.password("alice")
    assert shadow(host, "alice") == local


def test_roots_passwd_of_a_person_sets_the_local_password(host):
    local = shadow(host, "alice")
    with host.terminal(["passwd", "alice"]) as session:
        for _ in range(2):
            session.question("new password")
            session.answer("A-local-Secret-44")
        assert ends(host, session) == 0, session.transcript
    assert shadow(host, "alice") != local
    assert password_at_identity(host, "alice") == host.identity.password("alice")
    assert not [r for r in host.identity.requests() if r["step"] == "change-password"]


def test_local_users_change_their_local_password_as_ever(host):
    host.configure({"accounts": {"exempt_users": ["root", "oscar"]}})
    before = shadow(host, "oscar")
    with host.terminal(["passwd"], user="oscar") as session:
        session.question("current password")
        session.answer(local_password("oscar"))
        for _ in range(2):
            session.question("new password")
            session.answer("A-local-Secret-42")
        assert ends(host, session) == 0, session.transcript
    assert shadow(host, "oscar") != before
    assert host.identity.requests() == [] or not host.identity.posts()


def test_whom_the_configuration_exempts_proves_the_present_password_in_any_stack(host):
    """A yes of ours in the first phase would jump over pam_unix's question for it."""
    host.configure({"accounts": {"exempt_users": ["root", "oscar"]}})
    file = host.path("/etc/pam.d/common-password")
    before, local = file.read_text(), shadow(host, "oscar")
    file.write_text(before.replace("use_authtok", ""))
    try:
        with host.terminal(["passwd"], user="oscar") as session:
            session.question("current password")
            session.answer("wrong")
            assert ends(host, session) != 0
    finally:
        file.write_text(before)
    assert shadow(host, "oscar") == local


def test_those_below_the_first_uid_change_their_local_password_as_ever(host):
    host.configure({"accounts": {"minimum_uid": 2100}})
    host.add_module_options("minimum_uid=2100")
    try:
        before = shadow(host, "oscar")
        with host.terminal(["passwd"], user="oscar") as session:
            session.question("current password")
            session.answer(local_password("oscar"))
            for _ in range(2):
                session.question("new password")
                session.answer("A-local-Secret-43")
            assert ends(host, session) == 0, session.transcript
        assert shadow(host, "oscar") != before
    finally:
        for kind in ("auth", "account", "password"):
            file = host.path(f"/etc/pam.d/common-{kind}")
            file.write_text(file.read_text().replace(" minimum_uid=2100", ""))


def test_root_sets_a_local_users_password_as_ever(host):
    host.configure({"accounts": {"exempt_users": ["root", "oscar"]}})
    before = shadow(host, "oscar")
    with host.terminal(["passwd", "oscar"]) as session:
        for _ in range(2):
            session.question("new password")
            session.answer("Another-local-Secret-42")
        assert ends(host, session) == 0, session.transcript
    assert shadow(host, "oscar") != before


def test_passwd_without_the_daemon_leaves_the_local_password_alone(host):
    local = shadow(host, "alice")
    with host.bus_absent(), host.terminal(["passwd"], user="alice") as session:
        kind, text = session.next()
        assert kind == "end", f"{kind} {text}\n{session.transcript}"
    assert shadow(host, "alice") == local


def test_an_identity_that_does_not_answer_is_told_at_passwd(host):
    host.configure({"identity": {"connect_timeout": "500ms", "request_timeout": "1s"}})
    with host.terminal(["passwd"], user="alice") as session:
        session.until("Present Rackspace password for alice: ")
        session.answer(host.identity.password("alice"))
        session.until(FIRST)
        host.identity.stop()
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        assert ends(host, session) != 0
        assert "gave no answer" in session.transcript, session.transcript


# -- raxauth password


def test_raxauth_password_changes_it_and_what_was_signed_in_with_the_old_one_counts_no_more(host):
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        session.answer("raxauth password")
        session.until("Present Rackspace password for alice: ")
        session.answer(host.identity.password("alice"))
        assert "8 to 100 characters" in session.until(FIRST)
        session.answer(NEW)
        session.until(AGAIN)
        session.answer(NEW)
        session.until("is changed")
        assert session.next() == ("in", "")
        assert session.shell("echo $?") == "0"
        assert session.shell("raxauth token 2>/dev/null") == ""
    assert password_at_identity(host, "alice") == NEW
    host.identity.wait_for_no_live_tokens()


@pytest.mark.parametrize("step", ["present", "new", "again"])
def test_an_interrupt_changes_nothing(host, step):
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        session.answer("raxauth password")
        session.until("Present Rackspace password for alice: ")
        if step != "present":
            session.answer(host.identity.password("alice"))
            session.until(FIRST)
        if step == "again":
            session.answer(NEW)
            session.until(AGAIN)
        session.press("c")
        assert session.next() == ("in", ""), session.transcript
        assert session.shell("echo $?") == "1"
        assert "the password was not changed" in session.transcript
        assert len(session.shell("raxauth token 2>/dev/null")) == 200, "the session lost its token"
    assert password_at_identity(host, "alice") == host.identity.password("alice")


def test_raxauth_password_is_not_for_root(host):
    done = host.run(["raxauth", "password"], check=False)
    assert done.returncode == 1 and "root" in done.stderr
    assert host.identity.requests() == []
