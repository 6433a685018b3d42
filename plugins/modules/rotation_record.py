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
  - Runs on the control node alone, as an action plugin.
options:
  state:
    description: V(opened) at the start of a run, V(completed) or V(rolled_back) at its end.
    type: str
    required: true
    choices: [opened, completed, rolled_back]
  direction:
    description: With O(state=opened), what the run is for.
    type: str
    choices: [rotate, rollback]
    default: rotate
  rotation_id:
    description: The rotation. Needed to close it. To open one it may be left out.
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
  store:
    description: Where the versions live, as for M(tetech.key_rotation.key_version).
    type: dict
    default: {}
  reason:
    description: Why the keys are rotated, for the record.
    type: str
  authorization:
    description: Who approved it and the ticket, for the record.
    type: raw
  failed_task:
    description: Name of the task after whose failure the rotation was rolled back.
    type: str
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
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import RotationError
from ..module_utils.module import RECORD_OPTIONS, run


def refuse(module: AnsibleModule) -> dict[str, object]:
    """The work is done by the action plugin of the same name."""
    raise RotationError(
        "E_OPTION", name=module._name, found="ran without its action plugin", advice="Call it by its full name."
    )


def main() -> None:
    run(AnsibleModule(RECORD_OPTIONS, supports_check_mode=True), refuse)


if __name__ == "__main__":
    main()
