#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_window_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check that the maintenance window is long enough for what is left of a rotation
description:
  - Evaluates one item of M(tetech.key_rotation.rotation_checklist) again, directly before the application is stopped.
    The backup is complete by then, and only the remaining steps count.
  - Fails if the window is closed or too short, unless O(accept) has V(window). In check mode it only shows the item.
  - The record calls it C(rotation_checklist) with the state C(still_open).
  - Changes nothing, and runs only on the control node, as an action plugin, once for all hosts.
options:
  environment:
    description: In V(production), a missing window is a warning.
  accept:
    description: With V(window), the rotation continues in any case.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.environment
  - tetech.key_rotation.key_rotation.estimate
  - tetech.key_rotation.key_rotation.mode
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Check that the remaining work still fits
  tetech.key_rotation.maintenance_window_info:
    window: {start: "2026-12-01T22:00:00+01:00", end: "2026-12-02T02:00:00+01:00"}
    rotation_id: "{{ record_opened.rotation_id }}"
  run_once: true
"""

RETURN = r"""
status:
  description: V(ok), V(warn), V(skip) or V(stop), as in M(tetech.key_rotation.rotation_checklist).
  type: str
  returned: success
seen:
  description: How much time is left, and how long the remaining steps take.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import MAINTENANCE_WINDOW_INFO


def main() -> None:
    run(AnsibleModule(MAINTENANCE_WINDOW_INFO, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
