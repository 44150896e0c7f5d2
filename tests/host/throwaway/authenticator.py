# SPDX-License-Identifier: Apache-2.0
"""A person's phone: scans the QR code from the screen, and shows what its authenticator app shows."""

import os
import re
import subprocess
import tempfile

MODULE = 6  # pixels of one module of the code
MARGIN = 8 * MODULE  # of bare terminal around the drawing
DRAWN = re.compile(r"[█▀▄ ]+|[# ]+")
HALVES = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


def drawing_in(screen):
    """The lines of the newest QR code on SCREEN: the longest run of lines of one width of ink."""
    runs, run = [], []
    for line in screen.replace("\r", "").split("\n"):
        inked = len(line) > 20 and DRAWN.fullmatch(line) and line.strip()
        if inked and (not run or len(line) == len(run[0])):
            run.append(line)
        else:
            runs.append(run)
            run = [line] if inked else []
    runs.append(run)
    drawings = [r for r in runs if len(r) > 10]
    assert drawings, f"no QR code was drawn:\n{screen}"
    return drawings[-1]


def picture_of(lines):
    """LINES as a dark terminal shows them (ink is light), as a PGM image."""
    rows = []
    for line in lines:
        if "#" in line:  # two characters a module, one line a row
            rows.append([255 if c == "#" else 0 for c in line[::2]])
        else:
            rows.append([HALVES[c][0] for c in line])
            rows.append([HALVES[c][1] for c in line])
    wide = bytes(MARGIN)
    pixels = []
    for row in rows:
        pixels += [wide + b"".join(bytes([v]) * MODULE for v in row) + wide] * MODULE
    blank = [bytes(len(pixels[0]))] * MARGIN
    pixels = blank + pixels + blank
    return b"P5 %d %d 255\n" % (len(pixels[0]), len(pixels)) + b"".join(pixels)


def scan(screen):
    """What the newest QR code on SCREEN says."""
    with tempfile.NamedTemporaryFile(suffix=".pgm") as image:
        image.write(picture_of(drawing_in(screen)))
        image.flush()
        done = subprocess.run(["zbarimg", "-q", "--raw", image.name], capture_output=True,
                              text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and done.stdout.strip(), "the QR code cannot be read:\n" + screen
    return done.stdout.strip()


def key_of(uri):
    """The key in an otpauth URI."""
    return re.search(r"[?&]secret=([A-Z2-7=]+)", uri).group(1)


def passcode(key):
    """The code that an authenticator with this KEY (base32) shows now."""
    return subprocess.run(["oathtool", "--totp", "-b", key], capture_output=True, text=True,
                          check=True).stdout.strip()


def wrong_passcode(key):
    """A code that an authenticator with this KEY does not show for some minutes."""
    around = subprocess.run(["oathtool", "--totp", "-b", "--now", "5 minutes ago", "-w", "20", key],
                            capture_output=True, text=True, check=True).stdout.split()
    return next(c for c in ("000000", "111111", "222222") if c not in around)
