# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the role may read all that pg_dump reads: every table, whoever owns it, and every sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .._engine.postgres.connection import Database
from .._errors.backup import DumpRight
from .._errors.counts import join_first

SHOWN = 12
# What this role may not read: schemas that it may not use, tables that it may not lock and copy, sequences. pg_dump
# leaves out system schemas and what an extension brings.
_UNREADABLE = """
SELECT kind, name FROM (
  SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS name FROM pg_namespace n
  WHERE NOT has_schema_privilege(oid, 'USAGE') AND EXISTS (
    SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'S'))
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', n.nspname, c.relname)
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
    """Raise E_DUMP_RIGHT, with what to grant, before pg_dump fails at the first of them."""
    found: dict[str, list[str]] = {}
    for kind, name in database.rows(_UNREADABLE):
        found.setdefault(kind, []).append(name)
    if found:
        names = [name for each in found.values() for name in each]
        user = database.libpq().user
        grants = "; ".join(_grants(found, user))
        raise DumpRight(user=user, alias=database.alias, names=join_first(names, SHOWN), grants=grants)


def _grants(found: Mapping[str, Sequence[str]], user: str) -> Iterator[str]:
    """SQL that gives the rights: by name, or for the whole schema if there are many."""
    role = '"' + user.replace('"', '""') + '"'
    for kind, names in sorted(found.items()):
        right = "USAGE" if kind == "SCHEMA" else "SELECT"
        if len(names) <= SHOWN or kind == "SCHEMA":
            yield f"GRANT {right} ON {kind} {', '.join(names)} TO {role}"
        else:
            schemas = sorted({name.partition(".")[0] for name in names})
            yield f"GRANT {right} ON ALL {kind}S IN SCHEMA {', '.join(schemas)} TO {role}"
