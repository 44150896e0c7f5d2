# SPDX-License-Identifier: Apache-2.0
"""The verbs of `raxauth` for the second factor, in sessions that ssh made."""

import contextlib
import json
import re

import pytest

from throwaway.authenticator import key_of, passcode, scan

CODE = "[b, p: QR code, c: cancel]: "
NUMBER = "[c: cancel]: "
PIN = "c: cancel]: "
YES_OR_NO = "[yes/no]: "
PHONE = "+1 512-555-0100"  # what everybody has who has one
NEW_PHONE = "+1 512-555-0147"
ORDINARY = [{"id": "6", "name": "compute:default", "tenantId": "123456"}]
REFUSED, USAGE, UNREACHABLE = 1, 2, 3


@contextlib.contextmanager
def session_of(host, user="alice"):
    """An ssh session with both factors."""
    with host.ssh(user) as session:
        session.question("password")
        session.answer(host.identity.password(user))
        session.question("passcode")
        sms = host.identity.account(user)["factor_type"] == "SMS"
        session.answer(host.identity.sms(user) if sms else host.identity.totp(user))
        assert session.next() == ("in", ""), session.transcript
        yield session


def run(session, command):
    """What `raxauth COMMAND` prints (both streams), and its exit status."""
    *lines, status = session.shell(f"raxauth {command} 2>&1; s=$?; echo; echo $s").split("\n")
    return "\n".join(lines).strip("\n"), int(status)


def told(session, command):
    """The JSON of `raxauth COMMAND --json`, which must succeed."""
    text, status = run(session, f"{command} --json")
    assert status == 0, text
    return json.loads(text)


def refused(session, command, words, status=REFUSED):
    """`raxauth COMMAND` must be refused and explain itself with WORDS."""
    text, got = run(session, command)
    assert got == status, f"{got}: {text}"
    assert re.search(words, text), text
    assert "terminate" not in text and "HTTP" not in text, text
    return text


def ordinary(host, user="alice"):
    host.identity.change(user, roles=ORDINARY)


# -- what there is


def test_the_status_tells_factor_enforcement_and_devices(host):
    with session_of(host) as session:
        facts = told(session, "mfa status")
        text, status = run(session, "mfa status")
        assert told(session, "mfa") == facts
    (phone,) = host.identity.account("alice")["phones"]
    assert facts == {"account": "alice", "enabled": True, "locked": False, "factor": "sms",
                     "enforcement": "default", "domain": "123456", "domain_enforcement": "optional",
                     "otp_devices": [], "phones": [{"id": phone["id"], "number": "+* ***-***-**00",
                                                    "verified": True}]}
    assert status == 0
    for fact in ("alice", "on, passcodes by SMS", "123456", phone["id"], "+* ***-***-**00"):
        assert fact in text, text
    assert PHONE not in text


def test_the_status_of_an_authenticator_user(host):
    with session_of(host, "bob") as session:
        facts = told(session, "mfa status")
        assert "authenticator app" in run(session, "mfa status")[0]
    assert (facts["factor"], facts["phones"], len(facts["otp_devices"])) == ("otp", [], 1)


def test_devices_shows_telephone_numbers_masked_unless_asked_for(host):
    with session_of(host) as session:
        text, status = run(session, "devices")
        assert status == 0 and PHONE not in text and "**00" in text, text
        assert told(session, "devices")["phones"][0]["number"] == "+* ***-***-**00"
        text, status = run(session, "devices --numbers")
        assert status == 0 and PHONE in text, text
        assert told(session, "devices --numbers")["phones"][0]["number"] == PHONE
    assert PHONE not in host.journal.raw(host.reset_mark)


@pytest.mark.parametrize("switches", [{"text_booleans": True}, {"lower_case_attributes": True}],
                         ids=str)
def test_every_reading_of_the_documents_gives_the_same_status(host, switches):
    with session_of(host) as session:
        before = told(session, "mfa status")
        host.identity.switch(**switches)
        assert told(session, "mfa status") == before


# -- one more device


def enrol_an_authenticator(session, options=""):
    """`raxauth enrol otp` with a scanned code; the key, and what stood on the screen at the end."""
    session.answer(f"raxauth enrol otp {options}")
    key = key_of(scan(session.until(CODE)))
    start = len(session.transcript)
    session.answer(passcode(key))
    assert session.next() == ("in", ""), session.transcript
    return key, session.transcript[start:]


def test_an_authenticator_as_the_second_device_and_then_the_default(host):
    with session_of(host) as session:
        key, screen = enrol_an_authenticator(session)
        assert "raxauth mfa default otp" in screen, screen
        assert host.identity.account("alice")["factor_type"] == "SMS"
        text, status = run(session, "mfa default otp")
        assert status == 0 and "authenticator app" in text, text
        facts = told(session, "mfa status")
        assert facts["factor"] == "otp" and facts["otp_devices"][0]["verified"]
        session.answer("exit")
        session.next()
    journal = host.journal.raw(host.reset_mark)
    assert "second factor set up: user=alice account=alice kind=authenticator" in journal
    assert key not in journal and "otpauth" not in journal
    got = host.try_ssh("alice", [host.identity.password("alice"), lambda: passcode(key)])
    assert got.granted, got.transcript


def test_an_authenticator_is_called_as_the_person_says(host):
    with session_of(host) as session:
        enrol_an_authenticator(session, "--name 'spare phone'")
        (device,) = told(session, "devices")["otp_devices"]
        assert device["name"] == "spare phone" and device["verified"], device


def test_a_terminal_without_utf8_gets_the_code_in_plain_characters(host):
    with session_of(host) as session:
        session.answer("LC_ALL=C raxauth enrol otp")
        screen = session.until(CODE)
        assert not re.search("[█▀▄]", screen) and "####" in screen, screen
        key = key_of(scan(screen))
        session.answer(passcode(key))
        assert session.next() == ("in", "")
    assert host.identity.account("alice")["otp_devices"][0]["secret"] == key


def test_a_phone_as_the_second_device(host):
    with session_of(host, "bob") as session:
        session.answer("raxauth enrol sms")
        session.until(NUMBER)
        session.answer(NEW_PHONE)
        screen = session.until(PIN)
        assert "**47" in screen, screen
        session.answer(host.identity.sms("bob"))
        assert session.next() == ("in", "")
        assert "raxauth mfa default sms" in session.transcript
        assert run(session, "mfa default sms")[1] == 0
    assert host.identity.account("bob")["factor_type"] == "SMS"
    assert NEW_PHONE not in host.journal.raw(host.reset_mark)
    got = host.try_ssh("bob", [host.identity.password("bob"), lambda: host.identity.sms("bob")])
    assert got.granted, got.transcript


def test_who_has_no_second_factor_sets_one_up_in_the_session(host):
    host.configure({"access": {"require_mfa": False}})
    with host.ssh("heidi") as session:
        session.question("password")
        session.answer(host.identity.password("heidi"))
        assert session.next() == ("in", ""), session.transcript
        assert told(session, "mfa status")["enabled"] is False
        key, screen = enrol_an_authenticator(session)
        assert "next sign-in" in screen, screen
    assert host.identity.account("heidi")["mfa_enabled"]
    got = host.try_ssh("heidi", [host.identity.password("heidi"), lambda: passcode(key)])
    assert got.granted and len(got.prompts) == 2, got.transcript


def test_a_fifth_device_is_the_last(host):
    host.identity.change("bob", otp_devices=[
        {"name": f"phone {i}", "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "verified": i == 0}
        for i in range(4)])
    with session_of(host, "bob") as session:
        enrol_an_authenticator(session)
        refused(session, "enrol otp", "maximum number of OTP devices")
    assert len(host.identity.account("bob")["otp_devices"]) == 5


def test_a_second_phone_is_refused_with_what_to_do(host):
    with session_of(host) as session:
        session.answer("raxauth enrol sms")
        session.until(NUMBER)
        session.answer(NEW_PHONE)
        assert session.next() == ("in", "")
        assert "raxauth devices" in session.transcript, session.transcript
        assert session.shell("echo $?") == "1"
    assert [p["number"] for p in host.identity.account("alice")["phones"]] == [PHONE]


def test_an_unknown_kind_of_factor_is_a_misuse(host):
    with session_of(host) as session:
        text, status = run(session, "enrol telegram")
        assert status == USAGE and "telegram" in text, text


# -- taking devices away


def test_a_device_is_removed(host):
    with session_of(host) as session:
        enrol_an_authenticator(session)
        (device,) = told(session, "devices")["otp_devices"]
        text, status = run(session, f"devices remove {device['id']}")
        assert (text, status) == ("The device is removed.", 0)
        assert told(session, "devices")["otp_devices"] == []
    assert "second factor removed: user=alice" in host.journal.text(host.reset_mark)


def test_a_device_that_was_added_elsewhere_is_verified_by_its_code(host):
    with session_of(host) as session:
        # what a control panel does, up to the code
        session.shell('eval "$(raxauth env)"')
        session.shell("ask() { curl -s -k -H \"X-Auth-Token: $OS_TOKEN\" "
                      "-H 'Content-Type: application/json' \"$@\"; }")
        session.shell("""id=$(ask "$OS_AUTH_URL/users?name=alice" | """
                      """grep -o '"id" *: *"[^"]*"' | head -1 | cut -d'"' -f4)""")
        made = session.shell("""ask -d '{"RAX-AUTH:otpDevice":{"name":"panel"}}' """
                             """"$OS_AUTH_URL/users/$id/RAX-AUTH/multi-factor/otp-devices" | """
                             """grep -o 'secret=[A-Z2-7]*'""")
        key = re.search(r"secret=([A-Z2-7]+)", made.replace("\n", "")).group(1)
        (device,) = told(session, "devices")["otp_devices"]
        assert device["name"] == "panel" and not device["verified"], device
        session.answer(f"raxauth devices verify {device['id']}")
        session.until("shows: ")
        session.answer("000000")
        assert "not accepted" in session.until("shows: ")
        session.answer(passcode(key))
        assert session.next() == ("in", "")
        assert told(session, "devices")["otp_devices"][0]["verified"]
        refused(session, "devices verify no-such-id", "no device with this id")


def test_the_last_authenticator_in_use_stays(host):
    with session_of(host, "bob") as session:
        (device,) = told(session, "devices")["otp_devices"]
        refused(session, f"devices remove {device['id']}", "raxauth mfa default sms")
    assert len(host.identity.account("bob")["otp_devices"]) == 1


def test_where_identity_lets_the_last_authenticator_go_it_goes(host):
    host.identity.switch(last_otp_device_removable=True)
    with session_of(host, "bob") as session:
        (device,) = told(session, "devices")["otp_devices"]
        assert run(session, f"devices remove {device['id']}")[1] == 0
    assert host.identity.account("bob")["otp_devices"] == []


def test_the_phone_in_use_stays(host):
    with session_of(host) as session:
        (phone,) = told(session, "devices")["phones"]
        refused(session, f"devices remove {phone['id']}", "raxauth mfa default otp")
    assert len(host.identity.account("alice")["phones"]) == 1


@pytest.mark.parametrize("odd", ["0", "../../users", "x" * 200])
def test_an_id_that_is_none_of_the_devices_is_refused_without_asking_identity_to_remove(host, odd):
    with session_of(host) as session:
        refused(session, f"devices remove {odd}", "raxauth devices")
    assert not [r for r in host.identity.requests()
                if r["method"] == "DELETE" and "multi-factor" in r["path"]]


# -- default, off


def test_a_factor_without_a_device_cannot_be_the_default(host):
    with session_of(host) as session:
        refused(session, "mfa default otp", "verified device")
        assert run(session, "mfa default")[1] == USAGE
        assert run(session, "mfa default pigeon")[1] in (REFUSED, USAGE)
    assert host.identity.account("alice")["factor_type"] == "SMS"


def test_switching_off_wants_a_yes(host):
    with session_of(host) as session:
        for answer in ("no", "", "y"):
            session.answer("raxauth mfa disable")
            session.until(YES_OR_NO)
            session.answer(answer)
            assert session.next() == ("in", "")
            assert session.shell("echo $?") == "1"
        assert "Nothing was changed" in session.transcript
        assert host.identity.account("alice")["mfa_enabled"]
        session.answer("raxauth mfa disable")
        assert "alice" in session.until(YES_OR_NO)
        session.answer("yes")
        assert session.next() == ("in", "")
        assert session.shell("echo $?") == "0"
    assert not host.identity.account("alice")["mfa_enabled"]
    assert "second factor switched off: user=alice" in host.journal.text(host.reset_mark)


@pytest.mark.parametrize("level, words", [("REQUIRED", "must have MFA"),
                                          ("RACKSPACE_MANDATED", "mandates MFA")])
def test_switching_off_warns_where_the_domain_forbids_it(host, level, words):
    host.identity.domain(enforcement=level)
    with session_of(host) as session:
        session.answer("raxauth mfa disable")
        assert words in session.until(YES_OR_NO), session.transcript
        session.answer("no")
        assert session.next() == ("in", "")
    assert host.identity.account("alice")["mfa_enabled"]


def test_switched_off_it_is_switched_on_again_with_the_devices_that_stayed(host):
    host.configure({"access": {"require_mfa": False}})
    with session_of(host) as session:
        session.answer("raxauth mfa disable")
        session.until(YES_OR_NO)
        session.answer("yes")
        assert session.next() == ("in", "")
        text, status = run(session, "mfa enable")
        assert status == 0 and "is on" in text, text
    assert host.identity.account("alice")["mfa_enabled"]
    assert host.sign_in("alice").granted


def test_switching_off_can_remove_all_devices_and_then_there_is_nothing_to_switch_on(host):
    host.configure({"access": {"require_mfa": False}})
    with session_of(host) as session:
        session.answer("raxauth mfa disable --remove-devices")
        assert "remove all devices" in session.until(YES_OR_NO)
        session.answer("yes")
        assert session.next() == ("in", "")
        assert told(session, "devices") == {"otp_devices": [], "phones": []}
        refused(session, "mfa enable", "verified device")
    assert not host.identity.account("alice")["mfa_enabled"]


# -- bypass codes


def test_an_administrator_has_one_made_for_another_user(host):
    with session_of(host) as session:
        code = session.shell("raxauth bypass-codes --user bob 2>/dev/null").strip()
        assert re.fullmatch(r"\d{9}", code), code
        refused(session, "bypass-codes --user bob --count 2", "one code at a time")
    assert "bypass codes issued: user=alice account=bob count=1" in \
        host.journal.text(host.reset_mark)
    assert host.try_ssh("bob", [host.identity.password("bob"), code]).granted


def test_a_bypass_code_opens_the_next_sign_in_once_and_is_nowhere_logged(host):
    with session_of(host) as session:
        text = session.shell("raxauth bypass-codes --count 3 --valid-for 20m 2>/dev/null")
        codes = text.split()
        assert len(codes) == 3 and all(re.fullmatch(r"\d{9}", c) for c in codes), text
        as_json = told(session, "bypass-codes --valid-for 1h")
        assert as_json["valid_for_minutes"] == 60 and len(as_json["codes"]) == 1, as_json
    journal = host.journal.raw(host.reset_mark)
    assert "bypass codes issued: user=alice account=alice count=3" in journal
    for code in codes + as_json["codes"]:
        assert code not in journal and code not in str(host.identity.requests())
    (code,) = as_json["codes"]
    assert host.identity.account("alice")["bypass_codes"][0]["code"] == code, "new ones replace old"
    assert host.try_ssh("alice", [host.identity.password("alice"), code]).granted
    again = host.try_ssh("alice", [host.identity.password("alice"), code])
    assert not again.granted, again.transcript


@pytest.mark.parametrize("options", ["--count 0", "--count 11", "--count many", "--valid-for 4h",
                                     "--valid-for 0m", "--valid-for soon"])
def test_counts_and_times_that_cannot_be_are_refused_before_anybody_is_asked(host, options):
    with session_of(host) as session:
        before = len(host.identity.requests())
        text, status = run(session, f"bypass-codes {options}")
        assert status in (REFUSED, USAGE) and text, text
        assert not [r for r in host.identity.requests()[before:] if r["step"] == "bypass-codes"]


def test_bypass_codes_without_a_second_factor_are_refused(host):
    host.configure({"access": {"require_mfa": False}})
    with host.ssh("heidi") as session:
        session.question("password")
        session.answer(host.identity.password("heidi"))
        assert session.next() == ("in", "")
        refused(session, "bypass-codes", "only where MFA is on")


# -- administrators


def test_an_administrator_unlocks_a_user(host):
    with session_of(host) as session:
        text, status = run(session, "mfa unlock erin")
        assert (text, status) == ("erin is unlocked.", 0)
    assert not host.identity.account("erin")["locked"]
    assert "account unlocked at Identity: by=alice account=erin" in host.journal.text(host.reset_mark)
    assert host.sign_in("erin").granted


def test_an_administrator_says_who_must_have_a_second_factor(host):
    with session_of(host) as session:
        for level in ("required", "optional", "default"):
            text, status = run(session, f"mfa require heidi {level}")
            assert status == 0 and level in text and "heidi" in text, text
            assert host.identity.account("heidi")["enforcement"] == level.upper()
        assert run(session, "mfa require heidi mandated")[1] in (REFUSED, USAGE)
        refused(session, "mfa require nobody-of-that-name required", "does not know that name")
    assert "enforcement of MFA changed: by=alice account=heidi" in host.journal.text(host.reset_mark)


def test_an_administrator_says_whether_the_domain_must_have_it(host):
    with session_of(host) as session:
        assert told(session, "mfa domain show") == {"domain": "123456", "enforcement": "optional"}
        assert "123456" in run(session, "mfa domain")[0]
        text, status = run(session, "mfa domain set required")
        assert status == 0 and "123456" in text, text
        assert told(session, "mfa domain") == {"domain": "123456", "enforcement": "required"}
        assert run(session, "mfa domain set optional")[1] == 0
        assert run(session, "mfa domain set default")[1] in (REFUSED, USAGE)
        assert told(session, "mfa domain") == {"domain": "123456", "enforcement": "optional"}


@pytest.mark.parametrize("verb", ["mfa unlock erin", "mfa require heidi required",
                                  "mfa domain set required"])
def test_an_ordinary_user_is_refused_and_told_who_may(host, verb):
    ordinary(host)
    with session_of(host) as session:
        refused(session, verb, "administrator|does not know that name or id, or does not show it")
    assert host.identity.account("erin")["locked"]
    assert host.identity.account("heidi")["enforcement"] == "OPTIONAL"


# -- whose session it is


def test_where_tokens_are_not_handed_out_the_person_signs_in_anew_for_each_verb(host):
    host.configure({"sessions": {"user_token": False}})
    with session_of(host) as session:
        prompts, screen = session.dialogue(
            "raxauth mfa status --json",
            [host.identity.password("alice"), lambda: host.identity.sms("alice")])
        assert len(prompts) == 2 and '"enabled": true' in screen, screen
        prompts, screen = session.dialogue("raxauth bypass-codes", ["wrong"])
        assert prompts and not re.search(r"\n\d{9}\n", screen), screen
    assert host.identity.account("alice")["bypass_codes"] == []


def test_who_is_not_signed_in_signs_in_first(host):
    with session_of(host) as session:
        session.shell("raxauth logout")
        prompts, screen = session.dialogue(
            "raxauth devices --json",
            [host.identity.password("alice"), lambda: host.identity.sms("alice")])
    assert len(prompts) == 2 and '"phones"' in screen, screen


def test_a_token_that_died_is_told(host):
    with session_of(host) as session:
        host.identity.revoke_all()
        refused(session, "mfa status", "raxauth login")


@pytest.mark.parametrize("verb", ["mfa status", "devices", "bypass-codes", "mfa domain"])
def test_an_identity_that_does_not_answer_is_told(host, verb):
    host.configure({"identity": {"connect_timeout": "500ms", "request_timeout": "1s"}})
    with session_of(host) as session:
        host.identity.stop()
        refused(session, verb, "gave no answer", UNREACHABLE)


def test_root_has_no_second_factor_at_rackspace(host):
    for verb in (["mfa"], ["devices"], ["bypass-codes"], ["enrol", "otp"]):
        done = host.run(["raxauth", *verb], check=False)
        assert done.returncode == REFUSED and "root" in done.stderr, done
    assert host.identity.requests() == []


def test_a_process_without_a_session_of_its_own_gets_nothing(host):
    with session_of(host):
        done = host.run(["raxauth", "bypass-codes"], user="alice", check=False)
    assert done.returncode == REFUSED and done.stdout == "", done
    assert host.identity.account("alice")["bypass_codes"] == []


def test_no_token_is_left_of_all_this(host):
    with session_of(host) as session:
        for verb in ("mfa", "devices", "bypass-codes", "mfa domain"):
            assert run(session, verb)[1] == 0
        assert len(host.identity.live_tokens()) == 1
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()
