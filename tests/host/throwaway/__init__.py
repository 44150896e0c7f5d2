# SPDX-License-Identifier: Apache-2.0
"""Throwaway hosts: real PAM, sshd and system bus in namespaces, for tests and the demo."""

from .host import PEOPLE, ThrowawayHost, local_password, wait_until
from .terminal import Attempt, Terminal

__all__ = ["PEOPLE", "Attempt", "Terminal", "ThrowawayHost", "local_password", "wait_until"]
