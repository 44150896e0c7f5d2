#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""strangers.py: many ssh clients at once, each from an address of its own.

The first line of standard input is a JSON list of {"from", "to", "user", "password"}. Each connects, and
answers the first prompt with its password; without one it stays there until standard input ends. Says
one line for each: "asked" (it stays at the prompt), "refused" or "in".
"""

import json
import socket
import sys
import threading

import paramiko

going_on = threading.Event()
one_line = threading.Lock()


def say(word):
    with one_line:
        print(word, flush=True)


def answers(password):
    def answer(_title, _instructions, prompts):
        if prompts and password is None:
            say("asked")
            going_on.wait()
        return [password or ""] * len(prompts)
    return answer


def sign_in(source, target, user, password):
    connection = socket.create_connection((target, 22), timeout=30, source_address=(source, 0))
    transport = paramiko.Transport(connection)
    transport.banner_timeout = transport.auth_timeout = 60
    try:
        transport.start_client(timeout=60)
        transport.auth_interactive(user, answers(password))
        say("in")
    except (paramiko.SSHException, EOFError):
        if not going_on.is_set():
            say("refused")
    finally:
        transport.close()


def main():
    strangers = json.loads(sys.stdin.readline())
    for s in strangers:
        threading.Thread(target=sign_in, daemon=True,
                         args=(s["from"], s["to"], s["user"], s.get("password"))).start()
    sys.stdin.read()
    going_on.set()


main()
