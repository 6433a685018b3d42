# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which archives a database is dumped: one, or several at once where it is large, all of one snapshot.

pg_dump -j wants the directory format, which is written by pg_dump itself, unencrypted. So each of several archives in
custom format goes through age by itself. Restored as postgresql.restore does they are what one archive is (pg_dump,
--section).
"""

from __future__ import annotations

import os

from .._engine.postgres import server_info
from .._engine.postgres.connection import Database

LARGE = 10_000_000_000  # bytes of a database from which on it is dumped by several
MOST = 8  # at once, where nobody says how many: the application wants to read its disk too
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


def at_work(jobs: int, size: int, cores: int, free: int) -> int:
    """How many have rows of a database of so many bytes at once; 0 ``jobs`` is what size and cores say, and as many
    connections as are ``free``: half of them stay the application's."""
    return jobs or (max(1, min(cores, MOST, free // 2 - NO_ROWS)) if size >= LARGE else 1)


def archives(database: Database, jobs: int) -> dict[str, list[str]]:
    """By name, in the order in which they are restored, the options of pg_dump for each. One of all is WHOLE.

    ``jobs`` is how many have rows at once; 0 is one for each core, where the database is LARGE. Asked in the snapshot
    that is dumped, no table is in two or in none.
    """
    used, limit = server_info.count_connections(database)
    jobs = at_work(jobs, server_info.measure_size(database), os.cpu_count() or 1, limit - used)
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
    """Distribute tables over archives, largest first, each to the smallest archive. The first archive has everything
    else."""
    loads = [0] * jobs
    shares: list[list[str]] = [[] for _ in loads]
    for schema, name, size in database.rows(TABLES, (SPREAD,)):
        least = loads.index(min(loads))
        loads[least] += size
        shares[least].append(f"{_pattern(schema)}.{_pattern(name)}")
    return [share for share in shares[1:] if share]


def _pattern(name: str) -> str:
    """A name that pg_dump takes as it is (psql, "Patterns")."""
    return '"{}"'.format(name.replace('"', '""'))
