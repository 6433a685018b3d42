# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plaintext rule of a column: as a person has settled it, otherwise by its first values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..._errors.database import TableKey
from ..crypto.keyring import Keyring
from ..postgres.catalog import Column, RowKey, Table
from ..postgres.connection import Database
from ..proof.table_pages import PAGE_ROWS, PageRequest, by_table, pages
from .columns.column_evidence import SurveyEvidence
from .columns.column_sample import SAMPLE
from .columns.nesting import bare
from .columns.plaintext_rules import PlaintextRule, rule
from .columns.target import Target
from .findings.findings import Findings
from .findings.settlements import ONE_LAYER, TWO_LAYERS


@dataclass(frozen=True)
class ColumnRules:
    """Finds the plaintext rules of columns of one database.

    If plaintexts are tokens of another system, it puts that into ``findings``, and the tokens into the
    ``evidence``. ``row_key`` raises E_TABLE_KEY if a table has no key.
    """

    database: Database
    keyring: Keyring
    findings: Findings
    evidence: SurveyEvidence
    row_key: Callable[[Table], RowKey]

    def find(self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes], decision: str) -> PlaintextRule:
        """Determine the plaintext rule from a settlement, or from the first values.

        Those are in the order of the key, which an UPDATE does not change.
        """
        if decision == ONE_LAYER:
            return PlaintextRule(scheme)
        plaintext_rule = PlaintextRule(scheme)
        for some in self._in_order(table, column, scheme, pieces):
            plaintext_rule = self.judge(table, column, scheme, some, settled=decision == TWO_LAYERS)
            if decision != TWO_LAYERS or plaintext_rule.scheme != scheme:
                break
        return plaintext_rule

    def _in_order(
        self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes]
    ) -> Iterator[Sequence[bytes]]:
        """Yield the tokens of a column, some at a time. Yield only ``pieces`` if no key names the rows."""
        try:
            target = Target(table, column.name, column.type, scheme, "", self.row_key(table), None)
        except TableKey:
            yield pieces
            return
        (group,) = by_table([target])
        marker = next(each.marker for each in self.keyring.tried if each.name == scheme)
        tokens: list[bytes] = []
        rows = 0
        for page in pages(self.database, PageRequest(group)):
            rows += len(page)
            tokens += [token for _, _, token in target.kind.find([values[0] for _, values in page], marker)]
            if len(tokens) >= SAMPLE or rows >= PAGE_ROWS:
                yield tokens
                tokens, rows = [], 0
        yield tokens

    def judge(
        self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes], *, settled: bool = False
    ) -> PlaintextRule:
        """Return the rule that some of the column's tokens show."""
        from ..proof.model_reading import reads_inner  # which loads much more

        def reads(tokens: set[str]) -> bool:
            return not settled and reads_inner(table, column.name, tokens, SAMPLE)

        plaintext_rule = rule(self.keyring, scheme, pieces, reads)
        if plaintext_rule.foreign and not settled:
            name = table.label_of(column.name)
            self.findings.put_kind("foreign", name)
            opened = self.keyring.stages_of(scheme, pieces)
            self.evidence[name].inside = [bare(opening[1].plaintext) for opening in opened if opening is not None]
        return plaintext_rule
