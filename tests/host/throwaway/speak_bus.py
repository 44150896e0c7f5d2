#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One connection to the system bus that is driven by JSON lines on standard input.

Runs inside a throwaway host, as whoever the test wants. First it prints its own unique name; then
for each line {"method": NAME, "signature": TEXT, "args": [...], "to": NAME} a line with either
"reply" (a list) or "error" and "message". In ARGS an object {"fd": KIND, "text": TEXT} stands for
a descriptor: a "pipe" written and closed as org.raxauth.Auth1(5) wants, or a wrong one on purpose: "open"
(the writing end stays open), "file", "closed" (no data), "socket".

A Begin... call gets a channel, and its reply the channel's number: "channel". What is said there is
a line {"channel": NUMBER, "method": NAME, "args": [SERIAL, ANSWERS]}; {"channel": NUMBER} hangs up.
"""

import json
import os
import pathlib
import socket
import sys
import tempfile

import dbus

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from peer import ERROR, Gone, Peer  # noqa: E402 - needs the path above

INTERFACE = "org.raxauth.Auth1"
PATH = "/org/raxauth/Auth1"
kept = []
channels = []


def descriptor(kind, text):
    data = text.encode()
    if kind in ("pipe", "open", "closed"):
        reading, writing = os.pipe()
        if kind != "closed":
            os.write(writing, data)
        if kind == "open":
            kept.append(writing)
        else:
            os.close(writing)
    elif kind == "file":
        file = tempfile.TemporaryFile()
        file.write(data)
        file.seek(0)
        reading = os.dup(file.fileno())
    elif kind == "socket":
        ours, theirs = socket.socketpair()
        theirs.sendall(data)
        theirs.close()
        reading = ours.detach()
    fd = dbus.types.UnixFd(reading)
    os.close(reading)
    return fd


def value(v):
    """What JSON gave, as the D-Bus type that belongs there."""
    if isinstance(v, dict) and "socket" in v:
        fd = dbus.types.UnixFd(v["socket"])
        v["socket"].close()
        return fd
    if isinstance(v, dict) and "fd" in v:
        return descriptor(v["fd"], v.get("text", ""))
    if isinstance(v, dict) and "type" in v:
        return getattr(dbus, v["type"])(v["value"])
    if isinstance(v, dict):
        return dbus.Dictionary({k: variant(x) for k, x in v.items()}, signature="sv")
    if isinstance(v, list):
        return [value(x) for x in v]
    return v


def variant(v):
    if isinstance(v, bool):
        return dbus.Boolean(v)
    if isinstance(v, int):
        return dbus.UInt32(v)
    return value(v)


def plain(v):
    """A D-Bus value as JSON; a descriptor as everything that can be read from it."""
    if isinstance(v, dbus.types.UnixFd):
        with os.fdopen(v.take(), "rb") as file:
            return file.read().decode()
    if isinstance(v, dbus.Boolean):
        return bool(v)
    if isinstance(v, int):
        return int(v)
    if isinstance(v, str):
        return str(v)
    if isinstance(v, dict):
        return {str(k): plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


def with_channel(call):
    """CALL's context, with an end of a new channel unless it names one itself."""
    context, *others = call["args"]
    if not call["method"].startswith("Begin") or "channel" in context or call.get("no_channel"):
        return None
    ours, theirs = socket.socketpair()
    call["args"] = [{**context, "channel": {"fd": "own", "socket": theirs}}, *others]
    return ours


def say_on_channel(call):
    peer = channels[call["channel"]]
    if "method" not in call:
        peer.socket.close()
        return {"reply": []}
    try:
        if call["method"] == "Answer":
            kind, name, values = peer.answer(*call["args"])
        elif call["method"] == "Cancel":
            kind, name, values = peer.cancel()
        else:
            kind, name, values = peer.message()
    except Gone:
        return {"error": "Gone", "message": "the daemon hung up"}
    if kind == ERROR:
        return {"error": name, "message": str(values)}
    return {"reply": values, "member": name}


def say_on_bus(bus, call):
    message = dbus.lowlevel.MethodCallMessage(
        destination=call.get("to", INTERFACE), path=call.get("path", PATH),
        interface=call.get("interface", INTERFACE), method=call["method"])
    ours = with_channel(call) if call.get("signature") == "a{sv}" else None
    arguments = [value(v) for v in call.get("args", [])]
    if arguments:
        message.append(*arguments, signature=call["signature"])
    reply = bus.send_message_with_reply_and_block(message, call.get("timeout", 60))
    result = {"reply": [plain(v) for v in reply.get_args_list()]}
    if ours:
        channels.append(Peer(ours))
        result["channel"] = len(channels) - 1
    return result


def main():
    bus = dbus.SystemBus(private=True)
    print(json.dumps(bus.get_unique_name()), flush=True)
    for line in sys.stdin:
        call = json.loads(line)
        try:
            if "channel" in call:
                result = say_on_channel(call)
            elif call["method"] == "leave the bus":
                bus.close()
                result = {"reply": []}
            else:
                result = say_on_bus(bus, call)
        except dbus.DBusException as error:
            result = {"error": error.get_dbus_name(), "message": str(error)}
        print(json.dumps(result), flush=True)


main()
