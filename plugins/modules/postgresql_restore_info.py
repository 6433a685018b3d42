#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_restore_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Report which backup a restore would take
description:
  - Reports which backup M(tetech.key_rotation.postgresql_restore) would take, and which of the application's tables are
    missing from the databases in use.
  - If a restore was killed after it had closed a database to all clients, and the database was not replaced, the
    module opens it again. Otherwise it fails.
options:
  rotation_id:
    description: The rotation to which the backup belongs. The default is the newest backup.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.backups
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Find the newest backup
  tetech.key_rotation.postgresql_restore_info:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    backup_dir: /var/backups/food_ordering
  register: backup
"""

RETURN = r"""
backup:
  description: The rotation, database, snapshot and path of the backup. Empty if there is none.
  type: dict
  returned: success
gone:
  description: By alias, tables of the models that the database in use does not have.
  type: dict
  returned: success
missing:
  description: By alias, tables of the application's models that the backup has and the database in use does not.
  type: dict
  returned: success
copies:
  description: By alias, the copies of unfinished restores, and the rotation of each copy's backup.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.backup_options import POSTGRESQL_RESTORE_INFO_MODULE
from ..module_utils._tasks.find_backup import find_backup


def main() -> None:
    run(AnsibleModule(POSTGRESQL_RESTORE_INFO_MODULE, supports_check_mode=True), find_backup)


if __name__ == "__main__":
    main()
