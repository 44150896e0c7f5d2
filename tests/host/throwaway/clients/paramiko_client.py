#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""paramiko_client.py HOST USER PASSWORD interactive|silent: signs in with paramiko, as scripts do.

"interactive" has a handler: each question goes to standard output as "ask TEXT", and its answer is the
next line of standard input. "silent" has the password alone, as most scripts. Ends with "in" or
"refused WHY".
"""

import sys

import paramiko


def answer(_title, _instructions, prompts):
    answers = []
    for text, _shown in prompts:
        print("ask", text.replace("\n", "\\n"), flush=True)
        answers.append(sys.stdin.readline().rstrip("\n"))
    return answers


def sign_in(host, user, password, how):
    if how == "interactive":
        transport = paramiko.Transport((host, 22))
        transport.start_client(timeout=15)
        transport.auth_interactive(user, answer)
        transport.close()
    else:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(host, username=user, password=password, look_for_keys=False,
                       allow_agent=False)
        client.close()


try:
    sign_in(*sys.argv[1:5])
    print("in")
except paramiko.SSHException as failure:
    print("refused", failure)
