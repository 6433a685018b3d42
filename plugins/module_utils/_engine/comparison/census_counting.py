# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the values that a census is about, and name the rows that differ from before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..discovery.columns.layer_classes import NESTED
from ..proof import census_findings, row_digests
from ..proof.value_classes import UNOPENED
from .census_task import Compared

if TYPE_CHECKING:
    from ..proof.census_result import CensusResult
    from ..proof.census_tally import Tally
    from ..proof.row_digests import TableComparison
    from ..result_types import SinceFirstWrite, UnopenedValues
    from .census_task import CensusOptions, CensusTask

    Looks = Mapping[str, TableComparison]  # by table

SHOWN = 50  # rows of a column that the record names


def count_values(task: CensusTask) -> Compared:
    """Count every value. It is decrypted, unless it equals a token that the preparation has decrypted in such a
    process."""
    options, application = task.options, task.application
    if options.serving:
        _leave_out_proved(task)
    if options.report_only:
        return _count_for_report(task)
    searched = options.accounted or application.has_given_recipes
    if options.serving or not options.last_proved:
        return Compared(application.census(options.digest_stage, searched=searched))
    from .prepared_census import PreparedCounting

    key_id = application.keyring.key_id(options.digest_stage)
    counting = PreparedCounting(application, options.digest_stage, key_id, searched=searched)
    census = counting.after(options.baseline, options.reopened, options.last_proved)
    return Compared(census.tallies, census.results)


def _count_for_report(task: CensusTask) -> Compared:
    """Return the census for a report, and what differs from the one before the first write."""
    return count_since_first_write(task) or Compared(task.application.census(task.options.digest_stage))


def count_since_first_write(task: CensusTask) -> Compared | None:
    """Return a census and what differs from the one before the first write.

    Return None without the row digests that an unfinished rotation or rollback leaves.
    """
    path, application = task.options.row_digests, task.application
    columns = {target.name for target in application.targets}
    with row_digests.left_over(path, task.key_ids, application.unauthenticated, columns) as left:
        if left is None:
            return None
        stage, rows = left
        tallies = application.census(stage, each_row=rows)
        looks = rows.looks({target.table.label for target in application.targets})
    since: SinceFirstWrite = {
        "same": all(look.is_same for look in looks.values()),
        "written_rows": first_rows(_by_column(tallies, looks, lambda look, column: look.values.get(column, []))),
        "added_rows": first_rows(select_added(looks)),
    }
    return Compared(tallies, since=since)


def _leave_out_proved(task: CensusTask) -> None:
    """Leave out the columns of which every value was opened before the start."""
    columns = task.options.reopened_columns
    for survey in task.application.surveys:
        survey.targets = [target for target in survey.targets if target.name in columns]


def proved_before(options: CensusOptions) -> list[CensusResult]:
    """The other columns, as they were proved before the start."""
    columns = options.reopened_columns
    others = [column for column in options.baseline if options.serving and column.name not in columns]
    return [column.all_under(options.digest_stage) for column in others]


def first_rows(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return by column or table the rows that the record names."""
    return {name: names[:SHOWN] for name, names in rows.items()}


def select_written(tallies: Sequence[Tally], looks: Looks) -> dict[str, list[str]]:
    """Return by column, as table.column, the rows of which another process changed the value."""
    return _by_column(tallies, looks, lambda look, column: look.theirs(column))


def _by_column(
    tallies: Sequence[Tally], looks: Looks, rows_of: Callable[[TableComparison, str], list[str]]
) -> dict[str, list[str]]:
    """Return by column, as table.column, the rows that ``rows_of`` finds for its table. Columns without such rows are
    left out."""
    places = {tally.target.name: (tally.target.table.label, tally.result.column) for tally in tallies}
    rows = {name: rows_of(looks[table], column) for name, (table, column) in places.items() if table in looks}
    return {name: names for name, names in rows.items() if names}


def select_added(looks: Looks) -> dict[str, list[str]]:
    """Return the new rows by table."""
    return {table: look.new for table, look in looks.items() if look.new}


def count_unwrapped(baseline: Sequence[CensusResult]) -> dict[str, dict[str, int]]:
    """Return by table how many values were encrypted twice and are one token now.

    The application reads them in another way than before.
    """
    unwrapped: dict[str, dict[str, int]] = {}
    for column in baseline:
        if count := column.classes.get(NESTED, 0):
            counts = unwrapped.setdefault(column.table, {"unwrapped": 0})
            counts["unwrapped"] += count
    return unwrapped


def count_unopened(task: CensusTask, tallies: Sequence[Tally]) -> UnopenedValues:
    """The values that no key opens and that were accepted."""
    count, rows = census_findings.find_odd(tallies, UNOPENED.__contains__)
    if not count or not task.options.accepts_unopened:
        return {}
    by_class = {name: census_findings.find_odd(tallies, name.__eq__) for name in UNOPENED}
    return {
        "count": count,
        "rows": rows,
        "classes": {name: {"count": each[0], "rows": each[1]} for name, each in by_class.items() if each[0]},
    }
