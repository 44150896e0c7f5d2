# SPDX-License-Identifier: Apache-2.0
"""Who has an account on a test host.

Their local passwords are what pam_unix knows; what Identity knows of them is in identity.py.
`nell` and `oscar` have accounts here and none at Identity; `breakglass` is for exemptions.
"""

import ctypes
import functools
import secrets
import time

_NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kate",
          "leo", "mallory", "nell", "oscar", "peggy", "breakglass"]
CROWD = [f"crowd{i:02d}" for i in range(100)]  # for crowds; without home directories
PEOPLE = {name: 2001 + i for i, name in enumerate(_NAMES)} | \
    {name: 3000 + i for i, name in enumerate(CROWD)}


def local_password(name):
    """What pam_unix accepts for NAME."""
    return "local-crowd" if name in CROWD else f"local-{name}"


# What pam_unix itself hashes with: Python has no module for it any more since 3.13.
_crypt = ctypes.CDLL("libcrypt.so.1").crypt
_crypt.restype = ctypes.c_char_p


@functools.lru_cache(maxsize=None)
def _hash(password):
    return _crypt(password.encode(), f"$5$rounds=1000${secrets.token_hex(8)}".encode()).decode()


def accounts():
    """What accounts.py writes into a host."""
    return {"root": _hash(local_password("root")), "today": int(time.time() // 86400),
            "users": {name: {"uid": uid, "hash": _hash(local_password(name)),
                             "home": name not in CROWD,
                             "groups": ["sudo"] if name == "alice" else []}
                      for name, uid in PEOPLE.items()}}
