# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect the facts that the checklist needs from a host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .change_user_sessions import why_not_resigned
from .host_task import HostTask, ModuleResult, TaskParams, surveys_of
from .set_fallbacks import why_unread

if TYPE_CHECKING:
    from .._engine.postgres.connection import Database
    from .._engine.postgres.database_session_types import HeldSession
    from .._engine.request import Request
    from .._engine.rotation import Application


def collect_facts(task: HostTask) -> ModuleResult:
    """Collect everything at once. Raise the errors of opening the application."""
    from .._destinations import key_destinations, units_reading_key_files
    from .._engine import host_facts
    from .._engine.application import django_project
    from .._engine.open_application import open_application
    from .._engine.rewrite import column_triggers
    from .._options.engine_request import Purpose, request_of

    params = task.params
    request = request_of(params, Purpose("checklist"))
    with open_application(request, surveys_of(task)) as application:
        databases = [database for database, _ in application.databases]
        _try_queries(databases, params)
        schemes = sorted({target.scheme for target in application.targets})
        connected = _sessions(databases, params)
        django, read = _of_django(application, request, params)
        held = _held_in_caches(application)
        django_project.let_go()
        facts = {
            "databases": [host_facts.of_database(database) for database in databases],
            # twice: who connects for one request only is seen by the one look or the other
            "sessions": connected + _sessions(databases, params),
            **django,
            "speed": {**host_facts.speed(databases[0], application.keyring, schemes), "read": read},
            "unfenced": [
                why
                for database, survey in application.databases
                for why in column_triggers.obstacles(database, survey.targets)
            ],
            **_preparation(application, request, wanted=params["mode"] in ("auto", "prepared")),
            **held,
            "files": _files(application),
            "key_moves": key_destinations.moves(request.keys),
            "replaced_file": _replaced_file(params),
            "file_readers": units_reading_key_files.find(params["env_file"], params["keys"], params["dialect"]),
            "versions": django_project.versions(),
            "cores": os.cpu_count() or 1,
        }
    return {"changed": False, "facts": facts}


def _try_queries(databases: Sequence[Database], params: TaskParams) -> None:
    """Run the queries of the throttle once. Raise E_OPTION for one that fails, and E_CRITICAL_QUERY."""
    from .._engine.rewrite import work_control

    for database in databases:
        work_control.rehearse(database, params["throttle"] or {})


def _replaced_file(params: TaskParams) -> str | None:
    """Return the .env file if the next container does not have what is written to it. None for any other file."""
    from .._system import container_layer

    path: str | None = params["env_file"]
    return path if path and container_layer.is_replaced(path) else None


def _sessions(databases: Sequence[Database], params: TaskParams) -> list[HeldSession]:
    from .._engine.postgres import database_sessions
    from .._services import processes

    return processes.with_holders(database_sessions.list_sessions(databases, params["sessions_allowed"]))


def _of_django(application: Application, request: Request, params: TaskParams) -> tuple[ModuleResult, Any]:
    """Return what must be asked of Django before it closes the databases, and how fast the application reads a
    value."""
    from .._engine import host_facts
    from .._engine.proof import model_reading

    users = host_facts.secret_key_users(request.key_sets, application.settlements)
    read = model_reading.speed(application.read, host_facts.SAMPLE, params["application_ignore"])
    return {
        "migrations": host_facts.pending_migrations(database.alias for database, _ in application.databases),
        "secret_key": {
            **users,
            "not_kept": why_unread(params),
            "not_resigned": why_not_resigned(params, request.key_sets, users["keys"]),
        },
        "reads": model_reading.beforehand(application.read, application.keyring, params["application_ignore"]),
    }, read


def _held_in_caches(application: Application) -> ModuleResult:
    """Return the caches that outlive the processes, and what they and the sessions hold under the old keys."""
    from .._engine.application import lasting_caches
    from .._engine.discovery.elsewhere import cached_tokens

    held = [tokens for part in application.databases for tokens in cached_tokens.find(*part, application.keyring)]
    return {
        "caches": [cache.as_fact() for cache in lasting_caches.lasting()],
        "cached_tokens": {tokens.column: tokens.count for tokens in held if not tokens.sessions},
        "session_tokens": {tokens.column: tokens.count for tokens in held if tokens.sessions},
        "clear_sessions": lasting_caches.CLEAR_SESSIONS,
    }


def _preparation(application: Application, request: Request, *, wanted: bool) -> ModuleResult:
    """Return the tables that cannot be prepared, with the reasons, and the bytes that the prepared values need."""
    from .._engine import preparation
    from .._engine.crypto import schemes

    if not wanted:
        return {"unprepared": None, "prepared_bytes": 0}
    tried = schemes.tried(request.schemes, request.names)
    return {
        "unprepared": preparation.excluded(application, tried),
        "prepared_bytes": preparation.bytes_needed(application, tried),
    }


def _files(application: Application) -> list[Any]:
    from .._engine.discovery.elsewhere import stored_files

    return [
        stored_files.as_fact(stored_file, application.settlements)
        for part in application.databases
        for stored_file in stored_files.find(*part, application.keyring)
    ]
