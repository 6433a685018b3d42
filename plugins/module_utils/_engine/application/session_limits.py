# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Django's own sessions without the time limits that a server, a database or a role has for others, and with our name.

They read whole tables, and idle while our own connection works. By a name that the application gives to its sessions
they would be those of somebody who is still connected.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ..postgres.connection import APPLICATION_NAME, UNLIMITED, array

_LIFT = "SELECT set_config(name, '0', %s) FROM pg_settings WHERE name = ANY(%s::text[])"
OUR_NAME = f"{APPLICATION_NAME}application"
_CALL = "SELECT set_config('application_name', %s, false) WHERE true"
# A pooler makes up the process ID that it reports, and would lend the session to others.
_IF_DIRECT = " AND pg_backend_pid() = %s"


def lift_in_transaction(cursor: Any) -> None:
    """Lift the limits for the current transaction, which may be that of a pooler."""
    cursor.execute(_LIFT, [True, array(UNLIMITED)])


def lift_in_sessions() -> None:
    """Lift the limits in each session that Django opens from now on, and name it, unless it is that of a pooler."""
    from django.db.backends.signals import connection_created

    connection_created.connect(_lift, weak=False)


def _lift(connection: Any, **_: Any) -> None:
    if connection.vendor != "postgresql":
        return
    raw = connection.connection
    # A server of another kind that speaks the same protocol may have no such settings.
    with contextlib.suppress(connection.Database.Error), raw.cursor() as cursor:
        cursor.execute(_LIFT + _IF_DIRECT, [False, array(UNLIMITED), raw.info.backend_pid])
        cursor.execute(_CALL + _IF_DIRECT, [OUR_NAME, raw.info.backend_pid])
