# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is right at the end of a run: every value can be read, or the run failed and has named each that cannot."""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from .application import Run, Unreadable

OF_KEYS = (
    "E_NOT_CURRENT",
    "E_ROLLBACK_LOSES",
)  # errors that name values by their keys: what they name may well be read
# What these name was written by another process, or differs from before, and may well be read.
WORDS_OF_WRITES = (
    "Values that another process changed",
    "Rows that another process changed",
    "Rows that changed since the rotation first counted them",
    "key_rotation_repair",  # the option that takes values from the backup: those that were damaged, and those written
)
OF_WRITES = ("E_VALUES_WRITTEN", "E_DIGEST_CHANGED", *WORDS_OF_WRITES)
OF_WRITES_IN_RECORD = ("written_rows", "differing_rows", "others_rows")  # with the keys of rows by column, or by table
COUNTED = re.compile(r"acknowledge=\S+")  # not values, but how many of a column
_NAME = re.compile(r"\b([a-z_0-9]+\.[a-z_]+:\d+)\b")


@dataclass
class Verdict:
    """How one table came out: values that the oracle cannot read, those of them that nobody named, and those that were
    named but can be read, or that were named as written by another process and are not."""

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


def judge(
    tables: Sequence[str], run: Run, results: str, unreadable: Sequence[Unreadable], wrote: Collection[str] = ()
) -> list[Verdict]:
    """A verdict for each table. ``wrote`` are the rows that the writer wrote, as table:primary key."""
    named, written = names_in(run.text + results)
    written |= written_in(results)
    verdicts = {table: Verdict(table, run.code) for table in tables}
    for each in unreadable:
        verdict = verdicts[each.row.split(".")[0]]
        verdict.unreadable.append(each)
        if each.row not in named | written and row_of(each.row) not in written:
            verdict.unnamed.append(each)
    unwritten = {each for each in written if row_of(each) not in wrote}
    for name in sorted(unwritten | named - {each.row for each in unreadable}):
        table = row_of(name).split(":")[0]
        if table in verdicts:
            verdicts[table].wrongly_named.append(name)
    return list(verdicts.values())


def rows_of_table(case: str, libraries: Sequence[str], run: Run, verdicts: Sequence[Verdict]) -> list[str]:
    """Of a table of outcomes, the row of each library: how the run ended, and how each kind of writer came out."""
    rows = []
    errors = re.findall(r"\bE_[A-Z_]+\b", run.text)
    ended = f"exit {run.code} {errors[0] if errors and run.code else ''}"
    for library in libraries:
        mine = {each.table[len(library) + 1 :]: each for each in verdicts if each.table.startswith(f"{library}_")}
        cells = " ".join(f"{f'{kind}: {each.cell}':22}" for kind, each in mine.items())
        rows.append(f"{case:42} {library:24} {ended:28} {cells}".rstrip())
    return rows


def row_of(name: str) -> str:
    """The row of a value, as table:primary key."""
    return re.sub(r"\.[a-z_]+:", ":", name)


def names_in(text: str) -> tuple[set[str], set[str]]:
    """Values by the name that the collection gives them: those that cannot be read, and those that were written by
    another process. Those that are only said to be under other keys are neither."""
    parts = re.split(rf"\b(E_[A-Z_]+\b|{'|'.join(WORDS_OF_WRITES)})", COUNTED.sub("", " ".join(text.split())))
    told = list(zip(["", *parts[1::2]], parts[::2]))
    unreadable = " ".join(part for about, part in told if about not in OF_KEYS + OF_WRITES)
    written = " ".join(part for about, part in told if about in OF_WRITES)
    return set(_NAME.findall(unreadable)), set(_NAME.findall(written))


def written_in(results: str) -> set[str]:
    """Values that records name as written by another process: messages have the first ones only."""
    events = [json.loads(line) for line in results.splitlines()]
    looks = [look for event in events for look in (event, event.get("seen") or {})]
    parts = [*events, *(look.get("since") or {} for look in looks)]
    members = [part.get(member) or {} for part in parts for member in OF_WRITES_IN_RECORD]
    return {f"{column}:{row}" for rows in members for column, keys in rows.items() for row in keys}
