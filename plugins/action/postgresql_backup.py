# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_backup on the control node: send the keys and the age identity to the host, and show the progress."""

from __future__ import annotations

from ..plugin_utils._report import restore_lines, step_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

WITHOUT_KEYS = (
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


class ActionModule(HostAction):
    kept_here = ("store", "record_dir", "identity_file")
    shows_progress = True

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        if args.get("state") == "cleared":
            return f"drop {', '.join(result['dropped'])}"
        paths = ", ".join(dump["path"] for dump in result["dumps"] if dump["changed"])
        return f"{'dump' if args.get('engine', 'pg_dump') == 'pg_dump' else 'back up'} the database into {paths}"

    def ask(self, args: TaskArguments) -> TaskArguments:
        if args.get("state") == "cleared":  # clearing needs no key
            return self.host_options(args)
        if args.get("engine", "pg_dump") != "pg_dump":
            return self._options_without_keys(args)
        asked = self.options_for_backup(args)
        return asked if self._task.check_mode else {**asked, "run": self.run_name()}

    def _options_without_keys(self, args: TaskArguments) -> TaskArguments:
        """Return the options for pgBackRest and snapshots, which need no keys, and get only key IDs."""
        asked = {name: args[name] for name in WITHOUT_KEYS if name in args}
        kept = [version.key_id for version in self.store(args).load().versions if not version.destroyed]
        return {**asked, "key_ids": sorted({*(args.get("key_ids") or ()), *kept})}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if self._task.check_mode:
            return result
        if args.get("state") == "cleared":
            lines.show_rows(restore_lines.dropped(result), "Dropped")
        else:
            lines.detail(step_lines.backed_up(result.get("dumps", [])), "Backup")
        return result
