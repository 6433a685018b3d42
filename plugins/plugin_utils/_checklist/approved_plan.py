# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan with whose approval a run began."""

from __future__ import annotations

from ...module_utils._errors.approval import ApprovalMissing
from ...module_utils._record.approval import ApprovalEvidence
from ...module_utils._record.events import ROTATE, RunEvent
from ...module_utils._record.writer import Record


def approved_plan(record: Record) -> str:
    """The hash of the approved plan; empty if an approval was not asked for. Raises E_APPROVAL_MISSING.

    Only the line by which the last run began can say it, and only with its evidence.
    """
    begun = next(reversed(record.beginnings(ROTATE)), RunEvent())
    if not begun.approval and not begun.require_approval:
        return ""
    missing = "what the record holds of its approval is not what was signed"
    try:
        evidence = ApprovalEvidence.borne_out(begun.approval)
    except FileNotFoundError:
        evidence, missing = None, "there is no ssh-keygen here"
    if evidence is None:
        advice = "Find out who wrote to the record (verify.yml --tags record), then roll back, or run again."
        raise ApprovalMissing(missing=missing, advice=advice)
    return evidence.approval.plan_hash
