# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two censuses: changed plaintexts, and values that no key opens anymore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..._errors.base import RotationError
from ..._errors.values import TAKE_FROM_BACKUP, CountChanged, DigestChanged, PlainChanged
from .census_result import CensusResult
from .census_tally import Tally
from .repair_option import format_repair
from .row_digests import TableComparison
from .value_classes import UNOPENED
from .value_list import format_values

NO_LOOKS: Mapping[str, TableComparison] = {}


def beyond(tallies: Sequence[Tally], before: Sequence[CensusResult]) -> list[Tally]:
    """The tallies less as many values that no key opens as there were ``before``."""
    known = {(column.table, column.column): column.classes for column in before}
    remaining = []
    for tally in tallies:
        classes = known.get((tally.target.table.label, tally.target.column), {})
        left, known_before = tally.classes.copy(), sum(classes.get(name, 0) for name in UNOPENED)
        for name in UNOPENED:  # with fewer versions, a value may be of another of these classes
            passed = min(left[name], known_before)
            left[name] -= passed
            known_before -= passed
        remaining.append(replace(tally, classes=+left))
    return remaining


def refuse_difference(
    before: Sequence[CensusResult], after: Sequence[CensusResult], looks: Mapping[str, TableComparison] = NO_LOOKS
) -> None:
    """Raise E_COUNT_CHANGED, E_PLAIN_CHANGED or E_DIGEST_CHANGED if two censuses do not show the same plaintexts.

    In tables that were compared row by row, rows that another process wrote may differ, be gone, or be new.
    """
    by_name, differ = {column.name: column for column in after}, list[CensusResult]()
    for column in before:
        place = {"table": column.table, "column": column.column}
        now, look = by_name.get(column.name), looks.get(column.table)
        if now is None or (now.rows != column.rows and (look is None or look.strict)):
            raise CountChanged(before=column.rows, after=0 if now is None else now.rows, **place)
        if now.digest == column.digest and now.plain == column.plain:
            continue
        if look is not None and not look.strict and not look.unexplained and now.digest != column.digest:
            continue
        if now.plain != column.plain:
            raise PlainChanged(before=column.plain, after=now.plain, rows=_format_rows(column, look), **place)
        differ.append(column)
    if differ:
        raise _build_digest_error(differ, looks)


def differing_rows(before: Sequence[CensusResult], looks: Mapping[str, TableComparison]) -> dict[str, list[str]]:
    """Return by column, as table.column, the rows that differ although no other process is known to have written
    them."""
    differing = {
        column.name: looks[column.table].unexplained_in(column.column) for column in before if column.table in looks
    }
    return {name: rows for name, rows in differing.items() if rows}


def _build_digest_error(differ: Sequence[CensusResult], looks: Mapping[str, TableComparison]) -> RotationError:
    """The error that names all columns that differ, and how to get their values back if it is known which they are."""
    values = [f"{name}:{row}" for name, rows in differing_rows(differ, looks).items() for row in rows]
    return DigestChanged(
        columns=", ".join(column.name for column in differ),
        rows=f": {format_values(values)}" if values else "",
        advice=f"If users did not write these values: {TAKE_FROM_BACKUP.format(repair=format_repair(values))} "
        if values
        else "",
    )


def _format_rows(column: CensusResult, look: TableComparison | None) -> str:
    rows = look.unexplained_in(column.column) if look else []
    return f": {format_values([f'{column.name}:{row}' for row in rows])}" if rows else ""
