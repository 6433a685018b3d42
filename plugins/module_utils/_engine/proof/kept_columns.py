# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns under keys that are not rotated: values that are, or contain, tokens under rotated keys.

A sample decided that a column is under such a key. This check reads every value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..._errors.values import UnreadableValues, ValuesHoldTokens, ValuesUnderRotatedKey
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.layer_classes import TOKEN_INSIDE
from ..discovery.columns.nesting import held_inside, holding
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding
from ..discovery.findings.settlements import NONE, NOT_OURS, UNREADABLE, Settlements
from ..postgres.catalog import row_name
from ..postgres.connection import Database
from .census_findings import RowFinding, findings_of_rows
from .census_tally import Rows
from .page_tokens import open_kept, open_other
from .table_pages import PageRequest, by_table, pages

MIXED_KEYS = "mixed_keys"
# By the kind of a finding, the decisions of a person that settle a value, or its column.
ACCEPTED_BY = {
    MIXED_KEYS: (UNREADABLE,),
    TOKEN_INSIDE: (UNREADABLE,),
    "unreadable": (UNREADABLE, NOT_OURS),
}
Token = tuple[int, int, bytes]  # a row of a page, the place of a token in its value, and the token


def findings(
    database: Database, columns: Sequence[Target], keyring: Keyring, settled: Settlements = NONE, expected: str = ""
) -> list[Finding]:
    """Return findings for values that need rotated keys. Values under the ``expected`` stage need no finding."""
    rows_by_kind = {(target.name, kind): Rows() for target in columns for kind in ACCEPTED_BY}
    for group in by_table(columns):
        for page in pages(database, PageRequest(group)):
            rows = [row_name(key) for key, _ in page]
            for place, target in enumerate(group.members):
                for row, kind in _look(target, [values[place] for _, values in page], keyring, expected):
                    if not _is_accepted(settled, kind, target.name, rows[row]):
                        rows_by_kind[target.name, kind].add(rows[row])
    kept = {target.name: ", ".join(sorted(_settings(target, keyring))) for target in columns}
    return [
        finding
        for target in columns
        for kind in ACCEPTED_BY
        for finding in findings_of_rows(
            target,
            rows_by_kind[target.name, kind],
            _facts_of(kind, target.name, kept[target.name]),
            kept[target.name] if kind == MIXED_KEYS else "",
        )
    ]


def _facts_of(kind: str, column: str, kept: str) -> RowFinding:
    if kind == MIXED_KEYS:
        return lambda count, rows: ValuesUnderRotatedKey(column=column, count=count, rows=rows, kept=kept)
    if kind == TOKEN_INSIDE:
        return lambda count, rows: ValuesHoldTokens(count=count, rows=rows)
    return lambda count, rows: UnreadableValues(count=count, rows=rows)


def _settings(target: Target, keyring: Keyring) -> set[str]:
    return keyring.settings_of(keyring.fixed[target.scheme])


def _is_accepted(settled: Settlements, kind: str, column: str, row: str) -> bool:
    decided = [settled[name].decision for name in (column, f"{column}:{row}") if name in settled]
    return any(decision in ACCEPTED_BY[kind] for decision in decided)


def _look(target: Target, values: Sequence[Any], keyring: Keyring, expected: str) -> Iterator[tuple[int, str]]:
    """The values that are not all under keys that stay, by their place, each with the kind of its finding."""
    scheme = keyring.fixed[target.scheme]
    tokens: list[Token] = target.kind.find(values, scheme.marker)
    opened = keyring.stages_of(scheme.name, [token for _, _, token in tokens])
    inside = held_inside(keyring, scheme, opened)
    yield from {(tokens[place][0], TOKEN_INSIDE) for place, stages in inside.items() if {*stages} - {expected}}

    closed = [token for token, opening in zip(tokens, opened) if opening is None]
    stages: dict[int, set[str]] = {}
    for row, _, token in closed:
        if by_other := open_other(token, target, keyring):
            stages.setdefault(row, set()).add(by_other.stage)
    rest = _without(target, values, [token for token, opening in zip(tokens, opened) if opening is not None])
    for place, held in holding(keyring, keyring.schemes, list(rest.values())).items():
        stages.setdefault(list(rest)[place], set()).update(held)
    yield from ((row, MIXED_KEYS) for row, held in stages.items() if held - {expected})

    shown = closed if scheme.marker or target.kind.whole else ()  # any text of a document may be a token without a mark
    if not shown:
        return
    from ..value_forms.value_look import looks_encrypted

    yield from {
        (row, "unreadable")
        for row, _, token in shown
        if row not in stages and looks_encrypted(token) and not open_kept(token, keyring)
    }


def _without(target: Target, values: Sequence[Any], opened: Sequence[Token]) -> dict[int, bytes]:
    """Return what is stored next to the ``opened`` tokens, by the row."""
    taken: dict[int, list[bytes]] = {}
    for row, _, token in opened:
        taken.setdefault(row, []).append(token)
    rest = {}
    for row, value in enumerate(values):
        left = target.kind.put(value, taken[row], [b""] * len(taken[row])) if row in taken else value
        if left:
            rest[row] = as_bytes(left)
    return rest
