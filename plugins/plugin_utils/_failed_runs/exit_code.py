# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Specific exit codes for some failures. ansible-playbook itself uses 2 for every failed task.

A task runs in a process that is forked from ansible-playbook. The two share one byte, which ansible-playbook reads when
it exits. Codes with another meaning, such as 99 for Ctrl-C, stay.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any

from .._task_types import TaskResult

LOSING = 20  # the rollback was refused, because the application would lose values
LEFT = 21  # it was rolled back, but some values open under no version that the application has
WRITTEN = 22  # it is completed, but another process wrote the listed values while the application was stopped
OF_ERRORS = {"E_ROLLBACK_LOSES": LOSING, "E_VALUES_WRITTEN": WRITTEN}
FAILURES = range(1, 9)  # ansible-playbook's own: failed 2, unreachable 4, and both (TaskQueueManager.RUN_*)
_asked = mmap.mmap(-1, 1)


def ask(code: int) -> None:
    """Have ansible-playbook exit with this code if the run fails."""
    _asked[0] = code


def ask_for(result: TaskResult) -> None:
    """Ask for the exit code of a task's error, if that error has one."""
    if code := OF_ERRORS.get(str((result.get("error") or {}).get("code"))):
        ask(code)


def chosen(status: Any) -> Any:
    """The code to exit with, instead of the one from ansible-playbook."""
    return _asked[0] or status if isinstance(status, int) and status in FAILURES else status


def install() -> None:
    """Have sys.exit of this process use the code that its tasks asked for."""
    ansibles = sys.exit

    def leave(status: Any = None, /) -> None:
        ansibles(chosen(status))

    sys.exit = leave  # type: ignore[assignment]
