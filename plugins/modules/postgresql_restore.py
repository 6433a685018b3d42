#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_restore
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Replace a database with its backup
description:
  - Restores a backup of M(tetech.key_rotation.postgresql_backup) into a new database next to the one in use, with its
    owner, grants, settings, extensions and large objects.
  - Proves the copy with the counts and hashes in the manifest, and by decrypting every value with the versions in the
    store.
  - Then closes the database in use to all clients, counts what was written since the backup, and swaps the two names in
    one transaction. The replaced database is kept, without connections, until O(state=dropped).
  - Refuses to continue until the loss of data is acknowledged. A file that does not match its manifest is refused
    before anything is changed.
  - The module may be killed at any time and run again.
options:
  state:
    description:
      - V(prepared) makes and proves the copy, and fails until the loss of data is acknowledged. It does not affect the
        database in use.
      - V(present) restores the backup.
      - V(dropped) drops the replaced database, or abandons a restore that was not finished.
    type: str
    choices: [prepared, present, dropped]
    default: present
  rotation_id:
    description: The rotation to which the backup belongs.
    type: str
  alias:
    description: The alias in Django's C(DATABASES).
    type: str
    default: default
  acknowledge:
    description:
      - How many rows will be lost or come back, or the time of the snapshot, copied from the error. The time is the
        only way if the rows cannot be counted.
      - For a database other than the default, put its alias in front (C(second:17)). Separate several with commas.
    type: str
  recorded_in:
    description: The rotation to whose record this is written, if it is not O(rotation_id).
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.backups
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Restore the database to its state before the spring rotation
  tetech.key_rotation.postgresql_restore:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    backup_dir: /var/backups/food_ordering
    rotation_id: "2026-spring"
    acknowledge: "2026-03-20T01:00:07Z"
    admin: {user: postgres, passfile: /etc/food_ordering/admin.pgpass}
"""

RETURN = r"""
backup:
  description: The rotation, database, snapshot and path of the backup.
  type: dict
  returned: success
restored:
  description: Names of the database and of the replaced one that is kept, and the number of values by stage.
  type: dict
  returned: with O(state=prepared) and O(state=present)
lost:
  description: For each table that was written to since the backup, how many rows were added, changed and deleted.
  type: list
  elements: dict
  returned: with O(state=prepared) and O(state=present)
dropped:
  description: The databases that were dropped.
  type: list
  elements: str
  returned: with O(state=dropped)
sought:
  description: The names of the databases that were searched for, the replaced one and the copy.
  type: list
  elements: str
  returned: with O(state=dropped)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.backup_options import POSTGRESQL_RESTORE_MODULE
from ..module_utils._tasks.restore_database import restore_database


def main() -> None:
    run(AnsibleModule(POSTGRESQL_RESTORE_MODULE, supports_check_mode=True), restore_database)


if __name__ == "__main__":
    main()
