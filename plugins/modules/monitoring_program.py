#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_program
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Install what looks at an application without Ansible
description:
  - Copies one file to the host, which the application's own Python runs as C(PYTHON PATH CONFIGURATION).
  - It looks as M(tetech.key_rotation.monitoring_probe) does, with the keys of the env file alone, and ends with 0 where
    all is well, with 1 for findings, and with 2 where nothing could be looked at.
  - Runs as an action plugin, by M(ansible.builtin.copy).
options:
  path:
    description: Where the file goes, with mode 0644. Its folder must be there.
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

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.monitoring_options import MONITORING_PROGRAM


def refuse(module: AnsibleModule) -> dict[str, object]:
    """The work is done by the action plugin of the same name."""
    raise RotationError(
        "E_OPTION", name=module._name, found="ran without its action plugin", advice="Call it by its full name."
    )


def main() -> None:
    run(AnsibleModule(MONITORING_PROGRAM, supports_check_mode=True), refuse)


if __name__ == "__main__":
    main()
