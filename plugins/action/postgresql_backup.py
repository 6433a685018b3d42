# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_backup on the controller: keep the record of it."""

from __future__ import annotations

from typing import Any

from ..plugin_utils.action import RotationAction


class ActionModule(RotationAction):
    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        paths = ", ".join(dump["path"] for dump in result["dumps"] if dump["changed"])
        return f"dump the database into {paths}"

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        return self.on_host("postgresql_backup", {name: value for name, value in args.items() if name != "record_dir"})
