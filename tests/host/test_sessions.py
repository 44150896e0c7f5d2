# SPDX-License-Identifier: Apache-2.0
"""What a sign-in counts for later: sudo in the same session, the token, and when it is over."""

import contextlib
import os

import pytest
from throwaway import BusError

SUDO = "sudo -k id -un"  # -k: without sudo's own memory of the last password


@contextlib.contextmanager
def signed_in(host, user="alice"):
    """An ssh session whose person proved both factors."""
    with host.ssh(user) as session:
        host.answer_both(user, session)
        yield session


def both(host, user="alice"):
    return [host.identity.password(user), lambda: host.identity.sms(user)]


def kinds(prompts):
    return ["passcode" if "passcode:" in p.lower() else "password" for p in prompts]


def became_root(screen):
    return "\nroot\n" in screen


# -- sudo in the session that signed in


def test_sudo_asks_for_the_password_only_and_identity_for_nothing(host):
    with signed_in(host) as session:
        prompts, screen = session.dialogue(SUDO, [host.identity.password("alice")])
        assert became_root(screen), screen
    assert kinds(prompts) == ["password"]
    assert host.identity.outcomes() == [401, 200]
    assert host.identity.sms_count() == 1


def test_sudo_asks_for_nothing_where_the_service_says_all(host):
    host.configure({"services": {"sudo": {"reuse": "all"}}})
    with signed_in(host) as session:
        prompts, screen = session.dialogue(SUDO)
        assert became_root(screen), screen
    assert prompts == []


def test_sudo_asks_for_both_where_the_service_says_none(host):
    host.configure({"services": {"sudo": {"reuse": "none"}}})
    with signed_in(host) as session:
        prompts, screen = session.dialogue(SUDO, both(host))
        assert became_root(screen), screen
    assert kinds(prompts) == ["password", "passcode"]
    host.identity.wait_for_no_live_tokens()


def test_no_reuse_on_the_modules_line_wins_over_the_configuration(host):
    host.configure({"services": {"sudo": {"reuse": "all"}}})
    file = host.path("/etc/pam.d/sudo")
    before = file.read_text()
    file.write_text("auth required pam_raxauth.so no_reuse\n" + before)
    try:
        with signed_in(host) as session:
            prompts, _ = session.dialogue(SUDO, both(host))
    finally:
        file.write_text(before)
    assert kinds(prompts) == ["password", "passcode"]


def test_a_wrong_password_at_sudo_is_refused(host):
    with signed_in(host) as session:
        _, screen = session.dialogue(SUDO, ["wrong"])
        assert not became_root(screen), screen
    assert host.identity.outcomes() == [401, 200], "the guess was sent to Identity"


def test_three_wrong_passwords_at_sudo_end_what_the_sign_in_counts_for(host):
    with signed_in(host) as session:
        for _ in range(3):
            session.dialogue(SUDO, ["wrong"])
        prompts, screen = session.dialogue(SUDO, both(host))
        assert kinds(prompts) == ["password", "passcode"], screen
    assert host.identity.sms_count("alice") == 2


def test_a_sign_in_counts_only_as_long_as_the_service_says(host):
    host.configure({"services": {"sudo": {"reuse_for": "1s"}}})
    with signed_in(host) as session:
        session.shell("sleep 1.2")
        prompts, _ = session.dialogue(SUDO, both(host))
    assert kinds(prompts) == ["password", "passcode"]


def test_a_sign_in_counts_only_for_the_account_that_is_configured_now(host):
    host.configure({"services": {"sudo": {"reuse": "all"}}})
    with signed_in(host) as session:
        assert became_root(session.dialogue(SUDO, [])[1])
        host.reconfigure({"services": {"sudo": {"reuse": "all"}},
                          "accounts": {"map": {"alice": "somebody.else"}}})
        assert "no sign-in" in session.shell("raxauth token 2>&1")
        prompts, screen = session.dialogue(SUDO, both(host))
        assert kinds(prompts)[:1] == ["password"], screen
        assert not became_root(screen), screen


def test_a_reload_that_moves_identity_is_refused_and_nothing_changes(host):
    elsewhere = host.identity.url_of("localhost").replace("https://localhost:", "https://localhost:1")
    refusal = ("identity.url changed: restart raxauthd; sessions end and their tokens are revoked at "
               "the former address")
    with signed_in(host) as session:
        mark = host.journal.mark()
        with pytest.raises(BusError, match="restart raxauthd"):
            host.reconfigure({"identity": {"url": elsewhere}})
        host.journal.wait(mark, MESSAGE="configuration: " + refusal)
        assert refusal in host.run(["raxauth", "status"], check=False).stdout
        assert len(host.identity.live_tokens("alice")) == 1
        _, screen = session.dialogue(SUDO, [host.identity.password("alice")])
        assert became_root(screen), screen

        host.reconfigure({})
        assert "restart raxauthd" not in host.run(["raxauth", "status"]).stdout
    host.identity.wait_for_no_live_tokens()


def test_a_token_that_died_at_identity_counts_for_nothing(host):
    host.configure({"sessions": {"recheck_after": "0s"}})
    with signed_in(host) as session:
        host.identity.revoke_all()
        prompts, screen = session.dialogue(SUDO, both(host))
        assert kinds(prompts) == ["password", "passcode"], screen


@pytest.mark.parametrize("unverified", [False, True])
def test_an_identity_that_cannot_be_asked_decides_by_configuration(host, unverified):
    host.configure({"sessions": {"recheck_after": "0s", "reuse_unverified": unverified},
                    "identity": {"connect_timeout": "500ms", "request_timeout": "1s"}})
    with signed_in(host) as session:
        host.identity.stop()
        _, screen = session.dialogue(SUDO, [host.identity.password("alice")])
        assert became_root(screen) == unverified, screen


def test_roles_of_the_service_are_checked_at_each_sudo(host):
    host.configure({"services": {"sudo": {"roles": ["nobody:has-this"], "reuse": "all"}}})
    with signed_in(host) as session:
        _, screen = session.dialogue(SUDO, both(host))
        assert not became_root(screen), screen


def test_roles_are_checked_also_when_sudo_remembers_the_last_password(host):
    with signed_in(host) as session:
        _, screen = session.dialogue("sudo id -un", [host.identity.password("alice")])
        assert became_root(screen), screen
        host.write_settings({"services": {"sudo": {"roles": ["nobody:has-this"]}}})
        with host.caller() as root:
            root.call("Reload")
        prompts, screen = session.dialogue("sudo id -un")
        assert prompts == [] and not became_root(screen), screen


# -- what belongs to another session, or to none


def test_a_second_session_gets_nothing_from_the_first(host):
    host.authorize_key("alice")
    host.configure({"services": {"sshd": {"without_sign_in": "allow"}}})
    with signed_in(host), host.ssh("alice", methods="publickey", key=True) as second:
        assert second.next() == ("in", "")
        assert "export" not in second.shell("raxauth env 2>&1")
        prompts, _ = second.dialogue(SUDO)
    assert len(prompts) == 1 and "second factor of" not in prompts[0]


def test_another_person_gets_nothing(host):
    with signed_in(host), signed_in(host, "judy") as judy:
        assert "alice" not in judy.shell("raxauth sessions")
        assert judy.shell("raxauth token") not in ("", host.identity.password("alice"))
        with host.caller() as root:
            assert root.property("Sessions") == 2


def test_roots_su_to_a_person_gets_nothing(host):
    with signed_in(host):
        done = host.run(["su", "-", "alice", "-c", "raxauth token"], check=False)
        assert done.returncode != 0 and done.stdout == ""


def test_a_process_left_behind_by_logout_gets_nothing(host):
    with signed_in(host) as session:
        session.shell("(trap '' HUP; while ! [ -e /tmp/go ]; do sleep 0.05; done; "
                      "raxauth token >/tmp/left 2>&1; echo done >>/tmp/left) </dev/null "
                      ">/dev/null 2>&1 & disown 2>/dev/null; true")
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()
    host.path("/tmp/go").touch()
    left = host.path("/tmp/left")
    host.wait_until(lambda: left.exists() and "done" in left.read_text(), "the process has tried")
    assert len(max(left.read_text().split(), key=len)) < 100, "it was given a token"
    host.path("/tmp/go").unlink()
    left.unlink()


# -- the end of a session


def test_logout_takes_the_session_off_the_list_and_revokes_its_token(host):
    with signed_in(host) as session:
        with host.caller() as root:
            assert root.property("Sessions") == 1
        session.answer("exit")
        session.next()
    with host.caller() as root:
        host.wait_until(lambda: root.property("Sessions") == 0, "the session is gone")
    host.identity.wait_for_no_live_tokens()


def test_a_killed_client_ends_the_session(host):
    with signed_in(host) as session:
        session.kill()
        host.identity.wait_for_no_live_tokens()


def test_a_killed_sshd_ends_the_session(host):
    with signed_in(host):
        for pid in host.pids("sshd"):
            with open(f"/proc/{pid}/cmdline") as file:
                if "alice" in file.read():
                    host.kill(pid)
        host.identity.wait_for_no_live_tokens()
        with host.caller() as root:
            assert root.property("Sessions") == 0


def test_raxauth_logout_ends_what_the_sign_in_counts_for(host):
    with signed_in(host) as session:
        session.shell("raxauth logout")
        host.identity.wait_for_no_live_tokens()
        prompts, _ = session.dialogue(SUDO)
        assert "second factor of" not in prompts[0]


def test_flush_ends_all_sessions_of_a_person_and_of_nobody_else(host):
    with signed_in(host), signed_in(host, "judy"), host.caller() as root:
        assert root.call("Flush", "s", "alice") == [1]
        host.wait_until(lambda: not host.identity.live_tokens("alice"), "alice's token is revoked")
        assert len(host.identity.live_tokens("judy")) == 1


def test_an_ordinary_stop_of_the_daemon_revokes_all_tokens(host):
    with signed_in(host), signed_in(host, "judy"):
        assert host.kill_daemon(15)
        host.identity.wait_for_no_live_tokens()


def in_the_second_step(host, session):
    """alice's passcode is on its way, and Identity takes its time."""
    session.question("password")
    session.answer(host.identity.password("alice"))
    session.question("passcode")
    host.identity.fault("alice", "slow", step="passcode", ms=1500)
    session.answer(host.identity.sms("alice"))
    host.identity.wait_for_post(2)


def test_a_token_that_comes_after_the_stop_began_is_revoked(host):
    with host.ssh("alice") as session:
        in_the_second_step(host, session)
        assert host.kill_daemon(15)
    assert len(host.identity.issued_tokens()) == 1, host.identity.story()
    host.identity.wait_for_no_live_tokens()


def test_a_stop_goes_on_when_the_bus_is_lost(host):
    with host.ssh("alice") as session, signed_in(host, "judy"):
        in_the_second_step(host, session)
        (daemon,) = host.pids("raxauthd")
        os.kill(daemon, 15)
        host.bus.stop()
        try:
            host.wait_until(lambda: not host.pids("raxauthd"), "the daemon has stopped", 15)
        finally:
            host.bus.start()
    assert len(host.identity.issued_tokens()) == 2, host.identity.story()
    host.identity.wait_for_no_live_tokens()


def test_a_session_ends_even_if_identity_cannot_be_told_and_is_told_later(host):
    with signed_in(host) as session:
        host.identity.fault("alice", "http_503", step="revoke", count=2)
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens(timeout=30)


# -- the token in the person's hands


def test_the_sessions_person_is_given_the_token_and_the_variables(host):
    with signed_in(host) as session:
        token = session.shell("raxauth token").strip()
        assert len(token) == 200
        variables = session.shell("raxauth env")
        assert f"export OS_TOKEN='{token}'" in variables
        assert session.shell('eval "$(raxauth env)"; echo $OS_USERNAME') == "alice"
        answer = session.shell(
            f"curl -s -o /dev/null -w '%{{http_code}}' --cacert /srv/identity/tls/ca.pem "
            f"-H \"X-Auth-Token: {token}\" {host.identity.url_of('localhost')}/tokens/{token}")
        assert answer == "200"
    assert token not in host.journal.raw(host.reset_mark)


def test_nobody_gets_a_token_where_the_configuration_says_so(host):
    host.configure({"sessions": {"user_token": False}})
    with signed_in(host) as session:
        assert len(session.shell("raxauth token 2>&1")) < 200


def test_no_token_is_ever_lost(host):
    """Issued = revoked, over everything that can happen to a sign-in."""
    with signed_in(host) as session:
        session.dialogue(SUDO, [host.identity.password("alice")])
    host.configure({"services": {"sudo": {"reuse": "none"}}})
    with signed_in(host) as session:
        session.dialogue(SUDO, both(host))
    host.probe("raxauth-alone", "judy", ["authenticate"], both(host, "judy"))  # no session follows
    host.probe("raxauth-alone", "ivan", ["authenticate"], both(host, "ivan"))  # another domain
    host.probe("raxauth-alone", "heidi", ["authenticate"], [host.identity.password("heidi")])
    host.kill_daemon(15)
    host.identity.wait_for_no_live_tokens()
    assert len(host.identity.issued_tokens()) == 6, host.identity.story()
