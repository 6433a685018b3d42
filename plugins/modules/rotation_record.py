#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_record
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Open and close the record of a rotation
description:
  - Says which rotation this run is, the one that is open in the store, or a new one.
  - Writes the first line of its record.
  - Closes it with its last line, and shows a person how it ended.
  - The record is a chain, each line with the hash of the one before. When a run begins and when it ends, the whole is
    signed with a key of the store, for C(ssh-keygen -Y verify), and its head is kept in the store.
  - Runs on the control node alone, as an action plugin.
options:
  state:
    description:
      - V(opened) at the start of a run, V(completed), V(rolled_back) or V(failed) at its end.
      - V(added) after something was done for a rotation whose run had ended, such as the drop of what a restore kept
        aside. It is signed too, and the page made anew.
      - V(verified) checks all records against what the store keeps of them, or the one of O(rotation_id).
      - V(reported) makes the pages of all records anew, or of the one of O(rotation_id). At each end they are made too.
      - V(stated) says what is where now, as the record shows it, for the last message of a run.
    type: str
    required: true
    choices: [opened, completed, rolled_back, failed, added, verified, reported, stated]
  direction:
    description: With O(state=opened), what the run is for.
    type: str
    choices: [rotate, rollback]
    default: rotate
  rotation_id:
    description:
      - The rotation. To open one it may be left out, and is needed to close it.
      - With O(state=failed) and without it, it is written down that a run was refused before it had a record.
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
  other_record_dirs:
    description:
      - With O(state=verified), folders here that hold records of other control nodes, mounted or copied.
      - A record of another control node that the store has seen and that is in none of them is an error of its own.
    type: list
    elements: path
    default: []
  control_nodes:
    description: With O(state=verified), other control nodes whose records are verified there. They are a warning here.
    type: list
    elements: str
    default: []
  former_signers:
    description:
      - With O(state=verified), public keys by which records may have been signed before, as C(ssh-ed25519 AAAA...).
      - One that the store had before it was changed need not be named once a rotation has written it down.
    type: list
    elements: str
    default: []
  store:
    description: Where the versions live, as for M(tetech.key_rotation.key_version). Never logged.
    type: dict
    default: {}
  reason:
    description: Why the keys are rotated, for the record.
    type: str
  authorization:
    description: Who approved it and the ticket, for the record.
    type: raw
  policy:
    description: The rules by which the keys are managed, such as the name and version of a document, for the record.
    type: str
  environment:
    description: What is rotated. A rotation of V(production) must have O(reason) and O(authorization).
    type: str
    choices: [demo, staging, production]
    default: production
  require_approval:
    description:
      - With O(state=opened), begin a rotation only where another person than the operator has approved the plan.
      - Beside O(plan) must lie C(.approval), which names the plan's hash, that person and the time, and its signature
        C(.approval.sig) by C(ssh-keygen -Y sign). M(tetech.key_rotation.django_plan) shows the commands.
    type: bool
    default: false
  plan:
    description: File of the plan on the control node. Its default is C(plan.yml) where the records are kept too.
    type: path
  allowed_signers:
    description: File of who may approve, as C(ssh-keygen) describes allowed signers.
    type: path
  approval_max_hours:
    description: For how many hours an approval counts.
    type: float
    default: 24.0
  operator:
    description: Who rotates, where their account does not say it.
    type: str
  notify:
    description:
      - Whom to tell when a run begins and ends, as dictionaries with V(type), one of V(email), V(slack) and V(http).
      - Their members are described in the README of the role P(tetech.key_rotation.record#role).
      - Never logged.
    type: raw
    default: []
  hold_days:
    description: With O(state=opened), for how many days after the rotation the keys before are kept.
    type: int
    default: 30
  cryptoperiod_days:
    description: With O(state=opened), after how many days the next rotation is due.
    type: int
    default: 365
  failed_task:
    description: Name of the task that failed, or after whose failure the rotation was rolled back.
    type: str
  error:
    description: With O(state=failed), the error of the task as this collection's modules return it.
    type: dict
    default: {}
  course:
    description: With O(direction=rollback), the result of M(tetech.key_rotation.rollback_course), for the record.
    type: dict
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Open the record
  tetech.key_rotation.rotation_record:
    state: opened
  register: opened_record
"""

RETURN = r"""
rotation_id:
  description: The rotation.
  type: str
  returned: with O(state=opened)
resumed:
  description: Whether it was begun by an earlier run.
  type: bool
  returned: with O(state=opened)
completed:
  description: Whether it was completed by an earlier run.
  type: bool
  returned: with O(state=opened)
destination:
  description: The stage that every value is to be under at the end.
  type: str
  returned: with O(state=opened)
record:
  description: File of the record.
  type: str
  returned: when it is closed
report:
  description: The page of the record. With O(state=reported) and no O(rotation_id), the page over all of them.
  type: str
  returned: when it is closed, and with O(state=reported)
statement:
  description: What is where now, in sentences.
  type: str
  returned: with O(state=stated)
records:
  description:
    - For each record its rotation, its lines, how many of them are signed and by which key, and what is wrong with it.
    - Its notes are no problems. Their kinds are V(elsewhere), V(unchecked), V(former) for a known former key,
      V(open) for a run that has not ended, and V(approved).
  type: list
  elements: dict
  returned: with O(state=verified)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_RECORD


def refuse(module: AnsibleModule) -> dict[str, object]:
    """The work is done by the action plugin of the same name."""
    raise RotationError(
        "E_OPTION", name=module._name, found="ran without its action plugin", advice="Call it by its full name."
    )


def main() -> None:
    run(AnsibleModule(ROTATION_RECORD, supports_check_mode=True), refuse)


if __name__ == "__main__":
    main()
