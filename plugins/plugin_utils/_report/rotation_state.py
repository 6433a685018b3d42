# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one rotation, which every view reads: box, page, log, ticket, calendar, messages.

``apply`` takes the events of its record one by one; all facts of a view come from there. It skips events that it does
not know. So even a record of another version, or one that ends in the middle, shows as much as it holds.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...module_utils._errors.base import ErrorParts
from ...module_utils._record.chain import Head
from ...module_utils._record.events import (
    BackupEvent,
    ChecklistEvent,
    EnvFileEvent,
    Event,
    KeyEvent,
    NotificationEvent,
    ReencryptionEvent,
    RunEvent,
)
from . import encrypted_columns, restore_lines, run_status, schedule, sentences
from .accounts import Accounts
from .checked_items import read_item
from .data_state import DataState
from .data_tracker import DataTracker
from .downtime import Downtime
from .encrypted_columns import ColumnCensus, ColumnHistory, Model
from .event_time import moment, seconds
from .key_stages import KeyStages
from .observations import ReportObservation, ReportObservations
from .open_writes import OpenWrites
from .phase_times import PhaseTimes
from .playbook_command import PlaybookCommand, decode_commands
from .restores import Aside, Restores
from .run import Run, begin
from .service_states import Services
from .unsigned_lines import Unsigned
from .warnings import Warnings

if TYPE_CHECKING:
    from ...module_utils._result_types.approval_types import RecordedApproval
    from ...module_utils._result_types.backup_types import DumpSummary
    from ...module_utils._result_types.key_types import GeneratedKey, VersionDescription

UNKNOWN_TIME = "an unknown time"


@dataclass
class Circumstances:
    """The circumstances of a run. Each is from the newest run that recorded it."""

    environment: str | None = None
    commands: Mapping[str, PlaybookCommand] = field(default_factory=dict)
    tool: Mapping[str, str] = field(default_factory=dict)
    clock: Mapping[str, float] = field(default_factory=dict)
    policy_ref: Any = None
    retain_until: Any = None
    versions: Sequence[VersionDescription] = ()

    def apply(self, event: Event) -> None:
        if isinstance(event, RunEvent):
            said = {name: getattr(event, name) for name in vars(self)} | {"commands": decode_commands(event.commands)}
            vars(self).update({name: value for name, value in said.items() if value})

    @property
    def policy(self) -> Any:
        """The policy; templates use this shorter name."""
        return self.policy_ref


@dataclass
class RotationState:
    """Parts that each follow one subject through the events, and what follows from several of them.

    ``retirements`` and ``elsewhere`` come from other records: those of retire.yml, and of the rotations whose backups
    this one restored.
    """

    rotation_id: str
    path: str = ""
    events: list[Event] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    said: Circumstances = field(default_factory=Circumstances)
    accounts: Accounts = field(default_factory=Accounts)
    keys: KeyStages = field(default_factory=KeyStages)
    census: ColumnCensus = field(default_factory=ColumnCensus)
    data: DataTracker | None = field(default_factory=DataTracker)
    open_writes: OpenWrites = field(default_factory=OpenWrites)
    services: Services = field(default_factory=Services)
    downtime: Downtime = field(default_factory=Downtime)
    times: PhaseTimes = field(default_factory=PhaseTimes)
    restores: Restores = field(default_factory=lambda: Restores(""))
    watched: ReportObservations = field(default_factory=ReportObservations)
    noted: Warnings = field(default_factory=Warnings)
    dumps: dict[str, DumpSummary] = field(default_factory=dict)
    checks: list[Mapping[str, str]] = field(default_factory=list)
    exposed: Sequence[str] = ()  # manifests of backups that compromised keys open
    generated: Sequence[GeneratedKey] = ()
    settings: list[str] = field(default_factory=list)
    settlements: Sequence[Mapping[str, str]] = ()  # what a person decided, from the newest re-encryption
    hosts: list[str] = field(default_factory=list)
    control_nodes: list[str] = field(default_factory=list)
    method: str = "direct"
    mode: str = ""  # of the newest checklist that says it, and why that chose the mode window
    mode_reason: str = ""
    retirements: list[Run] = field(default_factory=list)
    elsewhere: list[Restores] = field(default_factory=list)
    unsigned: list[Unsigned] = field(default_factory=list)
    head: Head | None = None

    def apply(self, event: Event) -> None:
        """Apply the next event of the record."""
        self.events.append(event)
        if isinstance(event, RunEvent) and event.is_intent:
            self.runs.append(begin(event, self.runs))
        elif self.runs:
            self.runs[-1].apply(event)
        self.census.apply(event, self.keys.stages)
        for part in (self.said, self.accounts, self.keys, self.services, self.downtime, self.restores, self.watched):
            part.apply(event)
        self.times.apply(event)
        self.noted.apply(event)
        self.open_writes.apply(event)
        self._follow_data(event)
        self._take(event)

    def _follow_data(self, event: Event) -> None:
        """Track the data. A record of another version may hold anything: the state of the data is then unknown."""
        try:
            if self.data:
                self.data.apply(event)
        except (AttributeError, KeyError, TypeError, ValueError):
            self.data = None

    def _take(self, event: Event) -> None:
        if isinstance(event, BackupEvent) and event.is_done:
            for dump in event.dumps:
                if isinstance(dump, Mapping) and dump.get("path"):
                    self.dumps.setdefault(str(dump["path"]), {"size": 0, "sha256": "unknown"}).update(dump)
        if (
            isinstance(event, ChecklistEvent)
            and event.checks
            and all(isinstance(check, Mapping) for check in event.checks)
        ):
            self.checks = [read_item(check) for check in event.checks]
        if isinstance(event, ChecklistEvent):
            self.exposed = event.exposed_backups or self.exposed
            if event.mode:
                self.mode, self.mode_reason = event.mode, event.mode_reason
        if isinstance(event, KeyEvent):
            self.generated = event.generated or self.generated
        if isinstance(event, EnvFileEvent) and event.is_done:
            self.settings = sorted({*self.settings, *event.settings})
        if isinstance(event, ReencryptionEvent):
            self.method = "migration" if event.migration else self.method
            self.settlements = event.settlements or self.settlements
        self.hosts = sorted({*self.hosts, event.host} - {""})
        self.control_nodes = sorted({*self.control_nodes, event.control_node} - {""})

    @property
    def number(self) -> int:
        """The number of the newest run, counted from 1."""
        return len(self.runs)

    # Its status.

    @property
    def settled_runs(self) -> Sequence[Run]:
        return run_status.settled(self.runs)

    @property
    def status(self) -> str:
        return run_status.status(self.settled_runs)

    @property
    def refused(self) -> bool:
        """Return whether the last run was a rollback that stopped before it changed anything."""
        return len(self.settled_runs) < len(self.runs)

    @property
    def failure(self) -> ErrorParts:
        return run_status.failure(self.settled_runs)

    @property
    def failed_task(self) -> str | None:
        return self._last_settled.failed_task or None

    @property
    def _last_settled(self) -> Run:
        return (self.settled_runs or [Run()])[-1]

    # Who and why.

    @property
    def last_run(self) -> Run:
        """The last run of the rotation; an empty one if there is none."""
        return (self.runs or [Run()])[-1]

    @property
    def all_runs(self) -> list[Run]:
        """The runs of the rotation, and the retirements of its keys."""
        return [*self.runs, *self.retirements]

    @property
    def reason(self) -> str | None:
        return run_status.deciding(self.settled_runs).reason

    @property
    def rolled_itself_back(self) -> bool:
        return run_status.granted(self.settled_runs) is not run_status.deciding(self.settled_runs)

    @property
    def authorization(self) -> Mapping[str, str]:
        return run_status.granted(self.settled_runs).authorization

    @property
    def approval(self) -> RecordedApproval | None:
        return run_status.granted(self.settled_runs).approval

    @property
    def granted_by(self) -> str:
        return run_status.granted(self.settled_runs).granted_by

    @property
    def people(self) -> list[str]:
        return sorted({person for run in self.runs for person in run.people}) or self.accounts.people()

    @property
    def notifications(self) -> list[NotificationEvent]:
        return [event for event in self.events if isinstance(event, NotificationEvent)]

    # When.

    @property
    def began(self) -> datetime.datetime | None:
        return moment(self.events[0]) if self.events else None

    @property
    def ended(self) -> datetime.datetime | None:
        return moment(self._last_settled.last)

    @property
    def seconds(self) -> float:
        return seconds(self.events[0], self.runs[-1].last) if self.runs else 0

    @property
    def schedule(self) -> schedule.Schedule:
        return schedule.schedule(
            schedule.Facts(self.status, self.ended, self.runs, self.all_runs, self.keys, self.said.versions)
        )

    # What.

    @property
    def targets(self) -> list[ColumnHistory]:
        return self.census.columns

    @property
    def models(self) -> list[Model]:
        return encrypted_columns.models(self.targets)

    @property
    def values(self) -> int:
        return sum((column.after or column.before).values for column in self.targets)

    @property
    def reencrypted(self) -> int:
        return sum(column.reencrypted for column in self.targets)

    @property
    def proved(self) -> bool:
        targets = self.targets
        return bool(targets) and all(column.proved for column in targets) and not self.unopened

    @property
    def unopened(self) -> int:
        return self.census.unopened

    @property
    def promoted(self) -> bool:
        return self.keys.promoted

    @property
    def state(self) -> DataState:
        """The current state of the data."""
        if self.data is None:
            return DataState(unknown="the record cannot be read", written=True)
        return self.data.state(self.services.stopped)

    @property
    def is_interrupted(self) -> bool:
        """Return whether something was written since values, .env files and store last agreed."""
        return self.open_writes.count > 0

    @property
    def not_running(self) -> str:
        return self.services.not_running

    @property
    def backups(self) -> list[DumpSummary]:
        return list(self.dumps.values())

    @property
    def observations(self) -> list[ReportObservation]:
        return self.watched.entries

    @property
    def kept_aside(self) -> list[Aside]:
        return self.restores.aside(self.elsewhere)

    @property
    def restored_to(self) -> str:
        """The time of the backup with which the last run replaced a database; empty if it did not."""
        restored = self._last_settled.restored
        if restored is None:
            return ""
        snapshot = restored.backup.get("snapshot")
        return str(snapshot.get("time", UNKNOWN_TIME)) if isinstance(snapshot, Mapping) else UNKNOWN_TIME

    @property
    def chained(self) -> bool:
        return any(event.is_chained for event in self.events)

    @property
    def warnings(self) -> list[str]:
        """Return the warnings besides the failure itself."""
        texts = [
            *self.noted.texts(
                run_status.failure(self.runs).get("what"), {database.name for database in self.kept_aside}
            )
        ]
        if self.refused:
            first = self.runs[len(self.settled_runs)].first
            why = self.last_run.failure.get("code") or "see its last line"
            texts.append(f"A rollback was tried at {first.time} and stopped before it changed anything: {why}.")
        texts += [*sentences.left_alone(self.census.left_alone), *self.noted.about_syslog()]
        untold = [restore_lines.swapped_untold(aside.alias, aside.backup) for aside in self.restores.untold]
        return [*dict.fromkeys(texts), *(row.as_sentence() for row in untold)]
