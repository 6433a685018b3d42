# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a census in one column, as results and records have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypedDict, cast

EMPTY = "empty"  # the class of NULL and ''
DIGEST_MODULUS = 1 << 256


# Values of one column and class that may need a version that is about to leave, with the first of their rows.
RowsNeeding = TypedDict("RowsNeeding", {"column": str, "class": str, "count": int, "rows": Sequence[str]})


class ColumnCounts(TypedDict, total=False):
    """A ``CensusResult`` as results and records have it. That of an earlier version may lack members. After a
    re-encryption it has how many values were ``reencrypted``, too."""

    model: str
    table: str
    column: str
    scheme: str
    rows: int
    classes: Mapping[str, int]
    layers: Mapping[str, int]
    left_alone: int
    plain: int
    digest: str
    reencrypted: int


@dataclass(frozen=True)
class CensusResult:
    """The counts and the digest of one column."""

    model: str = ""
    table: str = ""
    column: str = ""
    scheme: str = ""
    rows: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    layers: Mapping[str, int] = field(default_factory=dict)  # of nested values, how many have one under each stage
    left_alone: int = 0
    plain: int = 0
    digest: str = ""

    @classmethod
    def of(cls, result: ColumnCounts) -> CensusResult:
        """A column of a result or of a record, which may be that of an earlier version."""
        return cls(
            model=result.get("model", ""),
            table=result.get("table", ""),
            column=result.get("column", ""),
            scheme=result.get("scheme", ""),
            rows=result.get("rows", 0),
            classes=result.get("classes", {}),
            layers=result.get("layers", {}),
            left_alone=result.get("left_alone", 0),
            plain=result.get("plain", 0),
            digest=result.get("digest", ""),
        )

    @classmethod
    def all_of(cls, results: Iterable[ColumnCounts]) -> list[CensusResult]:
        """The columns of a result or of a record."""
        return [cls.of(result) for result in results]

    @property
    def name(self) -> str:
        """The column with its table."""
        return f"{self.table}.{self.column}"

    def under(self, stage: str) -> int:
        """Return how many values need the keys of ``stage``, for any of their layers."""
        return self.classes.get(stage, 0) + self.layers.get(stage, 0)

    def not_under(self, stage: str) -> int:
        """Return how many values have to be re-encrypted to come under ``stage``."""
        return sum(count for name, count in self.classes.items() if name not in ("empty", stage))

    def plus(self, other: CensusResult) -> CensusResult:
        """Return the same column with more rows."""
        return self._added(other, 1)

    def minus(self, other: CensusResult) -> CensusResult:
        """Return the same column without some of its rows."""
        return self._added(other, -1)

    def all_under(self, stage: str) -> CensusResult:
        """The counts after every value is under one stage."""
        empty = self.classes.get(EMPTY, 0)
        counts = {stage: sum(self.classes.values()) - empty, EMPTY: empty}
        return replace(self, classes={name: count for name, count in counts.items() if count}, layers={})

    def _added(self, other: CensusResult, sign: int) -> CensusResult:
        return replace(
            self,
            rows=self.rows + sign * other.rows,
            classes=_sum(self.classes, other.classes, sign),
            layers=_sum(self.layers, other.layers, sign),
            left_alone=self.left_alone + sign * other.left_alone,
            plain=self.plain + sign * other.plain,
            digest=f"{(int(self.digest, 16) + sign * int(other.digest, 16)) % DIGEST_MODULUS:064x}",
        )

    def as_result(self) -> ColumnCounts:
        return cast(ColumnCounts, asdict(self))


def _sum(counts: Mapping[str, int], others: Mapping[str, int], sign: int) -> dict[str, int]:
    sums = {name: counts.get(name, 0) + sign * others.get(name, 0) for name in {**counts, **others}}
    return {name: count for name, count in sums.items() if count}
