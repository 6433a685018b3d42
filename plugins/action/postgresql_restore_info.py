# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_restore_info on the control node: send the versions of the store to the host."""

from __future__ import annotations

from ..plugin_utils._host_action import HostAction
from ..plugin_utils._keys.ansible_vault import read_identity
from ..plugin_utils._task_types import TaskArguments

OURS = ("store", "identity_file")  # what stays on the control node


class ActionModule(HostAction):
    recorded = False  # this check belongs to no rotation yet
    changes = False
    shows_progress = True

    def ask(self, args: TaskArguments) -> TaskArguments:
        asked = {name: value for name, value in args.items() if name not in OURS}
        asked.update(self.store(args).load().for_host())
        return {**asked, "identity": read_identity(args.get("identity_file"), self._loader)}
