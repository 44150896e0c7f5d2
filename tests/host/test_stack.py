# SPDX-License-Identifier: Apache-2.0
"""The installed PAM profile's control words: what each verdict means in a stack of Debian's own."""

import re

import pytest

from throwaway import local_password

# What each verdict comes from, and whether the next module may then be asked.
EXEMPT = {"accounts": {"exempt_users": ["root", "alice"]}}
NO_BINDING = {"access": {"domains": []}}
FAULTY = {"access": {"domains": 7}}


def stack(host, answers, steps=("authenticate",), user="alice"):
    """Runs a service that includes common-auth and common-account as sshd's does."""
    host.pam_service("a-service", "@include common-auth\n@include common-account\n"
                                  "@include common-session\n@include common-password\n")
    return host.probe("a-service", user, steps, answers)


def test_the_profiles_control_words_are_those_of_the_contract(host):
    def lines(kind):
        text = host.path(f"/etc/pam.d/common-{kind}").read_text()
        return [" ".join(x.split()) for x in text.splitlines() if "pam_raxauth.so" in x]

    # the jump counts are pam-auth-update's own reading of `end`
    auth, account, password = lines("auth"), lines("account"), lines("password")
    assert len(auth) == len(account) == len(password) == 1
    assert "user_unknown=ignore ignore=ignore default=die]" in auth[0]
    assert "user_unknown=ignore ignore=ignore default=die]" in password[0]
    assert "user_unknown=ignore ignore=ignore default=die]" in account[0]
    assert "success=ok" not in account[0] and "new_authtok_reqd" not in account[0]
    assert len(lines("session")) == 1


def test_raxauth_is_asked_before_pam_unix(host):
    text = host.path("/etc/pam.d/common-auth").read_text()
    assert 0 < text.index("pam_raxauth.so") < text.index("pam_unix.so")


def test_the_session_line_stands_after_pam_systemd(host):
    text = host.path("/etc/pam.d/common-session").read_text()
    if "pam_systemd.so" in text:
        assert text.index("pam_systemd.so") < text.index("pam_raxauth.so")


def test_granted_ends_the_stack(host):
    mark = host.journal.mark()
    report = stack(host, [host.identity.password("alice"), lambda: host.identity.sms("alice")],
                   ["authenticate", "setcred", "acct_mgmt"])
    assert report.codes() == ["PAM_SUCCESS"] * 3, report.events
    assert not host.journal.entries(mark, MESSAGE=re.compile(r"pam_unix\(.*:auth\)"))


def test_denied_ends_the_stack_even_with_a_good_local_password(host):
    report = stack(host, [local_password("alice")] * 3)
    assert report.code == "PAM_AUTH_ERR", report.events
    assert len(report.prompts) == 1, "a second module asked"


def test_max_tries_ends_the_stack(host):
    wrong = host.identity.wrong_code("alice")
    report = stack(host, [host.identity.password("alice"), wrong, wrong, local_password("alice")])
    assert report.code == "PAM_MAXTRIES", report.events
    assert len(report.prompts) == 3


def test_expired_ends_the_stack(host):
    host.identity.change("grace", password=local_password("grace"))  # so pam_unix would say yes
    report = stack(host, [local_password("grace"), "", local_password("grace")], user="grace")
    assert report.code == "PAM_AUTH_ERR", report.events
    assert len(report.prompts) == 2  # a new password is asked for, and not given; no other module


@pytest.mark.parametrize("settings, code", [(NO_BINDING, "PAM_AUTH_ERR"),
                                            (FAULTY, "PAM_AUTHINFO_UNAVAIL")])
def test_a_configuration_that_is_not_finished_lets_no_local_password_in(host, settings, code):
    host.configure(settings)
    report = stack(host, [local_password("alice")] * 3)
    assert report.code == code, report.events


def test_unavailable_ends_the_stack_even_with_a_good_local_password(host):
    host.identity.stop()
    report = stack(host, [local_password("alice")] * 3)
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events


def test_a_cancelled_dialogue_ends_the_stack(host):
    report = stack(host, [])
    assert report.code == "PAM_CONV_ERR", report.events


def test_those_whom_the_configuration_exempts_are_asked_by_the_next_module(host):
    host.configure(EXEMPT)
    report = stack(host, [local_password("alice")], ["authenticate", "acct_mgmt"])
    assert report.codes() == ["PAM_SUCCESS", "PAM_SUCCESS"], report.events
    assert host.identity.requests() == []
    assert stack(host, ["wrong"]).code == "PAM_AUTH_ERR"


def test_the_configurations_exemption_is_worth_nothing_without_the_daemon(host):
    host.configure(EXEMPT)
    with host.bus_absent():
        report = stack(host, [local_password("alice")] * 3)
    assert report.code == "PAM_AUTHINFO_UNAVAIL", report.events


def test_root_is_asked_by_the_next_module_only(host):
    report = stack(host, [local_password("root")], ["authenticate", "acct_mgmt"], user="root")
    assert report.codes() == ["PAM_SUCCESS", "PAM_SUCCESS"], report.events
    assert len(report.prompts) == 1
    assert host.pids("raxauthd") == [], "the daemon was started for root"


def test_the_account_phase_of_somebody_who_never_signed_in_is_the_services_to_rule(host):
    assert stack(host, [], ["acct_mgmt"]).code == "PAM_SUCCESS"
    host.configure({"services": {"a-service": {"without_sign_in": "deny"}}})
    assert stack(host, [], ["acct_mgmt"]).code == "PAM_PERM_DENIED"


def test_the_account_phase_without_a_bus_is_unavailable_where_a_sign_in_is_demanded(host):
    host.configure({"services": {"a-service": {"without_sign_in": "deny"}}})
    host.run(["raxauth", "status"])
    with host.bus_absent():
        assert stack(host, [], ["acct_mgmt"]).code == "PAM_AUTHINFO_UNAVAIL"
        assert stack(host, [], ["acct_mgmt"], user="root").code == "PAM_SUCCESS"


def test_setcred_is_success_for_ours_and_leaves_others_to_the_next_module(host):
    with host.bus_absent():
        report = host.probe("raxauth-alone", "alice", ["setcred", "setcred:delete"])
        assert report.codes() == ["PAM_SUCCESS", "PAM_SUCCESS"]
        assert stack(host, [], ["setcred"], user="root").code == "PAM_SUCCESS"


def test_sessions_without_a_ticket_open_and_close_without_a_bus(host):
    with host.bus_absent():
        report = host.probe("raxauth-alone", "alice", ["open_session", "close_session"])
        assert report.codes() == ["PAM_SUCCESS", "PAM_SUCCESS"]


def test_user_unknown_ignore_makes_those_not_ours_ignored(host):
    host.pam_service("ignoring", "auth required pam_raxauth.so user_unknown=ignore\n"
                                 "auth required pam_permit.so\n")
    assert host.probe("ignoring", "root").code == "PAM_SUCCESS"
    assert host.probe("raxauth-alone", "root").code == "PAM_USER_UNKNOWN"


def test_an_unknown_option_is_logged_by_name_and_does_no_harm(host):
    host.pam_service("misspelt", "auth required pam_raxauth.so minimal_uid=5\n")
    mark = host.journal.mark()
    report = host.probe("misspelt", "alice", answers=[host.identity.password("alice"),
                                                      lambda: host.identity.sms("alice")])
    assert report.code == "PAM_SUCCESS"
    assert "minimal_uid" in host.journal.text(mark)


def test_a_password_typed_for_an_earlier_module_is_used_and_not_asked_again(host):
    host.pam_service("after", "auth optional pam_unix.so\nauth required pam_raxauth.so try_first_pass\n")
    report = host.probe("after", "alice", answers=[host.identity.password("alice"),
                                                   lambda: host.identity.sms("alice")])
    assert report.code == "PAM_SUCCESS", report.events
    assert len(report.prompts) == 2


def test_use_first_pass_without_a_password_asks_nothing(host):
    host.pam_service("only-first", "auth required pam_raxauth.so use_first_pass\n")
    report = host.probe("only-first", "alice")
    assert report.code == "PAM_AUTH_ERR", report.events
    assert report.prompts == []


def test_hooks_in_any_order_and_twice_are_sane(host):
    login = [host.identity.password("alice"), lambda: host.identity.sms("alice")]
    report = host.probe("raxauth-alone", "alice",
                        ["close_session", "setcred", "acct_mgmt", "authenticate", "authenticate",
                         "setcred", "open_session", "close_session", "close_session"], login * 2)
    assert report.codes() == ["PAM_SUCCESS"] * 9, report.codes()


def test_a_handle_that_signed_in_keeps_its_credentials_when_sudo_makes_it_root(host):
    report = host.probe("raxauth-alone", "alice",
                        ["authenticate", "acct_mgmt", "user=root", "setcred"],
                        [host.identity.password("alice"), lambda: host.identity.sms("alice")])
    assert report.codes() == ["PAM_SUCCESS"] * 3, report.events


def test_a_second_user_on_the_same_handle_needs_factors_of_their_own(host):
    report = host.probe("raxauth-alone", "alice", ["authenticate", "user=bob", "authenticate"],
                        [host.identity.password("alice"), lambda: host.identity.sms("alice"),
                         host.identity.password("bob"), "000000", "000000"])
    assert report.codes()[0] == "PAM_SUCCESS"
    assert report.codes()[1] != "PAM_SUCCESS", report.events


def test_two_copies_of_the_module_in_one_stack_are_sane(host):
    host.pam_service("twice", "auth required pam_raxauth.so\nauth required pam_raxauth.so\n")
    login = [host.identity.password("alice"), lambda: host.identity.sms("alice")]
    report = host.probe("twice", "alice", answers=login * 2)
    assert report.code == "PAM_SUCCESS", report.events
