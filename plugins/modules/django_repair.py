#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_repair
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Replace values that no key decrypts with values from a backup
description:
  - Finds each value that no version in the store decrypts. If there is one, the module restores a copy of a backup of
    M(tetech.key_rotation.postgresql_backup) where the backup was proved, and drops the copy at the end.
  - A value is replaced by compare-and-set if the backup has a row with the same primary key, the rest of the row is
    unchanged, and the value in the backup can be decrypted. All other values are left unchanged, and reported.
  - Overwritten values are kept in a file next to the backup. A value that is not a token is never overwritten.
  - Run M(tetech.key_rotation.django_reencrypt) afterwards, because the values in the backup may be under earlier keys.
options:
  backup:
    description: The rotation to which the backup belongs.
    type: str
    required: true
  named:
    description:
      - Values to take from the backup even if they can be decrypted now or are empty, each as C(table.column:key). The
        other columns of their rows may have changed since the backup.
    type: list
    elements: str
    default: []
  backup_dir:
    description: Folder of the backups on the host.
    type: path
    required: true
  run:
    description: The run. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Repair values that last night's bug damaged
  tetech.key_rotation.django_repair:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    backup: "2026-spring"
    backup_dir: /var/backups/food_ordering
    rotation_id: "2026-spring"
"""

RETURN = r"""
repaired:
  description: How many values were repaired, by column.
  type: dict
  returned: success
left:
  description: Each value that was not repaired, with the reason.
  type: list
  elements: dict
  returned: success
kept:
  description: The file with the overwritten values.
  type: str
  returned: success
"""

import base64
import contextlib
import functools
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.restore import BackupNotFound, RestoreEngine
from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_REPAIR_MODULE


def repair(module: AnsibleModule) -> dict[str, Any]:
    """For each database with such values: a copy of its backup, the values, the copy dropped."""
    from ..module_utils._engine import repair as work
    from ..module_utils._engine import rotation
    from ..module_utils._options.engine_request import request_of

    params = module.params
    repaired: Counter[str] = Counter()
    left: list[dict[str, str]] = []
    found: set[str] = set()
    kept = _Kept(os.path.join(params["backup_dir"], f"{params['rotation_id']}.replaced.jsonl"))
    with rotation.opened(request_of(params, params["rotation_id"], run=params["run"])) as application:
        for database, survey in application.parts:
            if module.check_mode:
                if work.needed(database, survey.found, application.keyring, application.leave_alone, params["named"]):
                    one, described = _backup(params, database.alias)
                    one.refuse_unopened(described, params["identity"])
                continue
            with contextlib.ExitStack() as stack:
                copied = functools.cache(functools.partial(_copied, stack, params, database))
                spared, named = application.leave_alone, params["named"]
                done = work.repair(database, copied, survey.found, application.keyring, kept.keep, spared, named)
            repaired.update(done.values)
            found |= done.named
            left += [one._asdict() for one in done.left]
    missing = sorted(set(params["named"]) - found) if not module.check_mode else []
    left += [{"value": value, "reason": "there is no such row and encrypted column"} for value in missing]
    changed = bool(repaired) or module.check_mode
    return {"changed": changed, "repaired": dict(repaired), "left": left, "kept": kept.path if repaired else ""}


def _backup(params: Mapping[str, Any], alias: str) -> tuple[Any, dict[str, Any]]:
    """The backup of a database, and its manifest. Raises E_BACKUP_NONE, E_RESTORE_ENGINE."""
    from ..module_utils._backup import dump

    one = dump.Backup(params["backup_dir"], params["backup"], alias)
    if (described := one.read()) is None:
        raise BackupNotFound(manifest=one.manifest, known="none of this database")
    if described["engine"] != "pg_dump":
        raise RestoreEngine(manifest=one.manifest, engine=described["engine"])
    return one, described


def _copied(stack: contextlib.ExitStack, params: Mapping[str, Any], database: Any) -> Any:
    """The copy of the backup, where proofs are made; by the ``admin``, if one is named."""
    from ..module_utils._backup import pg_client, restore_proof
    from ..module_utils._engine.postgres.connection import Database

    one, described = _backup(params, database.alias)
    admin = {name: value for name, value in (params["admin"] or {}).items() if value and name != "dbname"}
    if admin:
        direct = {**params["direct"].get(database.alias, {}), **admin}
        database = stack.enter_context(contextlib.closing(Database(database.alias, "repair", direct)))
    tools = pg_client.find_tools(params["pg_bindir"], database.server_major())
    identity = params["identity"]
    return stack.enter_context(restore_proof.restored(one, described, database, tools, identity=identity))[0]


class _Kept:
    """Values that are overwritten, as they were, one line of JSON each; durable before the write."""

    def __init__(self, path: str) -> None:
        self.path = path

    def keep(self, replaced: Sequence[Any]) -> None:
        """Raises OSError."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            for one in replaced:
                raw = one.token.encode("utf-8") if isinstance(one.token, str) else bytes(one.token or b"")
                handle.write(json.dumps({"value": one.value, "base64": base64.b64encode(raw).decode()}) + "\n")
            handle.flush()
            os.fsync(handle.fileno())


def main() -> None:
    run(AnsibleModule(DJANGO_REPAIR_MODULE, supports_check_mode=True), repair)


if __name__ == "__main__":
    main()
