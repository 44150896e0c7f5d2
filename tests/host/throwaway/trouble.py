#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the system bus of a throwaway host misbehave until standard input closes.

mute   listens in the bus's place, accepts everybody and never answers
flood  holds as many unauthenticated connections to the bus as it gets, and reopens lost ones
fat    sends sign-ins whose context has 63 unknown keys of 250 values, as fast as the bus takes them
pings  sends calls that are answered at once, as fast as the bus takes them
huge   sends, over eight connections, calls of 20 MiB each whose options nobody has asked for
"""

import os
import select
import socket
import sys

ADDRESS = "/run/dbus/system_bus_socket"
FLOOD = 200  # dbus-daemon allows 64 half-open connections in all


def mute():
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(ADDRESS)
    os.chmod(ADDRESS, 0o666)
    listener.listen(64)
    print("ready", flush=True)
    held = []
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        held.append(listener.accept()[0])


def connect():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(ADDRESS)
    except OSError:
        sock.close()
        return None
    return sock


def flood():
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN | select.POLLHUP)
    held = {}
    announced = False
    while True:
        while len(held) < FLOOD:
            sock = connect()
            if sock is None:
                break
            held[sock.fileno()] = sock
            poller.register(sock, select.POLLIN | select.POLLHUP)
        if not announced:
            print("ready", flush=True)
            announced = True
        for fd, _ in poller.poll(20):
            if fd == sys.stdin.fileno():
                return
            poller.unregister(fd)
            held.pop(fd).close()


def call(member, interface, *arguments, signature=None):
    import dbus.lowlevel
    message = dbus.lowlevel.MethodCallMessage(destination="org.raxauth.Auth1",
                                              path="/org/raxauth/Auth1", interface=interface,
                                              method=member)
    if arguments:
        message.append(*arguments, signature=signature)
    message.set_no_reply(True)
    return message


def send_without_end(message, connections=1):
    """The replies are read and thrown away by the library, as they come."""
    import dbus
    buses = [dbus.SystemBus(private=True) for _ in range(connections)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 0)[0]:
        for bus in buses:
            try:
                for _ in range(20):
                    bus.send_message(message)
                bus.flush()
            except dbus.DBusException:
                return


def fat():
    import dbus
    context = {f"unknown{i}": dbus.Array([dbus.String("x")] * 250, signature="s") for i in range(63)}
    send_without_end(call("BeginSignIn", "org.raxauth.Auth1",
                          dbus.Dictionary(context, signature="sv"), signature="a{sv}"))


def pings():
    send_without_end(call("Ping", "org.freedesktop.DBus.Peer"))


def huge():
    import dbus
    options = dbus.Dictionary({"unknown": "x" * (20 << 20)}, signature="sv")
    message = call("GetToken", "org.raxauth.Auth1", options, signature="a{sv}")
    buses = [dbus.SystemBus(private=True) for _ in range(8)]
    for bus in buses:
        bus.send_message(message)
        bus.flush()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


{"mute": mute, "flood": flood, "fat": fat, "pings": pings, "huge": huge}[sys.argv[1]]()
