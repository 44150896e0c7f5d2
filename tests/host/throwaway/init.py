#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PID 1 of a throwaway host: makes its file system, network and sockets, then reaps.

Started by `unshare` in namespaces of its own with a unix socket as standard input. It reads one
line from there, a JSON description of the host, hands the two log sockets out through it, and
ends as soon as the other end closes, and with it (it is PID 1) every process of the host. Mounts
exist only in its mount namespace, so nothing is left on the machine however the end comes.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import stat
import struct

from accounts import make_accounts

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def mount(source, target, kind, flags=0, data=None):
    args = [a.encode() if a is not None else None for a in (source, target, kind)]
    if LIBC.mount(*args, flags, data.encode() if data else None) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source} on {target}: {os.strerror(error)}")


def overlay(lower, work, target):
    """LOWER shown at TARGET; what is written stays in WORK (on the tmpfs)."""
    for part in ("upper", "work"):
        os.makedirs(f"{work}/{part}")
    os.makedirs(target, exist_ok=True)
    # the root of the upper layer is the root of the merge: it needs the lower one's mode and owner
    what = os.stat(lower)
    os.chmod(f"{work}/upper", stat.S_IMODE(what.st_mode))
    os.chown(f"{work}/upper", what.st_uid, what.st_gid)
    mount("overlay", target, "overlay", 0,
          f"lowerdir={lower},upperdir={work}/upper,workdir={work}/work")


def make_dev(root):
    mount("tmpfs", f"{root}/dev", "tmpfs", MS_NOSUID, "mode=755")
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(1, minor))
        os.chmod(f"{root}/dev/{name}", 0o666)
    os.mknod(f"{root}/dev/tty", stat.S_IFCHR | 0o666, os.makedev(5, 0))
    os.chmod(f"{root}/dev/tty", 0o666)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"),
                         ("ptmx", "pts/ptmx")):
        os.symlink(target, f"{root}/dev/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{root}/dev/{name}")
    mount("devpts", f"{root}/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
          "newinstance,gid=5,mode=620,ptmxmode=666")
    mount("tmpfs", f"{root}/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")


def make_folders(root, path, modes):
    """Makes PATH below ROOT; folders that are new get MODES, those the machine's own have."""
    place = root
    for part, mode in zip(path.strip("/").split("/"), modes):
        place += "/" + part
        if not os.path.isdir(place):
            os.mkdir(place)
            os.chmod(place, mode)


def folder_modes(path):
    """The modes of the folders that lead to PATH and of its own, from the root on."""
    parts = path.strip("/").split("/")
    return [stat.S_IMODE(os.stat("/" + "/".join(parts[:n + 1])).st_mode) for n in range(len(parts))]


def make_root(visible, writable):
    """Builds the host's root under a tmpfs on /run and makes it our root.

    VISIBLE are folders shown at their own place even if they lie where the host has a file system
    of its own (a build under /tmp, a clone on another disk), and as closed to others as there;
    writes to the WRITABLE ones of them stay in the host as well.
    """
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    # opened before anything is covered: reached by /proc/self/fd from then on
    handles = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in visible}
    modes = {path: folder_modes(path) for path in visible}
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    root = "/run/root"
    overlay("/", "/run/layers", root)
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("sysfs", f"{root}/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    make_dev(root)
    mount("tmpfs", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for number, path in enumerate(visible):
        source = f"/proc/self/fd/{handles[path]}"
        make_folders(root, path, modes[path])
        if path in writable:
            overlay(source, f"/run/writable{number}", root + path)
        else:
            mount(source, root + path, None, MS_BIND)
            mount(None, root + path, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
        os.close(handles[path])
    os.mkdir(f"{root}/run/.old")
    arch = os.uname().machine
    if LIBC.syscall(SYS_PIVOT_ROOT[arch], root.encode(), f"{root}/run/.old".encode()) != 0:
        raise OSError(ctypes.get_errno(), "pivot_root")
    os.chdir("/")
    if LIBC.umount2(b"/run/.old", MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), "umount of the old root")
    os.rmdir("/run/.old")


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def log_socket(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: a flood must not block sshd
    sock.bind(path)
    os.chmod(path, 0o666)
    return sock


def reap(_signal=None, _frame=None):
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def main():
    master = socket.socket(fileno=os.dup(0))
    master.set_inheritable(False)
    what = json.loads(master.makefile("r").readline())
    os.umask(0o022)
    make_root(what["visible"], what["writable"])
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    socket.sethostname(what["hostname"])
    loopback_up()
    with open("/etc/hosts", "w") as hosts:
        hosts.write(f"127.0.0.1 localhost {what['hostname']}\n::1 localhost\n")
    with open("/etc/hostname", "w") as hostname:
        hostname.write(what["hostname"] + "\n")
    for place, mode in (("/run/systemd/journal", 0o755), ("/run/dbus", 0o755), ("/run/sshd", 0o755),
                        ("/run/lock", 0o1777), ("/run/user", 0o755)):
        os.makedirs(place)
        os.chmod(place, mode)
    make_accounts(what["accounts"])
    journal = log_socket("/run/systemd/journal/socket")
    syslog = log_socket("/run/systemd/journal/dev-log")
    os.symlink("/run/systemd/journal/dev-log", "/dev/log")
    signal.signal(signal.SIGCHLD, reap)
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    socket.send_fds(master, [b"up"], [journal.fileno(), syslog.fileno()])
    journal.close()
    syslog.close()
    reap()
    poller = select.poll()
    poller.register(master, select.POLLHUP | select.POLLRDHUP)
    poller.poll()


main()
