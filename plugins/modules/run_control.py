#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: run_control
author: Tetech (@tetech)
version_added: 1.0.0
short_description: Pause, slow down, speed up, or end a run that is at work
description:
  - Gives an order to the rotation or rollback that holds the lease of M(tetech.key_rotation.database_lease), from any
    control node that can reach the application. The order is written to the lease, so every process of the run on every
    host obeys it after its current batch.
  - An order ends with the run. What was ordered of a run that was killed does not bind the next one.
  - Fails with E_NOTHING_AT_WORK if no run is at work.
options:
  order:
    description:
      - V(pause) lets every process wait after its batch, until V(resume).
      - V(workers=N) lets at most N processes work at once on a database, on all hosts together. It starts no more than
        were there.
      - V(batch_seconds=S) is the maximum number of seconds for a batch from now on.
      - V(postpone) lets the run wait for a person before it stops the application, or in the mode online before the
        hosts lose the previous keys. V(switch) ends this wait, or allows the switch in advance.
      - V(abort) ends a rotation that prepares, re-encrypts or waits. It is rolled back if it has changed anything. A
        rollback is not aborted.
    type: str
    required: true
  by:
    description: Who gives the order. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Let the re-encryption wait
  tetech.key_rotation.run_control:
    order: pause
    project_dir: /srv/food_ordering
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
order:
  description: The order as it was given.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import RUN_CONTROL_MODULE
from ..module_utils._tasks.control_run import control_run


def main() -> None:
    run(AnsibleModule(RUN_CONTROL_MODULE, supports_check_mode=True), control_run)


if __name__ == "__main__":
    main()
