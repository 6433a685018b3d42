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
  project_dir:
    description: Folder of the Django project on the host, the one with C(manage.py).
    type: path
    required: true
  settings_module:
    description: The settings module. Without it, the one that C(manage.py) names.
    type: str
  direct:
    description:
      - Addresses of PostgreSQL itself for databases behind a connection pooler, by alias with V(host) and V(port).
    type: dict
    default: {}
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

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_SESSIONS


def wait(module: AnsibleModule) -> dict[str, Any]:
    """Wait until they are gone, and say who is left. Raises E_SESSIONS."""
    from ..module_utils._engine.application import django_project
    from ..module_utils._engine.postgres import sessions
    from ..module_utils._engine.postgres.connection import Database

    params = module.params
    django_project.start(params["project_dir"], params["settings_module"])
    django_project.let_go()
    with contextlib.ExitStack() as stack:
        databases = []
        for alias in django_project.aliases():
            try:
                database = Database(alias, "sessions", params["direct"].get(alias, {}))
            except RotationError as exc:  # one that is to be restored may be gone, or shut
                if (exc.code, params["left"]) != ("E_DB_CONNECT", "accept"):
                    raise
                continue
            databases.append(stack.enter_context(contextlib.closing(database)))
        patience = 0 if module.check_mode else params["timeout"]
        left = sessions.wait_until_gone(databases, params["allowed"], patience)
    if left and params["left"] == "refuse" and not module.check_mode:
        raise sessions.refused(left, patience)
    return {"changed": False, "sessions": left}


def main() -> None:
    run(AnsibleModule(APPLICATION_SESSIONS, supports_check_mode=True), wait)


if __name__ == "__main__":
    main()
