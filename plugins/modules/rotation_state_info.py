#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_state_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Describe the current state of data and keys
description:
  - Returns what the record of a rotation shows about values, .env files and key store, in sentences, for the
    last message of a run.
  - Runs only on the control node, as an action plugin.
options:
  rotation_id:
    description: The rotation. Without it, nothing is known of the state.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.read_only
"""

EXAMPLES = r"""
- name: Read the state
  tetech.key_rotation.rotation_state_info:
    rotation_id: "{{ record_opened.rotation_id }}"
  register: state
"""

RETURN = r"""
statement:
  description: The current state of data and keys, in sentences.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_STATE_INFO


def main() -> None:
    run(AnsibleModule(ROTATION_STATE_INFO, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
