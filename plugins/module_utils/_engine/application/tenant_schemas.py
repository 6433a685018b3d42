# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemas of tenants: a table with the name of a model's table belongs to that model in each of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

_SET = "SELECT set_config('search_path', %s, true)"


@contextlib.contextmanager
def use_schema(connection: Any, schema: str) -> Iterator[None]:
    """Have Django find the tables of a schema first, within a transaction. Without a schema, as it does outside of a
    request.

    The connections of django-tenants and django-tenant-schemas set the path for each cursor, by the schema that they
    were given.
    """
    if not schema:
        yield
    elif hasattr(connection, "set_schema"):
        own = connection.schema_name
        connection.set_schema(schema)
        try:
            yield
        finally:
            connection.set_schema(own)
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('search_path'), quote_ident(%s)", [schema])
            own, quoted = cursor.fetchone()
            cursor.execute(_SET, [f"{quoted}, {own}"])
        try:
            yield
        finally:
            with contextlib.suppress(Exception), connection.cursor() as cursor:  # a failed transaction ends it anyway
                cursor.execute(_SET, [own])
