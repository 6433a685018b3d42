#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_prepare
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Prepare a re-encryption while the application serves
description:
  - Decrypts every value of a Django application and encrypts it under another version, into the table
    C(tetech_key_rotation_prepared) next to the data, which has ciphertext only. The data is only read.
  - Refuses before that what M(tetech.key_rotation.django_reencrypt) refuses before its first write.
  - M(tetech.key_rotation.django_reencrypt) with O(ignore:prepared=true) then changes by sets the rows that are still as
    they were, and re-encrypts all others as usual.
  - May be killed at any time and run again. What is prepared already is not prepared again.
  - M(tetech.key_rotation.database_lease) drops the table when the lease is released.
options:
  state:
    description:
      - V(prepared) prepares.
      - V(verified) decrypts all prepared values in a fresh process that has only the version of O(destination).
      - It fails (E_PREPARED) and drops the table unless the plaintexts are the same as those of the original values.
    type: str
    choices: [prepared, verified]
    default: prepared
  columns:
    description: For O(state=verified), C(columns) of the RV(preparation) that O(state=prepared) returned.
    type: list
    elements: dict
    default: []
  row_digests:
    description:
      - With O(state=prepared), a file on the host for the digest of each row that is prepared, as in
        M(tetech.key_rotation.django_reencrypt). It contains no values.
      - Users may change these rows until the application is stopped. Only a M(tetech.key_rotation.django_reencrypt)
        with the result of this module continues the file; any other one begins it again.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rewrite
  - tetech.key_rotation.key_rotation.throttle
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.run
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Prepare the re-encryption
  tetech.key_rotation.django_prepare:
    project_dir: /srv/food_ordering
    destination: pending
    rotation_id: "2026-spring"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
preparation:
  description:
    - C(columns) is a census of the rows as they were when they were prepared, with counts by class, and the keyed
      digest of all plaintexts. C(seconds) is how long it took.
    - With O(state=prepared), C(row_digests) is whether the file O(row_digests) has every row.
    - With O(state=verified), C(last) has for each database the number of the last row that was verified.
    - With O(state=prepared), C(rows) is how many rows this run prepared, and C(excluded) says by table why its rows are
      not prepared. They are re-encrypted in the maintenance window.
  type: dict
  returned: success
control:
  description:
    - C(orders) has all that a person ordered the run (M(tetech.key_rotation.run_control)), and C(switch) the last order
      about the switch.
  type: dict
  returned: if there were orders
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_PREPARE_MODULE
from ..module_utils._tasks.prepare_values import prepare_values


def main() -> None:
    run(AnsibleModule(DJANGO_PREPARE_MODULE, supports_check_mode=True), prepare_values)


if __name__ == "__main__":
    main()
