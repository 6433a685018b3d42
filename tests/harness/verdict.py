# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is right at the end of a run: every value can be read, or the run failed and has named each that cannot."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .application import Run, Unreadable

OF_KEYS = {"E_NOT_CURRENT"}  # errors that name values by their keys: what they name may well be read


@dataclass
class Verdict:
    """How one table came out: values that the oracle cannot read, those of them that nobody named, and those that were
    named but can be read."""

    table: str
    code: int
    unreadable: list[Unreadable] = field(default_factory=list)
    unnamed: list[Unreadable] = field(default_factory=list)
    wrongly_named: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        return not self.unnamed and not self.wrongly_named and not (self.unreadable and self.code == 0)

    @property
    def cell(self) -> str:
        """In a table of outcomes."""
        if not self.right:
            return "WRONG"
        return f"{len(self.unreadable)} named" if self.unreadable else "read"

    def shown(self) -> str:
        """All of it, for a person who looks for the reason."""
        reads = collections.Counter(each.reads for each in self.unreadable)
        parts = [f"{count} read {what!r}" for what, count in sorted(reads.items())] or ["every value is read"]
        if self.unnamed:
            parts.append(f"{len(self.unnamed)} not named, such as {self.unnamed[0].row}")
        if self.wrongly_named:
            parts.append(f"{len(self.wrongly_named)} named but read, such as {self.wrongly_named[0]}")
        return f"{'right' if self.right else 'WRONG':5} exit {self.code}  {self.table:40} {'; '.join(parts)}"


def judge(tables: Sequence[str], run: Run, results: str, unreadable: Sequence[Unreadable]) -> list[Verdict]:
    """A verdict for each table."""
    named = names_in(run.text + results)
    verdicts = {table: Verdict(table, run.code) for table in tables}
    for each in unreadable:
        verdict = verdicts[each.row.split(".")[0]]
        verdict.unreadable.append(each)
        if each.row not in named:
            verdict.unnamed.append(each)
    for row in sorted(named - {each.row for each in unreadable}):
        if row.split(".")[0] in verdicts:
            verdicts[row.split(".")[0]].wrongly_named.append(row)
    return list(verdicts.values())


def rows_of_table(end: str, libraries: Sequence[str], run: Run, verdicts: Sequence[Verdict]) -> list[str]:
    """Of a table of outcomes, the row of each library: how the run ended, and how each kind of writer came out."""
    rows = []
    errors = re.findall(r"\bE_[A-Z_]+\b", run.text)
    ended = f"exit {run.code} {errors[0] if errors and run.code else ''}"
    for library in libraries:
        mine = {each.table[len(library) + 1 :]: each for each in verdicts if each.table.startswith(f"{library}_")}
        cells = " ".join(f"{f'{kind}: {each.cell}':22}" for kind, each in mine.items())
        rows.append(f"{end:25} {library:24} {ended:28} {cells}".rstrip())
    return rows


def names_in(text: str) -> set[str]:
    """Values by the name that the collection gives them, but for those that are only said to be under other keys."""
    parts = re.split(r"\b(E_[A-Z_]+)\b", text)
    told = [part for code, part in zip(["", *parts[1::2]], parts[::2]) if code not in OF_KEYS]
    return set(re.findall(r"\b([a-z_]+\.[a-z_]+:\d+)\b", " ".join(told)))
