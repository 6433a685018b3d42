# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the first write: digests in search columns that a rotation would leave unchanged.

The rows that a recipe explains prove that the column is computed with a rotated key. The others are probably computed
with it too, in an unknown way, and no search would find them after the rotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..._errors.values import StaleDigests
from ..crypto.keyring import Keyring
from ..discovery.findings import Finding, unsettled
from ..discovery.layer_classes import TWO_LAYERS
from ..discovery.listed_rows import ListedRows
from ..discovery.settlements import Settlements
from ..discovery.target import Target
from ..postgres.catalog import row_name, word
from ..postgres.connection import Database
from ..rewrite.search_digests import Derivations, DigestDerivation, find_stale
from .census_findings import format_rows
from .census_tally import DigestCount, Tally
from .page_tokens import PageToken
from .table_pages import PageRows, TargetGroup

KIND = "stale_digests"


class DigestCounting:
    """The count of one table, while a census opens its tokens page by page."""

    def __init__(self, database: Database, group: TargetGroup, keyring: Keyring, destination: str) -> None:
        self.columns: dict[str, DigestCount] = {}
        self._database, self._group = database, group
        self._derivation = DigestDerivation(keyring, destination)
        self._derived: dict[int, Derivations] = {}

    def add(self, target: Target, tokens: Iterable[PageToken]) -> None:
        """The tokens of one target in the present page."""
        for token in tokens if target.derived else ():
            if token.opened is not None and token.problem != TWO_LAYERS:  # the others are not rewritten
                self._derivation.derive(target, token.opened, self._derived.setdefault(token.row, {}))

    def end_page(self, page: PageRows) -> None:
        """All targets were added: look at what the rows of the page hold."""
        rows = [(page[row][0], derived) for row, derived in sorted(self._derived.items())]
        self._derived = {}
        for digests in find_stale(self._database, self._group, rows) if rows else ():
            count = self.columns.setdefault(digests.column, DigestCount())
            count.held += len(digests.held)
            for key in [key for key, _ in rows if key in digests.stale]:
                count.stale.add(row_name(key))


def findings(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """One finding for each search column with such digests that no person has settled."""
    return unsettled(
        (
            _finding(tally.target, column, count)
            for tally in tallies
            for column, count in tally.digests.items()
            if count.stale.count
        ),
        settled,
    )


def _finding(target: Target, column: str, count: DigestCount) -> Finding:
    name, stale = target.table.label_of(column), count.stale
    rows = format_rows(name, stale)
    error = StaleDigests(column=name, count=stale.count, looked_at=count.held, rows=rows)
    listed = ListedRows(target.table.label, word(column), KIND, stale.count, stale.listed)
    return Finding.of(name, error, listed=listed)
