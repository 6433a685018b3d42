#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_repair
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Replace values that no key decrypts with values from a backup
description:
  - Finds each value that no version in the store decrypts. If there is one, the module restores a copy of a backup of
    M(tetech.key_rotation.postgresql_backup) where the backup was proved, and drops the copy at the end.
  - A value is replaced by compare-and-set if the backup has a row with the same primary key, the rest of the row is
    unchanged, and the value in the backup can be decrypted. All other values are left unchanged, and reported.
  - Overwritten values are kept in a file next to the backup. A value that is not a token is never overwritten.
  - Run M(tetech.key_rotation.django_reencrypt) afterwards, because the values in the backup may be under earlier keys.
options:
  backup:
    description: The rotation to which the backup belongs.
    type: str
    required: true
  named:
    description:
      - Values to take from the backup even if they can be decrypted now or are empty, each as C(table.column:key). The
        other columns of their rows may have changed since the backup.
    type: list
    elements: str
    default: []
  run:
    description: The run. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.backups
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Repair values that last night's bug damaged
  tetech.key_rotation.django_repair:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    backup: "2026-spring"
    backup_dir: /var/backups/food_ordering
    rotation_id: "2026-spring"
"""

RETURN = r"""
repaired:
  description: How many values were repaired, by column.
  type: dict
  returned: success
left:
  description: Each value that was not repaired, with the reason.
  type: list
  elements: dict
  returned: success
kept:
  description: The file with the overwritten values.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_REPAIR_MODULE
from ..module_utils._tasks.repair_values import repair_values


def main() -> None:
    run(AnsibleModule(DJANGO_REPAIR_MODULE, supports_check_mode=True), repair_values)


if __name__ == "__main__":
    main()
