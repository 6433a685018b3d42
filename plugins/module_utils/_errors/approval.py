# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who approved the plan, and who authorized the rotation."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_AUTHORIZATION": (
        "{missing} must be given in {environment}",
        "Set key_rotation_reason, and key_rotation_authorization to {{who: ..., ticket: ...}}. "
        "If this is not production, say so with key_rotation_environment.",
    ),
    "E_APPROVAL_MISSING": ("the plan is not approved: {what}", "{advice}"),
    "E_APPROVAL_FORMAT": (
        "{path} is no approval of a plan, or not one alone",
        "Make it again with the commands that the plan playbook shows. One person signs, by a name of one word.",
    ),
    "E_APPROVAL_PLAN": (
        "{path} approves the plan {found}, and the plan that lies there is {expected}",
        "Have the plan that lies there reviewed and approved, or put the approved one back.",
    ),
    "E_APPROVAL_ENVIRONMENT": (
        "{path} approves a rotation of {found}, and this is {expected} (key_rotation_environment)",
        "Have the plan approved for this environment: the plan playbook shows what to type.",
    ),
    "E_APPROVAL_SIGNER": (
        "{path} is not signed by {principal}, or {signers} does not let them approve",
        "Have it signed by somebody whom that file lists, under the name that it has there.",
    ),
    "E_APPROVAL_SELF": (
        "the plan was approved by {principal}, and {operator} rotates: that is not shown to be another person",
        "{advice}",
    ),
    "E_APPROVAL_OLD": (
        "the approval of {principal} is of {time}, and counts for {hours} hours",
        "Have the plan approved anew, or see whether the clocks are right.",
    ),
    "E_APPROVAL_USED": (
        "the approval of {principal} of {time} was used for the rotation {rotation_id}, as the store has it",
        "Have the plan approved anew: an approval counts for one rotation.",
    ),
}
