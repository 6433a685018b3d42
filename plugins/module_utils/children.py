# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of an operator: no input, no output, a session of their own, and an end after so many seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

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
        kill_group(process.pid)
        process.wait()
        return TIMED_OUT


def kill_group(leader: int) -> None:
    """Kill a process that leads a group, and whoever is left in that group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def found(rc: int, seconds: float, program: str) -> str:
    """What to say of a command that did not end with 0."""
    return f"was given {seconds:.0f} seconds" if rc == TIMED_OUT else f"{program} ended with exit code {rc}"
