#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_summary
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Summarize the monitoring results of all hosts
description:
  - Shows the hosts of the play in one table, including hosts that could not be reached or checked.
  - Fails for each host with findings. They name tables and primary keys, never values, and what to type.
  - Runs only on the control node, as an action plugin, after the role monitoring has checked each host.
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Show all hosts in one table
  tetech.key_rotation.monitoring_summary:
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.monitoring_options import MONITORING_SUMMARY


def main() -> None:
    run(AnsibleModule(MONITORING_SUMMARY, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
