#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_settings
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check every variable of the collection
description:
  - Checks the variables that begin with C(key_rotation_) on every host of the play. The argument spec of the role
    P(tetech.key_rotation.key_rotation#role) describes them. An unknown name is an error.
  - Fails with all problems at once. Each names the variable and, if it is known, the file and the line. Values are
    never shown.
  - Runs only on the control node, as an action plugin, once for all hosts.
options:
  refuse:
    description: V(false) warns of each problem instead of failing, for an emergency stop.
    type: bool
    default: true
  no_host_matches:
    description: A pattern that matches no host of the play. The module then fails with this alone.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Check every variable that begins with key_rotation_
  tetech.key_rotation.rotation_settings:
  run_once: true
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_SETTINGS


def main() -> None:
    run(AnsibleModule(ROTATION_SETTINGS, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
