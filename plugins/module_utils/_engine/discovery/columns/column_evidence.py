# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a survey knows of each column besides its findings, for the checks that read more of it."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .column_sample import ClosedColumn
from .target import Target

if TYPE_CHECKING:
    from .data_keys import DataKeyColumn


@dataclass
class ColumnEvidence:
    """What a survey knows of one column besides its findings, which a later check may drop.

    ``closed`` is a column in which nothing opens, or, if ``is_ignored``, one that a person left out. ``fixed`` is a
    column under keys that are not rotated. ``samples`` are tokens that nothing opens, ``inside`` plaintexts that are
    such tokens. ``other_schemes`` open what the target's own scheme does not. ``is_hash`` is whether its name explains
    it as a hash. ``data_keys`` is the relation to the data keys under which its values are, and ``possible_keys`` the
    target that may have such keys, although no value opens.
    """

    closed: ClosedColumn | None = None
    is_ignored: bool = False
    fixed: Target | None = None
    samples: Sequence[bytes] = ()
    inside: Sequence[bytes] = ()
    other_schemes: Collection[str] = ()
    is_hash: bool = False
    data_keys: DataKeyColumn | None = None
    possible_keys: str = ""


class SurveyEvidence(defaultdict[str, ColumnEvidence]):
    """The evidence of each column, as table.column, in the order in which the survey read them."""

    def __init__(self) -> None:
        super().__init__(ColumnEvidence)

    def copied(self) -> SurveyEvidence:
        """Return a copy that shares no later evidence with this one."""
        other = SurveyEvidence()
        other.update((column, copy.copy(each)) for column, each in self.items())
        return other

    @property
    def closed(self) -> list[ClosedColumn]:
        """Return the columns in which nothing opens."""
        return [each.closed for each in self.values() if each.closed and not each.is_ignored]

    @property
    def ignored(self) -> list[ClosedColumn]:
        """Return the columns that a person left out and whose values can be tried."""
        return [each.closed for each in self.values() if each.closed and each.is_ignored]

    @property
    def fixed(self) -> list[Target]:
        """Return the columns under keys that are not rotated."""
        return [each.fixed for each in self.values() if each.fixed]

    @property
    def hashes(self) -> set[str]:
        """Return the columns that are explained as hashes, by their names."""
        return {column for column, each in self.items() if each.is_hash}

    @property
    def under_data_keys(self) -> list[DataKeyColumn]:
        """Return the columns under data keys that a target holds."""
        return [each.data_keys for each in self.values() if each.data_keys]

    def possible_keys(self, column: str) -> str:
        """Return the target that may have the data keys of a column in which nothing opens. Empty if there is none."""
        return self[column].possible_keys if column in self else ""

    def other_schemes(self, column: str) -> Collection[str]:
        """Return the schemes that open what the scheme of a target does not."""
        return self[column].other_schemes if column in self else ()
