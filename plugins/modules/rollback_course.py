#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rollback_course
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Say which way back there is from where a rotation stands
description:
  - Chooses by what is found in the store, in every value and in every host's env file, not by what anybody believes.
  - V(nothing) where nothing was written, V(discard) where there is no more than a pending version in the store,
    V(backwards) where values or env files are under the new keys, V(forwards) where the rotation is open and
    O(prefer=forwards), V(repair) where values open under no key and O(backup) has them, V(restore) where the database
    is ruined, V(settle) where nothing is to be taken back but values or a host may be under other keys than the current
    ones.
  - Changes nothing, and runs on the control node alone, as an action plugin.
options:
  census:
    description: The result of M(tetech.key_rotation.django_census) with C(report_only=true).
    type: dict
    required: true
  files:
    description: For each host the stage that its env file holds, as M(tetech.key_rotation.key_version) says.
    type: dict
    required: true
  backup:
    description: What M(tetech.key_rotation.postgresql_restore) with C(state=examined) returned.
    type: dict
    default: {}
  done:
    description: The courses that this run has taken already.
    type: list
    elements: str
    default: []
  prefer:
    description: V(forwards) where an open rotation is rather to be finished, V(repair) or V(restore) where asked for.
    type: str
    choices: ["", forwards, repair, restore]
    default: ""
  repair:
    description: With O(prefer=repair), values as C(table.column:key) to take from the backup, whatever they are now.
    type: list
    elements: str
    default: []
  rotation_id:
    description: The rotation to take back. Without it, the last one.
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
  store:
    description: Where the versions live, as for M(tetech.key_rotation.key_version). Never logged.
    type: dict
    default: {}
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Choose the way back
  tetech.key_rotation.rollback_course:
    census: "{{ census }}"
    files: {app1: current, app2: pending}
  register: chosen
"""

RETURN = r"""
course:
  description: Its name.
  type: str
  returned: success
reason:
  description: What was found that makes it so.
  type: str
  returned: success
does:
  description: What it does.
  type: str
  returned: success
rotation_id:
  description: The rotation that is taken back.
  type: str
  returned: success
databases:
  description: With the course V(restore), those of C(DATABASES) that were found in ruins. None where it was asked for.
  type: list
  elements: str
  returned: success
leaving:
  description: With the course V(backwards), the stage that an env file is about to lose; empty if none holds it.
  type: str
  returned: success
unopened:
  description: Whether the census counted values that no version opens.
  type: bool
  returned: success
seen:
  description: The census, and by host the key ID that its env file holds, as they were when the course was chosen.
  type: dict
  returned: success
destination:
  description: The stage that every value is to be under at the end. None where nothing was made.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROLLBACK_COURSE


def refuse(module: AnsibleModule) -> dict[str, object]:
    """The work is done by the action plugin of the same name."""
    raise RotationError(
        "E_OPTION", name=module._name, found="ran without its action plugin", advice="Call it by its full name."
    )


def main() -> None:
    run(AnsibleModule(ROLLBACK_COURSE, supports_check_mode=True), refuse)


if __name__ == "__main__":
    main()
