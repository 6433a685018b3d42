# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands of the operator."""

from __future__ import annotations

from .._services import commands
from .host_task import HostTask, ModuleResult


def run_commands(task: HostTask) -> ModuleResult:
    """Run the commands. Raise E_OPTION for an invalid command, and E_COMMAND."""
    params = task.params
    commands.refuse_unrunnable(params["commands"], params["project_dir"], params["purpose"])
    asked = [] if task.check_mode else params["commands"]
    ended = commands.run(asked, params["project_dir"], params["timeout"])
    return {"changed": False, "commands": [each._asdict() for each in ended]}
