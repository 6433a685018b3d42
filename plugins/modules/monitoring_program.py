#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_program
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Install the program that checks an application without Ansible
description:
  - Copies one file to the host. The application's own Python runs it as C(PYTHON PATH CONFIGURATION).
  - The program checks what M(tetech.key_rotation.monitoring_probe) checks, with only the keys of the .env file.
    Its exit code is 0 without findings, 1 with findings, and 2 if nothing could be checked.
  - Runs as an action plugin, with M(ansible.builtin.copy).
options:
  path:
    description: Destination of the file, which gets mode 0644. Its folder must exist.
    type: path
    required: true
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Install the program
  tetech.key_rotation.monitoring_program:
    path: /usr/local/lib/key_rotation/key_rotation_monitor.pyz
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.monitoring_options import MONITORING_PROGRAM


def main() -> None:
    run(AnsibleModule(MONITORING_PROGRAM, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
