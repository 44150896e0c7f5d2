# SPDX-License-Identifier: Apache-2.0
"""The main job: a person types `ssh host`, gives password and passcode, and is in."""

import re


def test_password_and_sms_passcode_get_a_person_in_with_one_sms_and_two_requests(host):
    with host.ssh("alice") as session:
        session.question("password")
        session.answer(host.identity.password("alice"))
        session.question("passcode")
        session.answer(host.identity.sms("alice"))
        assert session.next() == ("in", "")
        assert session.shell("id -un") == "alice"
    assert host.identity.outcomes() == [401, 200]
    assert host.identity.sms_count("alice") == 1


def test_password_and_authenticator_code_get_a_person_in_without_an_sms(host):
    got = host.try_ssh("bob", [host.identity.password("bob"), lambda: host.identity.totp("bob")])
    assert got.granted, got.transcript
    assert host.identity.outcomes() == [401, 200]
    assert host.identity.sms_count() == 0


def test_a_bypass_code_stands_in_for_the_passcode_once(host):
    code = host.identity.bypass_code("carol")
    first = host.try_ssh("carol", [host.identity.password("carol"), code])
    assert first.granted, first.transcript
    again = host.try_ssh("carol", [host.identity.password("carol"), code])
    assert not again.granted, again.transcript


def test_the_first_prompt_is_what_clients_know_and_the_second_says_where_the_code_went(host):
    with host.ssh("alice") as session:
        first = session.question("password")
        assert first == "(alice@127.0.0.1) Password:", first
        session.answer(host.identity.password("alice"))
        second = session.question("passcode")
        assert re.search("Rackspace sent you a code by SMS", second), second
        assert max(len(line) for line in second.splitlines()) <= 78, second
        assert not re.search(r"\d{4}", second), f"a telephone number is in the prompt: {second}"


def test_an_authenticator_user_is_asked_for_the_code_of_the_authenticator(host):
    with host.ssh("bob") as session:
        session.question("password")
        session.answer(host.identity.password("bob"))
        assert re.search("authenticator|app", session.question("passcode"), re.IGNORECASE)


def test_an_empty_line_at_the_passcode_prompt_sends_a_new_code(host):
    with host.ssh("alice") as session:
        session.question("password")
        session.answer(host.identity.password("alice"))
        session.question("passcode")
        host.identity.sms("alice")
        session.answer("")
        session.question("passcode")
        assert host.identity.sms_count("alice") == 2
        session.answer(host.identity.sms("alice"))
        assert session.next() == ("in", "")
    assert host.identity.outcomes() == [401, 401, 200]


def test_no_more_codes_are_sent_in_a_conversation_than_the_limit_says(host):
    with host.ssh("alice") as session:
        session.question("password")
        session.answer(host.identity.password("alice"))
        for _ in range(5):
            kind, _ = session.next()
            if kind != "ask":
                break
            session.answer("r")
    assert host.identity.sms_count("alice") == 3  # the first one and limits.resends


def test_blanks_and_dashes_in_a_passcode_do_not_matter(host):
    def spaced():
        code = host.identity.sms("alice")
        return f" {code[:3]}-{code[3:]} "

    got = host.try_ssh("alice", [host.identity.password("alice"), spaced])
    assert got.granted, got.transcript


def test_letters_are_asked_again_without_bothering_identity(host):
    got = host.try_ssh("alice", [host.identity.password("alice"), "letters",
                                 lambda: host.identity.sms("alice")])
    assert got.granted, got.transcript
    assert host.identity.outcomes() == [401, 200]


def test_a_wrong_passcode_can_be_put_right_in_the_same_session(host):
    got = host.try_ssh("alice", [host.identity.password("alice"), host.identity.wrong_code("alice"),
                                 lambda: host.identity.sms("alice")])
    assert got.granted, got.transcript
    assert len(got.prompts) == 3
    assert host.identity.outcomes() == [401, 401, 200]
    sessions = {r["session"] for r in host.identity.posts()[1:]}
    assert len(sessions) == 1, "the second passcode belongs to the session of the first"
    assert host.identity.sms_count("alice") == 1


def test_the_journal_has_one_line_for_the_verdict_with_user_service_host_and_reason(host):
    mark = host.journal.mark()
    assert host.sign_in("alice").granted
    host.journal.wait(mark, RAXAUTH_HOOK="sign-in")
    lines = host.journal.entries(mark, RAXAUTH_HOOK="sign-in")
    assert len(lines) == 1, host.journal.text(mark)
    line = lines[0]
    assert line["RAXAUTH_VERDICT"] == "granted"
    assert line["RAXAUTH_USER"] == "alice"
    assert line["RAXAUTH_SERVICE"] == "sshd"
    assert line["RAXAUTH_REMOTE_HOST"] == "127.0.0.1"
    for word in ("alice", "sshd", "127.0.0.1", "granted"):
        assert word in line["MESSAGE"]


def test_the_ticket_does_not_reach_the_shell(host):
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        assert session.shell("env | grep -i raxauth || echo nothing") == "nothing"


def test_the_token_is_revoked_after_logout(host):
    with host.ssh("alice") as session:
        host.answer_both("alice", session)
        session.answer("exit")
        assert session.next()[0] == "end"
    assert host.identity.issued_tokens("alice"), "no token was ever issued: this proves nothing"
    host.identity.wait_for_no_live_tokens()


def test_tenant_and_endpoint_wishes_go_with_both_requests(host):
    host.configure({"accounts": {"tenant_id": host.identity.tenant("alice")}})
    assert host.sign_in("alice").granted
    posts = host.identity.posts()
    assert [p["tenant"] for p in posts] == [host.identity.tenant("alice")] * 2
    assert all(p["query"].get("include_endpoints") == "false" for p in posts)


def test_an_account_can_be_mapped_to_another_name_at_rackspace(host):
    host.configure({"accounts": {"map": {"oscar": "alice"}}, "access": {"domains": []}})
    got = host.try_ssh("oscar", [host.identity.password("alice"), lambda: host.identity.sms("alice")])
    assert got.granted, got.transcript
    assert host.identity.posts()[0]["user"] == "alice"


def test_login_on_a_terminal_asks_for_both_factors(host):
    with host.terminal(["login", "-h", "console.example", "alice"]) as session:
        host.answer_both("alice", session)
        assert session.shell("id -un") == "alice"


def test_su_to_another_person_asks_for_that_persons_factors(host):
    with host.terminal(["su", "-", "alice"], user="bob") as session:
        host.answer_both("alice", session)
        assert session.shell("id -un") == "alice"


def test_sudo_asks_for_both_factors(host):
    with host.terminal(["sudo", "id", "-un"], user="alice") as session:
        session.question("password")
        session.answer(host.identity.password("alice"))
        session.question("passcode")
        session.answer(host.identity.sms("alice"))
        assert session.next()[0] == "end"
        assert "root" in session.transcript
