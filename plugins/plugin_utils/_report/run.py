# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook that changes something: a rotation, one that resumes, a rollback, or a retirement.

It has who ran it, when and why, who authorized it, and how it ended.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...module_utils._errors.base import ErrorParts
from ...module_utils._record.events import (
    ROLLBACK,
    ROTATE,
    EnvFileEvent,
    Event,
    KeyEvent,
    LeftValue,
    LoginsEvent,
    NotificationEvent,
    PreparationEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
    ServicesEvent,
)
from .accounts import Accounts, authorization, granted_by
from .event_time import moment, seconds
from .timeline import Bar, Timeline

if TYPE_CHECKING:
    from ...module_utils._engine.postgres.lease import Order
    from ...module_utils._result_types.approval_types import RecordedApproval

RETIRE = "retire"
TITLES = {ROTATE: "Rotation", ROLLBACK: "Rollback", RETIRE: "Retirement"}
CALLED = {ROTATE: "Key rotation", ROLLBACK: "Rollback of key rotation", RETIRE: "Retirement"}  # in a subject
ENDED = {ROTATE: "completed", ROLLBACK: "rolled back", RETIRE: "retired", "open": "not ended", "failed": "failed"}
# By its strategy, how a run of the rollback playbook ended if it rolled nothing back.
STAYING = {"repair": "repaired", "restore": "restored", "settle": "settled"}
NOT_REPAIRED = "not repaired"
NOTHING_BACK = "nothing had to be rolled back"
INHERITED = ("reason", "authorization", "approval")  # by a run that resumes, unless it was given its own
CHANGING = (ServicesEvent, ReencryptionEvent, RepairEvent, EnvFileEvent, KeyEvent, RestoreEvent)
LOOKING = ("adopted", "prepared", "dropped")  # states of these events that change nothing in place
ROLLED_BACK = ("rolled_back", "discarded")  # states of key_version


@dataclass
class Run:
    """One run: ``first`` began it, ``last`` is its newest event, and ``end`` the newest one that says how it ended.

    ``after`` holds the events after the end, perhaps of another day, such as the drop of a former database.
    """

    direction: str = ""
    first: Event = field(default_factory=Event)
    last: Event = field(default_factory=Event)
    end: Event = field(default_factory=Event)
    key_id: str = ""  # of a retirement
    reason: str | None = None
    authorization: Mapping[str, str] = field(default_factory=dict)
    approval: RecordedApproval | None = None
    operator: Any = None
    accounts: Accounts = field(default_factory=Accounts)
    nodes: set[str] = field(default_factory=set)
    hosts: dict[str, str] = field(default_factory=dict)  # the code of the newest error by host, the newest host last
    timeline: Timeline = field(default_factory=Timeline)
    failure: ErrorParts = field(default_factory=ErrorParts)
    stopped: bool = False  # whether a step failed
    changed: bool = False  # whether it was about to change something
    repairs: list[RepairEvent] = field(default_factory=list)
    rolled_back: bool = False  # whether the store was asked to roll back
    restored: RestoreEvent | None = None  # the newest backup that replaced a database
    worked: bool = False  # whether it re-encrypted
    reencrypted: int = 0
    by_sets: int = 0  # how many of these by prepared values
    prepared: list[PreparationEvent] = field(default_factory=list)
    logins: list[LoginsEvent] = field(default_factory=list)
    orders: Sequence[Order] = ()  # of a person while it was at work
    after: list[Event] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        self.changed |= _changes(event)
        ends = self._is_end(event)
        is_over = bool(self.end.phase) and not self.end.is_intent
        if is_over and not ends and (self.after or not isinstance(event, NotificationEvent)):
            self.after.append(event)
            return
        for applied in (*self.after, event) if ends else (event,):
            self._take(applied)
        self.after = [] if ends else self.after

    def _is_end(self, event: Event) -> bool:
        return isinstance(event, KeyEvent if self.direction == RETIRE else RunEvent) and not event.is_intent

    def _take(self, event: Event) -> None:
        self.last = event
        self.accounts.apply(event)
        self.nodes |= {event.control_node} - {""}
        self.timeline.apply(event)
        if event.host and event.was_run:
            self.hosts.pop(event.host, None)
            self.hosts[event.host] = event.error.get("code", "")
        if isinstance(event, KeyEvent if self.direction == RETIRE else RunEvent):
            self.end = event
        if stops(event):
            self.stopped = True
            self.failure = event.error or self.failure
        self._note(event)

    def _note(self, event: Event) -> None:
        self.orders = event.control.get("orders") or self.orders
        self.rolled_back |= isinstance(event, KeyEvent) and event.state in ROLLED_BACK
        if isinstance(event, ReencryptionEvent) and event.is_done:
            self.worked |= bool(event.targets)
            self.by_sets += event.work.get("by_sets", 0)
            self.reencrypted += sum(target.get("reencrypted", 0) for target in event.targets)
        if isinstance(event, RepairEvent) and not event.is_intent:
            self.repairs.append(event)
        if isinstance(event, PreparationEvent) and event.is_done:
            self.prepared.append(event)
        if isinstance(event, LoginsEvent) and event.is_done and event.logins:
            self.logins.append(event)
        if isinstance(event, RestoreEvent) and event.swapped:
            self.restored = event

    @property
    def resumed(self) -> bool:
        return isinstance(self.first, RunEvent) and self.first.resumed

    @property
    def title(self) -> str:
        return TITLES.get(self.direction, "") + (" resumed" if self.resumed else "")

    @property
    def called(self) -> str:
        return "Resumed key rotation" if self.resumed else CALLED.get(self.direction, "")

    @property
    def began(self) -> datetime.datetime | None:
        return moment(self.first)

    @property
    def seconds(self) -> float:
        return max(seconds(self.first, self.last), 0.001)

    @property
    def outcome(self) -> str:
        """Return ``done``, ``failed`` or ``open``. A run that another one rolls back has no end of its own: it
        failed."""
        if self.end.is_done or self.end.is_failed:
            return self.end.phase
        return "failed" if self.stopped and self.end.is_intent else "open"

    @property
    def ended(self) -> str:
        """Return how it ended, in words."""
        how = self.direction if self.outcome == "done" else self.outcome
        if how == ROLLBACK and self.is_empty:
            return NOTHING_BACK
        if how != ROLLBACK or not self.stays:
            return ENDED[how]
        return self._repair_ended if self._strategy == "repair" else STAYING[self._strategy]

    @property
    def left_values(self) -> list[LeftValue]:
        """The values that a repair did not take from the backup, with the reasons."""
        return [each for event in self.repairs for each in event.left if isinstance(each, Mapping)]

    @property
    def left_by_name(self) -> list[str]:
        """Return those of them that a repair takes from the backup if a person names them."""
        return [str(each["value"]) for each in self.left_values if each.get("by_name")]

    @property
    def _repair_ended(self) -> str:
        """Return how a repair ended. If no value needed repair, all of them were re-encrypted under the current
        keys."""
        count, left = sum(sum(event.repaired.values()) for event in self.repairs), len(self.left_values)
        if count:
            return f"{STAYING['repair']} {count:,} of {count + left:,} values" if left else STAYING["repair"]
        failed = any(event.is_failed for event in self.repairs)
        return NOT_REPAIRED if left or failed else STAYING["settle"]

    @property
    def is_empty(self) -> bool:
        """Return whether a run of the rollback playbook closed a rotation that had ended before it created a
        version."""
        if not isinstance(self.end, RunEvent) or not self.end.is_done or self._strategy != "nothing":
            return False
        return all(version.get("rotation_id") != self.end.rotation_id for version in self.end.versions)

    @property
    def stays(self) -> bool:
        """Return whether a run of the rollback playbook changed only rows, so that the rotation keeps its status."""
        return self.direction == ROLLBACK and self._strategy in STAYING and not self.rolled_back

    @property
    def is_refused_rollback(self) -> bool:
        """Return whether it was a rollback that stopped before it changed anything."""
        return self.direction == ROLLBACK and self.end.is_failed and not self.changed

    @property
    def people(self) -> list[str]:
        return self.accounts.people(self.operator)

    @property
    def control_nodes(self) -> list[str]:
        return sorted(self.nodes)

    @property
    def granted_by(self) -> str:
        return granted_by(self.approval, self.authorization)

    @property
    def _strategy(self) -> str:
        return self.first.strategy if isinstance(self.first, RunEvent) else ""

    @property
    def strategy(self) -> str:
        """The strategy of a rollback, and why it was taken."""
        first = self.first
        return " because ".join(filter(None, (first.strategy, first.found))) if isinstance(first, RunEvent) else ""

    @property
    def failed_task(self) -> str:
        return self.end.failed_task if isinstance(self.end, RunEvent) else ""

    @property
    def rolled_itself_back(self) -> bool:
        """Return whether this is the rollback with which a failed rotation ended its own run."""
        back = self.outcome == "done" or (isinstance(self.first, RunEvent) and self.first.rolls_itself_back)
        return self.direction == ROLLBACK and bool(self.failed_task) and back

    @property
    def steps(self) -> list[Bar]:
        return list(self.timeline.bars(self.first, self.seconds))


def begin(event: RunEvent, earlier: Iterable[Run]) -> Run:
    """The run that this event begins. If it resumes another one, it inherits what was not given again."""
    run = Run(
        event.name,
        first=event,
        reason=event.reason or None,
        authorization=authorization(event.authorization),
        approval=event.approval,
        operator=event.operator or None,
    )
    run.apply(event)
    before = next((other for other in reversed(list(earlier)) if other.direction == run.direction), None)
    if run.resumed and before:
        for name in INHERITED:
            setattr(run, name, getattr(run, name) or getattr(before, name))
    return run


def retirements(events: Iterable[Event]) -> list[Run]:
    """The attempts to destroy a version, from the record that retire.yml keeps of it."""
    runs: list[Run] = []
    for event in events:
        if isinstance(event, KeyEvent) and event.state == "destroyed" and event.is_intent:
            runs.append(_begin_retirement(event))
        elif runs:
            runs[-1].apply(event)
    return runs


def _begin_retirement(event: KeyEvent) -> Run:
    run = Run(
        RETIRE,
        first=event,
        key_id=str(event.asked.get("key_id") or ""),
        reason=event.asked.get("reason"),
        authorization=authorization(event.asked.get("authorization")),
        approval=event.asked.get("approval"),
        operator=event.asked.get("operator"),
    )
    run.apply(event)
    return run


def stops(event: Event) -> bool:
    """Return whether it stops a run. A failed notification does not, and neither does a copy that could not be
    dropped."""
    counts = event.is_failed and event.was_run and event.state != "cleared"
    return counts and not isinstance(event, NotificationEvent)


def _changes(event: Event) -> bool:
    """Return whether it begins to change something in place. Reading does not, nor does a copy next to the data."""
    return event.is_intent and isinstance(event, CHANGING) and event.state not in LOOKING
