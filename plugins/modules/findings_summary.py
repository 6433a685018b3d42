#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: findings_summary
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Name the findings of several checks together
description:
  - Shows what failed of several checks, with the command to type next.
  - Fails if anything did. If one check alone failed, it fails with the error of that check.
  - Runs only on the control node, as an action plugin.
options:
  looks:
    description:
      - Results of M(tetech.key_rotation.host_tasks), whose C(outcomes) are the results of the checks by module.
    type: list
    elements: dict
    required: true
  playbook:
    description: The playbook that runs the checks again.
    type: str
    required: true
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.read_only
"""

EXAMPLES = r"""
- name: Name all findings
  tetech.key_rotation.findings_summary:
    looks: ["{{ looked }}"]
    playbook: verify
  run_once: true
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import FINDINGS_SUMMARY


def main() -> None:
    run(AnsibleModule(FINDINGS_SUMMARY, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
