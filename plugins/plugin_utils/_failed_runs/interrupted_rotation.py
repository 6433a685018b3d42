# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rotation is unfinished by its record: values may be under both key sets, or not match the .env files."""

from __future__ import annotations

from collections.abc import Iterable

from ...module_utils._errors.base import ErrorParts, changed_nothing
from ...module_utils._record.events import (
    EnvFileEvent,
    Event,
    KeyEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
)
from .._report.data_tracker import NOT_WRITING

WRITES = (ReencryptionEvent, RepairEvent, RestoreEvent, EnvFileEvent)
TOGETHER = ("current", "rolled_back")  # states of key_version after values, hosts and store were verified to agree


def is_interrupted(events: Iterable[Event]) -> bool:
    """Whether something was written since values, .env files and store last agreed."""
    open_acts = 0
    for event in events:
        writes = isinstance(event, WRITES) and event.state not in NOT_WRITING
        if writes and event.is_intent:
            open_acts += 1
        elif writes and event.is_failed and _changed_nothing(event.error):
            open_acts -= 1
        elif event.is_done and _belongs_together(event):
            open_acts = 0
    return open_acts > 0


def _belongs_together(event: Event) -> bool:
    return isinstance(event, RunEvent) or (isinstance(event, KeyEvent) and event.state in TOGETHER)


def _changed_nothing(error: ErrorParts) -> bool:
    """Whether nothing was changed, except perhaps a copy next to the database."""
    return changed_nothing(error) or error.get("code") == "E_RESTORE_LOSS"
