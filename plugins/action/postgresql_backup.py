# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_backup on the controller: hand the keys and the age identity to the host, and show how far it is."""

from __future__ import annotations

from typing import Any

from ..module_utils._stores.history import History
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report import restore_lines, step_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._services.key_store import read_identity

ANOTHER = (
    "project_dir",
    "rotation_id",
    "environment",
    "engine",
    "stanza",
    "backup_type",
    "snapshot_command",
    "encrypt",
    "max_age",
    "backup_dir",
)
OURS = ("store", "record_dir", "identity_file")  # what stays on the control node


class ActionModule(RotationAction):
    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        if args.get("state") == "cleared":
            return f"drop {', '.join(result['dropped'])}"
        paths = ", ".join(dump["path"] for dump in result["dumps"] if dump["changed"])
        return f"{'dump' if args.get('engine', 'pg_dump') == 'pg_dump' else 'back up'} the database into {paths}"

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        asked = {name: value for name, value in args.items() if name not in OURS}
        if args.get("state") == "cleared":
            return self._cleared(asked)
        history = self.store(args).load()
        if args.get("engine", "pg_dump") != "pg_dump":
            return self._by_another(args, history)
        asked.update(history.for_host())
        asked["identity"] = read_identity(args.get("identity_file"), self._loader)
        if self._task.check_mode:
            return self.on_host("postgresql_backup", asked)
        result = self.watched("postgresql_backup", {**asked, "run": self.run_name()})
        lines.detail(step_lines.backed_up(result.get("dumps", [])), "Backup")
        return result

    def _cleared(self, asked: dict[str, Any]) -> dict[str, Any]:
        """This needs no key."""
        result = self.on_host("postgresql_backup", asked)
        lines.show(() if self._task.check_mode else restore_lines.dropped(result), "Dropped")
        return result

    def _by_another(self, args: dict[str, Any], history: History) -> dict[str, Any]:
        """pgBackRest or a snapshot need no key, and get none: key ids only."""
        asked = {name: args[name] for name in ANOTHER if name in args}
        kept = [version.key_id for version in history.versions if not version.destroyed]
        asked["key_ids"] = sorted({*(args.get("key_ids") or ()), *kept})
        result = self.on_host("postgresql_backup", asked)
        if not self._task.check_mode:
            lines.detail(step_lines.backed_up(result.get("dumps", [])), "Backup")
        return result
