#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rollback_strategy_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Choose how to roll back a rotation from its current state
description:
  - Chooses by what is found in the store, in every value and in the .env file of every host.
  - V(nothing) if nothing was written.
  - V(discard) if there is only a pending version in the store.
  - V(backwards) if values or .env files are under the new keys.
  - V(forwards) if the rotation is open and O(prefer=forwards).
  - V(repair) if no key decrypts some values and O(backup) has them.
  - V(restore) if the database is damaged.
  - V(settle) if there is nothing to roll back, but values or a host may be under other keys than the current ones.
  - Changes nothing, and runs only on the control node, as an action plugin.
options:
  census:
    description: The result of M(tetech.key_rotation.django_census_info) with C(report_only=true).
    type: dict
    required: true
  files:
    description:
      - For each host the stage that its .env file has, as M(tetech.key_rotation.key_version_info) returns it.
    type: dict
    required: true
  backup:
    description: The result of M(tetech.key_rotation.postgresql_restore_info).
    type: dict
    default: {}
  done:
    description: The strategies that this run has already taken.
    type: list
    elements: str
    default: []
  compromised:
    description:
      - Whether the rollback may make a version current again that is marked compromised. Otherwise it is refused
        (E_VERSION_COMPROMISED), unless the rotation failed in this very run.
    type: str
    choices: [refuse, accept]
    default: refuse
  prefer:
    description:
      - V(forwards) to complete an open rotation instead of rolling it back. V(repair) or V(restore) to request that
        strategy.
    type: str
    choices: ["", forwards, repair, restore]
    default: ""
  repair:
    description:
      - With O(prefer=repair), values to take from the backup, whatever they are now, each as C(table.column:key).
    type: list
    elements: str
    default: []
  rotation_id:
    description: The rotation to roll back. The default is the last one.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.store
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Choose how to roll back
  tetech.key_rotation.rollback_strategy_info:
    census: "{{ census }}"
    files: {app1: current, app2: pending}
  register: chosen
"""

RETURN = r"""
strategy:
  description: Name of the strategy.
  type: str
  returned: success
reason:
  description: The findings that led to this strategy.
  type: str
  returned: success
does:
  description: What the strategy does.
  type: str
  returned: success
rotation_id:
  description: The rotation that is rolled back.
  type: str
  returned: success
databases:
  description:
    - With the strategy V(restore), the aliases in C(DATABASES) that were found damaged. Empty if the restore was
      requested.
  type: list
  elements: str
  returned: success
was_online:
  description: Whether the rotation has written both keys to a host, as C(key_rotation_mode=online) does.
  type: bool
  returned: always
leaving:
  description:
    - With the strategy V(backwards), the stage whose keys a .env file is about to lose. Empty if no file has
      it.
  type: str
  returned: success
unopened:
  description: Whether the census counted values that no version decrypts.
  type: bool
  returned: success
seen:
  description: The census, and by host the key ID of its .env file, at the time when the strategy was chosen.
  type: dict
  returned: success
destination:
  description: The stage under which every value is to be at the end. Empty if no version was created.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROLLBACK_STRATEGY_INFO


def main() -> None:
    run(AnsibleModule(ROLLBACK_STRATEGY_INFO, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
