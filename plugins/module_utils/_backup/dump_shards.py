# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archives in which a database is dumped: one, or several at once if it is large, all of one snapshot.

pg_dump -j needs the directory format, which pg_dump itself writes unencrypted. So each of several archives is in custom
format and is encrypted by age separately. ``pg_client.restore`` restores them together as it restores one archive
(pg_dump, --section).
"""

from __future__ import annotations

import os

from .._engine.postgres import server_info
from .._engine.postgres.connection import Database

LARGE = 10_000_000_000  # bytes of a database from which on it is dumped by several
MOST = 8  # at once by default: the application has to read its disk too
NO_ROWS = 2  # archives without rows, which are dumped at the same time
SPREAD = 200  # the largest tables, which are spread; an argument of pg_dump for each of the others would be too many
WHOLE = ""
# Rows of tables that belong to an extension are dumped by its own rules.
TABLES = """
SELECT nspname, relname, pg_table_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname <> 'information_schema' AND nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY 3 DESC, 1, 2 LIMIT %s
"""


def count_workers(jobs: int, size: int, cores: int, free: int) -> int:
    """Return how many archives with rows are dumped at once.

    That is ``jobs``, if it is not 0. Otherwise it follows from the database's ``size`` in bytes, the ``cores``, and the
    ``free`` connections, of which the application keeps half.
    """
    return jobs or (max(1, min(cores, MOST, free // 2 - NO_ROWS)) if size >= LARGE else 1)


def archives(database: Database, jobs: int) -> dict[str, list[str]]:
    """Return the options of pg_dump for each archive, by its name, in the order in which they are restored.

    The name of a single archive is WHOLE. ``jobs`` is the number of archives with rows; 0 means one for each core, if
    the database is LARGE. The caller asks in the snapshot that is dumped, so each table is in exactly one archive.
    """
    used, limit = server_info.count_connections(database)
    jobs = count_workers(jobs, server_info.measure_size(database), os.cpu_count() or 1, limit - used)
    shares = _shares(database, jobs) if jobs > 1 else []
    if not shares:
        return {WHOLE: []}
    elsewhere = [f"--exclude-table-data={name}" for share in shares for name in share]
    rows = [elsewhere, *(["--strict-names", *(f"--table={name}" for name in share)] for share in shares)]
    return {
        "tables": ["--section=pre-data"],
        **{f"rows-{number}": ["--section=data", *options] for number, options in enumerate(rows)},
        "indexes": ["--section=post-data"],
    }


def _shares(database: Database, jobs: int) -> list[list[str]]:
    """Distribute tables over archives, largest first, each to the smallest archive. The first archive has all other
    tables."""
    loads = [0] * jobs
    shares: list[list[str]] = [[] for _ in loads]
    for schema, name, size in database.rows(TABLES, (SPREAD,)):
        least = loads.index(min(loads))
        loads[least] += size
        shares[least].append(f"{_pattern(schema)}.{_pattern(name)}")
    return [share for share in shares[1:] if share]


def _pattern(name: str) -> str:
    """Return a pattern for an argument of pg_dump that matches only this name (psql, "Patterns")."""
    return '"{}"'.format(name.replace('"', '""'))
