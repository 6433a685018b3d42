# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Django's own sessions without the time limits that a server, a database or a role has for others, and with our name.

They read whole tables, and idle while our own connection works. By a name that the application gives to its sessions
they would be those of somebody who is still connected.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from ..postgres.connection import DJANGO_SESSION, UNLIMITED, array

_SET = (
    "SELECT set_config(name, value, %s) FROM unnest(%s::text[], %s::text[]) AS asked (name, value)"
    " JOIN pg_settings USING (name)"  # those that the server has
)
_LIMITS = dict.fromkeys(UNLIMITED, "0")
_OF_OURS = {**_LIMITS, "application_name": DJANGO_SESSION}
# A pooler makes up the process ID that it reports, and would lend the session to others.
_IF_DIRECT = " WHERE pg_backend_pid() = %s"


def lift_in_transaction(cursor: Any) -> None:
    """Lift the limits for the current transaction, which may be that of a pooler."""
    cursor.execute(_SET, [True, *_lists(_LIMITS)])


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
        cursor.execute(_SET + _IF_DIRECT, [False, *_lists(_OF_OURS), raw.info.backend_pid])


def _lists(settings: Mapping[str, str]) -> tuple[str, str]:
    return array([*settings]), array([*settings.values()])
