#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_plan
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Find the encrypted values of a Django application, and write the plan of a rotation
description:
  - Samples every text, bytea and json column of every schema of every PostgreSQL database of the application, whether
    or not it belongs to a model. A column is a target only if one of its tokens can be decrypted with the current keys.
  - Then decrypts every value of every target, and writes the plan, a YAML file on the control node for people to
    review.
  - The plan contains no row values and no keys.
  - Fails if a finding stops a rotation. The plan is written even then.
  - If the findings have more rows than a message shows, writes all of them next to the plan, in a file that ends in
    C(.rows.csv), with table, column, primary key and class.
  - Fails before it looks at the data if the .env file has other keys than the current version in the key store.
    A key that was added to O(keys) since the last rotation is taken from the .env file.
options:
  require_approval:
    description: Whether to show the commands with which another person approves the plan.
    type: bool
    default: false
  environment:
    description: The environment for which the approval is.
  counted:
    description: Whether to decrypt and count every value. Set by the action plugin. Not for playbooks.
    type: bool
    default: true
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.plan
  - tetech.key_rotation.key_rotation.environment
  - tetech.key_rotation.key_rotation.unread
  - tetech.key_rotation.key_rotation.mode
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Write the plan
  tetech.key_rotation.django_plan:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    path: /srv/plans/food_ordering.yml
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
plan:
  description: The plan, with its targets, fields that have no value yet, schemes, notices and hash.
  type: dict
  returned: success
path:
  description: The plan file.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_PLAN_MODULE
from ..module_utils._tasks.make_plan import make_plan


def main() -> None:
    run(AnsibleModule(DJANGO_PLAN_MODULE, supports_check_mode=True), make_plan)


if __name__ == "__main__":
    main()
