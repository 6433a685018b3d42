# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The aliases of Django's DATABASES that lead to the same PostgreSQL database.

A database is named in many ways: HOST, PORT and NAME, a service of libpq, OPTIONS, the environment. What its server
says is the same for all of them. Spellings are compared only if a server does not answer.

One of them is used for everything. The first may be of a role that only reads, as an application that separates reads
from writes has it.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter

from ..postgres.connection import PLACE, connection_parameters, unpooled

# Replicas and copies of a cluster have its system identifier, but no two servers were started at the same microsecond.
# Last is whether the role may write anything: sessions may be read-only by OPTIONS, or by what a role has set.
_IDENTITY = """
    SELECT oid::text, extract(epoch FROM pg_postmaster_start_time())::text, (
        current_setting('transaction_read_only') = 'off' AND EXISTS (
            SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p')
               AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
               AND has_any_column_privilege(pg_class.oid, 'UPDATE')))::text
      FROM pg_database WHERE datname = current_database()
"""


def same_place(alias: str) -> list[str]:
    """Return every alias of the same database, in the order of DATABASES; only this one if it is not of PostgreSQL."""
    places = _places()
    return [other for other in places if places[other] == places[alias]] if alias in places else [alias]


def one_of_each_place() -> list[str]:
    """The PostgreSQL databases, each by one alias: to which routers send the writes of most models, or the first one
    whose role may write."""
    groups = _by_place()
    writes = _routed_writes() if is_routed() else Counter()
    return [
        max(same, key=lambda alias: (writes[alias], _may_write(alias))) if len(same) > 1 else same[0] for same in groups
    ]


def is_routed() -> bool:
    """Return whether routers choose between several aliases of a database. They need models, so the application must
    have started."""
    from django.conf import settings

    return bool(settings.DATABASE_ROUTERS) and any(len(same) > 1 for same in _by_place())


def _by_place() -> list[list[str]]:
    """The aliases of each database, in the order of DATABASES."""
    aliases: dict[tuple[str, ...], list[str]] = {}
    for alias, place in _places().items():
        aliases.setdefault(place, []).append(alias)
    return list(aliases.values())


def _routed_writes() -> Counter[str]:
    """The number of models whose writes go to each alias."""
    from django.apps import apps
    from django.db import router

    writes: Counter[str] = Counter()
    for model in apps.get_models(include_auto_created=True):
        with contextlib.suppress(Exception):  # the application's own code: it may need a request
            writes[router.db_for_write(model)] += 1
    return writes


def _may_write(alias: str) -> bool:
    return _ask(alias, _spell(alias))[2:] == ("true",)


def _postgresql_aliases() -> list[str]:
    """Return the aliases of DATABASES whose engine is for PostgreSQL."""
    from django.conf import settings
    from django.db import connections

    return [alias for alias in settings.DATABASES if connections[alias].vendor == "postgresql"]


def _places() -> dict[str, tuple[str, ...]]:
    """Return for each PostgreSQL alias what no other database has: if there are several aliases, the answer of its
    server.

    A server may not answer to one alias, such as to a role without its password. Then the answer to another alias with
    the same spelling counts.
    """
    aliases = _postgresql_aliases()
    spelled = {alias: _spell(alias) for alias in aliases}
    if len(aliases) == 1:
        return spelled
    answers = {alias: _ask(alias, spelled[alias])[:2] for alias in aliases}
    by_spelling = {spelled[alias]: answers[alias] for alias in aliases if answers[alias]}
    return {alias: answers[alias] or by_spelling.get(spelled[alias]) or spelled[alias] for alias in aliases}


def _spell(alias: str) -> tuple[str, ...]:
    from django.db import connections

    parameters = connection_parameters(connections[alias])
    # Without a name it is the database that is named as the role.
    names = PLACE if parameters.get("dbname") else (*PLACE, "user")
    return tuple(str(parameters.get(name) or "") for name in names)


@functools.cache  # an application may have hundreds of them
def _ask(alias: str, spelled: tuple[str, ...]) -> tuple[str, ...]:
    """Return how the server identifies itself; nothing if it does not answer. Each ``spelled`` address is asked only
    once.

    An error here is not reported, because the later work on the database reports it.
    """
    from django.db import connections

    with contextlib.suppress(Exception):
        wrapper = unpooled(connections[alias])
        connection = wrapper.get_new_connection(connection_parameters(wrapper))
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(_IDENTITY)
            return tuple(cursor.fetchone())
    return ()
