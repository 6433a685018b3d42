# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""process_keys_info on the control node: the key ID that processes must have, and one error for all stale ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..module_utils._destinations import key_destinations
from ..module_utils._errors.services import ProcessExported, ProcessStale
from ..module_utils._options.key_options import PROCESS_KEYS_INFO
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

if TYPE_CHECKING:
    from ..module_utils._services.key_verdict import ProcessKeys

PROCESSES = ("units", "pids", "patterns", "hidden_environment", "orphans", "absent")
FOR_THE_HOST = ("moment", "env_file", "dialect", *PROCESSES)


class ActionModule(HostAction):
    changes = False
    judged_here = True
    spec = PROCESS_KEYS_INFO

    def ask(self, options: TaskArguments) -> TaskArguments:
        asked = {name: options[name] for name in FOR_THE_HOST}
        places = [{"name": key["name"], "destination": key["destination"]} for key in options["keys"]]
        return {**asked, "keys": places, "expected": self._expected(options)}

    def _expected(self, options: TaskArguments) -> str | None:
        if options["moment"] == "before":
            return None
        return self.store(options).load().stage(options["stage"]).key_id

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        stale = [each for each in result.get("processes", []) if each["stale"]]
        if stale:
            told = _told(stale, len(result["processes"]))
            expected = self._expected(options)
            error = (
                ProcessStale(expected=expected, **told)
                if expected
                else ProcessExported(path=key_destinations.described(options["env_file"], options["keys"]), **told)
            )
            result.update(failed=True, **error.as_result())
        return result


def _name(process: ProcessKeys) -> str:
    """The display name of a process; a pod has no pid."""
    return f"{process['name']} (pid {process['pid']})" if process["pid"] else str(process["name"])


def _told(stale: Sequence[ProcessKeys], total: int) -> TaskResult:
    """The fields of the error: each process with the reason, and what to type."""
    todo = "; ".join(dict.fromkeys(each["todo"] for each in stale))
    return {
        "count": len(stale),
        "total": total,
        "processes": "; ".join(f"{_name(each)}: {each['reason']}" for each in stale),
        "advice": todo[:1].upper() + todo[1:],
    }
