#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_lease
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Acquire and release the database lease
description:
  - Writes the holder of the lease (who, where and since when) to the table C(tetech_key_rotation_lease) of each
    database, and removes it again.
  - While a run holds the lease, every other run is refused, regardless of its control node and key store.
  - If a run dies, the next run on the same control node takes over its lease.
  - In check mode the module reports only whether the lease could be acquired.
  - The write fence of M(tetech.key_rotation.django_reencrypt) can exist only while the lease is held, and is removed
    with it.
options:
  state:
    description:
      - V(taken) acquires the lease, V(returned) releases it.
      - V(opened) removes the write fence that a killed run left behind, and leaves the lease unchanged.
      - V(unfenced) changes nothing. It fails if there is a write fence (E_FENCED).
    type: str
    required: true
    choices: [taken, returned, opened, unfenced]
  half:
    description: Whether V(opened) may let the application write while its values are under several versions.
    type: str
    choices: [refuse, accept]
    default: refuse
  project_dir:
    description: Folder of the Django project on the host, the one with C(manage.py).
    type: path
    required: true
  settings_module:
    description: The settings module. Without it, the one that C(manage.py) names.
    type: str
  direct:
    description:
      - Addresses of PostgreSQL itself for databases behind a connection pooler, by alias with C(host) and C(port).
    type: dict
    default: {}
  holder:
    description: The run. Set by the action plugin. Not for playbooks.
    type: dict
  over:
    description: A dead run that holds the lease. Set by the action plugin. Not for playbooks.
    type: dict
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Acquire the database lease
  tetech.key_rotation.database_lease:
    state: taken
    project_dir: /srv/food_ordering
    rotation_id: "2026-spring"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
held:
  description: The other run that holds the lease of a database. The action plugin determines whether it is dead.
  type: dict
  returned: when there is one
fenced:
  description: With O(state=taken), whether the write fence of a killed run still exists.
  type: bool
  returned: success
undropped:
  description:
    - Tables whose triggers could not be dropped, because a long transaction reads them. These triggers refuse nothing.
  type: list
  elements: str
  returned: with O(state=returned) or O(state=opened)
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.database import DatabaseFenced
from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DATABASE_LEASE_MODULE

FENCE_TRIES = 5  # to drop its triggers, once they refuse nothing any more


def change(module: AnsibleModule) -> dict[str, Any]:
    """Take the lease of every database, or of none; or give back what is held; or only see to the fence."""
    from ..module_utils._engine.application import django_project
    from ..module_utils._engine.postgres import lease
    from ..module_utils._engine.postgres.connection import Database
    from ..module_utils._engine.rewrite import fence

    params = module.params
    mine, over = params["holder"], params["over"]
    django_project.start(params["project_dir"], params["settings_module"])
    with contextlib.ExitStack() as stack:
        databases = []
        for alias in django_project.aliases():
            database = Database(alias, params["rotation_id"], params["direct"].get(alias, {}))
            databases.append(stack.enter_context(contextlib.closing(database)))
        databases = [database for database in databases if not database.is_replica()]
        if params["state"] == "returned":
            ended = [database for database in databases if lease.is_held_by(database, mine)]
            undropped = [table for database in ended for table in fence.take_down(database, FENCE_TRIES)]
            for database in ended:
                lease.give_back(database, mine)
            return {"changed": bool(ended), "undropped": undropped}
        if params["state"] == "unfenced":
            return _unfenced(databases)
        if params["state"] == "opened":
            return _opened(databases, mine, over, dry=module.check_mode)
        for database in databases:
            take = lease.look if module.check_mode else lease.take
            held = take(database, mine, over)
            if held:
                for other in databases if not module.check_mode else ():
                    lease.give_back(other, mine)
                return {"changed": False, "held": {**held, "alias": database.alias}}
        fenced = any(fence.refusing(database) for database in databases)
    return {"changed": not module.check_mode, "fenced": fenced}


def _unfenced(databases: Sequence[Any]) -> dict[str, Any]:
    """Raise E_FENCED if a database refuses what others write."""
    from ..module_utils._engine.rewrite import fence

    for database in databases:
        if there := fence.refusing(database):
            raise DatabaseFenced(alias=database.alias, rotation_id=there.rotation_id, since=there.since)
    return {"changed": False}


def _opened(databases: Sequence[Any], mine: Any, over: Any, *, dry: bool) -> dict[str, Any]:
    """Let everybody write again, unless a run that may be alive holds the lease."""
    from ..module_utils._engine.postgres import lease
    from ..module_utils._engine.rewrite import fence

    fenced = [database for database in databases if fence.standing(database)]
    for database in fenced:
        if held := lease.look(database, mine, over):
            return {"changed": False, "held": {**held, "alias": database.alias}}
    undropped = [table for database in fenced if not dry for table in fence.take_down(database, FENCE_TRIES)]
    return {"changed": bool(fenced), "undropped": undropped}


def main() -> None:
    run(AnsibleModule(DATABASE_LEASE_MODULE, supports_check_mode=True), change)


if __name__ == "__main__":
    main()
