# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the completed rotations in staging by their records."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence

from ...module_utils._errors.base import RotationError
from ...module_utils._record import chain, reader
from ...module_utils._record.events import ROTATE, ChecklistEvent, Event, RunEvent
from ...module_utils._record.writer import FILE_NAME
from .._rotation_record.rotation_log import RotationLog
from .item import ChecklistOptions, Rehearsal


def staging_records(log: RotationLog, options: ChecklistOptions) -> str:
    """The folder of staging's records: by default that of the inventory ``staging`` next to this one."""
    if folder := options.get("rehearsal_records"):
        return log.controller.path(folder)
    inventory = str(log.controller.variables.get("inventory_dir"))
    return log.folder.replace(inventory, os.path.join(os.path.dirname(inventory), "staging"), 1)


def rehearsals(folder: str) -> list[Rehearsal]:
    """Each completed rotation in staging, with the plan and collection from its last checklist.

    Records that are damaged or whose chain is broken do not count. Signatures are not checked: staging's key is in
    staging's store.
    """
    whole = (_rehearsal(rotation_id, events) for rotation_id, events in _whole(folder))
    return [rehearsal for rehearsal in whole if rehearsal]


def _whole(folder: str) -> Iterator[tuple[str, Sequence[Event]]]:
    """The rotation and the events of each record with an unbroken chain."""
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*", FILE_NAME))):
        with contextlib.suppress(RotationError):
            record = reader.look(folder, os.path.basename(os.path.dirname(path)))
            events = record.record.decoded()
            if chain.chained(record.lines) and not any(chain.problems(record.lines)):
                yield record.rotation_id, events


def _rehearsal(rotation_id: str, events: Sequence[Event]) -> Rehearsal | None:
    done = [event for event in events if event.is_done]
    lists = [event for event in done if isinstance(event, ChecklistEvent) and event.environment == "staging"]
    closed = [event for event in done if isinstance(event, RunEvent)]
    if not lists or not closed or closed[-1].name != ROTATE:
        return None
    last = lists[-1]
    return {
        "rotation_id": rotation_id,
        "time": closed[-1].time,
        "plan_content": last.plan_content or last.plan_hash,  # records of an earlier version have only the hash
        "collection": last.collection,
        "mode": last.mode,
    }
