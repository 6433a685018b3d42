# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the users' sessions again under the new SECRET_KEY, or delete them."""

from __future__ import annotations

import contextlib
from typing import Any

from .._errors.application import SessionsKept, SigningKeyUnknown
from .host_task import HostTask, ModuleResult, TaskParams


def change_logins(task: HostTask) -> ModuleResult:
    """What became of the sessions in the database. A dry run only refuses."""
    from .._engine.application import django_project, stored_sessions
    from .._engine.crypto.key_set import signing_name
    from .._options.application_start import start_application

    params, drops = task.params, task.params["state"] == "dropped"
    start_application(params)
    try:
        why = "" if drops else stored_sessions.why_not_resigned()
        if why:
            raise SessionsKept(why=why)
        alias = stored_sessions.database_alias()
        keys = stored_sessions.signing_keys(**params["key_sets"])
        if keys is None and not drops and signing_name(params["key_sets"]["old"]):
            raise SigningKeyUnknown()
        if task.check_mode or alias is None or keys is None:
            return {"changed": False, "logins": {}}
        with _locked(alias, params) as database:
            counts = {"dropped": stored_sessions.drop()} if drops else stored_sessions.resign(database, keys)
    finally:
        django_project.let_go()
    changed = bool(counts.get("dropped") or counts.get(stored_sessions.RESIGNED))
    return {"changed": changed, "logins": {name: count for name, count in counts.items() if count}}


@contextlib.contextmanager
def _locked(alias: str, params: TaskParams) -> Any:
    """A connection of the run that holds the lease. Raises E_LOCKED or E_LEASED."""
    from .._engine.postgres import lease
    from .._engine.postgres.connection import Database

    with contextlib.closing(Database(alias, params["rotation_id"], params["direct"].get(alias, {}))) as database:
        database.lock(params["run"], params["step"])
        lease.refuse_other(database, params["run"])
        yield database
