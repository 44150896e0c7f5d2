#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the system bus of a throwaway host misbehave until standard input closes.

mute   listens in the bus's place, accepts everybody and never answers
flood  holds as many unauthenticated connections to the bus as it gets, and reopens lost ones
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


{"mute": mute, "flood": flood}[sys.argv[1]]()
