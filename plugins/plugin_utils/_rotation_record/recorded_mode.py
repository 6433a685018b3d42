# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modes of a rotation, and the one in which it began, by its record. A run that resumes it keeps the mode."""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._engine.crypto.key_transitions import PRIMARY
from ...module_utils._record.events import ChecklistEvent, EnvFileEvent, Event, PreparationEvent

AUTO, WINDOW, PREPARED, ONLINE = (
    "auto",
    "window",
    "prepared",
    "online",
)  # of AUTO, the checklist makes another one


def find_mode(events: Sequence[Event]) -> str:
    """Return the mode of the newest run that passed the checklist; empty if none has."""
    checklists = [event for event in events if isinstance(event, ChecklistEvent) and event.is_done and event.checks]
    return (checklists[-1].mode or _of_earlier_version(events)) if checklists else ""


def was_online(events: Sequence[Event]) -> bool:
    """Return whether the rotation was online: a host had both keys, the new one first. Then the application can."""
    return any(isinstance(event, EnvFileEvent) and event.asked.get("stage") == PRIMARY for event in events)


def _of_earlier_version(events: Sequence[Event]) -> str:
    """Return the mode that shows in what was done: an earlier version did not record it."""
    if was_online(events):
        return ONLINE
    return PREPARED if any(isinstance(event, PreparationEvent) for event in events) else WINDOW
