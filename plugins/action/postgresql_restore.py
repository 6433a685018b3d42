# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_restore on the control node: send the keys and the age identity to the host, and show the outcome."""

from __future__ import annotations

from ..module_utils._record.events import RestoreEvent, from_result
from ..module_utils._record.writer import Record
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report import restore_lines
from ..plugin_utils._rotation_record.record_signing import follows, goes_on_here, refuse_changed
from ..plugin_utils._rotation_record.recorded_restores import refuse_unknown_restore
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    kept_here = ("store", "record_dir", "identity_file", "recorded_in")

    def _validated(self, args: TaskArguments) -> TaskArguments:
        options = super()._validated(args)
        if options.get("state") == "dropped":
            refuse_unknown_restore(self._records(options), str(options["rotation_id"]))
        return options

    def record(self, args: TaskArguments) -> Record:
        """The record of the run that restores. Its rotation may differ from the one whose backup it takes."""
        return super().record({**args, "rotation_id": args.get("recorded_in") or args["rotation_id"]})

    def select_recorded_arguments(self, args: TaskArguments) -> TaskArguments:
        return {**super().select_recorded_arguments(args), "backup_of": args["rotation_id"]}

    def before(self, record: Record, args: TaskArguments) -> TaskArguments:
        """Check the record before a drop, which is a run of its own, as every run does.

        Return the head that the drop replaces in the store. It may be of a later rotation.
        """
        if args.get("state") == "dropped" and record.events():
            store = self.store(args)
            return {**refuse_changed(record, store), **follows(store)} if goes_on_here(record, store) else {}
        return {}

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        if args.get("state") == "dropped":
            return f"drop {', '.join(result['dropped'])}"
        return f"replace the database in use with the backup of {result['backup']['snapshot']['time']}"

    def act(self, args: TaskArguments) -> TaskResult:
        result = self.watched("postgresql_restore", self.options_for_backup(args))
        if args.get("state") != "dropped":
            lines.show_rows(restore_lines.format_restore(from_result(RestoreEvent, result)), "Restore")
        elif not (self._task.check_mode and result.get("dropped")):
            lines.show_rows(restore_lines.dropped(result), "Restore")
        return result
