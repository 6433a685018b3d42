#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_lease_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Report what a killed run left in the databases
description:
  - While a run holds the lease of M(tetech.key_rotation.database_lease), a write fence can refuse what other sessions
    write to encrypted columns, and a table can have what M(tetech.key_rotation.django_prepare) prepared. A run that is
    killed leaves both behind.
options:
  fence:
    description:
      - With V(refuse), fail if there is a write fence (E_FENCED) or such a table (E_PREPARED_LEFT, or E_PREPARING if
        the run that prepares is alive).
    type: str
    choices: [refuse, accept]
    default: accept
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.read_only
  - tetech.key_rotation.key_rotation.application
"""

EXAMPLES = r"""
- name: Check that no write fence is left
  tetech.key_rotation.database_lease_info:
    fence: refuse
    project_dir: /srv/food_ordering
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
fenced:
  description: Whether a database refuses what other sessions write.
  type: bool
  returned: success
prepared:
  description: Whether a database has a table of prepared values.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DATABASE_LEASE_INFO
from ..module_utils._tasks.find_fence import find_fence


def main() -> None:
    run(AnsibleModule(DATABASE_LEASE_INFO, supports_check_mode=True), find_fence)


if __name__ == "__main__":
    main()
