# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether a rotation may begin: who authorized it, and who approved its plan."""

from __future__ import annotations

from dataclasses import dataclass

from ...module_utils._errors.approval import ReasonUnclear
from ...module_utils._record.approval import Approval, ApprovalEvidence
from ...module_utils._record.events import ROTATE, LineContent, is_unclear
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .._control_node.paths import state_folder
from .._plans import plan_approval
from .record_task import RecordTask
from .rotation_log import RotationLog


@dataclass(frozen=True)
class PlanPermission:
    """The approval of the plan as ``evidence``; None if no approval is required."""

    evidence: ApprovalEvidence | None = None

    def as_recorded(self) -> LineContent:
        if self.evidence is None:
            return {"require_approval": False}
        return {"require_approval": True, "approval": self.evidence.as_recorded()}


def find_permission(log: RotationLog, task: RecordTask, record: Record, *, resumed: bool) -> PlanPermission:
    """The permission to rotate. Raise E_AUTHORIZATION, E_REASON_UNCLEAR or E_APPROVAL_* before anything is written.

    A rotation that resumes keeps the approval in its record. If that is no longer valid, it needs another one.
    """
    if is_unclear(task.reason):
        raise ReasonUnclear()
    if not resumed:
        plan_approval.refuse_unauthorized(vars(task))
    begun = record.beginnings(ROTATE) if resumed else []
    if not task.require_approval and not any(event.require_approval for event in begun):
        return PlanPermission()
    signers = log.controller.path(task.allowed_signers) if task.allowed_signers else None
    recorded = [event.approval for event in begun if event.approval]
    evidence = plan_approval.recorded(recorded[-1], task.environment, signers) if recorded else None
    evidence = evidence or _verify(log, task, signers)
    _use(evidence.approval, log.store, record.rotation_id)
    return PlanPermission(evidence)


def _verify(log: RotationLog, task: RecordTask, signers: str | None) -> ApprovalEvidence:
    plan = task.plan or f"{state_folder(log.controller.variables, log.controller.loader)}/plan.yml"
    return plan_approval.verified(
        log.controller.path(plan), task.environment, signers, task.operator, task.approval_max_hours
    )


def _use(approval: Approval, store: Store, rotation_id: str) -> None:
    """Raise E_APPROVAL_USED if another rotation used the approval, here or on another control node.

    The store remembers the approval when the rotation creates its version, or now if that version exists.
    """
    history = store.load()
    history.refuse_used(approval, rotation_id)
    if history.made_by(rotation_id):
        with store.change() as changed:
            changed.use_approval(approval, rotation_id)
