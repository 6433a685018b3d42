# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the rows that the application may have written between two readings of it while it serves.

PostgreSQL counts what is written to each table, and reports it some seconds late. An engine only updates rows with
targets: there the counters say how many were added and removed, and the rows themselves say which were changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..discovery.columns.target import Target
from ..postgres import catalog, sql
from ..postgres.connection import Database, array
from ..rewrite.concurrent_writers import ConcurrentWrites
from .table_pages import by_table

# By table: rows inserted, updated and deleted since its statistics began; of one with targets, its rows too.
Counters = Mapping[str, Sequence[int]]
ANYWHERE = ""  # instead of a table: all of them together
UNKNOWN = 1 << 62  # rows, of a table whose statistics began again in between
_QUERY = (
    "SELECT n.nspname::text, c.relname::text, sum(pg_stat_get_tuples_inserted(p.relid))::bigint,"
    " sum(pg_stat_get_tuples_updated(p.relid))::bigint, sum(pg_stat_get_tuples_deleted(p.relid))::bigint"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL"
    " (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) AS p"
    " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' GROUP BY 1, 2"
)


def read(parts: Collection[tuple[Database, Sequence[Target]]]) -> dict[str, list[int]]:
    """The counters of every table of these databases, by its label."""
    counters = {}
    for database, targets in parts:
        labels = {(table.schema, table.name): table.label for table in catalog.tables(database)}
        for schema, name, *counts in database.rows(_QUERY):
            if (schema, name) in labels:
                counters[labels[schema, name]] = [int(count) for count in counts]
        for group in by_table(targets):
            query = sql.SQL("SELECT count(*) FROM {}").format(group.table.rows)
            rows = int(database.rows(query, table=group.table.label)[0][0])
            counters[group.table.label] = [*counters.get(group.table.label, [0, 0, 0]), rows]
    return counters


def changed_since(database: Database, targets: Sequence[Target], concurrent_writes: ConcurrentWrites) -> dict[str, int]:
    """Count, by table, the rows that others have written since the census."""
    since = concurrent_writes.since.get(database.alias)
    ours = array([str(transaction) for transaction in sorted(concurrent_writes.ours.get(database.alias, ()))])
    changed = {}
    for group in by_table(targets) if since else ():
        query = sql.SQL(
            "SELECT count(*) FROM {} AS t WHERE age(t.xmin) BETWEEN 0 AND age(%s::xid) AND t.xmin <> ALL(%s::xid[])"
        ).format(group.table.rows)
        changed[group.table.label] = int(database.rows(query, (since, ours), table=group.table.label)[0][0])
    return changed


def count_written(before: Counters, after: Counters, changed: Mapping[str, int]) -> dict[str, int]:
    """Return, by table, at most how many rows were written between the two readings of the counters.

    ``changed`` has the numbers of changed rows of tables with targets.
    """
    written = {}
    for table, counts in after.items():
        inserted, updated, deleted, *rows = (now - was for now, was in zip(counts, before.get(table, [0] * 4)))
        if min(inserted, updated, deleted) < 0:
            written[table] = UNKNOWN
        elif table in changed:
            written[table] = max(inserted + deleted, *map(abs, rows)) + changed[table]
        else:
            written[table] = inserted + updated + deleted
    written[ANYWHERE] = sum(written.values())
    return written
