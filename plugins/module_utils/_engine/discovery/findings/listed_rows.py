# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rows of a finding, by their keys. A message has the first ones; a file on the control node has the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

EXAMPLES = 5  # rows of one finding in a message
LISTED = 100_000  # of one column and class in the file


class ListedRowsResult(TypedDict):
    """ListedRows in a result."""

    table: str
    column: str
    value_class: str
    count: int
    keys: list[str]


@dataclass(frozen=True)
class ListedRows:
    """``count`` rows of one column and class, of which ``keys`` are the primary keys of the first LISTED."""

    table: str
    column: str
    value_class: str
    count: int
    keys: Sequence[str]

    def as_result(self) -> ListedRowsResult:
        return {
            "table": self.table,
            "column": self.column,
            "value_class": self.value_class,
            "count": self.count,
            "keys": list(self.keys),
        }


def as_results(listed: Iterable[ListedRows | None]) -> list[ListedRowsResult]:
    """Return all of them for a result. Empty if the messages name every row."""
    rows = [each for each in listed if each is not None]
    return [each.as_result() for each in rows] if any(each.count > EXAMPLES for each in rows) else []
