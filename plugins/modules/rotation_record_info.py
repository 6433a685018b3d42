#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_record_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Verify the records of rotations
description:
  - Checks the records of M(tetech.key_rotation.rotation_record), each with its chain, its signature, its approval and
    its reports, against what the store keeps about them.
  - Fails with the worst problem if a record is not as it was written, and names all of them.
  - Creates no key, and runs only on the control node, as an action plugin.
options:
  rotation_id:
    description: The rotation whose record is verified. The default is all of them.
    type: str
  other_record_dirs:
    description:
      - Local folders with records of other control nodes, mounted or copied.
      - If the store knows a record of another control node that is in none of these folders, that is a separate error.
    type: list
    elements: path
    default: []
  control_nodes:
    description: Other control nodes that verify their own records. Their records are a warning here.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.signers
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.store
  - tetech.key_rotation.key_rotation.read_only
"""

EXAMPLES = r"""
- name: Verify every record
  tetech.key_rotation.rotation_record_info:
    other_record_dirs: [/srv/second_control_node/records]
"""

RETURN = r"""
records:
  description:
    - For each record its rotation, its lines, how many of them are signed and with which key, and its problems.
    - Its notes are not problems. Their kinds are V(elsewhere), V(unchecked), V(former) for a known earlier key, V(open)
      for a run that has not ended, V(approved), and V(later) for a format of a later version.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_RECORD_INFO


def main() -> None:
    run(AnsibleModule(ROTATION_RECORD_INFO, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
