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
    """What she types, and cannot see."""
    return paint("33", f"‹she types {what}; it is not shown›")


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
    """An ssh login whose screen is shown line by line, with what is typed."""

    def __init__(self, host, user):
        self.host, self.user = host, user
        screen(paint("1", f"$ ssh {user}@throwaway"))
        self.terminal = host.ssh(user)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terminal.close()

    def answer(self, word, secret, told):
        question = self.terminal.question(word)
        screen(f"{question} {typed(told)}")
        self.terminal.answer(secret() if callable(secret) else secret)

    def shell(self, command):
        output = self.terminal.shell(command)
        screen(paint("1", f"alice@throwaway:~$ {command}"))
        for line in output.splitlines():
            screen(line)
        return output


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
    login.answer("password", host.identity.password("alice"), "her Rackspace password")
    login.terminal.question("passcode")
    prompt = login.terminal.prompts[-1]
    code = show_sms(host, "alice")
    screen(f"{prompt} {typed(code)}")
    login.terminal.answer(code)
    must(login.terminal.next()[0] == "in", "Alice gets in with password and passcode")
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


def logout(host, login):
    heading(4, "Alice logs out, and her token is revoked")
    say("""The token that Identity gave is kept in the daemon's memory only, and belongs to this login. When
        the login ends it is revoked at Identity, so that nobody can use it any more.""")
    screen(paint("1", "alice@throwaway:~$ exit"))
    login.terminal.answer("exit")
    login.terminal.next()
    login.__exit__()
    host.identity.wait_for_no_live_tokens()
    for token in host.identity.issued_tokens("alice"):
        proofs = "+".join(sorted(token["authenticated_by"]))
        screen(f"token {token['fingerprint']} of {token['user']}, proven by {proofs}: {token['state']}")
    print()
    must(host.identity.issued_tokens("alice"), "a token was issued")


def wrong_passcode(host):
    heading(5, "Somebody who knows only the password")
    say("""An attacker has Alice's password, but not her phone. After two wrong passcodes the conversation
        is over. (Identity would lock the account at three; raxauth never lets it come to that, so an
        attacker at an ssh prompt cannot lock Alice out.)""")
    mark = host.journal.mark()
    before = len(host.identity.posts())
    with Login(host, "alice") as login:
        login.answer("password", host.identity.password("alice"), "Alice's password")
        wrong = host.identity.wrong_code("alice")
        login.answer("passcode", wrong, f"a guess, {wrong}")
        kind, text = login.terminal.next()
        while kind == "ask":
            screen(f"{text} {typed(f'another guess, {wrong}')}")
            login.terminal.answer(wrong)
            kind, text = login.terminal.next()
        screen(text)
        must(kind == "refused", "a wrong passcode is refused")
    print()
    line = host.journal.wait(mark, RAXAUTH_HOOK="sign-in", RAXAUTH_USER="alice")
    screen(f"raxauthd: {line['MESSAGE']}")
    print()
    must(len(host.identity.posts()) - before <= 3, "Identity saw at most two guesses")


def authenticator(host):
    heading(6, "Bob uses an authenticator app")
    say("Bob's second factor is an app that shows a new code every 30 seconds. No SMS is sent.")
    with Login(host, "bob") as login:
        login.answer("password", host.identity.password("bob"), "his Rackspace password")
        login.terminal.question("passcode")
        code = host.identity.totp("bob")
        phone(["Bob's authenticator", f"Rackspace: {code[:3]} {code[3:]}"])
        screen(f"{login.terminal.prompts[-1]} {typed(code)}")
        login.terminal.answer(code)
        must(login.terminal.next()[0] == "in", "Bob gets in")
        screen("bob@throwaway:~$")
    print()


def show(host):
    login = right_login(host)
    what_identity_saw(host)
    what_the_journal_says(host)
    logout(host, login)
    wrong_passcode(host)
    authenticator(host)
    print(paint("1;36", "── That was it " + "─" * (WIDTH - 14)))
    say("""sshd, PAM, the system bus, TLS and HTTP were all real; only Rackspace Identity was simulated.
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
                    "for line in open('/tmp/identity/requests.jsonl'):\n"
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
        inner = "exec bash --norc --noprofile -i"
        subprocess.run(host.argv(["script", "-qec", inner, "/dev/null"], user="peggy",
                                 env={"PS1": "laptop$ ", "TERM": os.environ.get("TERM", "dumb")}))
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
