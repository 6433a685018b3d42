# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the record of a rotation, and what the records next to it say about this rotation."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ...module_utils._errors.base import RotationError
from ...module_utils._record.chain import head
from ...module_utils._record.events import Event, RunEvent
from ...module_utils._record.writer import Record
from ...module_utils._services.maintenance import BY_HAND
from .restores import Restores
from .rotation_state import RotationState
from .run import retirements
from .unsigned_lines import Unsigned, unsigned


def read(record: Record) -> RotationState:
    """Read everything that the views show of a record. Raise E_RECORD_WRITE if it cannot be read."""
    state = reduce(record.rotation_id, record.decoded(), record.path)
    for event in _read_other_record(record, BY_HAND):
        state.services.apply_by_hand(event)
        state.downtime.apply_by_hand(event)
    state.retirements = [run for other in _retired(record, state) for run in retirements(_decoded(other))]
    state.elsewhere = [_restores(record, name) for name in _backups(state)]
    state.unsigned = [*unsigned(record), *_unsigned_retirements(record, state)]
    state.head = head(record.rotation_id, record.text())
    return state


def reduce(rotation_id: str, events: list[Event], path: str = "") -> RotationState:
    """The state after these events."""
    state = RotationState(rotation_id, path, restores=Restores(rotation_id))
    for event in events:
        state.apply(event)
    return state


def is_rotation(record: Record) -> bool:
    """Return whether it is the record of a rotation. Retirements and refused runs appear on the pages of rotations
    instead."""
    return any(isinstance(event, RunEvent) and event.is_intent for event in _decoded(record))


def _folder(record: Record) -> str:
    return os.path.dirname(os.path.dirname(record.path))


def _decoded(record: Record) -> list[Event]:
    """The events of a record; empty if it cannot be read. The index lists such records."""
    with contextlib.suppress(RotationError):
        return record.decoded()
    return []


def _read_other_record(record: Record, name: str) -> list[Event]:
    with contextlib.suppress(RotationError):
        return Record(_folder(record), name).decoded()
    return []


def _backups(state: RotationState) -> set[str]:
    """The other rotations whose backups replaced databases: dropping a former database is recorded there."""
    return {aside.backup for aside in state.kept_aside} - {state.rotation_id}


def _restores(record: Record, name: str) -> Restores:
    restores = Restores(name)
    for event in _read_other_record(record, name):
        restores.apply(event)
    return restores


def _retired(record: Record, state: RotationState) -> Iterator[Record]:
    """The records of retirements: retire.yml keeps one for each version that it destroys."""
    for key_id in filter(None, (state.keys.old, state.keys.new)):
        yield Record(_folder(record), f"retire-{key_id}")


def _unsigned_retirements(record: Record, state: RotationState) -> Iterator[Unsigned]:
    for other in _retired(record, state):
        with contextlib.suppress(RotationError):
            yield from unsigned(other, f"the record {other.rotation_id}")
