# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that look encrypted, of which nothing opens, and that are no part of a rotation: what a rollback needs to
know of them.

That nothing opens was decided by a sample. Whether a value opens under a version that the application is about to lose
is asked of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..._errors.base import RotationError
from ..crypto.keyring import Keyring
from ..crypto.schemes import Scheme
from ..discovery.listed_rows import EXAMPLES
from ..discovery.target_survey import ClosedColumn, Survey, Target
from ..postgres import catalog
from ..postgres.connection import Database
from .census import Census, Tally

OUTSIDE = "outside"  # in place of a class of the census


def needing(
    database: Database, survey: Survey, keyring: Keyring, columns: Collection[str], stages: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Of these columns, those with values that open under one of the stages, with the first rows; as census.needing."""
    for closed in survey.closed:
        if closed.name in columns:
            tallies = list(_tallies(database, closed, keyring)) if stages else []
            rows = dict.fromkeys(
                row for tally in tallies for stage in stages for row in tally.examples.get(stage, ())[:EXAMPLES]
            )
            count = max((sum(tally.classes[stage] for stage in stages) for tally in tallies), default=0)
            if count:
                named = [f"{closed.name}:{row}" for row in rows]
                yield {"column": closed.name, "class": OUTSIDE, "count": max(count, len(named)), "rows": named}


def tried(database: Database, survey: Survey, keyring: Keyring) -> set[str]:
    """The columns of which every value can be asked, by each scheme that the targets of this database have. Those of a
    table without a key cannot be: its rows are not read page by page."""
    if not all(_tells(keyring.schemes[target.scheme]) for target in survey.found):
        return set()
    return {closed.name for closed in survey.closed if _row_key(database, closed.table) is not None}


def _tells(scheme: Scheme) -> bool:
    """Whether a scheme shows of any value whether it opens it."""
    return scheme.format.authenticated and not scheme.functions and not scheme.json_members


def _row_key(database: Database, table: catalog.Table) -> catalog.RowKey | None:
    try:
        return catalog.row_key(database, table)
    except RotationError:
        return None


def _tallies(database: Database, closed: ClosedColumn, keyring: Keyring) -> Iterator[Tally]:
    """The census of one column by each scheme that shows whether it opens a value."""
    table, column = closed
    key = _row_key(database, table)
    if key is None:
        return
    for name, scheme in keyring.schemes.items():
        if _tells(scheme) and (scheme.text or column.type == "bytea"):
            target = Target(table, column.name, column.type, name, table.label, key, column.limit)
            yield from Census(database, [target], keyring, b"").take()
