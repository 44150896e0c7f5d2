# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: runs an interactive program and plays both sides of its dialogue."""

import dataclasses
import io
import os
import re
import signal
import time

import pexpect

# A question: the last line so far, without an end, that names a password or a passcode and ends
# as questions do.
QUESTION = r"[^\r\n]*(?i:password|passcode)[^\r\n]*[:?][ \t]*\Z"
SHELL = "in-the-shell> "  # what tests make the prompt of a shell, to know it
IN = re.escape(SHELL) + r"|[a-z]+@(?:throwaway|lab):[^\r\n]*[$#] \Z"  # or what a login shell has anyway
REFUSAL = (r"Permission denied[^\r\n]*|Received disconnect[^\r\n]*|Too many authentication failures"
           r"|Login incorrect|su: Authentication failure|su: [A-Z][^\r\n]*|sudo: [^\r\n]+"
           r"|Connection (?:closed|reset)[^\r\n]*")


@dataclasses.dataclass
class Attempt:
    """What came of an attempt to get in."""

    granted: bool
    prompts: list  # every question asked, in order
    transcript: str  # everything that stood on the screen
    seconds: float  # from the start of the program to its verdict
    exit: int | None  # exit status of the program where it ended by itself


class Terminal:
    """One interactive program on a terminal of its own.

    The screen's text is kept in `transcript`; what is typed unseen is not in it, as on a real one.
    """

    def __init__(self, argv, timeout=20.0):
        self._screen = io.StringIO()
        self.started = time.monotonic()
        self.prompts = []
        self.child = pexpect.spawn(argv[0], argv[1:], encoding="utf-8", codec_errors="replace",
                                   timeout=timeout, dimensions=(24, 80))
        self.child.delaybeforesend = None
        self.child.logfile_read = self._screen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def transcript(self):
        return self._screen.getvalue().replace("\r", "")

    def question(self, word, timeout=None):
        """Waits for a question that contains WORD (any case) and returns its text."""
        kind, text = self.next(timeout)
        assert kind == "ask", f"wanted a question for a {word}, got {kind}: {text}\n{self.transcript}"
        assert word.lower() in text.lower(), f"wanted a question for a {word}, was asked: {text}"
        return text

    def until(self, text, timeout=None):
        """Waits until TEXT stands on the screen; returns everything since the last wait."""
        self.child.expect_exact(text, timeout=timeout or self.child.timeout)
        return (self.child.before + self.child.after).replace("\r", "")

    def next(self, timeout=None):
        """What the program does next: ("ask", text), ("in", ""), ("refused", text), ("end", "")."""
        patterns = [IN, REFUSAL, QUESTION, pexpect.EOF]
        at = self.child.expect(patterns, timeout=timeout or self.child.timeout)
        if at == 0:
            return "in", ""
        if at == 1:
            return "refused", self.child.match.group(0)
        if at == 2:
            text = self.child.match.group(0).strip()
            if text.lower().endswith("passcode:"):  # what it says stands on the lines above
                above = self.child.before.replace("\r", "").rstrip("\n").split("\n\n")[-1]
                text = f"{above.strip()}\n{text}".strip()
            self.prompts.append(text)
            return "ask", text
        return "end", ""

    def answer(self, text):
        """Types TEXT and the return key."""
        self.child.send(text + "\r")

    def press(self, control):
        """Types a control character: press("c") is ^C."""
        self.child.sendcontrol(control)

    def shell(self, command, timeout=None):
        """Runs COMMAND in the shell that was reached; returns what it printed."""
        self.answer(command)
        self.child.expect(IN, timeout=timeout or self.child.timeout)
        lines = self.child.before.replace("\r", "").split("\n")
        return "\n".join(lines[1:]).strip("\n")

    def dialogue(self, command, answers=()):
        """Runs COMMAND in the shell that was reached, giving ANSWERS to what it asks.

        Returns the questions and everything that stood on the screen, up to the next prompt. A
        question beyond the answers is met with ^C.
        """
        start, left = len(self.transcript), list(answers)
        asked = len(self.prompts)
        self.answer(command)
        self.child.expect_exact(command)
        interrupting = False
        while True:
            try:
                kind, text = self.next(5 if interrupting else None)
            except pexpect.TIMEOUT:
                if not interrupting:
                    raise
                interrupting = False  # once more: the wait after it is the long one
                self.press("c")
                continue
            interrupting = False
            if kind == "refused":
                continue
            if kind != "ask":
                assert kind == "in", f"the shell ended\n{self.transcript[start:]}"
                return self.prompts[asked:], self.transcript[start:]
            if not left:
                # sudo loses a ^C that comes between its prompt and its read(2); a person presses
                # it again.
                self.press("c")
                interrupting = True
                continue
            answer = left.pop(0)
            self.answer(answer() if callable(answer) else answer)

    def attempt(self, answers):
        """Gives ANSWERS (texts, or functions called when asked) until a verdict; an Attempt.

        Where there are more questions than answers the person goes away (hangs up).
        """
        left = list(answers)
        granted = False
        while True:
            kind, _ = self.next()
            if kind == "in":
                granted = True
            if kind != "ask" or not left:
                break
            answer = left.pop(0)
            self.answer(answer() if callable(answer) else answer)
        seconds = time.monotonic() - self.started
        if kind == "refused":
            self.child.expect(pexpect.EOF)
        status = None
        if kind in ("refused", "end"):
            self.child.wait()
            status = self.child.exitstatus
        return Attempt(granted, self.prompts, self.transcript, seconds, status)

    def kill(self):
        """Kills the program and all of its process group, as a crash of the client would."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def close(self):
        self.child.close(force=True)
