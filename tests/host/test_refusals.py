# SPDX-License-Identifier: Apache-2.0
"""Every no that Identity, or the host's own rules, can say; told by a real sshd."""

import re

import pytest

from throwaway import local_password


def refused(host, user, answers, reason, posts, verdict="denied"):
    """USER with ANSWERS is turned away for REASON after that many requests; the Attempt."""
    mark = host.journal.mark()
    got = host.try_ssh(user, answers)
    assert not got.granted, got.transcript
    line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER=user,
                             RAXAUTH_VERDICT=re.compile("."))
    assert (line["RAXAUTH_VERDICT"], line["RAXAUTH_REASON"]) == (verdict, reason), line
    assert len(host.identity.posts()) == posts, host.identity.story()
    host.identity.wait_for_no_live_tokens()  # a refused sign-in leaves no token behind
    return got


def test_a_wrong_password_is_refused_after_one_request_and_no_sms(host):
    refused(host, "alice", ["wrong"], "wrong-credentials", posts=1)
    assert host.identity.sms_count() == 0


def test_the_local_password_is_no_way_in(host):
    refused(host, "alice", [local_password("alice")], "wrong-credentials", posts=1)


def test_a_wrong_password_and_an_unknown_account_look_the_same(host):
    known = host.try_ssh("alice", ["wrong"])
    unknown = host.try_ssh("nobody-of-that-name", ["wrong"])
    assert not known.granted and not unknown.granted
    assert [p.replace("alice", "X") for p in known.prompts] == \
        [p.replace("nobody-of-that-name", "X") for p in unknown.prompts]
    assert len(host.identity.posts()) == 1, "Identity was asked about a name that is not here"


def test_a_name_that_identity_does_not_know_is_refused(host):
    refused(host, "nell", ["whatever"], "wrong-credentials", posts=1)


def test_two_wrong_passcodes_end_the_conversation(host):
    wrong = host.identity.wrong_code("alice")
    got = refused(host, "alice", [host.identity.password("alice"), wrong, wrong],
                  "wrong-credentials", posts=3, verdict="max-tries")
    assert len(got.prompts) == 3


def test_an_expired_session_is_refused_and_no_second_sms_is_sent(host):
    def too_late():
        assert host.identity.expire_sessions("alice") == 1
        return host.identity.sms("alice")

    refused(host, "alice", [host.identity.password("alice"), too_late], "session-expired", posts=2)
    assert host.identity.sms_count("alice") == 1


def test_an_account_locked_at_the_first_step_is_told_so(host):
    refused(host, "erin", [host.identity.password("erin")], "account-locked", posts=1)


def test_an_account_that_locks_at_the_second_step_is_told_so(host):
    host.identity.switch(lock_after=1)
    refused(host, "alice", [host.identity.password("alice"), host.identity.wrong_code("alice")],
            "account-locked", posts=2)


def test_a_disabled_account_is_refused(host):
    refused(host, "dave", [host.identity.password("dave")], "account-disabled", posts=1)


def test_an_account_disabled_between_the_steps_is_refused(host):
    def disabled():
        code = host.identity.sms("alice")
        host.identity.change("alice", enabled=False)
        return code

    refused(host, "alice", [host.identity.password("alice"), disabled], "account-disabled", posts=2)


def test_a_second_factor_that_must_be_set_up_first_is_explained(host):
    host.configure({"sign_in": {"enrol_at_login": False}})
    got = refused(host, "frank", [host.identity.password("frank")], "mfa-setup-required", posts=1)
    assert "multi-factor" in got.transcript.lower(), got.transcript


def test_an_account_without_a_second_factor_is_refused_and_its_token_revoked(host):
    refused(host, "heidi", [host.identity.password("heidi")], "mfa-required", posts=1)


def test_an_account_without_a_second_factor_gets_in_where_the_rules_say_so(host):
    host.configure({"access": {"require_mfa": False}})
    assert host.try_ssh("heidi", [host.identity.password("heidi")]).granted


def test_an_expired_password_is_explained(host):
    got = refused(host, "grace", [host.identity.password("grace"), ""], "cancelled", posts=1)
    assert "expired" in got.transcript.lower(), got.transcript


def test_a_member_of_another_domain_is_refused(host):
    refused(host, "ivan", [host.identity.password("ivan"), lambda: host.identity.sms("ivan")],
            "access-refused", posts=2)


def test_a_person_without_the_wanted_role_is_refused(host):
    host.configure({"access": {"roles": ["nobody:has-this"]}})
    refused(host, "alice", [host.identity.password("alice"), lambda: host.identity.sms("alice")],
            "access-refused", posts=2)


@pytest.mark.parametrize("role", ["identity:user-admin", "compute:default"])
def test_a_person_with_one_of_the_wanted_roles_gets_in(host, role):
    host.configure({"access": {"roles": ["nobody:has-this", role]},
                    "accounts": {"tenant_id": host.identity.tenant("alice")}})
    assert host.sign_in("alice").granted


def test_nobody_gets_in_before_the_administrator_has_named_the_organisation(host):
    host.configure({"access": {"domains": []}})
    refused(host, "alice", [host.identity.password("alice")], "no-binding", posts=0)
    line = host.journal.wait(RAXAUTH_REASON="no-binding")
    assert "domains" in line["MESSAGE"], "the journal does not say which key to set"


def test_with_the_configuration_as_installed_nobody_gets_in(host):
    with host.without_own_settings():
        got = host.try_ssh("alice", [host.identity.password("alice")])
        assert not got.granted, got.transcript
        assert host.journal.wait(host.reset_mark, RAXAUTH_USER="alice",
                                 RAXAUTH_REASON="no-binding")
    assert host.identity.posts() == []


@pytest.mark.parametrize("status", [413, 429])
@pytest.mark.parametrize("step", ["first", "passcode"])
def test_throttling_is_unavailable_and_asked_only_once(host, status, step):
    host.identity.fault("alice", f"http_{status}", step=step)
    answers = [host.identity.password("alice")]
    if step == "passcode":
        answers.append(lambda: host.identity.sms("alice"))
    refused(host, "alice", answers, "throttled", posts=len(answers), verdict="unavailable")


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("step", ["first", "passcode"])
def test_a_server_error_is_unavailable_and_asked_only_once(host, status, step):
    host.identity.fault("alice", f"http_{status}", step=step)
    answers = [host.identity.password("alice")]
    if step == "passcode":
        answers.append(lambda: host.identity.sms("alice"))
    refused(host, "alice", answers, "identity-fault", posts=len(answers), verdict="unavailable")


def test_an_unreachable_identity_is_unavailable(host):
    host.identity.stop()
    mark = host.journal.mark()
    got = host.try_ssh("alice", ["whatever"])
    assert not got.granted, got.transcript
    line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in")
    assert line["RAXAUTH_VERDICT"] == "unavailable"
    assert line["RAXAUTH_REASON"] == "identity-unreachable"


def test_a_faulty_configuration_lets_nobody_in_and_says_where_it_is_faulty(host):
    host.configure({"access": {"domians": ["123456"]}})
    mark = host.journal.mark()
    got = host.try_ssh("alice", [host.identity.password("alice")])
    assert not got.granted, got.transcript
    assert "domians" in host.journal.text(mark)
    line = host.journal.wait(mark, RAXAUTH_USER="alice")
    assert (line["RAXAUTH_VERDICT"], line["RAXAUTH_REASON"]) == ("unavailable", "misconfigured")


def test_a_configuration_that_others_may_write_is_not_believed(host):
    host.path("/etc/raxauth/raxauth.d/50-host.toml").chmod(0o666)
    got = host.try_ssh("alice", [host.identity.password("alice")])
    assert not got.granted, got.transcript
    assert host.identity.posts() == []


@pytest.mark.parametrize("answer", ["", "\b\n\r\x7fINCORRECT"])
def test_an_empty_password_and_sshds_junk_never_reach_identity(host, answer):
    report = host.probe("sshd", "alice", ["authenticate"], [answer])
    assert report.code == "PAM_AUTH_ERR", report.events
    assert host.identity.posts() == []


def test_a_passcode_equal_to_the_password_never_reaches_identity(host):
    password = host.identity.password("alice")
    report = host.probe("sshd", "alice", ["authenticate"], [password, password])
    assert report.code != "PAM_SUCCESS", report.events
    assert len(host.identity.posts()) == 1


def test_user_names_of_another_grammar_never_reach_the_bus(host):
    for name in ("-alice", "al:ice", "../alice", "al\tice", "a" * 300):
        report = host.probe("raxauth-alone", name, ["authenticate"], ["x"])
        assert report.code in ("PAM_AUTH_ERR", "PAM_USER_UNKNOWN"), (name, report.events)
    assert host.identity.posts() == []
