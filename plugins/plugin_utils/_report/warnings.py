# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warnings in addition to the failure itself, collected from the events of a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ...module_utils._engine.crypto.key_transitions import TRANSITIONS
from ...module_utils._engine.discovery.columns.layer_classes import NESTED
from ...module_utils._record import sshsig
from ...module_utils._record.events import (
    CensusEvent,
    CommandsEvent,
    EnvFileEvent,
    Event,
    FenceEvent,
    NotificationEvent,
    ReadingEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
    SinceBefore,
)
from ...module_utils._services.commands import REMOVAL
from . import restore_lines, sentences
from .timeline import NO_STEPS, step_name


@dataclass(frozen=True)
class Note:
    """A warning of a run. ``error`` is that of a ``failed`` step: pages show the error that stopped a run elsewhere."""

    text: str
    run: int
    failed: bool = False
    error: str | None = None


@dataclass
class Warnings:
    """The warnings of all runs of a rotation. ``run`` is the number of the current run.

    ``stale`` counts the unexplained digests of the newest re-encryption, forwards or backwards: each direction counts
    the same ones.
    """

    run: int = 0
    notes: list[Note] = field(default_factory=list)
    stale: Counter[str] = field(default_factory=Counter)
    stale_under: str | None = None
    serves: bool = False  # whether the application serves all the while, so that users change rows
    test_record: str = ""  # why it is still there
    from_backups: list[tuple[int, RepairEvent | RestoreEvent]] = field(default_factory=list)
    no_syslog: Counter[str] = field(default_factory=Counter)
    lines: int = 0

    def apply(self, event: Event) -> None:
        self.lines += 1
        self.run += isinstance(event, RunEvent) and event.is_intent
        if event.syslog is False:
            self.no_syslog[event.control_node] += 1
        if event.is_failed and event.was_run and not isinstance(event, NO_STEPS):
            code, what = event.error.get("code", "failed"), event.error.get("what", "")
            text = f"{step_name(event)}: {code}: {what}".rstrip(": ")
            self.notes.append(Note(text, self.run, True, event.error.get("what")))
        self.serves |= isinstance(event, EnvFileEvent) and event.asked.get("stage") in TRANSITIONS
        self.notes += [Note(text, self.run) for text in (*_sentences_of(event), *self._since_before(event))]
        if isinstance(event, ReencryptionEvent):
            self._stale(event)
        if isinstance(event, CommandsEvent) and event.purpose == REMOVAL:
            self.test_record = event.error.get("what", "see the record") if event.is_failed else ""
        if isinstance(event, (RepairEvent, RestoreEvent)) and event.is_done:
            self.from_backups.append((self.run, event))

    def _since_before(self, event: Event) -> Iterator[str]:
        if isinstance(event, CensusEvent) and not self.serves:
            yield from sentences.since_before(SinceBefore.of(event.since))
        elif isinstance(event, RunEvent) and not self.serves:
            yield from sentences.since_before(event.since_before)

    def _stale(self, event: ReencryptionEvent) -> None:
        if event.stale is not None and event.key_id != self.stale_under:
            self.stale, self.stale_under = Counter(), event.key_id
        self.stale.update(event.stale or {})

    def texts(self, failure: str | None, aside: Collection[str]) -> Iterator[str]:
        """All warnings except ``failure``. ``aside`` are the databases that restores keep aside."""
        yield from (note.text for note in self.notes if not note.failed or note.error != failure)
        yield from self._lasting()
        for _, event in self.from_backups:
            yield from restore_lines.from_backup(event, aside)

    def of_run(self, run: int, failures: Collection[str | None]) -> Iterator[str]:
        """The warnings of one run except ``failures``, and those that are still true after it."""
        notes = (note for note in self.notes if note.run == run)
        yield from (note.text for note in notes if not note.failed or note.error not in failures)
        yield from (*self._lasting(), *self.about_syslog())

    def from_backups_of(self, run: int) -> list[RepairEvent | RestoreEvent]:
        return [event for number, event in self.from_backups if number == run]

    def _lasting(self) -> Iterator[str]:
        yield from sentences.stale(self.stale)
        yield from sentences.left_behind(self.test_record)

    def about_syslog(self) -> Iterator[str]:
        return sentences.no_syslog(self.no_syslog, self.lines)


def _sentences_of(event: Event) -> Iterator[str]:
    """Yield the warnings from one event."""
    if isinstance(event, CensusEvent):
        yield from sentences.describe_concurrent_rows(event.concurrent_rows, event.written_rows)
        yield from sentences.unopened(event.unopened)
        yield from sentences.still_connected(event.sessions)
        yield from sentences.outside(event.outside if event.is_proof else ())  # each census of a rollback reports them
    elif isinstance(event, ReencryptionEvent):
        yield from sentences.nested(nested_in(event))
        yield from sentences.of_others(event.others_rows)
        yield from sentences.drained(event.drain)
        yield from sentences.behind_pooler(event.fence.get("behind_pooler") or ())
    elif isinstance(event, ReadingEvent):
        yield from sentences.written(event.reading)
        yield from sentences.behind_pooler(event.reading.get("refused_behind_pooler") or ())
    elif isinstance(event, FenceEvent):
        yield from sentences.behind_pooler(event.fence.get("behind_pooler") or ())
    elif isinstance(event, NotificationEvent) and event.is_failed:
        who = "Not everybody" if event.reached else "Nobody"
        yield f"{who} was notified by {event.channel} of the {event.about}: {event.found}"
    elif isinstance(event, RunEvent):
        for key in event.former_signers:
            yield f"The key that signs records was changed or lost before {event.time}: it was {_print(key)}."
        if event.resumed:
            yield f"A run that had not ended was resumed at {event.time}."


def nested_in(event: ReencryptionEvent) -> dict[str, int]:
    """Return how many values of each column were encrypted twice."""
    counts = {
        f"{target.get('table')}.{target.get('column')}": (target.get("classes") or {}).get(NESTED, 0)
        for target in event.targets
    }
    return {name: count for name, count in counts.items() if count}


def _print(key: object) -> str:
    try:
        return sshsig.fingerprint(str(key))
    except ValueError:
        return "unreadable"
