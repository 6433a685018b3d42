#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_restore
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Put a database that was backed up in the place of the one in use
description:
  - Restores a backup of M(tetech.key_rotation.postgresql_backup) into a new database beside the one in use, with its
    owner, grants, settings, extensions and large objects.
  - Proves it by the counts and hashes in the manifest, and by opening every value with the versions in the store.
  - Then shuts everybody out of the database in use, counts what was written since the backup, and swaps the two names
    in one transaction. The database that was in use is kept aside, without connections, until O(state=dropped).
  - Refuses until what will be lost is acknowledged. A file that is not what its manifest says is refused before
    anything is touched.
  - It may be killed at any time and run again.
options:
  state:
    description:
      - V(examined) says which backup there is, and which of the application's tables the databases in use
        have not.
      - V(prepared) makes the copy, proves it, and refuses until what will be lost is acknowledged. It disturbs nobody.
      - V(present) restores it.
      - V(dropped) drops the database that was kept aside, or gives up a restore that was not finished.
    type: str
    choices: [examined, prepared, present, dropped]
    default: present
  backup_dir:
    description: Folder of the backups on the host.
    type: path
    required: true
  rotation_id:
    description: The rotation whose backup it is. With O(state=examined) it may be left out, for the newest one.
    type: str
  alias:
    description: Which of Django's C(DATABASES).
    type: str
    default: default
  acknowledge:
    description:
      - How many rows will be lost or come back, as the refusal without it says, or the time of the snapshot, as it says
        too. The time is the only way where the rows cannot be counted.
      - Of another database than the default one with its alias before it (C(second:17)); of several, with commas.
    type: str
  recorded_in:
    description: The rotation in whose record this is written, where that is another than O(rotation_id).
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Put the database back as it was before the rotation of spring
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
  description: The rotation, database, snapshot and path of the backup. Empty where there is none.
  type: dict
  returned: success
gone:
  description: >-
    With O(state=examined), by alias, tables that models are to have and that the database in use has not.
  type: dict
  returned: success
missing:
  description: Tables of the application's models that the backup has and the database in use has not, by C(DATABASES).
  type: dict
  returned: with O(state=examined)
copies:
  description: >-
    With O(state=examined), by alias, the copies that restores have made and not put in the place of a database, and the
    rotation of whose backup each is.
  type: dict
  returned: with O(state=examined)
restored:
  description: Names of the database and of the one that was kept aside, and values by the stage of their keys.
  type: dict
  returned: with O(state=prepared) and O(state=present)
lost:
  description: For each table that was written to since the backup how many rows were added, changed and deleted.
  type: list
  elements: dict
  returned: with O(state=prepared) and O(state=present)
dropped:
  description: What of a restore was dropped.
  type: list
  elements: str
  returned: with O(state=dropped)
sought:
  description: The names that were looked for, what a restore keeps aside and its copy.
  type: list
  elements: str
  returned: with O(state=dropped)
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.backup_options import POSTGRESQL_RESTORE_MODULE


def restore(module: AnsibleModule) -> dict[str, Any]:
    """Start the application, then look, restore, or drop."""
    from ..module_utils._backup import restore as backup_restore
    from ..module_utils._engine.application import django_project

    params = module.params
    django_project.start(params["project_dir"], params["settings_module"])
    if params["state"] == "examined":
        return backup_restore.examined(params, dry=module.check_mode)
    work = backup_restore.Restoration(params)
    states = {"prepared": work.prepared, "present": work.present, "dropped": work.dropped}
    return states[params["state"]](dry=module.check_mode)


def main() -> None:
    run(AnsibleModule(POSTGRESQL_RESTORE_MODULE, supports_check_mode=True), restore)


if __name__ == "__main__":
    main()
