# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, for the summary: its result, its error, and what stopped it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...module_utils._errors.base import ErrorParts
from ...module_utils._errors.run import ChecklistFailed
from ...module_utils._record.events import ROTATE
from .rotation_state import RotationState
from .run import Run

STOPS = "stop"  # the status of an item of the checklist


@dataclass(frozen=True)
class Ending:
    """The end of a run, as the summary box shows it.

    ``page`` is the path of the report, and ``store`` is where the keys are kept.
    """

    state: RotationState
    page: str | None = None
    store: str = ""

    @property
    def run(self) -> Run:
        return self.state.last_run

    @property
    def completed(self) -> bool:
        return self.run.direction == ROTATE and self.run.outcome == "done"

    @property
    def failed(self) -> bool:
        return self.run.outcome != "done"

    @property
    def error(self) -> ErrorParts:
        """The error of the run; for a rotation that rolled itself back, the error that led to it."""
        if self.failed:
            return self.run.failure
        return self.state.failure if self.run.rolled_itself_back else {}

    @property
    def stays(self) -> bool:
        """Return whether the keys of the rotation stay in use."""
        return self.completed or self.run.stays or self.run.is_empty

    @property
    def stopping(self) -> list[Mapping[str, str]]:
        """The items of the checklist that stopped the run."""
        stopped = self.failed and self.error.get("code") == ChecklistFailed.code
        return [item for item in self.state.checks if item.get("status") == STOPS] if stopped else []

    @property
    def codes(self) -> set[str]:
        """The codes of the error that ended the run, and of the checklist items that stopped it."""
        return {str(self.error.get("code")), *(item["code"] for item in self.stopping if item["code"])}
