# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_backup_info on the controller: show what the host found."""

from __future__ import annotations

from typing import Any

from ..plugin_utils._action import RotationAction
from ..plugin_utils._report import step_lines
from ..plugin_utils._screen import lines


class ActionModule(RotationAction):
    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        result = self.on_host("postgresql_backup_info", args)
        lines.detail(step_lines.kept_backups(result.get("backups", [])), "Retained backups")
        return result
