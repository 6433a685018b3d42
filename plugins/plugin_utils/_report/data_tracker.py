# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks the state of the data through the events of a record. After a write it is unknown until the next census."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...module_utils._engine.discovery.columns.layer_classes import NESTED
from ...module_utils._engine.proof.census_result import ColumnCounts
from ...module_utils._errors.application import ApplicationReads
from ...module_utils._errors.base import changed_nothing
from ...module_utils._errors.run import HostLost
from ...module_utils._errors.values import (
    CountChanged,
    DigestChanged,
    PlainChanged,
    ValuesDamaged,
    ValuesEmptied,
    ValuesOverwritten,
)
from ...module_utils._record.events import (
    ROLLBACK,
    CensusEvent,
    CountingEvent,
    EnvFileEvent,
    Event,
    KeyInfoEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
    StagesEvent,
)
from .data_state import NEVER, SINCE, DataState, Host, Values, count_more, count_plain, read_census

WRITERS = (ReencryptionEvent, RepairEvent, RestoreEvent)
ADOPTED = "adopted"  # with this state, key_version reports which version the .env file of a host has
NOT_WRITING = ("prepared", "dropped")
# With these a proof reports changed values. A rollback does not undo what another process wrote.
DIFFERENCES = (
    ApplicationReads.code,
    CountChanged.code,
    DigestChanged.code,
    PlainChanged.code,
    ValuesDamaged.code,
    ValuesEmptied.code,
    ValuesOverwritten.code,
)


@dataclass
class DataTracker:
    """The state of the data so far, updated by each event of a record.

    ``open`` counts the writes that began since the last census, ``writes`` all of them; those that changed nothing do
    not count. ``nested`` is the highest number of values that a census counted as encrypted twice. ``plain`` counts by
    column the values that were plain text at the first count. ``before`` is what a host had before the write that is
    under way. ``doubt``, ``same`` and ``restored`` are those of ``DataState``.
    """

    stages: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    created: set[str] = field(default_factory=set)
    values: Values | None = None
    others_wrote: bool = False  # whether any census found that another process wrote
    nested: int = 0
    plain: dict[str, int] = field(default_factory=dict)
    open: int = 0
    writes: int = 0
    hosts: dict[str, Host] = field(default_factory=dict)
    before: dict[str, Host] = field(default_factory=dict)
    doubt: str = ""
    same: bool = True
    restored: bool = False

    def apply(self, event: Event) -> None:
        if event.is_failed and event.error.get("code") in DIFFERENCES:
            self.doubt = str(event.error["code"])
        if isinstance(event, RunEvent) and event.is_intent:
            self._begin(event)
        elif isinstance(event, StagesEvent) and event.is_done:
            self._store(event)
        elif isinstance(event, CensusEvent) and event.targets:  # a census that fails has counts too
            self._census(event, proved=event.is_proof)
        elif isinstance(event, WRITERS) and event.state not in NOT_WRITING:
            self._write(event)
        elif isinstance(event, EnvFileEvent):
            self._switch(event)
        if isinstance(event, CountingEvent):
            self._nest(event.targets)
        self._reach(event)

    def state(self, stopped: Mapping[str, Sequence[str]] | None = None) -> DataState:
        """The current state. ``stopped`` lists the services that are down, by host."""
        known = replace(self.values, unwrapped=self._unwrapped(self.values)) if self.values and not self.open else None
        unknown = "" if known else SINCE if self.values else NEVER
        current, pending = (self.stages.get(stage, "") for stage in ("current", "pending"))
        hosts, services = dict(self.hosts), dict(stopped or {})
        return DataState(
            known,
            unknown,
            self.writes > 0,
            hosts,
            current,
            pending,
            self.base,
            services,
            doubt=self.doubt,
            same=self.same,
            restored=self.restored,
        )

    def _begin(self, event: RunEvent) -> None:
        """Begin a new run. A rollback first checks all the data, and every host that it can reach."""
        if event.name != ROLLBACK:
            return
        since = event.since_before
        self.same &= since.same is True
        self.others_wrote |= bool(since.changed or since.new)
        if (before := event.seen) is None:
            return
        self.hosts = {name: replace(host, reached=False) for name, host in self.hosts.items()}
        for name, key_id in (before.get("files") or {}).items():
            self._has(str(name), str(key_id or ""))
        if before.get("targets"):
            self._nest(before["targets"])
            self._census(CensusEvent(targets=before["targets"], key_ids=before.get("key_ids") or {}), proved=False)

    def _store(self, event: StagesEvent) -> None:
        self.stages = event.stages or self.stages
        self.created |= {self.stages["pending"]} if "pending" in self.stages else set()
        current = self.stages.get("current", "")
        if not self.base and current not in self.created:
            self.base = current
        if event.host and (isinstance(event, KeyInfoEvent) or event.state == ADOPTED):
            self._has(event.host, event.key_id)

    def _census(self, event: CensusEvent, *, proved: bool) -> None:
        counts = read_census(event.targets, {**self.stages, **event.key_ids})
        passed = event.unopened.get("count", 0)
        odd_ones = counts.odd or ({"unreadable": passed} if passed else {})
        proved = proved and not odd_ones
        self.others_wrote |= bool(event.concurrent_rows)
        more_plain = count_more(self.plain, count_plain(event.targets))
        self.values = replace(
            counts, odd=odd_ones, proved=proved, others_wrote=self.others_wrote, more_plain=more_plain
        )
        self.open = 0

    def _nest(self, targets: Sequence[ColumnCounts]) -> None:
        self.plain = {**count_plain(targets), **self.plain}
        self.nested = max(self.nested, sum((target.get("classes") or {}).get(NESTED, 0) for target in targets))

    def _unwrapped(self, values: Values) -> int:
        """Return how many values that were encrypted twice our writes turned into a single token."""
        return max(self.nested - values.odd.get(NESTED, 0), 0) if self.writes else 0

    def _write(self, event: Event) -> None:
        if event.is_intent:
            self.open += 1
            self.writes += 1
            self.restored |= isinstance(event, (RepairEvent, RestoreEvent))
        elif self.open and _changed_nothing(event):
            self.open -= 1
            self.writes -= 1

    def _switch(self, event: EnvFileEvent) -> None:
        host = event.host
        if event.is_intent:
            self.writes += 1
            self.before[host] = self.hosts.get(host, Host())
            self._has(host, "")
        elif event.is_done:
            self.writes -= _changed_nothing(event)
            self._has(host, event.key_id or str(self.stages.get(event.asked.get("stage", ""), "")), event.path)
        elif _changed_nothing(event):
            self.writes -= 1
            self.hosts[host] = self.before.get(host, Host())

    def _has(self, host: str, key_id: str, place: str = "") -> None:
        """Note the version that a host was seen to have. The place of its keys does not change."""
        self.hosts[host] = Host(key_id, place=place or self.hosts.get(host, Host()).place)

    def _reach(self, event: Event) -> None:
        """Note whether a host can be reached: a lost host cannot, until it answers again."""
        if event.host in self.hosts and (event.is_done or event.is_failed):
            lost = event.error.get("code") == HostLost.code
            self.hosts[event.host] = replace(self.hosts[event.host], reached=not lost)


def _changed_nothing(event: Event) -> bool:
    if event.is_done:
        return event.changed is False
    return changed_nothing(event.error)
