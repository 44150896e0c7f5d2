# SPDX-License-Identifier: Apache-2.0
"""The second factor set up at the login prompt: from `ssh host` to a shell by following the prompts."""

import contextlib
import re
import subprocess

import pytest

from throwaway.authenticator import key_of, passcode, scan, wrong_passcode

OFFER = "Which [1, 2, c]? "
CODE = "[b, p: QR code, c: cancel]: "
NUMBER = "[c: cancel]: "
GO_ON = "Go on [y, n, c]? "
PIN = "c: cancel]: "
PHONE = "+1 512-555-0147"
ELSEWHERE = "198.51.100.7"  # another machine's address, as far as sshd can tell
SET_UP = re.compile("second factor set up")


# -- the person's part


def offered(host, session, user="frank"):
    """Password, up to the offer; what stood on the screen."""
    session.question("password")
    session.answer(host.identity.password(user))
    return session.until(OFFER)


def at_the_code(host, session, user="frank"):
    """Up to the QR code; what stood on the screen."""
    offered(host, session, user)
    session.answer("1")
    return session.until(CODE)


def resumed(host, session, answer="y"):
    """The sign-in after one that broke off, and its question; what stood on the screen."""
    session.question("password")
    session.answer(host.identity.password("frank"))
    screen = session.until(GO_ON)
    session.answer(answer)
    return screen


def at_the_number(host, session, user="frank"):
    offered(host, session, user)
    session.answer("2")
    return session.until(NUMBER)


def at_the_pin(host, session, user="frank", number=PHONE):
    at_the_number(host, session, user)
    session.answer(number)
    return session.until(PIN)


def key_in_text(screen):
    """The key that the screen tells for typing."""
    return re.search(r"\(time-based\):\s([A-Z2-7 ]{16,})\n", screen).group(1).replace(" ", "")


def in_with(session, code):
    """The ordinary two-step sign-in goes on: the passcode, and then the shell."""
    asked = session.question("passcode")
    session.answer(code)
    kind, text = session.next()
    assert kind == "in", f"{kind} {text}\n{session.transcript}"
    return asked


def set_up_and_in(host, session, user="frank"):
    """All of it with an authenticator; its key."""
    key = key_in_text(at_the_code(host, session, user))
    session.answer(passcode(key))
    in_with(session, passcode(key))
    return key


# -- what Identity has of it


def account(host, user="frank"):
    return host.identity.account(user)


def nothing_is_left(host, user="frank"):
    """No device, no token, no second factor."""
    host.wait_until(lambda: not account(host, user)["otp_devices"] + account(host, user)["phones"],
                    "no device is left")
    assert not account(host, user)["mfa_enabled"]
    host.identity.wait_for_no_live_tokens()


def offers_from_the_start(host, user="frank"):
    with host.ssh(user) as session:
        screen = offered(host, session, user)
        assert "not finished" not in screen, screen
        session.answer("c")
        assert session.next()[0] in ("refused", "end"), session.transcript


@contextlib.contextmanager
def bus_watched(host):
    """A file with everything that crosses the system bus during the block."""
    file = host.path("/tmp/bus.pcap")
    with open(file, "wb") as out:
        monitor = host.spawn(["dbus-monitor", "--system", "--pcap"], stdin=subprocess.DEVNULL,
                             stdout=out, stderr=subprocess.DEVNULL)
    try:
        host.wait_until(lambda: file.stat().st_size > 0, "dbus-monitor watches")
        yield file
    finally:
        monitor.terminate()
        monitor.wait(10)
        for pid in host.pids("dbus-monitor"):
            host.kill(pid)
        file.unlink()


def bus_until(host, capture, text):
    """All that was captured once TEXT is in it: the monitor writes in blocks, so others talk on."""
    def look():
        host.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                  "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames"])
        return text in capture.read_bytes()
    host.wait_until(look, f"{text} crosses the bus")
    return capture.read_bytes()


# -- an authenticator app


@pytest.mark.parametrize("drawing", ["half blocks", "plain characters"])
def test_an_authenticator_that_scanned_the_terminal_gets_the_person_in(host, drawing):
    with host.ssh("frank") as session:
        first = offered(host, session)
        assert "second factor" in first and "within 5 minutes" in first, first
        session.answer("1")
        screen = session.until(CODE)
        assert screen.isascii() and "otpauth://" in screen, screen
        session.answer("p" if drawing == "plain characters" else "b")
        screen = session.until(CODE)
        assert screen.isascii() == (drawing == "plain characters"), screen
        lines = screen.split("\n")
        assert max(map(len, lines)) <= 80, "wider than the terminal"
        if drawing == "half blocks":
            first_row = next(i for i, line in enumerate(lines) if "█" in line)
            assert len(lines) - first_row <= 24, "higher than the terminal"
        key = key_of(scan(screen))
        assert key_in_text(screen) == key
        assert key == account(host)["otp_devices"][0]["secret"]
        session.answer(passcode(key))
        asked = in_with(session, passcode(key))
        assert "set up" in session.transcript and "authenticator" in asked
        assert session.shell("id -un") == "frank"
        assert account(host)["mfa_enabled"] and account(host)["factor_type"] == "OTP"
        host.wait_until(lambda: len(host.identity.live_tokens()) == 1, "only the session's token")
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()
    again = host.try_ssh("frank", [host.identity.password("frank"), lambda: passcode(key)])
    assert again.granted and len(again.prompts) == 2, again.transcript


def test_the_journal_has_one_line_for_it_and_no_secret_is_in_it_or_on_the_bus(host):
    with bus_watched(host) as capture, host.ssh("frank") as session:
        key = set_up_and_in(host, session)
        lines = host.journal.entries(host.reset_mark, MESSAGE=SET_UP)
        assert len(lines) == 1, host.journal.text(host.reset_mark)
        for fact in ("user=frank", "account=frank", "kind=authenticator", "service=sshd",
                     "remote-host=127.0.0.1"):
            assert fact in lines[0]["MESSAGE"]
        bus = bus_until(host, capture, b"Password: ")
    grouped = " ".join(key[i:i + 4] for i in range(0, len(key), 4))
    secrets = [key, grouped, "otpauth", host.identity.password("frank")]
    for place, text in (("journal", host.journal.raw(host.reset_mark)),
                        ("bus", bus.decode("latin-1")), ("requests", str(host.identity.requests()))):
        for secret in secrets:
            assert secret not in text, f"{secret} is in the {place}"
    assert b"Which [1, 2, c]?" not in bus, "the dialogue goes on beside the bus"
    assert "█".encode() not in bus, "the drawing crossed the bus"


def test_a_wrong_passcode_is_told_and_asked_again(host):
    with host.ssh("frank") as session:
        key = key_in_text(at_the_code(host, session))
        session.answer(wrong_passcode(key))
        screen = session.until(CODE)
        assert "not accepted" in screen and key_in_text(screen) == key, screen
        session.answer("letters")
        assert "digits only" in session.until(CODE)
        session.answer(passcode(key))
        in_with(session, passcode(key))


def test_five_wrong_passcodes_end_it(host):
    with host.ssh("frank") as session:
        key = key_in_text(at_the_code(host, session))
        for _ in range(4):
            session.answer(wrong_passcode(key))
            session.until(CODE)
        session.answer(wrong_passcode(key))
        assert session.next()[0] in ("refused", "end")
    assert len([r for r in host.identity.requests() if r["step"] == "verify"]) == 5
    assert not account(host)["mfa_enabled"]
    line = host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="frank")
    assert line["RAXAUTH_VERDICT"] == "max-tries", line


def test_who_used_up_the_tries_goes_on_at_the_next_sign_in(host):
    with host.ssh("frank") as session:
        key = key_in_text(at_the_code(host, session))
        for _ in range(5):
            session.answer(wrong_passcode(key))
            if session.child.expect_exact([CODE, "Permission denied", "Connection closed",
                                           "Received disconnect"]):
                break
    with host.ssh("frank") as session:
        resumed(host, session)
        assert key_in_text(session.until(CODE)) == key
        session.answer(passcode(key))
        in_with(session, passcode(key))


def test_ssh_of_another_locale_shows_all_that_is_needed(host):
    """ssh(1) shows prompts in its own locale: octal numbers, or the end of the client, otherwise."""
    with host.ssh("frank", env={"LC_ALL": "C"}) as session:
        key = key_in_text(at_the_code(host, session))
        assert "\\" not in session.transcript and session.transcript.isascii(), session.transcript
        session.answer(passcode(key))
        in_with(session, passcode(key))


# -- a phone


def test_text_messages_get_the_person_in(host):
    with bus_watched(host) as capture, host.ssh("frank") as session:
        screen = at_the_pin(host, session)
        assert "*" in screen and "47" in screen, screen
        assert PHONE not in screen.split(NUMBER)[-1].replace(f"{PHONE}\n", "", 1), "not masked"
        pin = host.identity.sms("frank")
        session.answer(pin)
        asked = session.question("passcode")
        assert host.identity.sms_count("frank") == 2, host.identity.story()
        code = host.identity.sms("frank")
        session.answer(code)
        assert session.next() == ("in", ""), session.transcript
        assert re.search("sms|text message|phone", asked, re.IGNORECASE), asked
        assert account(host)["mfa_enabled"] and account(host)["factor_type"] == "SMS"
        assert [m["number"] for m in host.identity.messages("frank")] == [PHONE] * 2
        bus = bus_until(host, capture, b"Password: ").decode("latin-1")
        assert len(host.identity.live_tokens()) == 1
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()
    lines = host.journal.entries(host.reset_mark, MESSAGE=SET_UP)
    assert len(lines) == 1 and "kind=SMS" in lines[0]["MESSAGE"]
    messages = "\n".join(e["MESSAGE"] for e in host.journal.entries(host.reset_mark))
    bare = re.sub("[^0-9]", "", PHONE)
    for secret in (PHONE, "512-555-0147", bare, code):
        assert secret not in host.journal.raw(host.reset_mark)
        assert secret not in bus, f"{secret} is on the bus"
    assert not re.search(rf"\b{pin}\b", messages)
    assert "PIN" not in bus, "the dialogue goes on beside the bus"


def test_a_wrong_pin_is_told_and_asked_again(host):
    with host.ssh("frank") as session:
        at_the_pin(host, session)
        pin = host.identity.sms("frank")
        session.answer("0000" if pin != "0000" else "1111")
        assert "not accepted" in session.until(PIN)
        session.answer("letters")
        assert "digits only" in session.until(PIN)
        session.answer(pin)
        in_with_sms(host, session)
    assert host.identity.sms_count("frank") == 2


def in_with_sms(host, session, user="frank"):
    session.question("passcode")
    session.answer(host.identity.sms(user))
    assert session.next() == ("in", ""), session.transcript


def test_five_wrong_pins_end_it(host):
    with host.ssh("frank") as session:
        at_the_pin(host, session)
        wrong = "0000" if host.identity.sms("frank") != "0000" else "1111"
        for _ in range(4):
            session.answer(wrong)
            session.until(PIN)
        session.answer(wrong)
        assert session.next()[0] in ("refused", "end")
    assert not account(host)["mfa_enabled"]
    assert host.identity.sms_count("frank") == 1


def test_what_is_no_number_is_asked_again_without_bothering_identity(host):
    with host.ssh("frank") as session:
        at_the_number(host, session)
        for typed in ("512 555 0147", "+1", "my phone"):
            session.answer(typed)
            assert "That is no telephone number" in session.until(NUMBER)
        assert not [r for r in host.identity.requests() if r["step"] == "phone"]
        session.answer(PHONE)
        session.until(PIN)
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)


def test_a_number_that_identity_refuses_is_told_in_its_words_and_asked_again(host):
    with host.ssh("frank") as session:
        at_the_number(host, session)
        session.answer("+0 512-555-0147")
        screen = session.until(NUMBER)
        assert "does not accept this number" in screen and "phone number is invalid" in screen
        session.answer(PHONE)
        session.until(PIN)
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)


def test_a_new_pin_is_sent_as_often_as_the_limit_says(host):
    with host.ssh("frank") as session:
        at_the_pin(host, session)
        for sent in (2, 3):
            session.answer("r")
            screen = session.until(PIN)
            assert host.identity.sms_count("frank") == sent
        assert "r:" not in screen.split("\n")[-1], screen
        session.answer("r")
        assert "No further text message" in session.until(PIN)
        assert host.identity.sms_count("frank") == 3  # the first one and limits.resends
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)


def test_a_phone_that_was_never_verified_makes_room(host):
    host.identity.change("frank", phones=[{"number": "+1 512-555-0199", "verified": False}])
    with host.ssh("frank") as session:
        at_the_pin(host, session)
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)
    assert [p["number"] for p in account(host)["phones"]] == [PHONE]


# -- thinking better of it


STEPS = {"offer": offered, "code": at_the_code, "number": at_the_number, "pin": at_the_pin}


@pytest.mark.parametrize("step", STEPS)
def test_cancelling_leaves_nothing(host, step):
    with host.ssh("frank") as session:
        STEPS[step](host, session)
        session.answer("c")
        assert session.next()[0] in ("refused", "end"), session.transcript
    nothing_is_left(host)
    line = host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="frank")
    assert (line["RAXAUTH_VERDICT"], line["RAXAUTH_REASON"]) == ("denied", "cancelled")
    assert not host.journal.entries(host.reset_mark, MESSAGE=SET_UP)
    offers_from_the_start(host)


@pytest.mark.parametrize("step", ["code", "pin"])
def test_what_was_verified_but_could_not_be_switched_on_is_gone_on_with(host, step):
    host.identity.fault("frank", "http_503", step="settings", count=1)
    with host.ssh("frank") as session:
        screen = STEPS[step](host, session)
        key = key_in_text(screen) if step == "code" else None
        session.answer(passcode(key) if key else host.identity.sms("frank"))
        assert session.next()[0] in ("refused", "end"), session.transcript
    assert not account(host)["mfa_enabled"]
    with host.ssh("frank") as session:
        resumed(host, session)
        if key:
            in_with(session, passcode(key))
        else:
            in_with_sms(host, session)


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupt_in_the_session_leaves_nothing(host, step):
    host.identity.change("heidi", enforcement="OPTIONAL")
    host.configure({"access": {"require_mfa": False}})
    command = {"offer": "", "code": " otp", "number": " sms", "pin": " sms"}[step]
    marks = {"offer": OFFER, "code": CODE, "number": NUMBER, "pin": NUMBER}
    with host.ssh("heidi") as session:
        session.question("password")
        session.answer(host.identity.password("heidi"))
        assert session.next() == ("in", ""), session.transcript
        session.answer("raxauth enrol" + command)
        session.until(marks[step])
        if step == "pin":
            session.answer(PHONE)
            session.until(PIN)
        session.press("c")
        assert session.next() == ("in", "")
        assert session.shell("echo $?").strip() == "1"
        host.wait_until(lambda: not account(host, "heidi")["otp_devices"]
                        + account(host, "heidi")["phones"], "no device is left")
        assert not account(host, "heidi")["mfa_enabled"]
        session.answer("raxauth enrol")
        assert "not finished" not in session.until(OFFER)
        session.press("c")
        session.next()


def test_an_interrupt_at_the_console_is_a_lost_connection(host):
    """login(1) dies of it at once, as it does of its own time limit: nobody says "cancel"."""
    with host.terminal(["login", "-h", "console.example", "frank"]) as session:
        key = key_in_text(at_the_code(host, session))
        session.press("c")
        host.wait_until(lambda: not host.pids("login"), "login has ended", 10)
    host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="frank")
    with host.terminal(["login", "-h", "console.example", "frank"]) as session:
        resumed(host, session)
        screen = session.until(CODE)
        assert key_in_text(screen) == key, screen
        session.answer("c")
        host.wait_until(lambda: host.journal.entries(
            host.reset_mark, RAXAUTH_REASON="cancelled", RAXAUTH_VERDICT="denied"), "cancelled")
    nothing_is_left(host)


def test_login_on_a_console_sets_up_too_and_says_how_long_there_is(host):
    with host.terminal(["login", "-h", "console.example", "frank"]) as session:
        first = offered(host, session)
        assert "within 60 seconds" in first, first
        session.answer("1")
        session.until(CODE)
        session.answer("b")
        key = key_of(scan(session.until(CODE)))
        session.answer(passcode(key))
        in_with(session, passcode(key))
        assert session.shell("id -un") == "frank"


# -- raxauth enrol, where the sign-in that it needs demands a set-up itself


@pytest.fixture
def keyed(host):
    host.configure({"services": {"sshd": {"without_sign_in": "allow"}}})
    host.authorize_key("frank")
    yield host
    host.path("/home/frank/.ssh/authorized_keys").unlink()


def test_enrol_sets_up_the_kind_that_was_named_and_nothing_twice(keyed):
    host = keyed
    with host.ssh("frank", methods="publickey", key=True) as session:
        assert session.next() == ("in", ""), session.transcript
        session.answer("raxauth enrol sms; echo status $?")
        session.question("password")
        session.answer(host.identity.password("frank"))
        session.until(NUMBER)
        session.answer(PHONE)
        session.until(PIN)
        session.answer(host.identity.sms("frank"))
        session.question("passcode")
        session.answer(host.identity.sms("frank"))
        session.until("signed in with it")
        session.until("status 0")
        assert OFFER not in session.transcript
    assert account(host)["mfa_enabled"] and account(host)["factor_type"] == "SMS"
    assert len([r for r in host.identity.requests() if r["step"] == "verify"]) == 1


# -- a lost connection


def lost(host, step, **how):
    """A sign-in whose client dies at STEP; what stood on the screen."""
    with host.ssh("frank", **how) as session:
        screen = STEPS[step](host, session)
        session.kill()
    host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="frank")
    return screen


def test_a_lost_connection_is_gone_on_with_where_it_stopped(host):
    key = key_in_text(lost(host, "code"))
    with host.ssh("frank") as session:
        resumed(host, session)
        screen = session.until(CODE)
        assert key_in_text(screen) == key
        session.answer(passcode(key))
        in_with(session, passcode(key))
    assert len(account(host)["otp_devices"]) == 1
    host.identity.wait_for_no_live_tokens()


def test_a_lost_connection_after_the_pin_was_sent_costs_no_other_text_message(host):
    lost(host, "pin")
    with host.ssh("frank") as session:
        resumed(host, session)
        screen = session.until(PIN)
        assert "*" in screen, screen
        assert host.identity.sms_count("frank") == 1
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)


def test_who_does_not_want_to_go_on_starts_anew(host):
    key = key_in_text(lost(host, "code"))
    with host.ssh("frank") as session:
        screen = resumed(host, session, "n")
        assert "not finished" in screen and key not in screen.replace(" ", ""), screen
        session.until(OFFER)
        session.answer("1")
        other = key_in_text(session.until(CODE))
        assert other != key
        session.answer(passcode(other))
        in_with(session, passcode(other))
    assert [d["secret"] for d in account(host)["otp_devices"]] == [other]


def test_cancelling_when_asked_whether_to_go_on_leaves_nothing(host):
    lost(host, "pin")
    with host.ssh("frank") as session:
        resumed(host, session, "c")
        assert session.next()[0] in ("refused", "end")
    nothing_is_left(host)
    offers_from_the_start(host)


def test_cancelling_after_a_lost_connection_leaves_nothing(host):
    lost(host, "code")
    with host.ssh("frank") as session:
        resumed(host, session)
        session.until(CODE)
        session.answer("c")
        assert session.next()[0] in ("refused", "end")
    nothing_is_left(host)
    offers_from_the_start(host)


def test_from_another_origin_nothing_is_gone_on_with(host):
    key = key_in_text(lost(host, "code"))
    host.run(["ip", "address", "replace", f"{ELSEWHERE}/32", "dev", "lo"])
    with host.ssh("frank", options=[f"BindAddress={ELSEWHERE}"]) as session:
        screen = at_the_code(host, session)
        assert "not finished" not in session.transcript
        assert key_in_text(screen) != key


def test_with_a_wrong_password_nothing_is_shown_of_what_was_begun(host):
    key = key_in_text(lost(host, "code"))
    got = host.try_ssh("frank", ["wrong"])
    assert not got.granted and key not in got.transcript and "not finished" not in got.transcript


# -- Identity in trouble


def ended_with(session, words):
    """The program gave up and SAID why."""
    kind, text = session.next()
    assert kind in ("refused", "end"), f"{kind} {text}\n{session.transcript}"
    assert re.search(words, session.transcript), session.transcript


@pytest.mark.parametrize("step", ["code", "number", "pin"])
def test_a_token_that_dies_on_the_way_is_told(host, step):
    with host.ssh("frank") as session:
        screen = STEPS[step](host, session)
        answer = {"code": lambda: passcode(key_in_text(screen)), "number": lambda: PHONE,
                  "pin": lambda: host.identity.sms("frank")}[step]()
        host.identity.revoke_all()
        session.answer(answer)
        ended_with(session, "ended this set-up. Sign in again")
    assert not account(host)["mfa_enabled"]


@pytest.mark.parametrize("step", ["code", "number", "pin"])
def test_after_a_token_died_the_next_sign_in_goes_on(host, step):
    with host.ssh("frank") as session:
        screen = STEPS[step](host, session)
        key = key_in_text(screen) if step == "code" else None
        answer = {"code": lambda: passcode(key), "number": lambda: PHONE,
                  "pin": lambda: host.identity.sms("frank")}[step]()
        host.identity.revoke_all()
        session.answer(answer)
        assert session.next()[0] in ("refused", "end")
    with host.ssh("frank") as session:
        if step == "number":
            set_up_and_in(host, session)
            return
        resumed(host, session)
        screen = session.until(PIN)
        if key:
            assert key_in_text(screen) == key
            session.answer(passcode(key))
            in_with(session, passcode(key))
        else:
            session.answer(host.identity.sms("frank"))
            in_with_sms(host, session)
    host.identity.wait_for_no_live_tokens()


def test_who_chose_wrongly_and_lost_the_connection_can_choose_again(host):
    lost(host, "number")
    with host.ssh("frank") as session:
        set_up_and_in(host, session)


@pytest.mark.parametrize("step", ["code", "number", "pin"])
def test_an_identity_that_goes_away_on_the_way_is_told(host, step):
    host.configure({"identity": {"connect_timeout": "500ms", "request_timeout": "1s"}})
    with host.ssh("frank") as session:
        screen = STEPS[step](host, session)
        answer = {"code": lambda: passcode(key_in_text(screen)), "number": lambda: PHONE,
                  "pin": lambda: host.identity.sms("frank")}[step]()
        host.identity.stop()
        session.answer(answer)
        ended_with(session, "Identity gave no answer")
    line = host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="frank")
    assert line["RAXAUTH_VERDICT"] == "unavailable", line


# -- what the documents disagree on


@pytest.mark.parametrize("switches", [
    {"setup_lower_case_password": True},
    {"verify_enables": "setup_scope"}, {"verify_enables": "always"},
    {"enabling_revokes_tokens": False},
    {"status_otp_added": 200, "status_verified": 200}, {"status_otp_added": 202, "status_verified": 202},
    {"text_booleans": True}, {"lower_case_attributes": True}, {"token_length": 32},
    {"fault_codes": False}, {"date_format": "offset"}, {"catalogue_copies": 0}], ids=str)
def test_every_reading_of_the_documents_with_an_authenticator(host, switches):
    host.identity.switch(**switches)
    with host.ssh("frank") as session:
        set_up_and_in(host, session)
        assert account(host)["mfa_enabled"]
        session.answer("exit")
        session.next()
    host.identity.wait_for_no_live_tokens()


@pytest.mark.parametrize("switches", [
    {"verify_enables": "setup_scope"}, {"verify_enables": "always"},
    {"status_phone_added": 200, "status_pin_sent": 200, "status_verified": 200},
    {"status_phone_added": 202, "status_pin_sent": 204, "status_verified": 202},
    {"second_phone_refused": False}, {"text_booleans": True}, {"lower_case_attributes": True}],
    ids=str)
def test_every_reading_of_the_documents_with_a_phone(host, switches):
    host.identity.switch(**switches)
    with host.ssh("frank") as session:
        at_the_pin(host, session)
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)
        assert account(host)["mfa_enabled"]


def test_a_set_up_token_that_does_not_say_whose_it_is_is_refused_with_what_to_do(host):
    host.identity.switch(setup_wrapped=False)  # the shape that has no user in it
    with host.ssh("frank") as session:
        offered(host, session)
        session.answer("1")
        ended_with(session, "Control Panel")
    nothing_is_left(host)
    line = host.journal.wait(host.reset_mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="frank")
    assert "does not say whose it is" in line["MESSAGE"]


def test_with_both_kinds_verified_the_chosen_one_is_switched_on(host):
    host.identity.change("frank", phones=[{"number": PHONE, "verified": True}])
    with host.ssh("frank") as session:
        set_up_and_in(host, session)
    assert account(host)["factor_type"] == "OTP"


def test_an_account_with_all_the_devices_it_may_have_is_told(host):
    host.identity.switch(max_otp_devices=0)
    with host.ssh("frank") as session:
        offered(host, session)
        session.answer("1")
        ended_with(session, "maximum number of OTP devices")
    nothing_is_left(host)
    with host.ssh("frank") as session:  # and can take the other kind
        at_the_pin(host, session)
        session.answer(host.identity.sms("frank"))
        in_with_sms(host, session)


def test_a_verified_phone_is_not_replaced(host):
    host.identity.change("frank", phones=[{"number": "+1 512-555-0199", "verified": True}])
    with host.ssh("frank") as session:
        at_the_number(host, session)
        session.answer(PHONE)
        ended_with(session, "has a phone already")
    assert [p["number"] for p in account(host)["phones"]] == ["+1 512-555-0199"]


# -- who is not offered it


def test_where_the_configuration_says_no_the_person_is_told_to_do_it_elsewhere(host):
    host.configure({"sign_in": {"enrol_at_login": False}})
    got = host.try_ssh("frank", [host.identity.password("frank")])
    assert not got.granted and OFFER not in got.transcript
    assert "Control Panel" in got.transcript, got.transcript
    assert [r["step"] for r in host.identity.requests() if r["step"] == "setup"] == []


def test_a_client_that_knows_only_one_answer_sets_nothing_up_and_costs_no_text_message(host):
    host.set_sshd("PasswordAuthentication yes\n")
    try:
        got = host.try_ssh("frank", [host.identity.password("frank")], methods="password")
        assert not got.granted, got.transcript
        assert host.identity.sms_count() == 0
        nothing_is_left(host)
    finally:
        host.set_sshd("")


def test_a_client_that_gives_the_password_to_every_question_sets_nothing_up(host):
    with host.ssh("frank") as session:
        offered(host, session)
        session.answer(host.identity.password("frank"))
        ended_with(session, "sent the password again")
    nothing_is_left(host)


def test_answers_that_are_none_end_with_what_to_do(host):
    with host.ssh("frank") as session:
        offered(host, session)
        for _ in range(4):
            session.answer("what?")
            assert "answer 1, 2 or c" in session.until(OFFER)
        session.answer("what?")
        ended_with(session, "Permission denied|Control Panel")
    nothing_is_left(host)
