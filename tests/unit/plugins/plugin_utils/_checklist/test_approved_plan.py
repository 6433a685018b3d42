# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.approval import Approval, ApprovalEvidence
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.approved_plan import approved_plan

APPROVED, OTHER = (Approval(one * 32, "demo", "ada@example.org", "2026-01-02T03:04:05Z") for one in ("ab", "cd"))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(str(tmp_path), "r1")


def approved(record: Record, holds: bool = True) -> str:
    """What the checklist takes for the approved plan; ``holds`` is what is found of the evidence."""

    def borne_out(found: dict[str, str]) -> ApprovalEvidence | None:
        return ApprovalEvidence(Approval(**found), "", "", "") if holds else None

    with mock.patch.object(ApprovalEvidence, "borne_out", borne_out):
        return approved_plan(record)


@pytest.mark.parametrize(("event", "phase"), [("notification", "done"), ("rotate", "failed"), ("rollback", "intent")])
def test_only_how_the_run_began_says_which_plan_was_approved(record, event, phase):
    """A line that somebody else has added says nothing, whatever it holds."""
    record.append("rotate", "intent", approval=vars(APPROVED), require_approval=True)
    record.append(event, phase, approval=vars(OTHER))
    assert approved(record) == APPROVED.plan_hash


def test_an_approval_whose_evidence_does_not_hold_does_not_count(record):
    record.append("rotate", "intent", approval=vars(APPROVED), require_approval=True)
    with pytest.raises(RotationError) as refused:
        approved(record, holds=False)
    assert refused.value.code == "E_APPROVAL_MISSING"


def test_without_an_approval_there_is_none_to_hold_the_plan_against(record):
    record.append("rotate", "intent", require_approval=False)
    assert approved(record) == ""
    record.append("rotate", "intent", resumed=True, require_approval=True)
    with pytest.raises(RotationError, match="E_APPROVAL_MISSING"):
        approved(record, holds=False)
