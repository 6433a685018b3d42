# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns outside of the rotation, because nothing in them opens or a person has set them aside.

A sample decided that nothing opens. This check tries every value under the versions that the application is about to
lose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ..._errors.discovery import SetAsideOpen
from ..crypto.keyring import Keyring
from ..crypto.schemes import Scheme
from ..crypto.tokens import as_bytes
from ..discovery.columns.column_sample import ClosedColumn
from ..discovery.columns.column_types import KINDS
from ..discovery.columns.nesting import holding
from ..discovery.columns.target import Target
from ..discovery.findings.finding_kinds import KindName
from ..discovery.findings.findings import Finding
from ..discovery.findings.settlements import NOT_OURS, UNREADABLE
from ..discovery.target_survey import Survey
from ..postgres import catalog, sql
from ..postgres.connection import Database
from . import census_findings
from .census import Census
from .census_findings import RowFinding, findings_of_rows
from .census_result import RowsNeeding
from .census_tally import Rows, Tally
from .table_pages import PageRequest, TargetGroup, pages

OUTSIDE = "outside"  # instead of a class of the census
ENCRYPTED: Sequence[KindName] = ("unproved", "silent", "format")  # in these columns, values are known to be encrypted


class Unopened(NamedTuple):
    """The count of values in a column that is known to be encrypted, but in which nothing opens. ``is_accepted`` says
    whether a person has accepted that they stay unreadable."""

    table: str
    column: str
    values: int
    is_accepted: bool


def unopened(database: Database, survey: Survey) -> Iterator[Unopened]:
    """Yield these columns, except those that a person has settled: as under other keys, or as rotated by a command."""
    encrypted = set(survey.findings.columns(*ENCRYPTED))
    for table, column in (closed for closed in survey.evidence.closed if closed.name in encrypted):
        decision = survey.decision(table.label_of(column.name))
        if decision in ("", UNREADABLE):
            value = sql.SQL(KINDS[column.type].read).format(sql.Identifier("t", column.name))
            query = sql.SQL("SELECT count(*) FROM {rows} AS t WHERE octet_length({value}) > 0")
            ((count,),) = database.rows(query.format(rows=table.rows, value=value), table=table.label)
            yield Unopened(table.label, column.name, count, bool(decision))


def needing(
    database: Database, survey: Survey, keyring: Keyring, columns: Collection[str], stages: Collection[str]
) -> Iterator[RowsNeeding]:
    """Yield the columns with values that open under one of the stages, with the first rows, as
    census_findings.needing."""
    for closed in survey.evidence.closed:
        if closed.name in columns:
            for target, rows in _find_needing_rows(database, survey, closed, keyring, stages):
                named = [f"{target.name}:{row}" for row in rows.first]
                yield {"column": target.name, "class": OUTSIDE, "count": rows.count, "rows": named}


def set_aside(database: Database, survey: Survey, keyring: Keyring, expected: str = "") -> Iterator[Finding]:
    """Yield findings for columns that a person has set aside, if values are under these keys and not under
    ``expected``."""
    not_ours = [closed for closed in survey.evidence.closed if survey.decision(closed.name) == NOT_OURS]
    ignored = [closed for closed in survey.evidence.ignored if survey.decision(closed.name) != UNREADABLE]
    stages = [stage for stage in keyring.stages if stage != expected]
    for by, columns in (("O(settlements)", not_ours), ("O(ignore)", ignored)):
        for closed in columns:
            for target, rows in _find_needing_rows(database, survey, closed, keyring, stages):
                yield from findings_of_rows(target, rows, _set_aside(target.name, by), by)


def _set_aside(column: str, by: str) -> RowFinding:
    return lambda count, rows: SetAsideOpen(column=column, count=count, rows=rows, by=by)


def tried(survey: Survey, keyring: Keyring) -> set[str]:
    """The columns of which every value can be asked, by each scheme that the targets of this database have."""
    if not all(_tells(keyring.schemes[target.scheme]) for target in survey.targets):
        return set()
    return {closed.name for closed in survey.evidence.closed}


def _find_needing_rows(
    database: Database, survey: Survey, closed: ClosedColumn, keyring: Keyring, stages: Collection[str]
) -> list[tuple[Target, Rows]]:
    """The rows with values that need one of the stages, by the scheme by which most do; nothing if none does."""
    tallies = _tallies(database, survey, closed, keyring) if stages else ()
    candidates = [(tally.target, _needing(tally, keyring, stages)) for tally in tallies]
    return sorted((pair for pair in candidates if pair[1].count), key=lambda pair: pair[1].count)[-1:]


def _needing(tally: Tally, keyring: Keyring, stages: Collection[str]) -> Rows:
    """Return those that open, and those in which a token is between other text."""
    rows_needing = census_findings.needing([tally], keyring, stages)
    rows = dict.fromkeys(name.removeprefix(f"{tally.target.name}:") for each in rows_needing for name in each["rows"])
    return Rows(sum(each["count"] for each in rows_needing), list(rows))


def _tells(scheme: Scheme) -> bool:
    """Return whether it is certain, for any value, that a scheme opens it."""
    return scheme.format.authenticated and not scheme.functions and not scheme.json_members


def _tallies(database: Database, survey: Survey, closed: ClosedColumn, keyring: Keyring) -> Iterator[Tally]:
    """The census of one column by each scheme that shows whether it opens a value, and whose mark is in any. Nothing of
    a large table without a key, whose rows cannot be read page by page."""
    table, column = closed
    key = catalog.reading_key(database, table)
    if key is None:
        return
    has_by_hand: bool | None = None
    for name, scheme in keyring.schemes.items():
        if not _tells(scheme) or not (scheme.text or column.type == "bytea"):
            continue
        target = Target(
            table=table,
            column=column.name,
            type=column.type,
            scheme=name,
            model=table.label,
            key=key,
            limit=column.limit,
        )
        if scheme.by_hand and has_by_hand is None:
            has_by_hand = _has_by_hand(database, target, keyring)
        if has_by_hand if scheme.by_hand else survey.has_mark(closed, scheme.marker):
            yield from Census(database, [target], keyring, b"").take()


def _has_by_hand(database: Database, target: Target, keyring: Keyring) -> bool:
    """Return whether any value is or holds a token by hand. No mark shows one, so one pass asks for all such
    schemes."""
    names = [name for name, scheme in keyring.schemes.items() if scheme.by_hand]
    group = TargetGroup(target.table, target.key, [target])
    read = ([as_bytes(values[0]) for _, values in page if values[0]] for page in pages(database, PageRequest(group)))
    return any(holding(keyring, names, values) for values in read)
