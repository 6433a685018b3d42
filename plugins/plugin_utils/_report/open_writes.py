# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the writes since values, .env files and store last agreed.

If there is such a write, values may be under both key sets, or may not match the .env files.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...module_utils._errors.base import ErrorParts, changed_nothing
from ...module_utils._errors.restore import RestoreLoss
from ...module_utils._record.events import (
    EnvFileEvent,
    Event,
    KeyEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
)
from .data_tracker import NOT_WRITING

WRITES = (ReencryptionEvent, RepairEvent, RestoreEvent, EnvFileEvent)
TOGETHER = ("current", "rolled_back")  # states of key_version after values, hosts and store were verified to agree


@dataclass
class OpenWrites:
    """The number of these writes. One that changed nothing does not count."""

    count: int = 0

    def apply(self, event: Event) -> None:
        writes = isinstance(event, WRITES) and event.state not in NOT_WRITING
        if writes and event.is_intent:
            self.count += 1
        elif writes and event.is_failed and _changed_nothing(event.error):
            self.count -= 1
        elif event.is_done and _belongs_together(event):
            self.count = 0


def _belongs_together(event: Event) -> bool:
    return isinstance(event, RunEvent) or (isinstance(event, KeyEvent) and event.state in TOGETHER)


def _changed_nothing(error: ErrorParts) -> bool:
    """Return whether nothing was changed, except perhaps a copy next to the database."""
    return changed_nothing(error) or error.get("code") == RestoreLoss.code
