#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_log_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Count failed decryptions in the logs since a point in time
description:
  - Reads the same logs, with the same patterns, as M(tetech.key_rotation.monitoring_probe). It does not change the
    positions that M(tetech.key_rotation.monitoring_probe) remembers.
  - Returns counts, never the text of a line. Writes nothing.
options:
  since:
    description:
      - The RV(begun) that an earlier call returned. What was logged after it is counted.
      - Without it, the module returns the present position in each log.
    type: dict
  log_files:
    description:
      - Log files of the application, or globs. A file that did not exist at the earlier call is counted from its start.
      - Without it, O(usual_log_files) is read.
    type: list
    elements: str
  errors:
    description: Whether counted lines, and logs that cannot be read, are an error or a warning.
    type: str
    choices: [refuse, warn]
    default: warn
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.read_only
  - tetech.key_rotation.key_rotation.logs
  - tetech.key_rotation.key_rotation.rotation
"""

EXAMPLES = r"""
- name: Remember the position in the logs
  tetech.key_rotation.application_log_info:
    log_files: [/srv/food_ordering/logs/*.log]
    rotation_id: "{{ record_opened.rotation_id }}"
  register: first

- name: Check that no failed decryption was logged
  tetech.key_rotation.application_log_info:
    since: "{{ first.begun }}"
    errors: refuse
    log_files: [/srv/food_ordering/logs/*.log]
    rotation_id: "{{ record_opened.rotation_id }}"
"""

RETURN = r"""
begun:
  description: The position in each log.
  type: dict
  returned: without O(since)
logs:
  description:
    - The counts of C(errors) by source if there are any, the C(problems) in reading logs, and C(notes).
  type: dict
  returned: with O(since)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_LOG_INFO
from ..module_utils._tasks.compare_logs import compare_logs


def main() -> None:
    run(AnsibleModule(APPLICATION_LOG_INFO, supports_check_mode=True), compare_logs, needs=())


if __name__ == "__main__":
    main()
