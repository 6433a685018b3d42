# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_repair on the control node: send the keys and the age identity to the host, and show what was repaired."""

from __future__ import annotations

from ..plugin_utils._action import RotationAction
from ..plugin_utils._keys.ansible_vault import read_identity
from ..plugin_utils._report import restore_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult

OURS = ("store", "record_dir", "identity_file")  # what stays on the control node


class ActionModule(RotationAction):
    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"restore a copy of the backup {args['backup']}, and repair values from it"

    def act(self, args: TaskArguments) -> TaskResult:
        history = self.store(args).load()
        asked = {name: value for name, value in args.items() if name not in OURS}
        asked.update(history.for_host())
        asked["identity"] = read_identity(args.get("identity_file"), self._loader)
        asked["run"] = self.run_name()
        result = self.on_host("django_repair", asked)
        lines.show(restore_lines.repaired(result), "Repair")
        return result
