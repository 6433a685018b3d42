# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that were refused before they had a record: who tried what, when, and what refused it.

They have their own record, next to those of the rotations: the same chain, and each line in syslog. Its lines are not
signed, since a run that was refused must not change the store.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils._errors.base import RotationError
from ...module_utils._record import chain
from ...module_utils._record.events import AttemptEvent
from ...module_utils._record.writer import REFUSED, Record, node
from .accounts import Accounts
from .event_time import moment

NAME = REFUSED  # of the record; a rotation of that name would only share it
EVENT = "attempt"


def note(folder: str, anchor: str | None, **about: Any) -> Record | None:
    """Record a refused run, and return its record; None if it cannot be written, which stops nothing.

    If the store has an ``anchor`` but the folder is missing, no folder is created: that would hide the loss.
    """
    if anchor and not os.path.isdir(folder):
        return None
    record = Record(folder, NAME)
    try:
        record.append(EVENT, "failed", **{name: value for name, value in about.items() if value})
    except RotationError:
        return None
    return record


def followed(folder: str) -> dict[str, str]:
    """The head of this record, for the first line of a run: that line is signed, and so vouches for this record."""
    try:
        text = Record(folder, NAME).text()
    except RotationError:  # no obstacle here; verification reports it
        return {}
    return {"follows_refused": str(chain.head(NAME, text, node()))} if text else {}


@dataclass(frozen=True)
class RefusedRun:
    """A run that was refused. ``people`` tried the ``playbook``, and the error or the ``failed_task`` refused it."""

    time: datetime.datetime | None
    people: Sequence[str]
    playbook: str
    failed_task: str
    code: str
    what: str


def read_refused(record: Record) -> Iterator[RefusedRun]:
    """The refused runs of this record, newest first."""
    for event in reversed(record.decoded()):
        if isinstance(event, AttemptEvent):
            yield _describe_attempt(event)


def _describe_attempt(event: AttemptEvent) -> RefusedRun:
    accounts = Accounts()
    accounts.apply(event)
    return RefusedRun(
        time=moment(event),
        people=accounts.people(event.operator),
        playbook=event.playbook,
        failed_task=event.failed_task,
        code=event.error.get("code") or "",
        what=event.error.get("what") or "",
    )
