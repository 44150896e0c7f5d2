# SPDX-License-Identifier: Apache-2.0
"""Programs that sign in by ssh in their own way, with a library in place of OpenSSH's client."""

import pathlib
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
JAVA = ":".join(f"/usr/share/java/{name}.jar" for name in ("jsch", "jzlib", "bsh"))
LIBRARIES = {"jsch.bsh": ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", JAVA, "bsh.Interpreter"],
             "paramiko_client.py": ["/usr/bin/python3", "-I"]}


class Client:
    """A run of one of LIBRARIES that has USER's password; HOW is "interactive" or "silent"."""

    def __init__(self, host, library, user, how):
        argv = [*LIBRARIES[library], host.program(library), "127.0.0.1", user,
                host.identity.password(user), how]
        self.prompts = []
        self.started = time.monotonic()
        self.process = host.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def attempt(self, answers=()):
        """Gives ANSWERS (texts, or functions called when asked); what the client said at the end."""
        left = list(answers)
        for line in self.process.stdout:
            word, _, text = line.rstrip("\n").partition(" ")
            if word != "ask":
                return line.strip()
            self.prompts.append(text.replace("\\n", "\n"))
            answer = left.pop(0)
            self.process.stdin.write((answer() if callable(answer) else answer) + "\n")
            self.process.stdin.flush()
        return "ended"
