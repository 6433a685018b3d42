# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a census found in one column, as results and records have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


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
    def of(cls, result: Mapping[str, Any]) -> CensusResult:
        """A column of a result or of a record, which may be that of an earlier version."""
        return cls(**{each.name: result[each.name] for each in fields(cls) if each.name in result})

    @classmethod
    def all_of(cls, results: Iterable[Mapping[str, Any]]) -> list[CensusResult]:
        """The columns of a result or of a record."""
        return [cls.of(result) for result in results]

    @property
    def name(self) -> str:
        """The column with its table."""
        return f"{self.table}.{self.column}"

    def under(self, stage: str) -> int:
        """How many values need the keys of ``stage``, for any of their layers."""
        return self.classes.get(stage, 0) + self.layers.get(stage, 0)

    def not_under(self, stage: str) -> int:
        """How many values have to be re-encrypted to come under ``stage``."""
        return sum(count for name, count in self.classes.items() if name not in ("empty", stage))

    def as_result(self) -> dict[str, Any]:
        return asdict(self)
