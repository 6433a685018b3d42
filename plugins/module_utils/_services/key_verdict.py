# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on the keys that a process or a pod has."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict, cast

from .service_entry import WorkloadEntry


class ProcessKeys(TypedDict):
    """A ``KeyVerdict`` as results have it."""

    name: str
    started: str
    key_id: str
    older: bool
    reason: str
    todo: str
    pid: int
    exported: Sequence[str]
    hidden: bool
    stale: bool
    workload: WorkloadEntry


@dataclass(frozen=True)
class KeyVerdict:
    """The verdict on the keys of one process or pod.

    ``key_id`` is empty if it is not known. ``older`` is whether the process started before the keys were changed.
    ``hidden`` is whether its environment cannot be read, ``exported`` are the keys in it. A pod has no ``pid``.
    ``workload`` is the workload of a pod, as an entry of the option ``services`` has it; a process has none.
    """

    name: str
    unit: str
    started: str
    key_id: str
    older: bool
    reason: str  # why it is stale; empty if it is not
    todo: str
    pid: int = 0
    exported: Sequence[str] = ()
    hidden: bool = False
    workload: WorkloadEntry = field(default_factory=WorkloadEntry)

    @property
    def stale(self) -> bool:
        return bool(self.reason)

    def as_result(self) -> ProcessKeys:
        return cast(ProcessKeys, {**dataclasses.asdict(self), "exported": list(self.exported), "stale": self.stale})
