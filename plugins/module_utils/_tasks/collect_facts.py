# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect what the checklist asks of a host."""

from __future__ import annotations

import os

from .host_task import HostTask, ModuleResult


def collect_facts(task: HostTask) -> ModuleResult:
    """Everything at once. Raises what opening the application raises."""
    from .._engine import host_facts, preparation, rotation
    from .._engine.application import django_project, lasting_caches
    from .._engine.crypto import schemes as known_schemes
    from .._engine.discovery import cached_tokens, stored_files
    from .._engine.postgres import sessions
    from .._engine.proof import model_reading
    from .._engine.rewrite import fence
    from .._options.engine_request import Purpose, request_of
    from .._services import processes

    params = task.params
    request = request_of(params, Purpose("checklist"))
    with rotation.open_application(request) as application:
        databases = [database for database, _ in application.parts]
        schemes = sorted({target.scheme for target in application.targets})
        connected = processes.with_holders(sessions.list_sessions(databases, params["sessions_allowed"]))
        read = model_reading.speed(application.read, host_facts.SAMPLE, params["left_out"])
        migrations = host_facts.pending_migrations(database.alias for database in databases)
        users = host_facts.secret_key_users(request.key_sets["current"])
        reads = model_reading.beforehand(application.read, application.keyring, params["left_out"])
        held = [each for part in application.parts for each in cached_tokens.find(*part, application.keyring)]
        django_project.let_go()
        found = {
            "databases": [host_facts.of_database(database) for database in databases],
            # twice: who connects for one request only is seen by the one look or the other
            "sessions": connected
            + processes.with_holders(sessions.list_sessions(databases, params["sessions_allowed"])),
            "migrations": migrations,
            "speed": {**host_facts.speed(databases[0], application.keyring, schemes), "read": read},
            "secret_key": users,
            "unfenced": [
                why for database, survey in application.parts for why in fence.obstacles(database, survey.found)
            ],
            "unprepared": preparation.excluded(application, known_schemes.tried(request.schemes, request.names))
            if params["mode"] == "prepared"
            else None,
            "prepared_bytes": preparation.bytes_needed(application, known_schemes.tried(request.schemes, request.names))
            if params["mode"] == "prepared"
            else 0,
            "reads": reads,
            "caches": [cache.as_fact() for cache in lasting_caches.lasting()],
            "cached_tokens": {each.column: each.count for each in held if not each.sessions},
            "session_tokens": {each.column: each.count for each in held if each.sessions},
            "clear_sessions": lasting_caches.CLEAR_SESSIONS,
            "files": [
                stored_files.as_fact(each, application.settlements)
                for part in application.parts
                for each in stored_files.find(*part, application.keyring)
            ],
            "versions": django_project.versions(),
            "cores": os.cpu_count() or 1,
        }
    return {"changed": False, "facts": found}
