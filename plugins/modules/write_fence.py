#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: write_fence
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Remove the write fence of the databases
description:
  - The write fence of M(tetech.key_rotation.django_reencrypt) keeps other sessions from writing to encrypted columns.
    M(tetech.key_rotation.application_reading) removes it after a successful verification, and
    M(tetech.key_rotation.database_lease) when the lease is released.
  - A run that is killed leaves its fence behind. M(tetech.key_rotation.database_lease_info) reports that.
  - Leaves the lease unchanged.
options:
  state:
    description:
      - V(absent) removes the fence. Fails (E_LEASED) if another run that may be alive holds the lease.
    type: str
    required: true
    choices: [absent]
  refuse_writers:
    description:
      - Whether the fence is that of this run, which has verified everything and is about to start the application. Only
        this fence is then removed. Fails (E_STALE_WRITER) if a process that was not stopped still tries to write.
    type: bool
    default: false
  interrupted:
    description:
      - Whether the fence of a killed run may be removed while the application's values are under several versions. With
        V(refuse), it then stays.
    type: str
    choices: [refuse, accept]
    default: refuse
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.holder
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Remove the write fence of a killed run
  tetech.key_rotation.write_fence:
    state: absent
    project_dir: /srv/food_ordering
    rotation_id: maintenance
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
held:
  description: The other run that holds the lease of a database with a fence. No fence was then removed.
  type: dict
  returned: when there is one
fence:
  description: Sessions of a connection pooler that were refused and did not try again (C(behind_pooler)).
  type: dict
  returned: with O(refuse_writers=true)
undropped:
  description:
    - Tables that keep the triggers of a killed run's fence, because a long transaction reads them. Their triggers no
      longer refuse a write.
  type: list
  elements: str
  returned: with O(refuse_writers=false)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import WRITE_FENCE_MODULE
from ..module_utils._tasks.remove_fence import remove_fence


def main() -> None:
    run(AnsibleModule(WRITE_FENCE_MODULE, supports_check_mode=True), remove_fence)


if __name__ == "__main__":
    main()
