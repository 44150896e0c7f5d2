# SPDX-License-Identifier: Apache-2.0
"""A program of somebody's own on a host's system bus, speaking org.raxauth.Auth1(5)."""

import contextlib
import json
import subprocess

ERROR = "org.raxauth.Auth1.Error."


class BusError(Exception):
    """An error reply; `name` is without the interface's prefix where it has it."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name.removeprefix(ERROR)


class Step:
    """What Begin..., and Answer, return, and the channel on which the dialogue goes on."""

    def __init__(self, reply, channel):
        self.serial, self.state, self.reason, self.messages, self.details = reply
        self.channel = channel

    def __repr__(self):
        return f"{self.state}/{self.reason} {self.messages}"


def pipe(text, kind="pipe"):
    return {"fd": kind, "text": text}


class Caller:
    """One bus connection of USER's (root without one)."""

    def __init__(self, host, user=None):
        self.process = host.spawn(["/usr/bin/python3", "-I", host.program("speak_bus.py")],
                                  user=user, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def call(self, method, signature="", *args, **how):
        """One method call and its reply as a list; BusError on an error."""
        self.send(method, signature, *args, **how)
        return self.receive()

    def send(self, method, signature="", *args, **how):
        request = {"method": method, "signature": signature, "args": list(args), **how}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def receive(self):
        return self._receive()["reply"]

    def _receive(self):
        result = json.loads(self.process.stdout.readline())
        if "error" in result:
            raise BusError(result["error"], result["message"])
        return result

    def begin(self, method="BeginSignIn", **context):
        """Begins a conversation; keys with `_` are those of org.raxauth.Auth1(5) with `-`."""
        context = {k.replace("_", "-"): v for k, v in context.items()}
        self.send(method, "a{sv}", context)
        result = self._receive()
        return Step(result["reply"], result["channel"])

    def answer(self, step, *answers):
        """Answers STEP's prompts with these texts."""
        return self.say(step, "Answer", step.serial, list(answers))

    def say(self, step, method, *args):
        """Says METHOD on the channel of STEP; "hear" reads what comes without being asked for."""
        self._on_channel(step, method=method, args=list(args))
        result = self._receive()
        return Step(result["reply"], step.channel) if method == "Answer" else result["reply"]

    def hang_up(self, step):
        self._on_channel(step)
        self._receive()

    def leave_the_bus(self):
        self.call("leave the bus")

    def _on_channel(self, step, **what):
        self.process.stdin.write(json.dumps({"channel": step.channel, **what}) + "\n")
        self.process.stdin.flush()

    def property(self, name):
        return self.call("Get", "ss", "org.raxauth.Auth1", name,
                         interface="org.freedesktop.DBus.Properties")[0]
