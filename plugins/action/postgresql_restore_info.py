# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_restore_info on the control node: send the versions of the store to the host."""

from __future__ import annotations

from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments


class ActionModule(HostAction):
    kept_here = ("store", "identity_file")
    recorded = False  # this check belongs to no rotation yet
    changes = False
    shows_progress = True

    def ask(self, args: TaskArguments) -> TaskArguments:
        return self.options_for_backup(args)
