# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds to the end of a run what to type after Ctrl-C, and specific exit codes."""

from __future__ import annotations

import atexit
import signal
import sys
from typing import Any

from ansible.executor.task_queue_manager import TaskQueueManager

from .._report.playbook_command import command
from . import exit_code

NEXT_COMMANDS = (
    "The run was interrupted. What its last step wrote is not known here. To see which version each value is under:\n"
    "  {verify}\n"
    "To resume, run the same command again. To see what a rollback would do:\n"
    "  {rollback}"
)


def install() -> None:
    """Show the next commands below Ansible's own line on Ctrl-C. Does nothing in a process that runs no plays."""
    ansibles: Any = signal.getsignal(signal.SIGINT)
    if not isinstance(getattr(ansibles, "__self__", None), TaskQueueManager):
        return

    def show_next(number: int, frame: Any) -> None:
        atexit.register(print, _format_next(), file=sys.stderr)  # Display has a lock, which a signal must not wait for
        ansibles(number, frame)

    signal.signal(signal.SIGINT, show_next)
    exit_code.install()


def _format_next() -> str:
    return NEXT_COMMANDS.format(verify=command("verify"), rollback=command("rollback", ["--check"]))
