# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who approved the plan, and who authorized the rotation."""

from __future__ import annotations

from .base import RotationError


class AuthorizationMissing(RotationError):
    code = "E_AUTHORIZATION"
    missing: str
    environment: str
    problem = "{missing} must be given in {environment}"
    remedy = (
        "Set O(reason), and O(authorization) to {{who: ..., ticket: ...}}. "
        "If this is not production, say so with O(environment)."
    )


class ReasonUnclear(RotationError):
    code = "E_REASON_UNCLEAR"
    problem = (
        "O(reason) has the word compromise in a sentence that may deny it, and a rotation for a compromise ends the "
        "users' sessions and marks the keys in use as compromised, for good"
    )
    remedy = (
        "If the keys are compromised, begin with the word: compromise, and then what happened. Otherwise leave it out."
    )


class ApprovalMissing(RotationError):
    code = "E_APPROVAL_MISSING"
    missing: str
    advice: str
    problem = "the plan is not approved: {missing}"
    remedy = "{advice}"


class ApprovalFormat(RotationError):
    code = "E_APPROVAL_FORMAT"
    path: str
    problem = "{path} is no approval of a plan, or not one alone"
    remedy = "Make it again with the commands that the plan playbook shows. One person signs, by a name of one word."


class ApprovalPlan(RotationError):
    code = "E_APPROVAL_PLAN"
    path: str
    found: str
    expected: str
    problem = "{path} approves the plan {found}, and the plan there is {expected}"
    remedy = "Have the plan there reviewed and approved, or put the approved one back."


class ApprovalEnvironment(RotationError):
    code = "E_APPROVAL_ENVIRONMENT"
    path: str
    found: str
    expected: str
    problem = "{path} approves a rotation of {found}, and this is {expected} (O(environment))"
    remedy = "Have the plan approved for this environment: the plan playbook shows what to type."


class ApprovalSigner(RotationError):
    code = "E_APPROVAL_SIGNER"
    path: str
    principal: str
    signers: str
    problem = "{path} is not signed by {principal}, or {signers} does not let them approve"
    remedy = "Have it signed by somebody whom that file lists, under the name that it has there."


class ApprovalSelf(RotationError):
    code = "E_APPROVAL_SELF"
    principal: str
    operator: str
    advice: str
    problem = "the plan was approved by {principal}, and {operator} rotates: that is not shown to be another person"
    remedy = "{advice}"


class ApprovalOld(RotationError):
    code = "E_APPROVAL_OLD"
    principal: str
    time: str
    hours: float
    problem = "the approval of {principal} is of {time}, and counts for {hours:hour|hours}"
    remedy = "Have the plan approved again, or check whether the clocks are right."


class ApprovalUsed(RotationError):
    code = "E_APPROVAL_USED"
    principal: str
    time: str
    rotation_id: str
    problem = "the approval of {principal} of {time} was used for the rotation {rotation_id}, as the store has it"
    remedy = "Have the plan approved again: an approval counts for one rotation."
