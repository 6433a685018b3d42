# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the first write: digests in search columns that a rotation would leave unchanged.

The rows that a recipe explains prove that the column is computed with a rotated key. The others are probably computed
with it too, in an unknown way, and no search would find them after the rotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..._errors.options import RecipeExplainsNothing
from ..._errors.values import StaleDigests
from ..crypto.keyring import Keyring
from ..crypto.tokens import Opened
from ..discovery.columns.layer_classes import TWO_LAYERS
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding, unsettled
from ..discovery.findings.listed_rows import ListedRows
from ..discovery.findings.settlements import Settlements
from ..postgres.catalog import row_name, word
from ..postgres.connection import Database
from ..rewrite.search_digests import Derivations, DigestDerivation, find_stale, row_columns
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
        self._recipes = {recipe.column: recipe for target in group.members for recipe in target.derived}
        self._opened: list[tuple[Target, int, tuple[str, Opened]]] = []

    def add(self, target: Target, tokens: Iterable[PageToken]) -> None:
        """The tokens of one target in the present page."""
        for token in tokens if target.derived else ():
            if token.opened is not None and token.problem != TWO_LAYERS:  # the others are not rewritten
                self._opened.append((target, token.row, token.opened))

    def end_page(self, page: PageRows) -> None:
        """All targets were added: look at what the rows of the page hold."""
        numbers = sorted({number for _, number, _ in self._opened})
        hashed = row_columns(self._database, self._group, [page[number][0] for number in numbers])
        derivations: dict[int, Derivations] = {number: {} for number in numbers}
        for target, number, opened in self._opened:
            self._derivation.derive(target, opened, derivations[number], hashed.get(page[number][0], {}))
        self._opened = []
        rows = [(page[number][0], derived) for number, derived in derivations.items()]
        for digests in find_stale(self._database, self._group, rows) if rows else ():
            recipe = self._recipes[digests.column]
            count = self.columns.setdefault(digests.column, DigestCount(str(recipe) if recipe.is_given else ""))
            count.held += len(digests.held)
            for key in [key for key, _ in rows if key in digests.stale]:
                count.stale.add(row_name(key))


def findings(tallies: Sequence[Tally], settled: Settlements, *, given_alone: bool = False) -> list[Finding]:
    """One finding for each search column with such digests that no person has settled.

    With ``given_alone``, only for columns whose recipe a person gave.
    """
    return unsettled(
        (
            _finding(tally.target, column, count)
            for tally in tallies
            for column, count in tally.digests.items()
            if count.stale.count and (count.recipe or not given_alone)
        ),
        settled,
    )


def _finding(target: Target, column: str, count: DigestCount) -> Finding:
    name, stale = target.table.label_of(column), count.stale
    rows = format_rows(name, stale)
    if count.recipe and stale.count == count.held:
        return Finding.of(
            name, RecipeExplainsNothing(column=name, recipe=count.recipe, looked_at=count.held, rows=rows)
        )
    error = StaleDigests(column=name, count=stale.count, looked_at=count.held, rows=rows)
    listed = ListedRows(target.table.label, word(column), KIND, stale.count, stale.listed)
    return Finding.of(name, error, listed=listed)
