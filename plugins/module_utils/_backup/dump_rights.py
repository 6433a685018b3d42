# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the role may read all that pg_dump reads: every table of every owner, and every sequence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from operator import itemgetter

from .._engine.postgres import sql
from .._engine.postgres.connection import Database
from .._errors.backup import DumpRight
from .._errors.counts import join_first

SHOWN = 12
# What this role may not read: schemas that it may not use, tables that it may not lock and copy, sequences. pg_dump
# leaves out system schemas and what an extension brings.
_UNREADABLE = """
SELECT kind, schema, name FROM (
  SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS schema, quote_ident(nspname) AS name FROM pg_namespace n
  WHERE NOT has_schema_privilege(oid, 'USAGE') AND EXISTS (
    SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'S'))
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, quote_ident(n.nspname),
    format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
  AND NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
    ELSE has_table_privilege(c.oid, 'SELECT') END
  AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
) AS found
WHERE name !~ '^(pg_|information_schema)' ORDER BY kind, name
"""


def refuse_unreadable(database: Database) -> None:
    """Raise E_DUMP_RIGHT, with the grants that are missing, before pg_dump fails at the first of them."""
    unreadable: list[tuple[str, str, str]] = database.rows(_UNREADABLE)
    if unreadable:
        user = database.libpq().user
        grants = [database.text(grant, parameters=False) for grant in _grants(unreadable, sql.Identifier(user))]
        names = join_first([name for _, _, name in unreadable], SHOWN)
        raise DumpRight(user=user, alias=database.alias, names=names, grants="; ".join(grants))


def _grants(unreadable: Sequence[tuple[str, str, str]], role: sql.Composable) -> Iterator[sql.Composable]:
    """Yield the statements that give the rights: by name, or for the whole schema if there are many."""
    for kind, group in itertools.groupby(unreadable, key=itemgetter(0)):
        rows = list(group)
        names = [name for _, _, name in rows]
        grant = sql.SQL("GRANT {} ON {} {} TO {}")
        if kind != "SCHEMA" and len(rows) > SHOWN:
            names = sorted({schema for _, schema, _ in rows})
            grant = sql.SQL("GRANT {} ON ALL {}S IN SCHEMA {} TO {}")
        right = "USAGE" if kind == "SCHEMA" else "SELECT"
        yield grant.format(sql.SQL(right), sql.SQL(kind), sql.verbatim(", ".join(names)), role)
