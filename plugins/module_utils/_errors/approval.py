# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who approved the plan, and who authorized the rotation."""

from __future__ import annotations

from .base import RotationError


class AuthorizationMissing(RotationError):
    code = "E_AUTHORIZATION"
    missing: str
    environment: str
    problem = "{missing} is required in {environment}"
    remedy = (
        "Set O(reason), and O(authorization) to {{who: ..., ticket: ...}}. If this is not production, set "
        "O(environment)."
    )


class ReasonUnclear(RotationError):
    code = "E_REASON_UNCLEAR"
    problem = (
        "O(reason) contains the word compromise in a sentence that may deny one. A rotation for a compromise ends the "
        "users' sessions and permanently marks the current keys as compromised"
    )
    remedy = (
        "If the keys are compromised, start the reason with the word compromise, followed by what happened. Otherwise "
        "leave the word out."
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
    problem = "{path} is not an approval of exactly one plan"
    remedy = "Create it again with the commands that the plan playbook shows. One person signs, under a one-word name."


class ApprovalPlan(RotationError):
    code = "E_APPROVAL_PLAN"
    path: str
    approved: str
    expected: str
    problem = "{path} approves the plan {approved}, but the current plan is {expected}"
    remedy = "Have the current plan reviewed and approved, or restore the approved one."


class ApprovalEnvironment(RotationError):
    code = "E_APPROVAL_ENVIRONMENT"
    path: str
    approved: str
    expected: str
    problem = "{path} approves a rotation in {approved}, but this is {expected} (O(environment))"
    remedy = "Have the plan approved for this environment. The plan playbook shows the commands."


class ApprovalSigner(RotationError):
    code = "E_APPROVAL_SIGNER"
    path: str
    principal: str
    signers: str
    problem = "{path} is not signed by {principal}, or {signers} does not allow them to approve"
    remedy = "Have it signed by somebody in that file, under the name that the file lists."


class ApprovalSelf(RotationError):
    code = "E_APPROVAL_SELF"
    principal: str
    operator: str
    advice: str
    problem = (
        "the plan was approved by {principal} and {operator} runs the rotation: cannot confirm that they are different "
        "people"
    )
    remedy = "{advice}"


class ApprovalOld(RotationError):
    code = "E_APPROVAL_OLD"
    principal: str
    time: str
    hours: float
    problem = "the approval by {principal} was signed at {time} and is valid for {hours:hour|hours}"
    remedy = "Have the plan approved again, or check that the clocks are right."


class ApprovalUsed(RotationError):
    code = "E_APPROVAL_USED"
    principal: str
    time: str
    rotation_id: str
    problem = (
        "according to the key store, the approval by {principal} at {time} was already used for rotation {rotation_id}"
    )
    remedy = "Have the plan approved again: an approval is valid for one rotation."
