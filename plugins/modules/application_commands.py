#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_commands
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Run an operator's commands and check their exit codes
description:
  - Runs each command in the project folder, in order. Fails at the first command whose exit code is not 0.
  - The output of the commands is neither shown nor kept, because it may contain a value.
  - In check mode no command is run. The module checks only that the program of each command exists.
options:
  commands:
    description: The commands, each a list of words. They run without a shell.
    type: list
    elements: list
    required: true
  project_dir:
    description: Folder of the Django project on the host. Without one, the commands run in C(/).
    type: path
    default: ""
  timeout:
    description:
      - Maximum number of seconds for each command. After that, the command and all processes of its session are killed.
    type: int
    default: 600
  purpose:
    description: What the commands are for, as written to the record.
    type: str
    default: verification
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Read an order through the application
  tetech.key_rotation.application_commands:
    commands:
      - [.venv/bin/python, manage.py, read_an_order, "4711"]
    project_dir: /srv/food_ordering
    rotation_id: "{{ record_opened.rotation_id }}"
"""

RETURN = r"""
commands:
  description: Each command with its C(program), exit code (C(rc)) and duration (C(seconds)).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_COMMANDS
from ..module_utils._tasks.run_commands import run_commands


def main() -> None:
    run(AnsibleModule(APPLICATION_COMMANDS, supports_check_mode=True), run_commands)


if __name__ == "__main__":
    main()
