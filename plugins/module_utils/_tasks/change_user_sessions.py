# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the users' sessions again under the new SECRET_KEY, or end them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from .._errors.application import SessionsKept, SigningKeyUnknown
from .._errors.base import RotationError
from .host_task import HostTask, ModuleResult, TaskParams


def change_user_sessions(task: HostTask) -> ModuleResult:
    """Change the sessions in the database, and return the result. A dry run only refuses."""
    from .._engine.application import django_project, user_sessions
    from .._engine.crypto.key_set import signing_name
    from .._engine.postgres import lease
    from .._engine.postgres.connection import Database
    from .._options.application_start import start_application

    params, drops = task.params, task.params["state"] == "dropped"
    start_application(params)
    try:
        why = "" if drops else user_sessions.why_not_in_rows()
        if why:
            raise SessionsKept(why=why)
        alias = user_sessions.database_alias()
        keys = user_sessions.signing_keys(**params["key_sets"])
        if not keys and signing_name(params["key_sets"]["old"]):
            raise SigningKeyUnknown()
        if task.check_mode or alias is None or not keys:
            return {"changed": False, "logins": {}}
        with contextlib.closing(Database(alias, params["rotation_id"], params["direct"].get(alias, {}))) as database:
            lease.lock_for_run(database, params["run"], params["step"])
            change = user_sessions.drop(database, keys[0].new) if drops else user_sessions.resign(database, keys)
    finally:
        django_project.let_go()
    counts = +change
    changed = bool(counts[user_sessions.DROPPED] or counts[user_sessions.RESIGNED])
    return {"changed": changed, "logins": dict(counts)}


def why_not_resigned(params: TaskParams, key_sets: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> str:
    """Return why the sessions of the application cannot be signed again; empty if they can.

    ``names`` are the keys of which the application makes SECRET_KEY. ``key_sets`` has their values of every stage,
    since a resumed run may already have passed the switch.
    """
    from .._engine.application import user_sessions
    from .._engine.postgres.connection import Database

    why, alias = user_sessions.why_not_in_rows(), user_sessions.database_alias()
    if why or alias is None or not names:
        return why
    values = [keys[name] for keys in key_sets.values() for name in names if name in keys]
    known = dict.fromkeys(key for value in values for key in user_sessions.spellings(value))
    try:
        with contextlib.closing(Database(alias, "checklist", params["direct"].get(alias, {}))) as database:
            user_sessions.refuse_unopened(database, known)
    except SessionsKept as kept:
        return kept.why
    except RotationError as exc:
        return exc.what
    except Exception as exc:  # noqa: BLE001 (whatever the application's own model of users raises)
        return f"reading them failed with {type(exc).__name__}"
    return ""
