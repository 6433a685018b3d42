# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill a process at each of its system calls in turn, to see what a crash there leaves behind (ptrace(2))."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

TRACEME, SYSCALL, SETOPTIONS = 0, 24, 0x4200
MARK_SYSCALLS, KILL_WITH_TRACER = 0x1, 0x100000
AT_SYSCALL = signal.SIGTRAP | 0x80
MOST = 2000  # stops; a write has fewer than 200


def crashes(act: Callable[[], object]) -> Iterator[int]:
    """Run ``act`` in a new process again and again, each time killed one stop later, until it ends by itself.

    A stop is the entry of a system call, where it was not made yet, or its end. Yields after each kill.
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("ptrace(2) is Linux's")
    for stop in range(1, MOST):
        if not _killed_at(stop, act):
            return
        yield stop
    pytest.fail("it never ends by itself")


def _killed_at(stop: int, act: Callable[[], object]) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    child = os.fork()
    if child == 0:
        try:
            if libc.ptrace(TRACEME, 0, None, None) != 0:
                os._exit(77)
            os.kill(os.getpid(), signal.SIGSTOP)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 77:
        pytest.skip("ptrace(2) is not allowed here")
    libc.ptrace(SETOPTIONS, child, None, MARK_SYSCALLS | KILL_WITH_TRACER)
    seen = 0
    while True:
        libc.ptrace(SYSCALL, child, None, None)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            assert os.waitstatus_to_exitcode(status) == 0, "the act itself must work"
            return False
        seen += os.WSTOPSIG(status) == AT_SYSCALL
        if seen == stop:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
