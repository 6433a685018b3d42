#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_sessions
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Wait until the application has closed its database sessions
description:
  - Waits until the application's role has no session on any of the application's databases. Reads C(pg_stat_activity)
    through the application's own connection, and ignores the sessions of this collection.
  - Fails and lists the remaining sessions. A client that is connected as the application may also hold its keys.
  - In check mode the module lists the sessions without waiting.
options:
  allowed:
    description: C(application_name) of sessions that hold no key, such as those of a metrics exporter.
    type: list
    elements: str
    default: []
  left:
    description:
      - What to do if sessions remain after the timeout.
      - V(accept) is for a rollback, which must not depend on them. The sessions are still listed. A database that
        accepts no connection is skipped, because it may have to be restored.
    type: str
    choices: [refuse, accept]
    default: refuse
  timeout:
    description: Maximum number of seconds to wait.
    type: int
    default: 60
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Wait until the application has closed its sessions
  tetech.key_rotation.application_sessions:
    project_dir: /srv/food_ordering
    rotation_id: "{{ record_opened.rotation_id }}"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
sessions:
  description:
    - Each session that remains, or in check mode each session, with its database V(alias), V(pid), V(user), client
      V(address) and V(port), V(application_name), V(since) and V(state).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_SESSIONS
from ..module_utils._tasks.wait_for_database_sessions import wait_for_database_sessions


def main() -> None:
    run(AnsibleModule(APPLICATION_SESSIONS, supports_check_mode=True), wait_for_database_sessions)


if __name__ == "__main__":
    main()
