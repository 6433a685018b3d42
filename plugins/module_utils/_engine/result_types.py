# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What steps on the data return, as results and records have it. That of an earlier version may lack members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from .._errors.base import ErrorParts
    from .proof.census_result import ColumnCounts


class OutsideColumn(TypedDict):
    """A column that looks encrypted and was not part of the rotation, and ``what`` was found in it."""

    column: str
    what: str


class SinceFirstWrite(TypedDict, total=False):
    """Whether the data is the ``same`` as before the first write, and the first rows that are not, by column and by
    table."""

    same: bool
    written_rows: Mapping[str, Sequence[str]]
    added_rows: Mapping[str, Sequence[str]]


class CountedRows(TypedDict):
    """How many values, and some of their ``rows`` as a text."""

    count: int
    rows: str


class UnopenedValues(TypedDict, total=False):
    """Values that no key opens and that a census accepted: how many, some of their ``rows`` as a text, and the same by
    class. A record of an earlier version has no classes."""

    count: int
    rows: str
    classes: Mapping[str, CountedRows]


class FenceOutcome(TypedDict, total=False):
    """Whether the write fence is ``closed``, why tables are ``without`` it, and the sessions behind
    a pooler that it refused."""

    closed: bool
    without: Sequence[str]
    behind_pooler: Sequence[str]


class RewriteWork(TypedDict, total=False):
    """What a re-encryption took. ``by_sets`` counts the values that were changed as they had been prepared."""

    passes: int
    conflicts: int
    seconds: float
    by_sets: int


class PreparationResult(TypedDict, total=False):
    """What was prepared, as the option ``preparation`` takes it, or the proof of it."""

    columns: Sequence[ColumnCounts]
    row_digests: bool
    excluded: Mapping[str, str]
    rows: int
    seconds: float
    last: Mapping[str, int]


class DoubtfulColumn(TypedDict):
    """A column of which a person should look at the values, ``what`` was found in it and what to do."""

    column: str
    what: str
    todo: str


class CensusOutcome(TypedDict, total=False):
    """The result of a census. One that failed has ``msg`` and ``error``, and maybe ``findings``."""

    targets: Sequence[ColumnCounts]
    key_ids: Mapping[str, str]
    unopened: UnopenedValues
    outside: Sequence[OutsideColumn]
    meanwhile: Mapping[str, Mapping[str, int]]
    written_rows: Mapping[str, Sequence[str]]
    since: SinceFirstWrite
    kept_aside: Mapping[str, Sequence[str]]
    migrations: Mapping[str, str]
    doubtful: Sequence[DoubtfulColumn]
    msg: str
    error: ErrorParts
    findings: Sequence[ErrorParts]


class SeenBeforeRollback(TypedDict, total=False):
    """What a rollback saw before it began: of a census, and the key ID in the ``files`` of each host."""

    targets: Sequence[ColumnCounts]
    key_ids: Mapping[str, str]
    since: SinceFirstWrite
    files: Mapping[str, str]
