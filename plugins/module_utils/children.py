# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of an operator: no input, no output, a session of their own, and an end after so many seconds."""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import subprocess
from collections.abc import Sequence

ROUNDS = 10  # of looking for what was forked while the others were killed
NOT_FOUND, TIMED_OUT = 127, 124  # as a shell and timeout(1) say it


def ended(argv: Sequence[str], seconds: float, folder: str | None = None) -> int:
    """The exit code of a command. What it leaves running outlives this process.

    After ``seconds`` it is killed with all that it has started in its session, and the code is TIMED_OUT.
    """
    none = subprocess.DEVNULL
    try:
        process = subprocess.Popen(list(argv), cwd=folder, stdin=none, stdout=none, stderr=none, start_new_session=True)
    except OSError:
        return NOT_FOUND
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        process.wait()
        return TIMED_OUT


def kill_session(leader: int) -> None:
    """Kill a process that leads a session, its group, and where there is a /proc every other group of that session."""
    for _ in range(ROUNDS):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        others = _session(leader)
        for pid in others:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not others:
            return


def _session(leader: int) -> list[int]:
    """The living processes of its session but itself; none where there is no /proc (proc(5), fields 3 and 6)."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as handle:
            state, _, _, session = handle.read().rpartition(")")[2].split()[:4]
            pid = int(path.split("/")[2])
            if int(session) == leader != pid and state not in "ZX":
                found.append(pid)
    return found


def found(rc: int, seconds: float, program: str) -> str:
    """What to say of a command that did not end with 0."""
    return f"was given {seconds:.0f} seconds" if rc == TIMED_OUT else f"{program} ended with exit code {rc}"
