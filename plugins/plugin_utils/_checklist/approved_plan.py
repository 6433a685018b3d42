# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that was approved for a run."""

from __future__ import annotations

from ...module_utils._errors.approval import ApprovalMissing
from ...module_utils._record.approval import ApprovalEvidence
from ...module_utils._record.events import ROTATE, RunEvent
from ...module_utils._record.writer import Record


def approved_plan(record: Record) -> str:
    """The hash of the approved plan; empty if no approval was required. Raise E_APPROVAL_MISSING.

    Only the line that began the last run counts, and only with the evidence in it.
    """
    begun = next(reversed(record.beginnings(ROTATE)), RunEvent())
    if not begun.approval and not begun.require_approval:
        return ""
    missing = "its approval in the record is not the one that was signed"
    try:
        evidence = ApprovalEvidence.borne_out(begun.approval)
    except FileNotFoundError:
        evidence, missing = None, "ssh-keygen is not installed here"
    if evidence is None:
        advice = "Find out who wrote to the record (verify.yml --tags record), then roll back, or run again."
        raise ApprovalMissing(missing=missing, advice=advice)
    return evidence.approval.plan_hash
