# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The census: a read-only pass that opens every value of every target and says under which key set it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..._errors.values import (
    ScanIncomplete,
)
from ..._system.progress_file import SILENT, ProgressFile
from ..crypto import loose_base64
from ..crypto.aes_cbc import Hmac, fastest_hmac
from ..crypto.keyring import Keyring
from ..crypto.tokens import OpenedByLaterKey
from ..discovery.columns.target import Target
from ..postgres import sql
from ..postgres.catalog import Table, row_name
from ..postgres.connection import Database
from ..rewrite.journal import Journal
from ..rewrite.throttle import Throttle
from ..value_forms import plain_text_look, recognized_formats
from .census_tally import Read, Rows, Tally
from .page_tokens import ColumnPage, PageToken, begins_as_token, find_held_stages, look, open_other, why_unopened
from .row_digests import EachRow
from .table_pages import PAGE_ROWS, PageRequest, PageRows, TargetGroup, by_table, pages, spans
from .value_classes import OTHER_SCHEME, PLAINTEXT, TOKEN_IN_TEXT

if TYPE_CHECKING:
    from .stale_digests import DigestCounting

SAMPLE_PARTS = 10


@dataclass(frozen=True)
class Census:
    """A read-only pass over the targets of one database, which classes every value.

    Classes are the keyring's stages and these:

    ``empty`` is NULL or ''. ``plaintext`` does not look like a token. ``unreadable`` looks like one, but no key set
    opens it. ``nested`` has a token as its plaintext. ``nested_unreadable`` has a plaintext that looks like a token,
    but no key set opens it. ``token_inside`` has a token that opens, between other text.

    Plain text in a column that is settled as mixed is counted separately, and so are values listed in ``leave_alone``
    as table.column:key. In a listed column, values with a token inside count as the class of that token. With a
    ``destination``, the stage to which all values go, the census also checks digests in search columns
    (stale_digests.py).
    """

    database: Database
    targets: Sequence[Target]
    keyring: Keyring
    digest_key: bytes = field(repr=False)
    leave_alone: Collection[str] = ()
    progress: ProgressFile = SILENT
    destination: str = ""

    def take(self, throttle: Throttle | None = None, each_row: EachRow | None = None) -> list[Tally]:
        """Class every value in one snapshot. ``each_row`` receives the digest of each row. Raise E_DB or E_DB_LOST.

        With a ``throttle`` there is no snapshot, and a pause after each page: a long snapshot keeps VACUUM from its
        work.
        """
        tallies = []
        since = each_row.since(self.database.alias) if each_row else ""
        groups = by_table(self.targets)
        tables = [group.table.identifier for group in groups]
        with contextlib.nullcontext() if throttle else self.database.snapshot(tables):
            for group in groups:
                read = self._reported(group.table, pages(self.database, PageRequest(group, since=since)))
                counted = self._counted(group.members, self._pause_between(read, throttle), each_row)
                if throttle is None:
                    _refuse_missed(self.database, group.table, counted[0].rows)
                tallies += counted
        return tallies

    def sample(self) -> list[Tally]:
        """Classify the values of at most SAMPLE_PARTS times PAGE_ROWS rows of each table, taken from all over it."""
        tallies = []
        groups = by_table(self.targets)
        with self.database.snapshot([group.table.identifier for group in groups]):
            for group in groups:
                self.progress.tell(f"reading a sample of {group.table.label}")
                parts = spans(self.database, group, PAGE_ROWS)
                count = min(len(parts), SAMPLE_PARTS)
                chosen = [parts[place * len(parts) // count] for place in range(count)]
                read = (page for part in chosen for page in pages(self.database, PageRequest(group, part)))
                tallies += self._counted(group.members, read)
        return tallies

    def count(self, group: TargetGroup, read: Iterable[PageRows], each_row: EachRow | None = None) -> list[Tally]:
        """Class the values of these pages of one table, wherever they are from."""
        return self._counted(group.members, self._reported(group.table, read), each_row)

    def _reported(self, table: Table, read: Iterable[PageRows]) -> Iterator[PageRows]:
        """Yield the pages, and report how many rows have been read."""
        done, about = 0, self.database.about(table.regclass)
        for page in read:
            yield page
            done += len(page)
            self.progress.tell(f"reading {table.label}", done, about, "rows")

    def _pause_between(self, read: Iterable[PageRows], throttle: Throttle | None) -> Iterator[PageRows]:
        """Yield the pages, and rest after each, in proportion to the time for reading it and for the caller's work with
        it."""
        began = time.monotonic()
        for page in read:
            yield page
            if throttle:
                for _reason in throttle.rest(self.database, time.monotonic() - began, lambda: False):
                    pass  # it waits by itself
                began = time.monotonic()

    def _counted(
        self, members: Sequence[Target], read: Iterable[PageRows], each_row: EachRow | None = None
    ) -> list[Tally]:
        """Count what is in these pages of one table, by target."""
        journal = Journal(self.database, self.keyring, members)
        tallies = [Tally(target) for target in members]
        digests = self._count_digests(members)
        for page in read:
            known = journal.of(members, page)
            rows = [row_name(row_key) for row_key, _ in page]
            sums = {target.column: dict.fromkeys(rows, 0) for target in members} if each_row else {}
            for place, tally in enumerate(tallies):
                values = [values[place] for _, values in page]
                tokens = self._count(tally, rows, values, known, sums.get(tally.target.column))
                if digests:
                    digests.add(tally.target, tokens)
            if digests:
                digests.end_page(page)
            if each_row:
                each_row.take(members[0].table, sums, page)
        if digests:
            tallies[0].digests = digests.columns
        return tallies

    def _count_digests(self, members: Sequence[Target]) -> DigestCounting | None:
        """The count of digests in search columns, if it is asked for and this table has any."""
        if not (self.destination and any(target.derived for target in members)):
            return None
        from .stale_digests import DigestCounting

        group = TargetGroup(members[0].table, members[0].key, members)
        return DigestCounting(self.database, group, self.keyring, self.destination)

    def _count(
        self,
        tally: Tally,
        rows: Sequence[str],
        values: Sequence[Any],
        known: Mapping[tuple[str, str], str],
        sums: dict[str, int] | None = None,
    ) -> list[PageToken]:
        """Count the values of one column, those of ``rows``. What they add to the digest is put into ``sums``. Returns
        their tokens."""
        tally.rows += len(rows)
        tokens = look(ColumnPage(tally.target, rows, values), self.keyring, known, self.leave_alone)
        for number in sorted(set(range(len(rows))) - {token.row for token in tokens}):
            tally.add("empty", rows[number])
        scheme = self.keyring.schemes[tally.target.scheme]
        prefix = len(scheme.described.get("prefix", ""))
        classes: dict[str, list[str]] = {}
        read: list[Read] = []
        for token in tokens:
            row = rows[token.row]
            if token.opened is None:
                if self._count_unopened(tally, row, token.token):
                    read.append((row, f"plain {token.place}", token.token))  # not the place of a token
                continue
            stage, inside = token.opened
            value_class = self._class_of_layers(tally, row, token, stage) if token.layers else stage
            classes.setdefault(value_class, []).append(row)
            read.append((row, token.place, inside.plaintext))
            if scheme.format.loose and loose_base64.is_standard(token.token[prefix:]):
                tally.standard.add(row)
            elif token.around:
                tally.loose.add(row)
            if isinstance(inside, OpenedByLaterKey):
                tally.later_keys[inside.number] += 1
            if token.unsearched:
                tally.unsearched.add(row)
        for value_class, members in classes.items():
            tally.add(value_class, *members)
        added = tally.digest(self._mac, read)
        if sums is not None:
            for (row, _, _), amount in zip(read, added):
                sums[row] += amount
        return tokens

    @cached_property
    def _mac(self) -> Hmac:
        return fastest_hmac()(self.digest_key)

    def _class_of_layers(self, tally: Tally, row: str, token: PageToken, stage: str) -> str:
        """The class of a token with others in it; their stages are counted."""
        accepted = token.is_accepted(tally.target, row, self.leave_alone)
        tally.layers.update({*token.layers, *(() if accepted else token.held)})
        if accepted and token.held and tally.target.name not in self.leave_alone:
            tally.unsettled.append(row)
        return stage if accepted else token.problem or stage

    def _count_unopened(self, tally: Tally, row: str, token: bytes) -> bool:
        """Count what does not open; whether it is plain text that is settled to stay."""
        target = tally.target
        value_class = why_unopened(token, target, self.keyring)
        if f"{target.name}:{row}" in self.leave_alone:
            tally.left_alone += 1
            if value_class != PLAINTEXT or _is_unclear(token):
                tally.unsettled.append(row)
            return False
        if value_class == PLAINTEXT:
            look = plain_text_look.look_of(token.decode("utf-8", "replace"))
            tally.looks.setdefault(look, Rows()).add(row)
        if value_class == PLAINTEXT and target.mixed:
            tally.plain += 1
            return True
        if value_class == OTHER_SCHEME and (by_other := open_other(token, target, self.keyring)):
            tally.others.setdefault(by_other.stage, Rows()).add(row)
        if value_class == TOKEN_IN_TEXT:
            for stage in find_held_stages(token, target, self.keyring):
                tally.in_text.setdefault(stage, Rows()).add(row)
        other = None if begins_as_token(token, target, self.keyring) else recognized_formats.of_another_format(token)
        if value_class == "unreadable" and other is not None:
            tally.formats.setdefault(other, []).append(row)
        tally.add(value_class, row)
        return False


def _refuse_missed(database: Database, table: Table, rows_read: int) -> None:
    """The pass has seen each row once, or it proves nothing."""
    count = database.rows(sql.SQL("SELECT count(*) FROM {}").format(table.rows), table=table.label)[0][0]
    if count != rows_read:
        raise ScanIncomplete(table=table.label, seen=rows_read, count=count, alias=database.alias)


def _is_unclear(token: bytes) -> bool:
    """Return whether what does not look encrypted is neither words nor numbers: ciphertext can look like codes and
    JSON."""
    text = token.decode("utf-8", "replace")
    look = plain_text_look.look_of(text)
    return look != plain_text_look.NUMBERS and not (look == plain_text_look.WORDS and plain_text_look.is_wordy(text))
