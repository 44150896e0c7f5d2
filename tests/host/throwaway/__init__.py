# SPDX-License-Identifier: Apache-2.0
"""Throwaway hosts: real PAM, sshd and system bus in namespaces, for tests and the demo."""

from .caller import BusError, Caller, pipe
from .people import CROWD, PEOPLE, local_password
from .processes import wait_until
from .terminal import SHELL, Attempt, Terminal
from .throwaway_host import ThrowawayHost
from .x_display import XDisplay

__all__ = ["CROWD", "PEOPLE", "SHELL", "Attempt", "BusError", "Caller", "Terminal", "ThrowawayHost",
           "XDisplay", "local_password", "pipe", "wait_until"]
