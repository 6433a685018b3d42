#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_lease
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Acquire and release the database lease
description:
  - Writes the holder of the lease (who, where and since when) to the table C(tetech_key_rotation_lease) of each
    database, and removes it again.
  - While a run holds the lease, every other run is refused, regardless of its control node and key store.
  - If a run dies, the next run on the same control node takes over its lease.
  - In check mode the module reports only whether the lease could be acquired.
  - The write fence of M(tetech.key_rotation.django_reencrypt) can exist only while the lease is held, and is removed
    with it.
options:
  state:
    description:
      - V(acquired) acquires the lease.
      - V(released) releases it, and removes the write fence and what M(tetech.key_rotation.django_prepare) prepared.
    type: str
    required: true
    choices: [acquired, released]
  row_digests:
    description:
      - With V(released), the file of row digests that M(tetech.key_rotation.django_reencrypt) wrote. It is deleted.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.holder
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Acquire the database lease
  tetech.key_rotation.database_lease:
    state: acquired
    project_dir: /srv/food_ordering
    rotation_id: "2026-spring"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
held:
  description: The other run that holds the lease of a database. This run then acquired the lease of no database.
  type: dict
  returned: when there is one
fenced:
  description: With O(state=acquired), whether the write fence of a killed run still exists.
  type: bool
  returned: success
undropped:
  description:
    - Tables that keep the triggers of this run's fence after the release, because a long transaction reads them. These
      triggers refuse nothing.
  type: list
  elements: str
  returned: with O(state=released)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DATABASE_LEASE_MODULE
from ..module_utils._tasks.change_lease import change_lease


def main() -> None:
    run(AnsibleModule(DATABASE_LEASE_MODULE, supports_check_mode=True), change_lease)


if __name__ == "__main__":
    main()
