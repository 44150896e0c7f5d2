# SPDX-License-Identifier: Apache-2.0
"""Throwaway hosts: real PAM, sshd and system bus in namespaces, for tests and the demo."""

from .caller import BusError, Caller, pipe
from .people import CROWD, PEOPLE, local_password
from .processes import wait_until
from .terminal import Attempt, Terminal
from .throwaway_host import ThrowawayHost

__all__ = ["CROWD", "PEOPLE", "Attempt", "BusError", "Caller", "Terminal", "ThrowawayHost",
           "local_password", "pipe", "wait_until"]
