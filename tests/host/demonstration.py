#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What ./demo shows once raxauth is built. With --interactive: a host to play with.

Every claim that is printed is checked first; where one does not hold, the demo says so and fails.
"""

import os
import subprocess
import sys
import textwrap
import threading

from throwaway import ThrowawayHost

COLOUR = sys.stdout.isatty()
WIDTH = 96


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def heading(number, text):
    print("\n" + paint("1;36", f"── {number}. {text} " + "─" * max(3, WIDTH - len(text) - 7)))


def say(text):
    for paragraph in textwrap.dedent(text).strip().split("\n\n"):
        print(textwrap.fill(" ".join(paragraph.split()), WIDTH))
    print()


def screen(line):
    """A line that stands on Alice's screen."""
    print("    " + paint("32", "│ ") + line)


def typed(what):
    """What is typed and cannot be seen."""
    return paint("33", f"‹types {what}; nothing is shown›")


def phone(lines):
    width = max(len(line) for line in lines)
    for line in ["╭" + "─" * (width + 2) + "╮", *(f"│ {x:{width}} │" for x in lines),
                 "╰" + "─" * (width + 2) + "╯"]:
        print("        " + paint("35", line))


def must(holds, claim):
    if not holds:
        print(paint("1;31", f"\nThis did not come true: {claim}"))
        raise SystemExit(1)


class Login:
    """An ssh login whose screen is shown as it fills, with what is typed and cannot be seen."""

    def __init__(self, host, user):
        self.user = user
        self._shown = 0  # characters of the transcript
        screen(paint("1", f"$ ssh {user}@throwaway"))
        self.terminal = host.ssh(user)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terminal.close()

    def question(self, word):
        """Waits for a question for WORD."""
        self.terminal.question(word)

    def answer(self, secret, told):
        """Types SECRET at the question that stands on the screen, which is shown as TOLD."""
        *before, question = self._new_lines()
        for line in before:
            screen(line)
        screen(f"{question} {typed(told)}")
        self.terminal.answer(secret)

    def outcome(self):
        """What came next, with what was on the screen before it."""
        kind, text = self.terminal.next()
        lines = self._new_lines()
        for line in lines[:-1] if kind in ("in", "ask") else lines:
            screen(line)
        if kind == "ask":  # the question itself is shown with its answer
            self._shown = self.terminal.transcript.rindex(lines[-1])
        return kind, text

    def shell(self, command):
        """Runs COMMAND in the shell and shows both."""
        output = self.terminal.shell(command)
        self._new_lines()
        screen(paint("1", f"{self.user}@throwaway:~$ {command}"))
        for line in output.splitlines():
            screen(line)
        return output

    def type(self, command):
        """Types COMMAND in the shell, which will ask something."""
        screen(paint("1", f"{self.user}@throwaway:~$ {command}"))
        self.terminal.answer(command)
        self.terminal.child.expect_exact(command)
        self._shown = self.terminal.transcript.index(command, self._shown) + len(command)

    def _new_lines(self):
        text = self.terminal.transcript
        new, self._shown = text[self._shown:], len(text)
        return [line.rstrip() for line in new.split("\n") if line.strip()]


def show_sms(host, user):
    message = host.identity.messages(user)[-1]
    phone([f"{user.capitalize()}'s phone      SMS", *textwrap.wrap(message["text"], 40)])
    return host.identity.sms(user)


def show_requests(requests):
    for number, r in enumerate(requests, 1):
        screen(f"{number}. {r['method']:6} {r['path'][:40]:24} {r['step']:9} -> {r['status']} {r['outcome']}")


def right_login(host):
    heading(1, "Alice logs in with ssh: password and passcode")
    say("""Alice's account on this host belongs to her Rackspace account. She uses an ordinary ssh
        client. The host has no password of hers: it asks Rackspace Identity (here: the project's
        simulator of it), and Identity sends a one-time passcode to her phone.""")
    login = Login(host, "alice")
    login.question("password")
    login.answer(host.identity.password("alice"), "her Rackspace password")
    login.question("passcode")
    code = show_sms(host, "alice")
    login.answer(code, code)
    must(login.outcome()[0] == "in", "Alice gets in with password and passcode")
    must(login.shell("id -un") == "alice", "the shell is Alice's")
    login.shell("echo Hello from $(hostname)")
    return login


def what_identity_saw(host):
    heading(2, "What Identity was asked")
    say("""Two HTTPS requests and one SMS: the password, answered 401 with a challenge, and the passcode,
        answered 200 with a token.""")
    requests = host.identity.posts()
    show_requests(requests)
    print()
    must(host.identity.outcomes() == [401, 200],
         "Identity was asked exactly twice")
    must(host.identity.sms_count("alice") == 1, "exactly one SMS was sent")


def what_the_journal_says(host):
    heading(3, "What the administrator reads in the journal")
    line = host.journal.wait(RAXAUTH_HOOK="sign-in", RAXAUTH_USER="alice", RAXAUTH_VERDICT="granted")
    screen(f"raxauthd: {line['MESSAGE']}")
    for name in sorted(n for n in line if n.startswith("RAXAUTH_")):
        screen(f"    {name}={line[name]}")
    print()
    say("One line for each verdict, with fields to filter by, and never a secret in it.")


def inside_the_session(host, login):
    heading(4, "Inside the session: sudo without a second SMS, and a token to work with")
    say("""The second factor that Alice proved for this login counts for its sudo too: she is asked for her
        password only. In another login of hers, or for somebody else, it counts nothing.""")
    login.type("sudo id -un")
    login.question("password")
    login.answer(host.identity.password("alice"), "her Rackspace password")
    must(login.outcome()[0] == "in", "sudo takes the password")
    must("\nroot\n" in login.terminal.transcript, "sudo ran the command as root")
    must(host.identity.outcomes() == [401, 200], "Identity was not asked again for sudo")
    print()
    say("And her programs can use the OpenStack services with the token of this session:")
    environment = login.shell("raxauth env | grep -E 'AUTH_URL|USERNAME|TENANT_ID'")
    must("OS_USERNAME='alice'" in environment, "raxauth env tells the session's account")
    login.shell("raxauth status")
    print()


def logout(host, login):
    heading(5, "Alice logs out, and her token is revoked")
    say("""The token that Identity gave is kept in the daemon's memory only, and belongs to this login. When
        the login ends it is revoked at Identity, so that nobody can use it any more.""")
    screen(paint("1", "alice@throwaway:~$ exit"))
    login.terminal.answer("exit")
    login.terminal.next()
    login.terminal.close()
    host.identity.wait_for_no_live_tokens()
    tokens = host.identity.issued_tokens("alice")
    for token in tokens:
        proofs = " and ".join(sorted(token["authenticated_by"]))
        screen(f"at Identity: token {token['fingerprint']} of {token['user']}, "
               f"proven by {proofs}: {token['state']}")
    print()
    must(tokens and all(t["state"] == "revoked" for t in tokens), "the token is revoked")


def wrong_passcode(host):
    heading(6, "Somebody who knows only the password")
    say("""An attacker has Alice's password, but not her phone. After two wrong passcodes the conversation
        is over, and so are further tries for half an hour. (Identity locks an account at the third; with
        raxauth an attacker at an ssh prompt cannot make it come to that.)""")
    mark = host.journal.mark()
    before = len(host.identity.posts())
    with Login(host, "alice") as login:
        login.question("password")
        login.answer(host.identity.password("alice"), "Alice's password")
        login.question("passcode")
        wrong = host.identity.wrong_code("alice")
        login.answer(wrong, f"a guess, {wrong}")
        kind = login.outcome()[0]
        while kind == "ask":
            login.answer(wrong, f"another guess, {wrong}")
            kind = login.outcome()[0]
        must(kind == "refused", "a wrong passcode is refused")
    print()
    line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="alice")
    say("The journal says:")
    screen(f"raxauthd: {line['MESSAGE']}")
    print()
    must(len(host.identity.posts()) - before == 3, "Identity saw the password and two guesses")


def authenticator(host):
    heading(7, "Bob uses an authenticator app")
    say("Bob's second factor is an app that shows a new code every 30 seconds. No SMS is sent.")
    with Login(host, "bob") as login:
        login.question("password")
        login.answer(host.identity.password("bob"), "his Rackspace password")
        login.question("passcode")
        code = host.identity.totp("bob")
        phone(["Bob's authenticator", f"Rackspace: {code[:3]} {code[3:]}"])
        login.answer(code, code)
        must(login.outcome()[0] == "in", "Bob gets in")
        must(login.shell("id -un") == "bob", "the shell is Bob's")
    print()


def show(host):
    login = right_login(host)
    what_identity_saw(host)
    what_the_journal_says(host)
    inside_the_session(host, login)
    logout(host, login)
    wrong_passcode(host)
    authenticator(host)
    print(paint("1;36", "── That was it " + "─" * (WIDTH - 14)))
    say("""sshd, sudo, PAM, the system bus, TLS and HTTP were all real; only Rackspace Identity was simulated.
        The host is gone now. ./demo --interactive gives you one to try yourself; ./check runs all tests.""")


# -- by hand

PHONE = """\
#!/usr/bin/python3
import json, urllib.request
def ask(path):
    return json.load(urllib.request.urlopen("http://127.0.0.1:8444" + path))
print("SMS received:")
for m in ask("/outbox")["messages"]:
    print(f"  {m['time']}  {m['user']:6} {m['text']}")
print("Authenticator apps show:")
for name in ("bob", "carol"):
    print(f"  {name:6} {ask('/otp/' + name)['codes'][0]['code']}")
"""

WELCOME = """\
You sit at the laptop of a visitor. The host is called `throwaway`; these people have accounts:

    alice   password {alice}   passcode by SMS (shown here as it arrives)
    bob     password {bob}     passcode from an authenticator app (type `phone`)
    carol   password {carol}   authenticator; has the bypass code {bypass}, good once

    ssh alice@throwaway     log in
    phone                   all SMS so far, and what the authenticators show now
    requests                what Identity was asked
    journal                 what the administrator reads
    exit                    ends the host, leaving nothing behind
"""


def ring(host, ended):
    """Prints each SMS as it arrives, as a phone on the desk would."""
    seen = 0
    while not ended.wait(0.2):
        messages = host.identity.messages()
        for message in messages[seen:]:
            print("\r\n" + paint("35", f"  [{message['user']}'s phone] {message['text']}") + "\r",
                  flush=True)
        seen = len(messages)


def install_command(host, name, text):
    file = host.path(f"/usr/local/bin/{name}")
    file.write_text(text)
    file.chmod(0o755)


def keep_journal(host, ended):
    """The host has no journalctl of its own: its journal goes into a file."""
    file, seen = host.path("/tmp/journal"), 0
    while True:
        entries = host.journal.entries(seen)
        with open(file, "a") as out:
            for entry in entries:
                out.write(f"{entry.get('SYSLOG_IDENTIFIER', '?')}: {entry.get('MESSAGE', '')}\n")
        file.chmod(0o644)
        seen += len(entries)
        if ended.wait(0.2):
            return


def play(host):
    if not sys.stdin.isatty():
        raise SystemExit("demo: --interactive needs a terminal")
    install_command(host, "phone", PHONE)
    install_command(host, "requests", "#!/usr/bin/python3\nimport json\n"
                    "for line in open('/srv/identity/requests.jsonl'):\n"
                    "    r = json.loads(line)\n"
                    "    print(r['method'], r['path'][:60], r['step'], r['user'] or '-', '->',"
                    " r['status'], r['outcome'])\n")
    install_command(host, "journal", "#!/bin/sh\nexec grep -a raxauth /tmp/journal\n")
    host.path("/etc/ssh/ssh_config").write_text(
        "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n")
    ended = threading.Event()
    helpers = [threading.Thread(target=work, args=(host, ended)) for work in (ring, keep_journal)]
    for helper in helpers:
        helper.start()
    print(WELCOME.format(alice=host.identity.password("alice"), bob=host.identity.password("bob"),
                         carol=host.identity.password("carol"),
                         bypass=host.identity.bypass_code("carol")))
    try:
        # a terminal of the host's own, so that its programs can name it
        host.path("/etc/laptop.rc").write_text("PS1='laptop$ '\n")
        inner = "exec bash --noprofile --rcfile /etc/laptop.rc -i"
        subprocess.run(host.argv(["script", "-qec", inner, "/dev/null"], user="peggy",
                                 env={"TERM": os.environ.get("TERM", "dumb")}))
    finally:
        ended.set()
        for helper in helpers:
            helper.join()
    print("The host is gone.")


def main():
    by_hand = "--interactive" in sys.argv[1:]
    print(paint("1", "raxauth: sign in to Linux hosts with Rackspace Cloud Identity and a second factor"))
    print()
    say("""Starting a throwaway host: namespaces of its own, Debian's sshd, PAM and system bus, raxauth
        installed and switched on with pam-auth-update, and a simulator in place of Rackspace's service.""")
    with ThrowawayHost() as host:
        play(host) if by_hand else show(host)


if __name__ == "__main__":
    main()
