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
  - Determines which rotation this run belongs to, the one that is open in the store, or a new one.
  - Writes the first line of the record. Closes the record with its last line, and shows the outcome.
  - The record is a chain. Each line has the hash of the previous line. At the start and end of a run, the whole record
    is signed with a key from the store, for C(ssh-keygen -Y verify), and the hash of its last line is kept in the
    store. M(tetech.key_rotation.rotation_record_info) verifies it.
  - Runs only on the control node, as an action plugin.
options:
  state:
    description:
      - V(opened) at the start of a run, V(completed), V(rolled_back) or V(failed) at its end.
      - V(ready) when the run waits for a person to order the switch.
      - V(signed) after work for a rotation whose run has ended, such as dropping what a restore kept. The lines that
        were added are signed too, and the report is written again.
    type: str
    required: true
    choices: [opened, ready, completed, rolled_back, failed, signed]
  direction:
    description: With O(state=opened), the purpose of the run.
    type: str
    choices: [rotate, rollback]
    default: rotate
  mode:
    description:
      - With O(state=opened), when values are re-encrypted. With V(auto), a rotation that resumes keeps its mode.
  rotation_id:
    description:
      - The rotation. Optional to open a record, required to close one.
      - With O(state=failed) and without it, the module records that a run was refused before it had a record.
    type: str
  former_signers:
    description:
      - With O(state=opened), earlier public keys with which records may be signed, as C(ssh-ed25519 AAAA...).
      - A key that the store had before a change need not be listed once a rotation has recorded it.
  policy:
    description: The key management policy, such as the name and version of a document, for the record.
    type: str
  environment:
    description: The environment of the keys. A rotation of V(production) requires O(reason) and O(authorization).
  require_approval:
    description:
      - With O(state=opened), begin a rotation only if a person other than the operator has approved the plan.
      - C(.approval) must be next to O(plan). It contains the plan's hash, that person and the time. Its signature
        C(.approval.sig) is created with C(ssh-keygen -Y sign). M(tetech.key_rotation.django_plan) shows the commands.
    type: bool
    default: false
  plan:
    description: File of the plan on the control node. The default is C(plan.yml) next to the folder of the records.
    type: path
  allowed_signers:
    description: File that lists who may approve, in the format for allowed signers of C(ssh-keygen).
    type: path
  approval_max_hours:
    description: How many hours an approval is valid.
    type: float
    default: 24.0
  operator:
    description: The person who runs the rotation. Needed if the account does not identify them.
    type: str
  notify:
    description:
      - Whom to notify when a run begins and ends, as dictionaries with V(type), which is V(email), V(slack) or V(http).
      - Their members are described in the README of the role C(tetech.key_rotation.record).
      - Never logged.
    type: raw
    default: []
  hold_days:
    description: With O(state=opened), for how many days after the rotation the previous keys are kept.
    type: int
    default: 30
  cryptoperiod_days:
    description: With O(state=opened), number of days after which the next rotation is due.
    type: int
    default: 365
  failed_task:
    description: Name of the task that failed, or whose failure led to the rollback.
    type: str
  error:
    description: With O(state=failed), the error of the task as the modules of this collection return it.
    type: dict
    default: {}
  strategy:
    description: With O(direction=rollback), the result of M(tetech.key_rotation.rollback_strategy_info).
    type: dict
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.grounds
  - tetech.key_rotation.key_rotation.mode
  - tetech.key_rotation.key_rotation.signers
  - tetech.key_rotation.key_rotation.environment
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.store
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
  description: Whether an earlier run began the rotation.
  type: bool
  returned: with O(state=opened)
completed:
  description: Whether an earlier run completed the rotation.
  type: bool
  returned: with O(state=opened)
destination:
  description: The stage under which every value is to be at the end.
  type: str
  returned: with O(state=opened)
mode:
  description: O(mode), or instead of V(auto) the mode of the rotation that this run resumes.
  type: str
  returned: with O(state=opened)
in_window:
  description: Whether the run that is resumed has stopped the application, or may have written a value.
  type: bool
  returned: with O(state=opened)
compromised:
  description:
    - Whether the keys that are replaced are compromised. The store has marked their version, or O(reason), of this run
      or an earlier one of the rotation, has a word that begins with C(compromise).
  type: bool
  returned: with O(state=opened)
record:
  description: File of the record.
  type: str
  returned: when it is closed
report:
  description: The report of the record. M(tetech.key_rotation.rotation_report) writes it again.
  type: str
  returned: when it is closed
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_RECORD


def main() -> None:
    run(AnsibleModule(ROTATION_RECORD, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
