# SPDX-License-Identifier: Apache-2.0
"""Drives pam_probe, the PAM application that shows what a stack asks, answers and leaves behind."""

import contextlib
import json
import subprocess
import time


class Probe:
    """One run of pam_probe inside a host. Read events with next(), answer with answer()."""

    def __init__(self, host, service, user, steps, items=None, env=(), repeat=1, as_user=None,
                 wrap=()):
        argv = [*wrap, host.program("pam_probe"), service, user]
        for name, value in (items or {}).items():
            argv += ["--item", f"{name}={value}"]
        for variable in env:
            argv += ["--env", variable]
        argv += ["--repeat", str(repeat), *steps]
        self.events = []
        self.started = time.monotonic()
        self.process = host.spawn(argv, user=as_user, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def next(self):
        """The next event (a dict), or None when the probe has ended."""
        line = self.process.stdout.readline()
        if not line:
            return None
        event = json.loads(line)
        self.events.append(event)
        return event

    def question(self, word=""):
        """Reads on to the next question, which must contain WORD (any case); its text."""
        while True:
            event = self.next()
            assert event is not None, f"no question for {word}: {self.events}\n{self.errors()}"
            assert event["event"] != "step", f"no question for {word}: {self.events}"
            if event["event"] == "ask":
                assert word.lower() in event["text"].lower(), event["text"]
                return event["text"]

    def answer(self, text):
        self.reply({"answer": text})

    def fail(self):
        """The conversation function fails, as on ^C."""
        self.reply({"fail": True})

    def reply(self, what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def finish(self, answers=()):
        """Answers what is asked with ANSWERS (texts, None, or functions), then reports."""
        left = list(answers)
        while event := self.next():
            if event["event"] == "ask":
                if not left:
                    self.fail()
                    continue
                answer = left.pop(0)
                self.answer(answer() if callable(answer) else answer)
        self.process.wait()
        report = Report(self.events)
        assert report.end is not None, f"the probe broke: {self.events}\n{self.errors()}"
        return report

    def errors(self):
        self.process.wait(10)
        return self.process.stderr.read()


class Report:
    """What a finished probe told."""

    def __init__(self, events):
        self.events = events
        self.prompts = [e["text"] for e in events if e["event"] == "ask"]
        self.messages = [e["text"] for e in events if e["event"] == "message"]
        self.steps = [e for e in events if e["event"] == "step"]
        self.environments = [e["variables"] for e in events if e["event"] == "env"]
        self.end = next((e for e in events if e["event"] == "end"), None)

    @property
    def code(self):
        """The result of the first step that has one."""
        return self.steps[0]["code"]

    @property
    def seconds(self):
        return self.steps[0]["seconds"]

    def codes(self):
        return [s["code"] for s in self.steps]
