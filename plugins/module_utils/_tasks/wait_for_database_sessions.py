# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until no session of the application is left."""

from __future__ import annotations

import contextlib

from .._errors.database import DatabaseConnectFailed
from .host_task import HostTask, ModuleResult


def wait_for_database_sessions(task: HostTask) -> ModuleResult:
    """Wait until the sessions have closed, and report those that are left. Raise E_SESSIONS."""
    from .._engine.application import django_project
    from .._engine.postgres import database_sessions
    from .._engine.postgres.connection import Database
    from .._options.application_start import start_application

    params = task.params
    start_application(params)
    django_project.let_go()
    with contextlib.ExitStack() as stack:
        databases = []
        for alias in django_project.aliases():
            try:
                database = Database(alias, "sessions", params["direct"].get(alias, {}))
            except DatabaseConnectFailed:  # one that is to be restored may be gone, or shut
                if params["left"] != "accept":
                    raise
                continue
            databases.append(stack.enter_context(contextlib.closing(database)))
        patience = 0 if task.check_mode else params["timeout"]
        left = database_sessions.wait_until_gone(databases, params["allowed"], patience)
    if left and params["left"] == "refuse" and not task.check_mode:
        raise database_sessions.build_sessions_error(left, patience)
    return {"changed": False, "sessions": left}
