#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: run_control_info
author: Tetech (@tetech)
version_added: 1.0.0
short_description: Report which run is at work, and what it was ordered, or wait for an order
description:
  - Reads the lease of M(tetech.key_rotation.database_lease) with the orders of M(tetech.key_rotation.run_control).
options:
  wait_for:
    description:
      - With V(switch), wait until a person orders the switch. Fails with E_ABORTED if a person orders to abort instead.
      - With V(postponed), do this only if a person has ordered to postpone the switch.
    type: str
    choices: [nothing, postponed, switch]
    default: nothing
  metrics_file:
    description: The file with the progress of the run, as of M(tetech.key_rotation.django_reencrypt).
    type: path
  rotation_id:
    description: The rotation whose record shows the wait.
    type: str
  record_dir:
    description: Folder of the records on the control node, as of M(tetech.key_rotation.rotation_record).
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.read_only
  - tetech.key_rotation.key_rotation.application
"""

EXAMPLES = r"""
- name: Report which run is at work
  tetech.key_rotation.run_control_info:
    project_dir: /srv/food_ordering
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
run:
  description: The run that holds the lease of a database, with its rotation, its user and host, and since when.
  type: dict
  returned: if there is one
control:
  description:
    - C(orders) has all that a person ordered the run, with who and when, and C(switch) the last order about the switch.
  type: dict
  returned: success
waits_since:
  description: Since when the run waits for the order to switch. Empty if it does not.
  type: str
  returned: success
connections:
  description: Number of connections of the run to the databases.
  type: int
  returned: success
progress:
  description: The progress of the re-encryption, from O(metrics_file).
  type: dict
  returned: if it is known
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import RUN_CONTROL_INFO
from ..module_utils._tasks.watch_run import watch_run


def main() -> None:
    run(AnsibleModule(RUN_CONTROL_INFO, supports_check_mode=True), watch_run)


if __name__ == "__main__":
    main()
