#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_plan_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check that a Django application is still as in the plan of a rotation
description:
  - Finds the encrypted values as M(tetech.key_rotation.django_plan) does, and compares the result with the plan file.
    Fails if they differ, or if the plan has a finding that stops a rotation.
  - Counts are not compared, because they are not taken again.
  - If there is no plan file, nothing is compared.
options:
  counted:
    description: Whether to decrypt and count every value. Set by the action plugin. Not for playbooks.
    type: bool
    default: false
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.plan
  - tetech.key_rotation.key_rotation.read_only
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
"""

EXAMPLES = r"""
- name: Check that the application is still as in the approved plan
  tetech.key_rotation.django_plan_info:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    path: /srv/plans/food_ordering.yml
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
plan:
  description: The plan of the application as it is now.
  type: dict
  returned: if there is a plan file
path:
  description: The plan file.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_PLAN_INFO_MODULE
from ..module_utils._tasks.make_plan import make_plan


def main() -> None:
    run(AnsibleModule(DJANGO_PLAN_INFO_MODULE, supports_check_mode=True), make_plan)


if __name__ == "__main__":
    main()
