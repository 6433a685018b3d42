#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: checklist_facts
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Collect facts about an application host for the preflight checklist
description:
  - Collects what M(tetech.key_rotation.rotation_checklist) checks, through the application's own connection, its
    settings and proc(5).
  - Writes nothing except a temporary table, in a transaction that is rolled back.
options:
  sessions_allowed:
    description: C(application_name) of database sessions of the application's role that hold no key.
    type: list
    elements: str
    default: []
  left_out:
    description: Fields and properties that are not read, as for M(tetech.key_rotation.application_reading).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Collect facts about the host
  tetech.key_rotation.checklist_facts:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
facts:
  description:
    - The host's C(clock) when the module C(began) and C(ended), the C(versions), the C(databases), pending
      C(migrations), the C(speed), and what uses C(secret_key).
    - The C(sessions) of the application's role, each with the C(process) of this host that holds it if it can be
      determined.
    - Each reason why no write fence is possible (C(unfenced)).
    - From a reading of some rows by the application itself, the round trips that are C(broken), and names in
      O(left_out) that are C(unknown), each with similar names.
  type: dict
  returned: success
"""

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import CHECKLIST_FACTS_MODULE


def look(module: AnsibleModule) -> dict[str, Any]:
    """Everything at once. Raises what opening the application raises."""
    from ..module_utils._engine import host_facts, rotation
    from ..module_utils._engine.application import django_project
    from ..module_utils._engine.postgres import sessions
    from ..module_utils._engine.postgres.connection import APPLICATION_NAME
    from ..module_utils._engine.proof import model_reading
    from ..module_utils._engine.rewrite import fence
    from ..module_utils._options.engine_request import request_of
    from ..module_utils._services import processes

    # other hosts look at the same time, and no session of this process, Django's either, is to be a stranger to them
    os.environ["PGAPPNAME"] = f"{APPLICATION_NAME}checklist"
    params = module.params
    began = time.time()
    request = request_of(params, "checklist")
    with rotation.opened(request) as application:
        databases = [database for database, _ in application.parts]
        schemes = sorted({target.scheme for target in application.targets})
        connected = processes.with_holders(sessions.listed(databases, params["sessions_allowed"]))
        read = model_reading.speed(application.targets, host_facts.SAMPLE, params["left_out"])
        migrations = host_facts.pending_migrations(database.alias for database in databases)
        users = host_facts.secret_key_users(request.key_sets["current"])
        reads = model_reading.beforehand(application.targets, application.keyring, params["left_out"])
        django_project.let_go()
        found = {
            "databases": [host_facts.of_database(database) for database in databases],
            # twice: who connects for one request only is seen by the one look or the other
            "sessions": connected + processes.with_holders(sessions.listed(databases, params["sessions_allowed"])),
            "migrations": migrations,
            "speed": {**host_facts.speed(databases[0], application.keyring, schemes), "read": read},
            "secret_key": users,
            "unfenced": [
                why for database, survey in application.parts for why in fence.obstacles(database, survey.found)
            ],
            "reads": reads,
            "versions": django_project.versions(),
            "cores": os.cpu_count() or 1,
        }
    found["clock"] = {"began": began, "ended": time.time()}
    return {"changed": False, "facts": found}


def main() -> None:
    run(AnsibleModule(CHECKLIST_FACTS_MODULE, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
