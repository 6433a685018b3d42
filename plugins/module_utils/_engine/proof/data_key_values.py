# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns under data keys that a rotation re-encrypts: every value must open under the data key of its row.

A sample decided that a column is under such keys. This check reads every value. What does not open would stop a
rotation if nothing were known about its column, and so it does here. The plaintexts may hold tokens under rotated keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..._errors.values import ValuesHoldTokens, ValuesOutsideDataKeys
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.data_keys import DataKeyColumn, ciphers_of
from ..discovery.columns.nesting import holding
from ..discovery.findings.findings import Finding
from ..discovery.findings.settlements import NONE, NOT_OURS, UNREADABLE, Settlements
from ..postgres.catalog import row_name
from ..postgres.connection import Database
from ..value_forms.value_look import looks_encrypted
from .census_findings import RowFinding, findings_of_rows
from .census_tally import Rows
from .table_pages import PageRequest, TargetGroup, pages


def findings(
    database: Database,
    columns: Sequence[DataKeyColumn],
    keyring: Keyring,
    settled: Settlements = NONE,
    expected: str = "",
) -> Iterator[Finding]:
    """Yield findings for values that do not open under the data key of their row, and for those whose plaintext holds a
    token under a rotated key. A token under the ``expected`` stage needs no finding."""
    for each in columns:
        closed, holds = Rows(), Rows()
        group = TargetGroup(each.column.table, each.column.key, [each.column, each.wrapped])
        for page in pages(database, PageRequest(group)):
            rows = [row_name(key) for key, _ in page]
            opened = _open(each, [values for _, values in page], keyring)
            texts = [stored if inside is None else inside for stored, inside in opened]
            stages = holding(keyring, keyring.schemes, texts)
            for place, (stored, inside) in enumerate(opened):
                decided = settled.get(f"{each.column.name}:{rows[place]}")
                decision = decided.decision if decided else ""
                held = {*stages.get(place, ())} - {expected}
                # A short token in base64 may look like a name.
                if inside is None and (held or looks_encrypted(stored)) and decision not in (NOT_OURS, UNREADABLE):
                    closed.add(rows[place])
                elif held and decision != UNREADABLE:
                    holds.add(rows[place])
        yield from findings_of_rows(each.column, closed, _outside(each), each.keys)
        yield from findings_of_rows(each.column, holds, lambda count, rows: ValuesHoldTokens(count=count, rows=rows))


def _outside(column: DataKeyColumn) -> RowFinding:
    return lambda count, rows: ValuesOutsideDataKeys(
        column=column.column.name, count=count, rows=rows, keys=column.keys
    )


def _open(column: DataKeyColumn, page: Sequence[tuple[Any, ...]], keyring: Keyring) -> list[tuple[bytes, bytes | None]]:
    """Return each value of a page as bytes, with its plaintext if it opens under the data key of its row."""
    stored = [as_bytes(value) if value else b"" for value, _ in page]
    ciphers = ciphers_of(keyring, column.wrapped, [keys for _, keys in page])
    return [(value, cipher.open(value) if value and cipher else None) for value, cipher in zip(stored, ciphers)]
