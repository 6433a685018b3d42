# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of a record as types. Every reader takes them from here.

A record may be of another version of the collection. A member that is missing or has another type has its default. An
event with an unknown name is a plain ``Event``. An event with a former name or state has the present ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar

from .._errors.base import ErrorParts
from .._errors.run import NotRun

if TYPE_CHECKING:
    from .._engine.postgres.database_session_types import DatabaseSession
    from .._engine.postgres.run_orders import Control
    from .._engine.proof.census_result import ColumnCounts
    from .._engine.proof.reading_types import RecordedReading
    from .._engine.result_types import (
        DrainResult,
        FenceOutcome,
        OutsideColumn,
        PreparationResult,
        RewriteWork,
        SeenBeforeRollback,
        SinceFirstWrite,
        UnopenedValues,
    )
    from .._result_types.approval_types import Authorization, RecordedApproval
    from .._result_types.backup_types import DumpSummary
    from .._result_types.key_types import GeneratedKey, VersionDescription
    from .._result_types.monitoring_types import MonitoringSnapshot
    from .._result_types.restore_types import BackupFacts, LostRows, RestoredDatabase

LineContent = Mapping[str, Any]  # of a line, from its JSON: decode gives it types
StepOptions = Mapping[str, Any]  # of a step, as its line has them
StepResult = Mapping[str, Any]  # of a step, as Ansible returned it or its line has it


def _empty() -> Any:
    """No members, of whichever type."""
    return {}


KnownEvent = TypeVar("KnownEvent", bound="Event")
INTENT, DONE, FAILED = "intent", "done", "failed"


@dataclass(frozen=True)
class Event:
    """An event of a record, with the members that all events have.

    ``raw`` is the line as stored, ``asked`` are the arguments of the step. ``error`` is the error of a failed step.
    ``took`` is its seconds in a process that it shared with others. ``changed`` and ``syslog`` (whether there was one)
    are None if the event does not say. ``follows`` and ``follows_refused`` are heads of other records.
    ``unsigned_before`` counts the lines before it without a signature. ``control`` has what a person had ordered the
    run by then.
    """

    name: str = ""
    phase: str = ""
    rotation_id: str = ""
    time: str = ""
    monotonic_ns: int = 0
    host: str = ""
    actor: str = ""
    sudo_user: str = ""
    login_user: str = ""
    control_node: str = ""
    asked: StepOptions = field(default_factory=dict)
    error: ErrorParts = field(default_factory=ErrorParts)
    took: float = 0.0
    changed: bool | None = None
    syslog: bool | None = None
    follows: str = ""
    follows_refused: str = ""
    unsigned_before: int = 0
    control: Control = field(default_factory=_empty)
    raw: LineContent = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return the state that the step was asked for. Empty if there is none."""
        return str(self.asked.get("state") or "")

    @property
    def stored_as(self) -> str:
        """The name and the state as they are stored, which may be former ones."""
        asked = self.raw.get("asked")
        state = asked.get("state") if isinstance(asked, Mapping) else None
        return f"{self.raw.get('event') or ''} {state or ''}".strip()

    @property
    def is_chained(self) -> bool:
        """Return whether its line has the hash of the lines before it."""
        return "hash" in self.raw

    def find_in(self, steps: Mapping[str, str]) -> str | None:
        """Return the entry of a table whose keys are a name, or a name with what was asked. The longer key takes
        precedence."""
        return next((steps[key] for key in self._step_keys() if key in steps), None)

    def _step_keys(self) -> tuple[str, ...]:
        asked = self.state or str(self.asked.get("stage") or "")
        if self.asked.get("serving"):
            return f"{self.name} serving {self.state}", f"{self.name} serving", self.name
        return f"{self.name} proof" if self.asked.get("expect_stage") else f"{self.name} {asked}", self.name

    @property
    def is_intent(self) -> bool:
        return self.phase == INTENT

    @property
    def is_done(self) -> bool:
        return self.phase == DONE

    @property
    def is_failed(self) -> bool:
        return self.phase == FAILED

    @property
    def was_run(self) -> bool:
        """Return whether the step ran. It did not if another one failed before it in the same process."""
        return bool(self.error.get("code") != NotRun.code)


class SinceBefore(NamedTuple):
    """The differences between the rows now and before the first write.

    ``same`` is whether all rows are unchanged; it is None if they were not compared. ``changed`` lists by column the
    rows whose value changed, ``new`` lists the new rows by table.
    """

    same: bool | None
    changed: Mapping[str, Sequence[str]]
    new: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, since: SinceFirstWrite) -> SinceBefore:
        """Return what the census for a report found."""
        return cls(since.get("same"), since.get("written_rows") or {}, since.get("added_rows") or {})


@dataclass(frozen=True)
class RunEvent(Event):
    """The beginning or the end of a run that rotates or rolls back.

    ``format`` is the format of this run's lines: 1 if the line does not say it. ``seen`` is what a rollback found.
    ``pages`` is the file with the checksums of the reports.
    """

    format: int = 1
    operator: str = ""
    reason: str = ""
    authorization: Authorization | str | None = None
    approval: RecordedApproval | None = None
    require_approval: bool | None = None
    resumed: bool = False
    strategy: str = ""
    found: str = ""
    rolls_itself_back: bool = False
    compromised: bool = False
    seen: SeenBeforeRollback | None = None
    failed_task: str = ""
    versions: Sequence[VersionDescription] = ()
    former_signers: Sequence[str] = ()
    cryptoperiod_days: int = 0
    hold_days: int | None = None
    environment: str = ""
    commands: Mapping[str, object] = field(default_factory=dict)
    tool: Mapping[str, str] = field(default_factory=dict)
    clock: Mapping[str, float] = field(default_factory=dict)
    policy_ref: Any = None
    retain_until: Any = None
    pages: str = ""

    @property
    def had_empty_store(self) -> bool:
        """Return whether the store had no version."""
        return self.raw.get("versions") == []

    @property
    def since_before(self) -> SinceBefore:
        """Return what a rollback found as it began."""
        return SinceBefore.of((self.seen or {}).get("since") or {})


@dataclass(frozen=True)
class StagesEvent(Event):
    """A step that reads the key store. ``stages`` has the key ID of each stage after it."""

    stages: Mapping[str, str] = field(default_factory=dict)
    key_id: str = ""


@dataclass(frozen=True)
class KeyInfoEvent(StagesEvent):
    """The keys of one host: ``key_id`` is the version that it has."""


@dataclass(frozen=True)
class KeyEvent(StagesEvent):
    """A step that changes the key store."""

    generated: Sequence[GeneratedKey] = ()


@dataclass(frozen=True)
class CountingEvent(Event):
    """An event with a census: ``targets`` holds the counts of each column, ``key_ids`` the version of each stage."""

    targets: Sequence[ColumnCounts] = ()
    key_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CensusEvent(CountingEvent):
    """The result of a census.

    ``concurrent_rows`` counts by table the rows that another process wrote, and ``added_rows`` names new ones.
    ``written_rows`` names by column the rows whose value it changed. ``sessions`` are those from before the switch that
    were still connected. ``damaged`` are values that another process wrote and the application cannot read, each with
    what it reads. ``outside`` are columns that look encrypted and were not part of the rotation. After the start,
    ``served`` counts instead what the application and its users have written since.
    """

    outside: Sequence[OutsideColumn] = ()
    sessions: Sequence[DatabaseSession] = ()
    unopened: UnopenedValues = field(default_factory=_empty)
    concurrent_rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    written_rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    added_rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    damaged: Sequence[Sequence[str]] = ()
    since: SinceFirstWrite = field(default_factory=_empty)
    kept_aside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    served: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def is_after_start(self) -> bool:
        """Return whether the application was serving while the census was taken."""
        return self.asked.get("serving") is True

    @property
    def is_proof(self) -> bool:
        """Return whether a process that has only one version took it."""
        return bool(self.asked.get("expect_stage"))


@dataclass(frozen=True)
class ReencryptionEvent(CountingEvent):
    """The result of a re-encryption.

    ``stale`` counts by search column the digests that nothing explains. ``fence`` says whether the write fence is
    ``closed``. ``migration`` is how values that are re-encrypted next to the data get there. ``settlements`` are a
    person's decisions, each with its ``column``, ``decision`` and ``reason``. ``others_rows`` names by table the rows
    that another process had written, if something stopped the step after the switch. ``drain`` has how long nothing was
    written under the previous keys, and who wrote before that (rewrite/drain.py).
    """

    key_id: str = ""
    stale: Mapping[str, int] | None = None
    fence: FenceOutcome = field(default_factory=_empty)
    work: RewriteWork = field(default_factory=_empty)
    migration: Any = None
    settlements: Sequence[Mapping[str, str]] = ()
    others_rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    drain: DrainResult = field(default_factory=_empty)


@dataclass(frozen=True)
class PreparationEvent(Event):
    """A preparation while the application serves, or its proof.

    The result has the ``rows`` of this run and its ``seconds``. ``excluded`` has the tables that were not prepared,
    each with the reason.
    """

    preparation: PreparationResult = field(default_factory=_empty)


@dataclass(frozen=True)
class LoginsEvent(Event):
    """Users' sessions that were signed again or ended: ``logins`` has how many of each kind."""

    logins: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FallbacksEvent(Event):
    """A change of SECRET_KEY_FALLBACKS.

    ``removed`` are the keys of the store that were taken out of it, each as the ``key_id`` of its version and its
    ``name``.
    """

    removed: Sequence[Mapping[str, str]] = ()


class LeftValue(TypedDict, total=False):
    """A ``value`` that a repair did not take from the backup, with the ``reason``.

    ``named`` is whether a person named it, ``by_name`` whether it can be taken by its name. Both are missing in records
    of earlier versions.
    """

    value: str
    reason: str
    named: bool
    by_name: bool


@dataclass(frozen=True)
class RepairEvent(Event):
    """The values that a repair took from a backup, counted by column, and each value that it left.

    ``kept`` is the file with the overwritten values.
    """

    repaired: Mapping[str, int] = field(default_factory=dict)
    left: Sequence[LeftValue] = ()
    kept: str = ""


@dataclass(frozen=True)
class RestoreEvent(Event):
    """A database that was ``restored`` from a backup, or the former databases that were ``dropped``.

    ``lost`` counts by table the rows that the backup does not have.
    """

    restored: RestoredDatabase = field(default_factory=_empty)
    lost: Sequence[LostRows] = ()
    backup: BackupFacts = field(default_factory=_empty)
    dropped: Sequence[str] = ()
    sought: Sequence[str] = ()

    @property
    def alias(self) -> str:
        """Return the alias of the database."""
        return str(self.asked.get("alias", "default"))

    @property
    def swapped(self) -> bool:
        """Return whether a backup has replaced a database."""
        return self.is_done and "aside" in self.restored and self.changed is not False


@dataclass(frozen=True)
class EnvFileEvent(Event):
    """A change of the keys in their place on one host. ``path`` is that place."""

    path: str = ""
    key_id: str = ""
    settings: Sequence[str] = ()


@dataclass(frozen=True)
class EnvFileInfoEvent(Event):
    """A check that the keys can be set in their place on one host."""


@dataclass(frozen=True)
class ServicesEvent(Event):
    """Services of one host that were stopped or started."""

    services: Sequence[str] = ()


@dataclass(frozen=True)
class HealthEvent(Event):
    """The answer of the application after its start."""


@dataclass(frozen=True)
class BackupEvent(Event):
    """The backups of all databases. ``dumps`` describes one for each database."""

    dumps: Sequence[DumpSummary] = ()


@dataclass(frozen=True)
class ChecklistEvent(Event):
    """The results of the checklist.

    ``plan_hash`` is the approved plan, ``plan_content`` the plan without its findings. ``mode`` is when the values are
    re-encrypted, and ``mode_reason`` why the checklist chose the mode window. Both are empty in records of earlier
    versions.
    """

    mode: str = ""
    mode_reason: str = ""
    checks: Sequence[Any] = ()
    environment: str = ""
    plan_hash: str | None = None
    plan_content: str | None = None
    collection: str | None = None
    exposed_backups: Sequence[str] = ()


@dataclass(frozen=True)
class SnapshotEvent(Event):
    """The result of monitoring on one host."""

    snapshot: MonitoringSnapshot = field(default_factory=_empty)


@dataclass(frozen=True)
class ReadingEvent(Event):
    """The data as the application itself reads it."""

    reading: RecordedReading = field(default_factory=_empty)


@dataclass(frozen=True)
class NotificationEvent(Event):
    """The people whom a channel notified, or could not notify."""

    channel: str = ""
    about: str = ""
    to: Sequence[str] = ()
    found: str = ""
    reached: int = 0


@dataclass(frozen=True)
class LeaseEvent(Event):
    """The lease of the databases, which was acquired or released.

    ``fenced`` is whether a run that died left its write fence.
    """

    fenced: bool = False


@dataclass(frozen=True)
class FenceEvent(Event):
    """The write fence, which was removed. ``fence`` is what was found as a run removed its own."""

    fence: FenceOutcome = field(default_factory=_empty)


@dataclass(frozen=True)
class CommandsEvent(Event):
    """Commands of the application."""

    @property
    def purpose(self) -> str:
        return str(self.asked.get("purpose") or "")


@dataclass(frozen=True)
class AttemptEvent(Event):
    """A run that was refused before it had a record."""

    operator: str = ""
    reason: str = ""
    authorization: Authorization | str | None = None
    playbook: str = ""
    failed_task: str = ""


ROTATE, ROLLBACK = "rotate", "rollback"


# "Key compromise", "COMPROMISED: a laptop", "compromise_known".
COMPROMISE = re.compile(r"(?:^|[\W_])compromise", re.IGNORECASE)
# No pattern can interpret sentences such as "Yearly, keys not compromised" or "in case of a compromise".
_UNCLEAR = re.compile(
    r"(?:\b(?:no|not|non|none|nor|nothing|nobody|never|cannot|hardly|zero|0|without|if|unless|whether|in case|against|"
    r"prevent\w*|avoid\w*)\b|n['\u2019]t\b)[^.;:]*?[\W_]compromise",
    re.IGNORECASE,
)


def is_compromise(reason: object) -> bool:
    """Return whether the reason of a rotation says that its keys are compromised: one of its words begins so."""
    return COMPROMISE.search(str(reason or "")) is not None


def is_unclear(reason: object) -> bool:
    """Return whether the reason of a rotation may say that its keys are not compromised, or may be so later."""
    return _UNCLEAR.search(str(reason or "")) is not None


def for_compromise(events: Iterable[Event]) -> bool:
    """Return whether a run of this rotation was for a compromise. A later run without the reason does not undo that."""
    rotated = (event for event in events if isinstance(event, RunEvent) and event.name == ROTATE)
    return any(event.compromised or is_compromise(event.reason) for event in rotated)


# Every name that a reader knows.
KINDS: dict[str, type[Event]] = {
    ROTATE: RunEvent,
    ROLLBACK: RunEvent,
    "key_version": KeyEvent,
    "key_version_info": KeyInfoEvent,
    "django_census_info": CensusEvent,
    "django_reencrypt": ReencryptionEvent,
    "django_prepare": PreparationEvent,
    "django_repair": RepairEvent,
    "django_sessions": LoginsEvent,
    "secret_key_fallbacks": FallbacksEvent,
    "postgresql_restore": RestoreEvent,
    "postgresql_backup": BackupEvent,
    "env_file": EnvFileEvent,
    "env_file_info": EnvFileInfoEvent,
    "application_services": ServicesEvent,
    "application_health": HealthEvent,
    "application_reading": ReadingEvent,
    "monitoring_probe": SnapshotEvent,
    "rotation_checklist": ChecklistEvent,
    "notification": NotificationEvent,
    "database_lease": LeaseEvent,
    "write_fence": FenceEvent,
    "application_commands": CommandsEvent,
    "attempt": AttemptEvent,
}
# Members in which a missing value differs from an empty one.
OPTIONAL: dict[str, type] = {
    "changed": bool,
    "syslog": bool,
    "hold_days": int,
    "seen": Mapping,
    "stale": Mapping,
    "plan_hash": str,
    "plan_content": str,
    "collection": str,
}


class FormerNames(NamedTuple):
    """Names that records of a format have and later ones do not, each with its present name.

    ``members`` have the former name of a member by the present name of its event. ``states`` have a former event with
    its state, and what the present event is asked for instead.
    """

    events: Mapping[str, str]
    members: Mapping[tuple[str, str], str]
    states: Mapping[tuple[str, str], tuple[str, Mapping[str, str]]]


# The format of the records that are written now. A member, an event or a state that is renamed raises it.
FORMAT = 2
# By the last format that wrote them. A format that is no longer read loses its entry.
FORMER = {
    1: FormerNames(
        events={
            "application_logs": "application_log_info",
            "checklist_facts": "checklist_info",
            "django_census": "django_census_info",
            "process_keys": "process_keys_info",
        },
        members={
            ("rotation_checklist", "items"): "checks",
            (ROLLBACK, "course"): "strategy",
            (ROLLBACK, "takes_itself_back"): "rolls_itself_back",
            ("django_census_info", "meanwhile"): "concurrent_rows",
            ("monitoring_probe", "picture"): "snapshot",
            ("application_reading", "picture"): "reading",
        },
        states={
            ("key_version", "agreed"): ("key_version_info", {"expect_stage": "current"}),
            ("key_version", "seen"): ("key_version_info", {}),
            ("application_reading", "taken"): ("application_reading", {"state": "recorded"}),
            ("application_reading", "compared"): ("application_reading", {"state": "verified"}),
            ("database_lease", "taken"): ("database_lease", {"state": "acquired"}),
            ("database_lease", "returned"): ("database_lease", {"state": "released"}),
            ("database_lease", "opened"): ("write_fence", {"state": "absent"}),
            ("database_lease", "fence_opened"): ("write_fence", {"state": "absent"}),
            ("database_lease", "fence_removed"): ("write_fence", {"state": "absent"}),
            ("django_sessions", "returned"): ("django_sessions", {"state": "restored"}),
            ("env_file", "prepared"): ("env_file_info", {}),
        },
    ),
}


def decode(line: LineContent) -> Event:
    """The event that a line of a record holds."""
    name, asked = _present(line)
    kind = KINDS.get(name, Event)
    stored = {**_rename_members(name, line), **line}
    return kind(**{**_members(kind, stored), "name": name, "asked": asked, "raw": line})


def from_result(kind: type[KnownEvent], result: StepResult) -> KnownEvent:
    """Return the event of this kind that the result of its step becomes."""
    return kind(**_members(kind, result))


def _members(kind: type[Event], stored: LineContent) -> dict[str, Any]:
    known = _TYPES[kind].items()
    return {member: stored[member] for member, of in known if member in stored and isinstance(stored[member], of)}


def _rename_members(name: str, line: LineContent) -> LineContent:
    """Return the members of an event that the line has under a former name, under their present names."""
    return {
        now: line[then]
        for former in FORMER.values()
        for (event, then), now in former.members.items()
        if event == name and then in line
    }


def _present(line: LineContent) -> tuple[str, StepOptions]:
    """Return the present name of the event, and its arguments in present words."""
    stored, asked = str(line.get("event") or ""), line.get("asked")
    if not isinstance(asked, Mapping):
        asked = {}
    state = (stored, str(asked.get("state") or ""))
    for former in FORMER.values():
        if state in former.states:
            name, words = former.states[state]
            return name, {**{word: asked[word] for word in asked if word != "state"}, **words}
        if stored in former.events:
            return former.events[stored], asked
    return stored, asked


def decode_all(lines: Iterable[LineContent]) -> list[Event]:
    """The events of a record, oldest first."""
    return [decode(line) for line in lines]


def _types(kind: type[Event]) -> dict[str, tuple[type, ...]]:
    """The types of each member's values, by that of its default."""
    plain = kind()
    accepted = {member.name: _accepted(member.name, getattr(plain, member.name)) for member in fields(kind)}
    return {name: types for name, types in accepted.items() if name not in ("name", "raw")}


def _accepted(name: str, default: object) -> tuple[type, ...]:
    if name in OPTIONAL:
        return (OPTIONAL[name],)
    if isinstance(default, dict):
        return (Mapping,)
    if isinstance(default, tuple):
        return (list, tuple)
    return (object,) if default is None else (type(default),)


_KNOWN: tuple[type[Event], ...] = (Event, *KINDS.values())
_TYPES = {kind: _types(kind) for kind in _KNOWN}
