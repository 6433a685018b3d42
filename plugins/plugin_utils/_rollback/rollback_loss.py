# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that a rollback would lose, and whether the operator has acknowledged them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible.utils.display import Display

from ...module_utils._engine.proof.census_result import RowsNeeding
from ...module_utils._errors.counts import join_first
from ...module_utils._errors.values import RollbackLoses
from .._report import data_state
from .._task_types import TaskResult

display = Display()


@dataclass(frozen=True)
class RollbackLoss:
    """A census with the values that need the keys which a rollback removes.

    ``rollback`` is the command to type again.
    """

    census: TaskResult
    rollback: str

    def judged(self, acknowledged: str) -> TaskResult:
        """The census, as a failure if values would be lost that are not acknowledged by name and number.

        Values that open under a version cannot be acknowledged: running the same command again restores them.
        """
        if self.census.get("failed") or not self._needing:
            return self.census
        if acknowledged == self._acknowledgment and not self._is_back_by_rollback:
            going = f"The rollback continues without {self._acknowledgment}, as acknowledged."
            display.warning(f"{going} Both versions stay in the key store.")
            return self.census
        return {**self.census, "failed": True, **self._error().as_result()}

    @property
    def _needing(self) -> Sequence[RowsNeeding]:
        return self.census.get("needing") or ()

    @property
    def _acknowledgment(self) -> str:
        """Return the option with which an operator acknowledges the loss."""
        return ",".join(f"{each['column']}:{each['count']}" for each in self._needing)

    @property
    def _is_back_by_rollback(self) -> bool:
        return any(data_state.is_version(each["class"]) for each in self._needing)

    def _error(self) -> RollbackLoses:
        losing = f"To roll back without them, add -e key_rotation_rollback_acknowledge={self._acknowledgment}"
        if self._is_back_by_rollback:
            losing = (
                f"To restore those that another process wrote, stop it and run the same command again: {self.rollback}"
            )
        key_ids = self.census["key_ids"]
        count, rows = (
            sum(each["count"] for each in self._needing),
            [row for each in self._needing for row in each["rows"]],
        )
        return RollbackLoses(
            count=count,
            rows=join_first(rows, len(rows), count=count),
            key_id=key_ids.get("pending") or key_ids.get("current"),
            losing=losing,
            changed="No .env file was switched back.",
        )
