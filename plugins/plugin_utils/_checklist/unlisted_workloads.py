# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check that every workload of Kubernetes whose pods use a Secret with keys is stopped for the rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .item import STOP, WARN, ChecklistItem, Observations

if TYPE_CHECKING:
    from ...module_utils._services.service_entry import WorkloadEntry

# What to do about a pod, by the kind of its owner.
_BY_COMMANDS = "List {place} in key_rotation_services with start and stop commands."
_TODO = {
    "deployment": "Add to key_rotation_services: - {entry}",
    "statefulset": "Add to key_rotation_services: - {entry}",
    "job": "Wait until {place} has ended, and suspend what starts it again.",
    "pod": "Delete {place}, and create it again after the rotation.",
}
_STALE = "A pod that is not stopped keeps the previous keys, and the rotation is rolled back with E_PROCESS_STALE."


def unlisted(observations: Observations) -> list[ChecklistItem]:
    """Return an item if pods use a Secret, and their workload is not in the option ``services``.

    It is a warning outside of production, if a command may stop the workload, and if the Secret has the new keys.
    """
    missing = [each for each in _workloads(observations) if not _is_listed(each, observations)]
    if not missing:
        return []
    commanded = [service["name"] for service in observations.options["services"] if service.get("stop")]
    is_certain = observations.production and not commanded and not observations.is_switched
    places = [_format_place(workload) for workload in missing]
    seen = f"key_rotation_services does not list {', '.join(places)}, whose pods use a Secret that has keys"
    todo = [_format_todo(workload) for workload in missing] + [_STALE]
    if commanded:
        todo.insert(0, f"It may be stopped by the commands of {', '.join(commanded)}. Otherwise:")
    facts = {"workloads": missing, "commanded": commanded}
    return [ChecklistItem("services", STOP if is_certain else WARN, seen, " ".join(todo), facts=facts)]


def _workloads(observations: Observations) -> list[WorkloadEntry]:
    """The workloads of all pods that use a Secret, each once."""
    workloads: list[WorkloadEntry] = []
    for results in observations.hosts.values():
        for process in results.get("processes", {}).get("processes", ()):
            workload = process.get("workload")
            if workload and not any(_is_same(workload, known) for known in workloads):
                workloads.append(workload)
    return workloads


def _is_listed(workload: WorkloadEntry, observations: Observations) -> bool:
    entries = [service.get("workload") for service in observations.options["services"]]
    return any(_is_same(workload, entry) for entry in entries if entry)


def _is_same(one: WorkloadEntry, other: WorkloadEntry) -> bool:
    """Return whether two entries are one workload. One without a context may be of any."""
    contexts = {entry.get("context") or "" for entry in (one, other)} - {""}
    names = {(entry["name"], entry.get("namespace") or "default") for entry in (one, other)}
    return len(names) == 1 and len(contexts) <= 1


def _format_place(workload: WorkloadEntry) -> str:
    return f"{workload['name']} in the namespace {workload['namespace']}"


def _format_todo(workload: WorkloadEntry) -> str:
    kind, _, name = workload["name"].partition("/")
    members = ", ".join(f"{option}: {value}" for option, value in workload.items())
    entry = f"{{name: {name}, workload: {{{members}}}}}"
    return _TODO.get(kind, _BY_COMMANDS).format(place=_format_place(workload), entry=entry)
