# SPDX-License-Identifier: Apache-2.0
"""What the programs of a host log, as journald's entries."""

import json
import os
import re
import select
import socket
import struct
import subprocess
import threading
import time

SYSLOG = re.compile(rb"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?([^\[:\s]+)(?:\[(\d+)\])?:\s?(.*)",
                    re.DOTALL)


def parse_native(datagram):
    """The fields of one datagram of systemd's native journal protocol."""
    fields, at = {}, 0
    while at < len(datagram):
        end = datagram.find(b"\n", at)
        if end < 0:
            end = len(datagram)
        line = datagram[at:end]
        at = end + 1
        if b"=" in line:
            name, value = line.split(b"=", 1)
        elif line:
            (size,) = struct.unpack_from("<Q", datagram, at)
            name, value = line, datagram[at + 8:at + 8 + size]
            at += 8 + size + 1
        else:
            continue
        fields[name.decode()] = value.decode("utf-8", "backslashreplace")
    return fields


def parse_syslog(datagram):
    """A line of syslog(3) as the fields that journald would make of it."""
    found = SYSLOG.match(datagram.rstrip(b"\n\0"))
    if not found:
        return {"MESSAGE": datagram.decode("utf-8", "backslashreplace")}
    priority, identifier, pid, message = found.groups()
    fields = {"PRIORITY": str(int(priority) & 7), "SYSLOG_IDENTIFIER": identifier.decode(),
              "MESSAGE": message.decode("utf-8", "backslashreplace")}
    if pid:
        fields["SYSLOG_PID"] = pid.decode()
    return fields


class Journal:
    """All log entries of one host in order of arrival, each a dict of journal fields.

    Safe to use from any thread; a subclass feeds it from one of its own.
    """

    def __init__(self):
        self._entries = []
        self._arrival = threading.Condition()

    def _add(self, entry):
        with self._arrival:
            self._entries.append(entry)
            self._arrival.notify_all()

    def entries(self, since=0, **fields):
        """The entries from number SINCE on that have these FIELDS (a value may be a pattern)."""
        with self._arrival:
            return [e for e in self._entries[since:] if matches(e, fields)]

    def mark(self):
        """A number to give as SINCE later: everything logged after now."""
        with self._arrival:
            return len(self._entries)

    def wait(self, since=0, timeout=5.0, **fields):
        """The first entry from SINCE on with these FIELDS; waits for it to arrive."""
        limit = time.monotonic() + timeout
        with self._arrival:
            while True:
                found = next((e for e in self._entries[since:] if matches(e, fields)), None)
                if found:
                    return found
                left = limit - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no log entry with {fields} within {timeout} s; "
                                         f"there are:\n{self._text(since)}")
                self._arrival.wait(left)

    def text(self, since=0):
        """Everything as lines of text, with all RAXAUTH_ fields."""
        with self._arrival:
            return self._text(since)

    def raw(self, since=0):
        """Every field of every entry, for a search for what must not be there."""
        with self._arrival:
            return "\n".join(f"{k}={v}" for e in self._entries[since:] for k, v in e.items())

    def _text(self, since):
        lines = []
        for entry in self._entries[since:]:
            extra = " ".join(f"{k}={v}" for k, v in sorted(entry.items()) if k.startswith("RAXAUTH_"))
            line = f"{entry.get('SYSLOG_IDENTIFIER', '?')}: {entry.get('MESSAGE', '')}"
            lines.append(f"{line}  [{extra}]" if extra else line)
        return "\n".join(lines)


class SocketJournal(Journal):
    """Takes journald's place: reads the sockets it would listen on.

    Entries carry `_UID` and `_PID` (the pid as this machine sees it) from the socket's own
    credentials, as journald's do.
    """

    def __init__(self, native, syslog):
        super().__init__()
        self._sockets = {native: parse_native, syslog: parse_syslog}
        self._stop, self._stopped = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def stop_reading(self):
        """Hands the two sockets to somebody who will read them; nothing is kept of what comes."""
        self._end_reader()
        return list(self._sockets)

    def close(self):
        self._end_reader()
        for sock in self._sockets:
            sock.close()

    def _end_reader(self):
        if self._reader.is_alive():
            os.close(self._stopped)
            self._reader.join()
            os.close(self._stop)

    def _read(self):
        watched = list(self._sockets) + [self._stop]
        while True:
            ready, _, _ = select.select(watched, [], [])
            for sock in ready:
                if sock == self._stop:
                    return
                self._take(sock, self._sockets[sock])

    def _take(self, sock, parse):
        data, ancillary, _, _ = sock.recvmsg(1 << 18, 4096)
        credentials = {}
        for level, kind, payload in ancillary:
            if level != socket.SOL_SOCKET:
                continue
            if kind == socket.SCM_CREDENTIALS:
                pid, uid, _ = struct.unpack("3i", payload[:12])
                credentials = {"_PID": str(pid), "_UID": str(uid)}
            elif kind == socket.SCM_RIGHTS:  # what is too big for a datagram comes as a memfd
                (fd,) = struct.unpack("i", payload[:4])
                with os.fdopen(fd, "rb") as big:
                    big.seek(0)
                    data = big.read()
        self._add({**parse(data), **credentials})


class FollowedJournal(Journal):
    """A real journald's entries, by `journalctl --follow` running inside the host."""

    def __init__(self, host):
        super().__init__()
        self._process = host.spawn(["journalctl", "--follow", "--lines=all", "--output=json"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self):
        self._process.kill()
        self._process.wait()

    def _read(self):
        for line in self._process.stdout:
            self._add({k: v for k, v in json.loads(line).items() if isinstance(v, str)})


def matches(entry, fields):
    for name, wanted in fields.items():
        value = entry.get(name)
        if value is None:
            return False
        if isinstance(wanted, re.Pattern):
            if not wanted.search(value):
                return False
        elif value != wanted:
            return False
    return True
