# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The surroundings of the targets in a database: obstacles to a rewrite, copies of tokens, search columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from ..._errors.discovery import ColumnTied
from ..._errors.options import InvalidTarget
from ..crypto.keyring import Keyring
from ..postgres import catalog
from ..postgres.catalog import Column, Table, word
from ..postgres.connection import Database
from ..value_forms.token_look import SHORTEST
from .columns.column_types import JsonCodec
from .columns.target import Target
from .findings.finding_facts import KeptHash, SameTokens
from .findings.finding_kinds import KindName
from .findings.findings import Findings
from .recipes import search_columns
from .survey_models import SurveyModels

if TYPE_CHECKING:
    from .recipes.given_recipes import GivenColumn

IGNORED: Sequence[KindName] = ("ignored", "ignored_open", "ignored_tokens")  # about ignored columns
_TIMELESS = b"gAAAAAAAAAAA"  # a Fernet token with the time 0
_IN_THE_KEY = (
    "or a search column of it is in the key by which the table's rows are named",
    "Give the table a primary key over other columns, or list the column in O(ignore).",
)
_RELATED = (
    "is bound to {} by a relation of the models, and their new values would differ",
    "Let the relation use the row's key instead.",
)


@dataclass(frozen=True)
class SurveySurroundings:
    """The surroundings of ``targets``. What they show is put into ``findings``.

    ``tables`` are those of the database with their columns; ``samples`` are tokens of each target by its name.
    ``given`` are the search columns whose recipe a person gave.
    """

    database: Database
    keyring: Keyring
    models: SurveyModels
    tables: Mapping[Table, Sequence[Column]]
    targets: list[Target]
    findings: Findings
    samples: Mapping[str, set[bytes]]
    given: Sequence[GivenColumn] = ()

    def look(self) -> None:
        """Check all of them, and add to each target its search columns."""
        tied = {target.table for target in self.targets if self._put_down_obstacles(target.table, target.column)}
        for table in dict.fromkeys(target.table for target in self.targets if target.table not in tied):
            self._look_for_digests(table, [target for target in self.targets if target.table == table])
        self._look_for_digests_apart()
        for given in self.given:
            self._add_given(given)
        for table, column in dict.fromkeys(
            (target.table, recipe.column) for target in self.targets for recipe in target.derived
        ):
            self._put_down_obstacles(table, column)
        self._look_for_copies()
        for target in self.targets:
            if {target.column, *(recipe.column for recipe in target.derived)} & {*target.key.columns}:
                self._tie(target.name, *_IN_THE_KEY)

    def _put_down_obstacles(self, table: Table, column: str) -> bool:
        """Return whether something keeps a column from being rewritten, and put it down."""
        obstacles = [*catalog.obstacles(self.database, table, column), *self._relations(table, column)]
        for what, todo in obstacles:
            self._tie(table.label_of(column), what, todo)
        return bool(obstacles)

    def _relations(self, table: Table, column: str) -> Iterator[tuple[str, str]]:
        """Yield the columns that a relation of the models joins with this one, and what to do about each."""
        what, todo = _RELATED
        for other in self.models.related(table, column):
            yield what.format(".".join(map(word, other))), todo

    def _look_for_copies(self) -> None:
        """Find targets that share a token, or have one in several rows: no two values encrypt to the same."""
        schemes = {target.name: self.keyring.schemes[target.scheme] for target in self.targets}
        proved = {
            name: tokens
            for name, tokens in sorted(self.samples.items())
            if name in schemes and schemes[name].format.authenticated
        }
        for name, other in combinations(proved, 2):
            if common := {token for token in proved[name] & proved[other] if len(token) >= SHORTEST}:
                self.findings.put(name, SameTokens(other, len(common)))
        for target in self.targets:
            tokens = proved.get(target.name, ())
            if tokens and not isinstance(target.kind, JsonCodec) and self._is_repeated(target):
                self.findings.put_kind("repeated_in_rows", target.name)
            if len(tokens) > 1 and all(token.startswith(_TIMELESS) for token in tokens):
                self.findings.put_kind("timeless", target.name)

    def _is_repeated(self, target: Target) -> bool:
        marker = self.keyring.schemes[target.scheme].marker if target.mixed else b""
        return catalog.is_repeated(self.database, target.table, target.column, target.type, marker)

    def _tie(self, column: str, what: str, todo: str) -> None:
        self.findings.put(column, ColumnTied(column=column, obstacle=what, advice=todo), kind="tied")

    def _look_for_digests(self, table: Table, targets: Sequence[Target]) -> None:
        """Find columns that are computed from the plaintexts of a table's targets."""
        taken = {target.column for target in targets} | {each.column.name for each in self.given if each.table == table}
        ignored = set(self.findings.columns(*IGNORED))
        columns = {
            column.name: column
            for column in self.tables[table]
            if not (column.generated or column.name in taken or table.label_of(column.name) in ignored)
        }
        scan = search_columns.scan_table(self.database, table, targets, list(columns.values()), self.keyring)
        documents = {target.column for target in targets if isinstance(target.kind, JsonCodec)}
        inside = [column for column in self.tables[table] if column.name in documents]
        self._put_down_digests(table, [columns[name] for name in scan.unknown])
        for name in search_columns.among(self.database, table, inside):
            self.findings.put_kind("digest", table.label_of(name))
        for name, setting in scan.kept:
            if setting:
                self.findings.put(table.label_of(name), KeptHash(setting))
        self.findings.drop("silent", {table.label_of(column) for column in scan.explained})
        for target in targets:
            derived = tuple(scan.recipes.get(target.column, ()))
            self.targets[self.targets.index(target)] = replace(target, derived=derived)

    def _add_given(self, given: GivenColumn) -> None:
        """Add a recipe that a person gave to the target of its column. Raise E_TARGET if its column is not a target."""
        of_table = {target.column: target for target in self.targets if target.table == given.table}
        written = {*of_table, *(recipe.column for target in of_table.values() for recipe in target.derived)}
        written |= {each.column.name for each in self.given if each.table == given.table}
        target, source = of_table.get(given.source), given.table.label_of(given.source)
        fault = ""
        if target is None:
            fault = f"is a search column of {source}, in which no token was found. List that column with its scheme too"
        elif not target.kind.whole:
            fault = f"is a search column of {source}, whose values hold several tokens"
        elif changed := [name for name in given.recipe.columns if name in written]:
            fault = f"has {', '.join(changed)} in its recipe, which the rotation changes"
        if target is None or fault:
            raise InvalidTarget(index=given.place, fault=fault)
        self.targets[self.targets.index(target)] = replace(target, derived=(*target.derived, given.recipe))

    def _put_down_digests(self, table: Table, columns: Iterable[Column]) -> None:
        """Put down columns of digests, and for those of a model that their salt must not be one of the keys."""
        for column in columns:
            name, field = table.label_of(column.name), self.models.hash_column(table, column)
            if field is None:
                self.findings.put_kind("digest", name)
            elif field:
                self.findings.put(name, KeptHash(field))

    def _look_for_digests_apart(self) -> None:
        """Find columns in tables of rows that belong to those with tokens.

        These hold an index in a table of its own, or next to tokens under other keys.
        """
        tables, fixed = {target.table for target in self.targets}, set(self.findings.columns("fixed"))
        ignored = set(self.findings.columns(*IGNORED))
        linked = catalog.linked(self.database, tables) if tables else set()
        for table in self.tables if tables else ():
            has_fixed = any(table.label_of(column.name) in fixed for column in self.tables[table])
            if (has_fixed or (table.schema, table.name) in linked) and table not in tables and not table.copy:
                columns = [each for each in self.tables[table] if table.label_of(each.name) not in ignored]
                names = search_columns.apart(self.database, table, columns)
                self._put_down_digests(table, [column for column in columns if column.name in names])
