#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_report
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Write the reports of rotations again
description:
  - Writes the HTML reports of the records of M(tetech.key_rotation.rotation_record), their index and their checksums.
  - Each run writes its report at its end. This module writes those of runs that died, or after an update.
  - Runs only on the control node, as an action plugin.
options:
  state:
    description: V(present) writes the reports.
    type: str
    choices: [present]
    default: present
  rotation_id:
    description: The rotation whose report is written. The default is all of them.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.store
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Write the reports of all rotations
  tetech.key_rotation.rotation_report:
"""

RETURN = r"""
report:
  description: The report of O(rotation_id), or the index of all reports. Empty if there is no record.
  type: str
  returned: success, except in check mode
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_REPORT


def main() -> None:
    run(AnsibleModule(ROTATION_REPORT, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
