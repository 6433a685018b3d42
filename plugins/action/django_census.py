# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_census on the controller: hand the key sets from the store to the host."""

from __future__ import annotations

import os

from ansible.utils.display import Display

from ..module_utils._errors.values import RollbackLoses
from ..plugin_utils._host_action import HostAction
from ..plugin_utils._report import data_sentences, data_state, sentences
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._rotation_record.recorded_columns import recorded_columns, recorded_plain
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()
OURS = ("store", "record_dir", "rotation_id")  # of the task, for the controller alone


class ActionModule(HostAction):
    changes = False
    judged_here = True
    shows_progress = True

    def ask(self, args: TaskArguments) -> TaskArguments:
        if args.get("report_only"):  # for what is done next: during another run it would say nothing
            self.lease(args).refuse_other(os.getppid())
            args["run"] = self.run_name()
        history = self.store(args).load()
        if args.get("outside") == "report":
            args["recorded_columns"] = recorded_columns(history, self._records(args))
        known, stages = history.for_host(), args.get("stages")
        chosen = {stage: values for stage, values in known["key_sets"].items() if not stages or stage in stages}
        asked = {name: value for name, value in args.items() if name not in OURS}
        return {**asked, **known, "key_sets": chosen}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        lines.census(result.get("targets", []))
        for sentence in (
            *sentences.meanwhile(result.get("meanwhile", {})),
            *sentences.unopened(result.get("unopened") or {}),
            *sentences.outside(result.get("outside") or ()),
            *sentences.more_plain(self._more_plain(args, result)),
        ):
            display.warning(sentence)
        return refused(result, str(args.get("acknowledge") or ""), command(self.variables, "rollback"))

    def _more_plain(self, args: TaskArguments, result: TaskResult) -> dict[str, int]:
        """By column, the values in plain text that the baseline had not, or the record of the last rotation."""
        before = data_state.count_plain(args.get("baseline") or ())
        if args.get("outside") == "report":
            before = recorded_plain(self.store(args).load(), self._records(args))
        return data_state.count_more(before, data_state.count_plain(result.get("targets", ())))


def refused(result: TaskResult, acknowledged: str, rollback: str) -> TaskResult:
    """The result, as a failure if values would be lost by a rollback and are not acknowledged by name and number.

    A value that opens under a version needs no acknowledgment: the same command once more brings it back.
    """
    needing = result.get("needing") or []
    if result.get("failed") or not needing:
        return result
    key_ids = result["key_ids"]
    asked = ",".join(f"{each['column']}:{each['count']}" for each in needing)
    back = [each for each in needing if data_state.is_version(each["class"])]
    if not back and acknowledged == asked:
        display.warning(f"The rollback goes on without {asked}, as acknowledged. Both versions stay in the key store.")
        return result
    losing = f"To go back without them, add -e key_rotation_rollback_acknowledge={asked}"
    if back:
        losing = f"To bring back those that another process wrote, stop it and run the same again: {rollback}"
    state = data_state.DataState(data_state.read_census(result["targets"], key_ids))
    count, named = sum(each["count"] for each in needing), [row for each in needing for row in each["rows"]]
    more = f" and {count - len(named):,} more" if count > len(named) else ""
    error = RollbackLoses(
        count=count,
        rows=", ".join(named) + more,
        key_id=key_ids.get("pending") or key_ids.get("current"),
        losing=losing,
        changed=f"No .env file was switched back. {data_sentences.values(state)}",
    )
    return {**result, "failed": True, **error.as_result()}
