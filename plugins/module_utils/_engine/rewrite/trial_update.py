# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial of an UPDATE on each table with update triggers, since only an UPDATE shows what they do.

They may refuse it. They may also write tokens into columns that a rotation cannot re-encrypt, as those of an audit log
do. One row of each such table is written as the rotation writes it, in a transaction that is rolled back. Its values
are sealed again under the keys that they have. What a trigger does outside of its transaction stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..._errors.base import RotationError
from ..._errors.database import StatementFailed
from ..._errors.discovery import ColumnTied
from ..crypto.keyring import Keyring
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding, unsettled
from ..discovery.target_survey import Survey
from ..postgres import catalog, sql
from ..postgres.catalog import Table
from ..postgres.connection import Database, Yielded
from ..proof.table_pages import TargetGroup, by_table
from .update_statement import Change, compare_and_set

ROWS = 5  # to try one after the other while others have them locked
REFUSES = (
    "is in a table that refuses an UPDATE (a trial UPDATE failed and was rolled back): SQLSTATE {sqlstate}{by}. Update "
    "triggers of the table: {triggers}"
)
COPIES = (
    "is in a table whose update triggers write its tokens into {columns}, where a rotation could not re-encrypt them "
    "(shown by a trial UPDATE that was rolled back). Update triggers of the table: {triggers}"
)
SEE_LOG = "Check the server's log for what refuses it. If that is a trigger, disable it"
DISABLE = " for the rotation (ALTER TABLE {table} DISABLE TRIGGER ...), and enable it afterwards."
# The tables in which this transaction has written rows, partitions as the table that they are of.
WRITTEN = """
SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_stat_xact_user_tables AS w
  JOIN pg_class AS c ON c.oid = coalesce(pg_partition_root(w.relid), w.relid)
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE w.n_tup_ins + w.n_tup_upd > 0
"""


class _UndoneError(Exception):
    """The trial is over."""


class _TrialUpdate(NamedTuple):
    """The result of an UPDATE: its error, or the columns that its triggers fill so that a rotation must stop."""

    refused: StatementFailed | None = None
    copies: Sequence[str] = ()


def findings(database: Database, survey: Survey, keyring: Keyring) -> Iterator[Finding]:
    """Yield findings for the targets of tables that refuse an UPDATE, or copy it.

    Targets that are known not to be writable are left out.
    """
    known = survey.findings.columns("tied")
    for group in by_table([replace(target, derived=()) for target in survey.targets if target.name not in known]):
        triggers = catalog.update_triggers(database, group.table)
        trial = _tried(database, survey, group, keyring) if triggers else _TrialUpdate()
        listed, disable = ", ".join(triggers), DISABLE.format(table=group.table.label)
        if trial.refused:
            obstacle, advice = REFUSES.format(**trial.refused.where, triggers=listed), f"{SEE_LOG}{disable}"
        elif trial.copies:
            obstacle = COPIES.format(columns=", ".join(trial.copies), triggers=listed)
            advice = f"Disable the one that does{disable}"
        else:
            continue
        for target in group.members:
            error = ColumnTied(column=target.name, obstacle=obstacle, advice=advice)
            yield Finding.of(target.name, error, kind="tied")


def _tried(database: Database, survey: Survey, group: TargetGroup, keyring: Keyring) -> _TrialUpdate:
    """Nothing is known if others had all rows locked, or if it takes too long for an application that serves."""
    for change in _changes(database, group, keyring):
        copies: list[str] = []
        try:
            with contextlib.suppress(_UndoneError), database.batch():
                compare_and_set(database, group, [change])
                database.execute("SET CONSTRAINTS ALL IMMEDIATE", table=group.table.label)
                copies = _copies(database, survey, group.table)
                raise _UndoneError
        except Yielded as yielded:
            if yielded.slow:
                return _TrialUpdate()
        except StatementFailed as exc:
            return _TrialUpdate(refused=exc)
        else:
            return _TrialUpdate(copies=copies)
    return _TrialUpdate()


def _copies(database: Database, survey: Survey, updated: Table) -> list[str]:
    """The columns of other tables that would stop a rotation for what this transaction has written into them."""
    other, written = survey.copied(database), set(database.rows(WRITTEN))
    settled = {column.name for column in survey.evidence.ignored} | {target.name for target in survey.targets}
    for table, columns in survey.tables.items():
        if table != updated and (table.schema, table.name) in written:
            for column in columns:
                if table.label_of(column.name) not in settled:
                    other.look(table, column)
    # Plain text stops nothing if there are targets.
    before = {(finding.kind.name, finding.column) for finding in survey.findings.with_text(stops=True)}
    after = unsettled(other.findings.with_text(stops=True), survey.settled)
    new = [
        finding
        for finding in after
        if (finding.kind.name, finding.column) not in before and finding.kind.name != "plain"
    ]
    return list(dict.fromkeys(finding.column for finding in new))


def _changes(database: Database, group: TargetGroup, keyring: Keyring) -> Iterator[Change]:
    """Yield changes for a few rows with a value."""
    table, key, members = group
    query = sql.SQL("SELECT {chosen} FROM {rows} AS t WHERE {filled} LIMIT %s").format(
        chosen=sql.SQL(", ").join(
            [*(sql.SQL("{}::text").format(part) for part in key.parts), *(target.value for target in members)]
        ),
        rows=table.rows,
        filled=sql.SQL(" OR ").join(sql.SQL("octet_length({}) > 0").format(target.value) for target in members),
    )
    width = len(key.columns)
    for row in database.rows(query, (ROWS,), table=table.label):
        new = tuple(_seal_again(target, value, keyring) for target, value in zip(members, row[width:]))
        yield Change(row[:width], row[width:], new, (1,) * len(members), {})


def _seal_again(target: Target, value: Any, keyring: Keyring) -> Any:
    """Return the value with other tokens for the same plaintexts; unchanged if it cannot be sealed here."""
    if not value or keyring.context_of(target.scheme):
        return value
    tokens = target.kind.tokens(value, keyring.schemes[target.scheme].marker)
    with contextlib.suppress(RotationError):
        opened = [keyring.stage_of(target.scheme, token) for token in tokens]
        fresh = [
            keyring.cipher(target.scheme, opening[0]).seal(opening[1]) if opening else token
            for token, opening in zip(tokens, opened)
        ]
        new = target.kind.put(value, tokens, fresh) if tokens else value
        return value if target.limit and len(new) > target.limit else new
    return value
