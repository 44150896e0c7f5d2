# SPDX-License-Identifier: Apache-2.0
"""The bus interface against callers of all kinds: what belongs to whom."""

import pytest

from throwaway import BusError, pipe, wait_until


def error_of(call, *args, **kwargs):
    with pytest.raises(BusError) as caught:
        call(*args, **kwargs)
    return caught.value.name


def goes_on(host, caller, step, user="alice"):
    """The conversation at STEP still leads to a yes."""
    step = caller.answer(step, host.identity.password(user))
    assert step.state == "ask", step
    step = caller.answer(step, host.identity.sms(user))
    assert step.state == "granted", step


def test_a_person_may_sign_in_themselves(host):
    with host.caller("alice") as alice:
        step = alice.begin(user="alice", service="whatever")
        assert step.state == "ask"
        assert [kind for kind, _ in step.messages] == ["password"]
        goes_on(host, alice, step)


def test_a_person_may_not_sign_in_somebody_else(host):
    with host.caller("bob") as bob:
        assert error_of(bob.begin, user="alice", service="x") == "AccessDenied"
    assert host.identity.posts() == []


def test_an_account_that_is_not_ours_may_not_sign_in_one_of_ours(host):
    with host.caller("65534") as nobody:
        assert error_of(nobody.begin, user="alice", service="x") == "AccessDenied"


def test_a_persons_claims_about_service_session_and_uid_are_not_believed(host):
    mark = host.journal.mark()
    with host.caller("alice") as alice:
        step = alice.begin(user="alice", service="sshd", remote_host="203.0.113.9", session="1",
                           login_uid=0, real_uid=0, audit_session=1)
        alice.answer(step, "wrong")
    line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in")
    assert line["RAXAUTH_SERVICE"] == "user"
    assert line.get("RAXAUTH_REMOTE_HOST") != "203.0.113.9"


def test_root_alone_may_introspect(host):
    interface = "org.freedesktop.DBus.Introspectable"
    with host.caller("alice") as alice:
        assert error_of(alice.call, "Introspect", interface=interface).endswith("AccessDenied")
    with host.caller() as root:
        assert "BeginSignIn" in root.call("Introspect", interface=interface)[0]


def test_a_conversation_goes_on_when_its_caller_has_left_the_bus(host):
    with host.caller() as sshd:
        step = sshd.begin(user="alice", service="sshd")
        sshd.leave_the_bus()
        goes_on(host, sshd, step)


def test_a_stale_serial_is_refused_and_disturbs_nothing(host):
    with host.caller() as sshd:
        step = sshd.begin(user="alice", service="sshd")
        for wrong in (step.serial + 1, 0):
            assert error_of(sshd.say, step, "Answer", wrong, ["guess"]) == "StaleSerial"
        goes_on(host, sshd, step)


def test_an_answered_step_cannot_be_answered_again(host):
    with host.caller() as sshd:
        first = sshd.begin(user="alice", service="sshd")
        second = sshd.answer(first, host.identity.password("alice"))
        assert error_of(sshd.answer, first, host.identity.password("alice")) == "StaleSerial"
        assert sshd.answer(second, host.identity.sms("alice")).state == "granted"
    assert host.identity.outcomes() == [401, 200]


@pytest.mark.parametrize("kind", ["open", "file", "pipe"])
def test_a_channel_that_is_no_end_of_a_socket_pair_is_refused(host, kind):
    with host.caller() as sshd:
        assert error_of(sshd.begin, user="alice", service="sshd",
                        channel=pipe("", kind)) == "InvalidContext"


def test_a_caller_without_a_channel_is_told_that_nobody_can_sign_in_now(host):
    with host.caller() as old_module:
        assert error_of(old_module.call, "BeginSignIn", "a{sv}", {"user": "alice"},
                        no_channel=True) == "Busy"


def test_an_answer_longer_than_the_contract_allows_ends_the_conversation(host):
    with host.caller() as sshd:
        step = sshd.begin(user="alice", service="sshd")
        assert error_of(sshd.answer, step, "x" * 4097) == "InvalidContext"
        assert error_of(sshd.answer, step, "x") == "Gone"


@pytest.mark.parametrize("count", [0, 2, 8, 9])
def test_a_wrong_number_of_answers_is_never_a_yes(host, count):
    with host.caller() as sshd:
        step = sshd.begin(user="alice", service="sshd")
        assert error_of(sshd.answer, step, *["x"] * count) == "InvalidContext"
    assert host.identity.posts() == []


def test_a_caller_that_hangs_up_ends_its_conversation(host):
    with host.caller() as sshd, host.caller() as root:
        step = sshd.begin(user="alice", service="sshd")
        assert root.property("LiveConversations") == 1
        sshd.hang_up(step)
        wait_until(lambda: root.property("LiveConversations") == 0, "the conversation is gone")


def test_cancel_ends_a_conversation(host):
    with host.caller() as sshd:
        step = sshd.begin(user="alice", service="sshd")
        sshd.say(step, "Cancel")
        assert error_of(sshd.answer, step, "x") == "Gone"
    assert host.identity.posts() == []


def test_a_deadline_is_told_on_the_channel_and_ends_it(host):
    host.configure({"sign_in": {"deadline": "5s"}, "identity": {"request_timeout": "2s",
                                                             "connect_timeout": "1s"}})
    with host.caller() as sshd:
        step = sshd.begin(user="alice", service="sshd")
        step = sshd.answer(step, host.identity.password("alice"))
        assert sshd.say(step, "hear")[:2] == ["unavailable", "deadline"]
        assert error_of(sshd.answer, step, "x") == "Gone"
        assert sshd.property("LiveConversations") == 0


@pytest.mark.parametrize("member", ["Answer", "Cancel"])
def test_the_bus_itself_takes_no_answers(host, member):
    with host.caller() as sshd:
        assert error_of(sshd.call, member).endswith("AccessDenied")


def test_a_person_cannot_hold_more_conversations_than_the_limit(host):
    with host.caller("alice") as alice:
        for _ in range(16):
            assert alice.begin(user="alice").state == "ask"
        assert error_of(alice.begin, user="alice") == "LimitExceeded"
    with host.caller() as sshd:
        goes_on(host, sshd, sshd.begin(user="alice", service="sshd", remote_host="192.0.2.9"))


@pytest.mark.parametrize("method, signature, args", [
    ("OpenSession", "a{sv}", [{"user": "alice", "ticket": "guess"}]),
    ("CloseSession", "s", ["guess"]),
    ("Flush", "s", ["bob"]),
    ("GetLimits", "s", ["bob"]),
    ("ResetLimits", "s", ["bob"]),
    ("Reload", "", []),
])
@pytest.mark.parametrize("user", ["alice", "65534"])
def test_what_is_roots_is_refused_to_others(host, user, method, signature, args):
    with host.caller(user) as caller:
        assert error_of(caller.call, method, signature, *args).endswith("AccessDenied")


def test_check_account_is_for_the_callers_own_account(host):
    with host.caller("bob") as bob:
        assert error_of(bob.call, "CheckAccount", "a{sv}", {"user": "alice"}) == "AccessDenied"
        assert bob.call("CheckAccount", "a{sv}", {"user": "bob"})[0] in ("granted", "denied")


def test_a_caller_without_a_session_gets_no_token(host):
    with host.caller("alice") as alice:
        name = error_of(alice.call, "GetToken", "a{sv}", {})
        assert name in ("NoToken", "AccessDenied"), name


def test_a_guessed_ticket_opens_nothing(host):
    with host.caller() as root:
        handle, environment = root.call("OpenSession", "a{sv}", {
            "user": "alice", "service": "sshd", "ticket": "A" * 43})
        assert (handle, environment) == ("", {})
        assert root.property("Sessions") == 0


def test_nobody_but_the_daemons_user_may_own_the_name(host):
    for user in ("alice", "65534", None):
        with host.caller(user) as caller:
            name = error_of(caller.call, "RequestName", "su", "org.raxauth.Auth1",
                            {"type": "UInt32", "value": 4}, to="org.freedesktop.DBus",
                            path="/org/freedesktop/DBus", interface="org.freedesktop.DBus")
            assert name == "org.freedesktop.DBus.Error.AccessDenied"


def test_members_that_the_policy_does_not_name_are_refused(host):
    with host.caller("alice") as alice:
        assert error_of(alice.call, "Frobnicate").endswith("AccessDenied")
        assert error_of(alice.call, "BeginSignIn", "a{sv}", {"user": "alice"},
                        interface="org.example.Other").endswith("AccessDenied")


def test_a_hundred_thousand_keys_in_the_context_do_no_harm(host):
    with host.caller("alice") as alice:
        context = {f"key{i}": "x" * 50 for i in range(100_000)}
        try:
            step = alice.call("BeginSignIn", "a{sv}", {**context, "user": "alice"})
            assert step[1] in ("ask", "denied", "unavailable")
        except BusError as error:
            assert error.name in ("InvalidContext", "LimitExceeded",
                                  "org.freedesktop.DBus.Error.NoReply",
                                  "org.freedesktop.DBus.Error.AccessDenied")
    assert host.sign_in("alice").granted


def test_the_daemon_runs_as_its_own_user_and_without_capabilities(host):
    with host.caller() as root:
        root.property("Version")
    (pid,) = host.pids("raxauthd")
    status = dict(line.split(":\t", 1) for line in
                  open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == {str(host.uid("raxauth"))}
    assert status["CapEff"] == status["CapPrm"] == "0" * 16
    limits = open(f"/proc/{pid}/limits").read()
    core = next(line for line in limits.splitlines() if "core file" in line)
    assert core.split()[4:6] == ["0", "0"], core


def test_a_live_conversation_survives_a_reload(host):
    with host.caller() as sshd, host.caller() as root:
        step = sshd.begin(user="alice", service="sshd")
        root.call("Reload")
        goes_on(host, sshd, step)


def test_a_reload_of_a_faulty_configuration_keeps_the_old_settings(host):
    with host.caller() as root:
        root.property("Version")
        file = host.path("/etc/raxauth/raxauth.d/50-host.toml")
        file.write_text(file.read_text() + "\n[accsess]\n")
        error_of(root.call, "Reload")
    assert host.sign_in("alice").granted


