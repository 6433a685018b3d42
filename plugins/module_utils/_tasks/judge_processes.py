# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out which keys the processes of an application have."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from .._errors.env_file import EnvNotSwitched
from .._errors.options import InvalidOption
from .._errors.services import ProcessNotFound
from .host_task import HostTask, ModuleResult, TaskParams

if TYPE_CHECKING:
    from .._engine.crypto.key_set import KeySet
    from .._services.process_staleness import KeyChange
    from .._services.processes import Process


class AskedProcesses(NamedTuple):
    """A ``unit``, ``pid`` or ``pattern`` that selects processes."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def still_runs(self) -> bool:
        """Return whether it is a unit that still has a process, according to systemd, which this user cannot see."""
        from .._services.units import Unit

        return self.kind == "unit" and Unit(self.name).has_process


LOOK_SECONDS = 1.0  # between two looks at stale processes that may end


def judge_processes(task: HostTask) -> ModuleResult:
    """Judge each process that is asked for by the keys it holds. Wait for stale ones as long as the options say.

    Raise E_ENV_*, E_OPTION or E_PROCESS_*.
    """
    until = time.monotonic() + task.params["timeout"]
    while True:
        result = _judge(task)
        left = until - time.monotonic()
        if left <= 0 or not any(process["stale"] for process in result["processes"]):
            return result
        time.sleep(min(LOOK_SECONDS, left))


def _judge(task: HostTask) -> ModuleResult:
    from .._destinations import key_destinations
    from .._engine.crypto.key_set import KeySet
    from .._services import processes, secret_pods

    params = task.params
    path, to_come = params["env_file"], params["moment"] == "before"
    keys = KeySet(key_destinations.read(path, params["keys"], dialect=params["dialect"]))
    if not to_come and keys.key_id != params["expected"]:
        raise EnvNotSwitched(
            path=key_destinations.described(path, params["keys"]), key_id=keys.key_id, expected=params["expected"]
        )
    change = _key_change(params, keys)
    there = processes.snapshot()
    asked = _select_processes(params, there)
    judged = {pid: change.check(there, there[pid]) for pid in sorted(set().union(*asked.values()))}
    verdicts = {pid: verdict for pid, verdict in judged.items() if verdict}
    for subject, pids in asked.items():
        if not pids & set(verdicts) and (
            params["absent"] == "refuse" or subject.still_runs
        ):  # one that ended shows nothing
            raise ProcessNotFound(subject=str(subject))
    pods = [
        pod
        for place in key_destinations.secrets(params["keys"])
        for pod in secret_pods.judge(place, "" if to_come else keys.key_id)
    ]
    key_id = {} if to_come else {"key_id": keys.key_id}
    return {"changed": False, "processes": [each.as_result() for each in (*verdicts.values(), *pods)], **key_id}


def _key_change(params: TaskParams, keys: KeySet) -> KeyChange:
    """Return the last change of the keys, or the future one."""
    from .._destinations import key_destinations
    from .._destinations.env_file_dialects import DIALECTS
    from .._services.process_staleness import KeyChange

    places = key_destinations.exported(params["keys"])
    by_reader = not DIALECTS[params["dialect"]].read_by_application
    of_env_file = key_destinations.names_of_env_file(params["keys"]) if by_reader else []
    return KeyChange(
        params["env_file"],
        key_destinations.changed_at(params["env_file"], params["keys"]),
        keys,
        params["hidden_environment"] == "accept",
        accept_orphans=params["orphans"] == "accept",
        files=key_destinations.files(params["keys"]),
        credentials=key_destinations.credentials(params["keys"]),
        place=key_destinations.described(params["env_file"], params["keys"]),
        to_come=params["moment"] == "before",
        exports=[*(name for place in places for name in place.names), *of_env_file],
        also_read=[*(name for place in places if place.is_env_file for name in place.names), *of_env_file],
    )


def _select_processes(params: TaskParams, there: Mapping[int, Process]) -> dict[AskedProcesses, set[int]]:
    """Return the pids of each unit, pid and pattern. Raise E_OPTION."""
    from .._destinations import key_destinations
    from .._services import processes
    from .._services.units import Unit

    selected: dict[AskedProcesses, list[Process]] = {}
    for unit in params["units"]:
        selected[AskedProcesses("unit", unit)] = processes.of_unit(there, Unit(unit).id)
    for pid in params["pids"]:
        selected[AskedProcesses("pid", str(pid))] = [there[pid]] if pid in there else []
    for pattern in params["patterns"]:
        try:
            selected[AskedProcesses("pattern", pattern)] = processes.matching(there, pattern)
        except re.error as exc:
            bad = f"has the pattern {pattern}, which is not a regular expression ({exc})"
            raise InvalidOption(option="processes", fault=bad, advice="Correct it.") from None
    if not selected and not key_destinations.secrets(params["keys"]):
        nothing = "has no units, pids or patterns"
        raise InvalidOption(option="processes", fault=nothing, advice="Set at least one of them.")
    return {asked: {process.pid for process in members} for asked, members in selected.items()}
