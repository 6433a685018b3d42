# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_tasks on the control node: each module's own action prepares and evaluates it; the host is called once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._errors.options import InvalidOption
from ..module_utils._options.rotation_options import HOST_TASKS
from ..module_utils._tasks.registry import WORK
from ..plugin_utils._action import RotationAction
from ..plugin_utils._batched_actions import Part, batch_result, run_parts
from ..plugin_utils._module_runner import COLLECTION
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

LABEL = "name"  # in an entry: the name of its result, instead of that of its module
NOT_SHARED = ("tasks", "calls", "code", "all", "fatal")


class ActionModule(RotationAction):
    spec = HOST_TASKS
    recorded = False  # each of the modules is recorded

    def act(self, options: TaskArguments) -> TaskResult:
        parts = [
            self._part(str(entry.get(LABEL, module)), module, own or {})
            for entry in options["tasks"]
            for module, own in entry.items()
            if module != LABEL
        ]
        _refuse_twice(part.name for part in parts)
        run_parts(self, parts, all_of_them=options["all"])
        return batch_result(parts, all_of_them=options["all"], fatal=options["fatal"])

    def _tell_dry(self, args: TaskArguments, result: TaskResult) -> None:
        """Nothing: each of the modules has said what it would do."""

    def _part(self, name: str, module: str, own: Mapping[str, Any]) -> Part:
        if module not in WORK:
            advice = f"Its names are {_listed(WORK)}."
            raise InvalidOption(name="tasks", found=f"has no module {module}", advice=advice)
        spec, shared = WORK[module].spec, self._task.args
        args = {option: value for option, value in shared.items() if option in spec and option not in NOT_SHARED}
        args.update(own)
        task = self._task.copy()
        task.action = f"{COLLECTION}.{module}"
        if "check_mode" in args:  # it only checks, whatever the others do
            task.check_mode, task.changed_when = args.pop("check_mode"), [False]
        task.args = args
        action = self.action_of(task)
        if not isinstance(action, HostAction):
            raise InvalidOption(name="tasks", found=f"cannot run {module}", advice="Write it as a separate task.")
        action.variables = self.variables
        return Part(name, action, args)


def _refuse_twice(names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InvalidOption(
                name="tasks", found=f"has {name} more than once", advice="Give one of them another name."
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
