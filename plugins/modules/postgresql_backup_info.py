#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_backup_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: List the kept backups and the key versions that they need
description:
  - Reads the manifests of M(tetech.key_rotation.postgresql_backup) in a folder.
  - A backup counts as kept while its manifest exists. Fails if a manifest cannot be read, or if a complete dump has
    none, because its versions are then unknown.
options:
  absent:
    description: With V(accept), a host without this folder has no backups. With V(refuse), that is an error.
    type: str
    choices: [refuse, accept]
    default: refuse
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.backups
  - tetech.key_rotation.key_rotation.read_only
"""

EXAMPLES = r"""
- name: List the versions that the kept backups need
  tetech.key_rotation.postgresql_backup_info:
    backup_dir: /var/backups/food_ordering
"""

RETURN = r"""
backups:
  description:
    - For each backup its manifest, rotation, database, engine, snapshot, proof, key IDs, and start and end time.
  type: list
  elements: dict
  returned: success
key_ids:
  description: Key IDs of all versions that a backup needs.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.backup_options import POSTGRESQL_BACKUP_INFO
from ..module_utils._tasks.list_backups import list_backups


def main() -> None:
    run(AnsibleModule(POSTGRESQL_BACKUP_INFO, supports_check_mode=True), list_backups)


if __name__ == "__main__":
    main()
