# SPDX-License-Identifier: Apache-2.0
"""The caller's end of a dialogue's channel: D-Bus over a socket pair, in as few lines as it takes.

dbus-python cannot speak on a descriptor, and a test wants to say what no library would.
"""

import struct

PATH = "/org/raxauth/Auth1/Conversation"
INTERFACE = "org.raxauth.Auth1.Conversation"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
ALIGN = {"y": 1, "g": 1, "v": 1, "u": 4, "b": 4, "i": 4, "s": 4, "o": 4, "a": 4,
         "t": 8, "x": 8, "d": 8, "(": 8, "{": 8}


class Gone(Exception):
    """The daemon hung up."""


def pad(data, to):
    data += b"\0" * (-len(data) % to)


def put_text(data, text):
    pad(data, 4)
    raw = text if isinstance(text, bytes) else text.encode()
    data += struct.pack("<I", len(raw)) + raw + b"\0"


def header_field(data, code, kind, text):
    pad(data, 8)
    data += bytes([code, 1]) + kind.encode() + b"\0"
    if kind == "g":
        data += bytes([len(text)]) + text.encode() + b"\0"
    else:
        put_text(data, text)


def call(number, member, signature, body):
    """A method call of the channel's interface, as bytes."""
    fields = bytearray()
    header_field(fields, 1, "o", PATH)
    header_field(fields, 2, "s", INTERFACE)
    header_field(fields, 3, "s", member)
    if signature:
        header_field(fields, 8, "g", signature)
    data = bytearray(struct.pack("<BBBBIII", ord("l"), CALL, 0, 1, len(body), number, len(fields)))
    data += fields
    pad(data, 8)
    return bytes(data + body)


def answer_body(serial, answers):
    """(t serial, aay answers)"""
    body = bytearray(struct.pack("<Q", serial))
    array = bytearray()
    for answer in answers:
        pad(array, 4)
        array += struct.pack("<I", len(answer)) + answer
    return bytes(body + struct.pack("<I", len(array)) + array)


class Reader:
    """Reads values of a little-endian message."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def number(self, form, size):
        self.at += -self.at % size
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += size
        return value

    def value(self, signature):
        """The value of the first type in SIGNATURE, and what follows that type."""
        kind, rest = signature[0], signature[1:]
        if kind in "ubi":
            return self.number("I", 4), rest
        if kind in "tx":
            return self.number("Q", 8), rest
        if kind == "y":
            return self.number("B", 1), rest
        if kind in "so":
            size = self.number("I", 4)
            text = self.data[self.at:self.at + size].decode()
            self.at += size + 1
            return text, rest
        if kind == "g":
            size = self.number("B", 1)
            text = self.data[self.at:self.at + size].decode()
            self.at += size + 1
            return text, rest
        if kind == "v":
            signature, _ = self.value("g")
            return self.value(signature)[0], rest
        if kind in "({":
            self.at += -self.at % 8
            values = []
            while rest[0] not in ")}":
                value, rest = self.value(rest)
                values.append(value)
            return values, rest[1:]
        if kind == "a":
            size = self.number("I", 4)
            self.at += -self.at % ALIGN[rest[0]]
            end = self.at + size
            values, after = [], skip(rest)
            while self.at < end:
                values.append(self.value(rest)[0])
            return (dict(values) if rest[0] == "{" else values), after
        raise ValueError(kind)

    def values(self, signature):
        found = []
        while signature:
            value, signature = self.value(signature)
            found.append(value)
        return found


def skip(signature):
    """What follows the first complete type."""
    if signature[0] == "a":
        return skip(signature[1:])
    if signature[0] not in "({":
        return signature[1:]
    depth = 0
    for at, kind in enumerate(signature):
        depth += (kind in "({") - (kind in ")}")
        if depth == 0:
            return signature[at + 1:]
    raise ValueError(signature)


class Peer:
    """Speaks on SOCKET, which is the caller's end of the pair."""

    def __init__(self, socket):
        self.socket, self.number, self.greeted = socket, 0, False

    def greet(self):
        self.socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        line = b""
        while b"OK" not in line or not line.endswith(b"\r\n"):
            line += self.receive(1)
        self.greeted = True

    def receive(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError as error:
                raise Gone from error
            if not more:
                raise Gone
            data += more
        return data

    def message(self):
        """The next message: its type, error name or member, and the values of its body."""
        head = self.receive(16)
        body_size, _, fields_size = struct.unpack_from("<III", head, 4)
        rest = self.receive(fields_size + -fields_size % 8 + body_size)
        fields = dict(Reader(head + rest, 12).value("a(yv)")[0])
        body = rest[len(rest) - body_size:]
        name = fields.get(4) or fields.get(3)
        return head[1], name, Reader(body).values(fields.get(8, ""))

    def say(self, member, signature="", body=b""):
        if not self.greeted:
            self.greet()
        self.number += 1
        try:
            self.socket.sendall(call(self.number, member, signature, body))
        except ConnectionError as error:
            raise Gone from error

    def answer(self, serial, answers):
        self.say("Answer", "taay", answer_body(serial, [a.encode() for a in answers]))
        return self.message()

    def cancel(self):
        self.say("Cancel")
        return self.message()
