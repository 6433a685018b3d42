# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and the result of a task of rotation_record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypedDict

from ...module_utils._errors.base import ErrorParts
from .._report.accounts import as_plain
from .._task_types import TaskRequest

if TYPE_CHECKING:
    from ...module_utils._engine.result_types import SeenBeforeRollback
    from ...module_utils._record.events import LineContent
    from ...module_utils._result_types.approval_types import Authorization
    from .._task_types import TaskArguments, TaskResult

FORMER_NAME = "course"  # of the strategy, in a result of an earlier version


class RecordResult(TypedDict, total=False):
    """The result of rotation_record, which depends on the state, or of rotation_report."""

    msg: str
    rotation_id: str
    resumed: bool
    completed: bool
    destination: str | None
    mode: str
    in_window: bool
    compromised: bool
    record: str
    report: str | None


@dataclass(frozen=True)
class ReturnedStrategy:
    """The strategy of a rollback and the reason for it, as rollback_strategy_info returned them."""

    rotation_id: str
    name: str
    reason: str
    destination: str | None
    seen: SeenBeforeRollback | None

    @classmethod
    def of(cls, result: TaskResult) -> ReturnedStrategy:
        name = result["strategy"] if "strategy" in result else result[FORMER_NAME]
        return cls(result["rotation_id"], name, result["reason"], result["destination"], result.get("seen"))

    def as_recorded(self) -> LineContent:
        seen = {"seen": self.seen} if self.seen else {}
        return {"strategy": self.name, "found": self.reason, "destination": self.destination, **seen}


@dataclass(frozen=True)
class RecordTask(TaskRequest):
    """The options of rotation_record."""

    direction: str
    rotation_id: str | None
    mode: str
    former_signers: Sequence[str]
    reason: str | None
    authorization: Authorization | str | None
    policy: str | None
    environment: str
    require_approval: bool
    plan: str | None
    allowed_signers: str | None
    approval_max_hours: float
    operator: str | None
    notify: Any = field(repr=False)
    hold_days: int
    cryptoperiod_days: int
    failed_task: str | None
    error: ErrorParts
    strategy: ReturnedStrategy | None

    @classmethod
    def of(cls, options: TaskArguments) -> Self:
        strategy = ReturnedStrategy.of(options["strategy"]) if options["strategy"] else None
        return super().of({**options, "strategy": strategy})

    def as_recorded(self) -> LineContent:
        """Return what the operator stated about this run."""
        return as_plain(
            {
                "environment": self.environment,
                "reason": self.reason,
                "authorization": self.authorization,
                "operator": self.operator,
                "policy_ref": self.policy,
            }
        )
