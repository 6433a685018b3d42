# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_record: open the record of a rotation, close it, and sign what was added."""

from __future__ import annotations

from ..module_utils._options.rotation_options import ROTATION_RECORD
from ..plugin_utils._checklist import dry_run
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._rotation_record.close_record import DRY_RUN, complete, roll_back
from ..plugin_utils._rotation_record.fail_record import fail, sign_added
from ..plugin_utils._rotation_record.open_record import open_record
from ..plugin_utils._rotation_record.ready_record import tell_ready
from ..plugin_utils._rotation_record.record_task import RecordTask
from ..plugin_utils._screen import lines
from ..plugin_utils._task_options import find_wrong
from ..plugin_utils._task_types import TaskArguments, TaskResult

STATES = {
    "opened": open_record,
    "ready": tell_ready,
    "completed": complete,
    "rolled_back": roll_back,
    "failed": fail,
    "signed": sign_added,
}


class ActionModule(RecordAction):
    spec = ROTATION_RECORD

    def act(self, options: TaskArguments) -> TaskResult:
        if options["state"] == "completed" and self._task.check_mode:
            return self._end_dry_run()
        return {"changed": False, **STATES[options["state"]](self.log(options), RecordTask.of(options))}

    def _end_dry_run(self) -> TaskResult:
        would = dry_run.lines(self.variables)
        lines.show([*would, DRY_RUN], "Dry run")
        return {"changed": bool(would), "diff": dry_run.differences(self.variables)}

    def _validated(self, args: TaskArguments) -> TaskArguments:
        """Drop invalid options of a run that was refused: they may be the reason."""
        if args.get("state") == "failed" and not args.get("rotation_id"):
            args = {name: value for name, value in args.items() if not any(find_wrong({name: self.spec[name]}, args))}
        return super()._validated(args)
