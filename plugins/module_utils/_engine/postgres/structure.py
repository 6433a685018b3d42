# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of what a database has besides its rows, and the places of its sequences, to compare with a restored copy.

There are only names, since PostgreSQL may rephrase a definition once it has read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from ..._errors.backup import SequenceDiffers, StructureDiffers
from . import sql
from .connection import Database
from .table_contents import fixed_settings

# Not what PostgreSQL has by itself, what is one session's, and what CREATE EXTENSION brings.
OURS = r"""
n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' AND (d.classid, d.objid) IN
                (({catalog}::regclass, {oid}), ('pg_class'::regclass, {relation})))
"""
RELATIONS = """
SELECT k.kind || ' ' || format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN (VALUES ('r', 'table'), ('p', 'partitioned table'), ('v', 'view'), ('m', 'materialized view'),
             ('f', 'foreign table'), ('S', 'sequence')) AS k(letter, kind) ON k.letter = c.relkind::text
WHERE c.relpersistence <> 't' AND {ours}
"""
# What a partition has by its parent follows from that, and may have another name there. pg_dump leaves out what is not
# valid. NOT NULL (n) is a constraint since PostgreSQL 18.
INDEXES = """
SELECT 'index ' || format('%I.%I', n.nspname, c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisvalid AND c.relpersistence <> 't' AND {ours}
"""
CONSTRAINTS = """
SELECT format('constraint %I of %I.%I', o.conname, n.nspname, c.relname)
  || CASE WHEN o.convalidated THEN '' ELSE ', not validated' END
FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE o.conparentid = 0 AND o.conislocal AND o.contype <> 'n' AND c.relpersistence <> 't' AND {ours}
"""
TRIGGERS = """
SELECT format('trigger %I of %I.%I', t.tgname, n.nspname, c.relname)
  || CASE WHEN t.tgenabled = 'D' THEN ', disabled' ELSE '' END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND c.relpersistence <> 't' AND {ours}
"""
FUNCTIONS = """
SELECT 'function ' || p.oid::regprocedure::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {ours}
"""
NAMES = {
    RELATIONS: ("pg_class", "c.oid", "c.oid"),
    INDEXES: ("pg_class", "c.oid", "i.indrelid"),
    CONSTRAINTS: ("pg_constraint", "o.oid", "c.oid"),
    TRIGGERS: ("pg_trigger", "t.oid", "c.oid"),
    FUNCTIONS: ("pg_proc", "p.oid", "0"),
}
# One that starts again at its end says nothing by its place.
SEQUENCES = """
SELECT n.nspname::text, c.relname::text, s.seqincrement
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT s.seqcycle AND c.relpersistence <> 't' AND has_table_privilege(c.oid, 'SELECT') AND {ours}
"""

Places = Mapping[str, int]


class Structure(TypedDict, total=False):
    """The ``names`` of all that there is, and the first and last place of each sequence during the snapshot."""

    names: list[str]
    sequences: dict[str, list[int]]


def take(database: Database, before: Places) -> Structure:
    """Return the structure now, with the places of each sequence since ``before``: no snapshot holds a sequence."""
    now = places(database)
    with fixed_settings(database):
        names = [name for query, about in NAMES.items() for (name,) in database.rows(_ours(query, *about))]
    both = {name: sorted((before[name], now[name])) for name in sorted({*before} & {*now})}
    return {"names": sorted(names), "sequences": both}


def places(database: Database) -> dict[str, int]:
    """Return the last value of each sequence."""
    last_values = {}
    for schema, name, step in database.rows(_ours(SEQUENCES, "pg_class", "c.oid", "c.oid")):
        sequence = sql.Identifier(schema, name)
        last = sql.SQL("SELECT last_value - CASE WHEN is_called THEN 0 ELSE %s::numeric END FROM {}").format(sequence)
        label = database.text(sequence, parameters=False)
        last_values[label] = int(database.rows(last, (step,), table=label)[0][0])
    return last_values


def _ours(query: str, catalog: str, oid: str, relation: str) -> sql.Composable:
    ours = sql.SQL(OURS).format(catalog=sql.Literal(catalog), oid=sql.SQL(oid), relation=sql.SQL(relation))
    return sql.SQL(query).format(ours=ours)


def refuse_difference(expected: Structure, copy: Database) -> None:
    """Raise E_STRUCTURE or E_SEQUENCE if the restored copy is not what ``take`` found, with the first difference."""
    at = places(copy)
    names = {*take(copy, at)["names"]}
    differences = sorted(names.symmetric_difference(expected["names"]))
    if differences:
        where = "the copy" if differences[0] in names else "the snapshot"
        raise StructureDiffers(name=differences[0], place=where, count=len(differences))
    for sequence, (low, high) in expected["sequences"].items():
        if sequence in at and not low <= at[sequence] <= high:
            raise SequenceDiffers(sequence=sequence, actual=at[sequence], low=low, high=high)
