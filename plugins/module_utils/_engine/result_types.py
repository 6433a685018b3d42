# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of what steps on the data return. Results and records contain them.

A record of an earlier version may lack members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from .._errors.base import ErrorParts
    from .proof.census_result import ColumnCounts


class OutsideColumn(TypedDict):
    """A column that looks encrypted and was not part of the rotation. ``what`` says what was found in it."""

    column: str
    what: str


class SinceFirstWrite(TypedDict, total=False):
    """A comparison with the data from before the first write. ``same`` says whether nothing has changed.

    ``written_rows`` has the first changed rows by column, and ``added_rows`` the first new rows by table.
    """

    same: bool
    written_rows: Mapping[str, Sequence[str]]
    added_rows: Mapping[str, Sequence[str]]


class CountedRows(TypedDict):
    """A number of values, and some of their ``rows`` as text."""

    count: int
    rows: str


class UnopenedValues(TypedDict, total=False):
    """Values that no key opens and that a census accepted: their number, and some of their ``rows`` as text.

    ``classes`` has the same by class. A record of an earlier version has no classes.
    """

    count: int
    rows: str
    classes: Mapping[str, CountedRows]


class FenceOutcome(TypedDict, total=False):
    """The state of the write fence: whether it is ``closed``, and the reasons why tables are ``without`` it.

    ``behind_pooler`` has the sessions behind a pooler that it refused.
    """

    closed: bool
    without: Sequence[str]
    behind_pooler: Sequence[str]


class RewriteWork(TypedDict, total=False):
    """The work of a re-encryption. ``by_sets`` counts the values that were changed by sets, exactly as prepared."""

    passes: int
    conflicts: int
    seconds: float
    by_sets: int


class DrainResult(TypedDict, total=False):
    """For how many ``seconds`` nothing was written under these ``keys`` at the end.

    Before that, ``values`` were, in these ``rows`` by these sessions (``writers``). ``unknown`` says why a session may
    not be known.
    """

    keys: str
    seconds: float
    values: int
    rows: Sequence[str]
    writers: Sequence[str]
    unknown: Sequence[str]


class PreparationResult(TypedDict, total=False):
    """The result of a preparation, as the option ``preparation`` takes it, or of the proof of it."""

    columns: Sequence[ColumnCounts]
    row_digests: bool
    excluded: Mapping[str, str]
    rows: int
    seconds: float
    last: Mapping[str, int]


class DoubtfulColumn(TypedDict):
    """A column whose values a person should check. ``what`` says what was found in it, and ``todo`` what to do."""

    column: str
    what: str
    todo: str


class CensusOutcome(TypedDict, total=False):
    """The result of a census. A failed census has ``msg`` and ``error``, and may have ``findings``."""

    targets: Sequence[ColumnCounts]
    key_ids: Mapping[str, str]
    unopened: UnopenedValues
    outside: Sequence[OutsideColumn]
    concurrent_rows: Mapping[str, Mapping[str, int]]
    written_rows: Mapping[str, Sequence[str]]
    since: SinceFirstWrite
    kept_aside: Mapping[str, Sequence[str]]
    migrations: Mapping[str, str]
    doubtful: Sequence[DoubtfulColumn]
    msg: str
    error: ErrorParts
    findings: Sequence[ErrorParts]


class SeenBeforeRollback(TypedDict, total=False):
    """The state before a rollback: parts of a census, and the key ID in the ``files`` of each host."""

    targets: Sequence[ColumnCounts]
    key_ids: Mapping[str, str]
    since: SinceFirstWrite
    files: Mapping[str, str]
