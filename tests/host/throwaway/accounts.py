#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the people of a test host into its account files (faster than a hundred useradd).

As a program it reads what is wanted as JSON from standard input.
"""

import json
import os
import sys


def make_accounts(wanted):
    """WANTED: `root` (password hash), `users` ({name: {uid, hash, home, groups}}), `today` (days)."""
    root_hash, users, now = wanted["root"], wanted["users"], wanted["today"]
    shadow_lines = open("/etc/shadow").read().splitlines()
    with open("/etc/shadow", "w") as shadow:
        shadow.writelines((f"root:{root_hash}:{now}:0:99999:7:::" if line.startswith("root:")
                           else line) + "\n" for line in shadow_lines)
    group_lines = open("/etc/group").read().splitlines()
    with open("/etc/passwd", "a") as passwd, open("/etc/shadow", "a") as shadow:
        for name, user in users.items():
            uid, home = user["uid"], f"/home/{name}"
            passwd.write(f"{name}:x:{uid}:{uid}:{name}:{home}:/bin/bash\n")
            shadow.write(f"{name}:{user['hash']}:{now}:0:99999:7:::\n")
            group_lines.append(f"{name}:x:{uid}:")
            for wanted in user["groups"]:
                at = next((i for i, line in enumerate(group_lines)
                           if line.startswith(wanted + ":")), None)
                if at is None:
                    group_lines.append(f"{wanted}:x:{uid + 1000}:{name}")
                else:
                    separator = "" if group_lines[at].endswith(":") else ","
                    group_lines[at] += separator + name
            if not user["home"]:
                continue
            os.makedirs(f"{home}/.ssh", mode=0o700)
            with open(f"{home}/.hushlogin", "w"):
                pass
            for place in (home, f"{home}/.ssh"):
                for entry in [place] + [e.path for e in os.scandir(place)]:
                    os.chown(entry, uid, uid)
    with open("/etc/group", "w") as group:
        group.write("\n".join(group_lines) + "\n")


if __name__ == "__main__":
    make_accounts(json.load(sys.stdin))
