# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The census: a read-only pass that opens every value of every target and says under which key set it is."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._errors.base import RotationError
from ..._errors.values import (
    TAKE_FROM_BACKUP,
    CountChanged,
    DigestChanged,
    PlainChanged,
    ScanIncomplete,
    ValuesEncryptedTwice,
    ValuesNotCurrent,
)
from ..._system.progress_file import SILENT, ProgressFile
from ..application.custom_functions import frame_of
from ..crypto import loose_base64
from ..crypto.aes_cbc import Hmac, fastest_hmac
from ..crypto.keyring import Keyring
from ..crypto.tokens import Opened, OpenedByLaterKey
from ..discovery import plain_text_look, signatures
from ..discovery.column_types import JsonCodec
from ..discovery.findings import KINDS, Finding, refuse
from ..discovery.layer_classes import NESTED, NESTED_UNREADABLE, TOKEN_INSIDE, TWO_LAYERS
from ..discovery.listed_rows import EXAMPLES, LISTED, ListedRows
from ..discovery.nesting import NestingDecision, holding, unwrapped
from ..discovery.settlements import Settlements
from ..discovery.signatures import Signature
from ..discovery.target_survey import Target
from ..postgres import sql
from ..postgres.catalog import Table, row_name, word
from ..postgres.connection import Database
from ..rewrite.journal import Journal
from ..rewrite.throttle import Throttle
from .census_result import DIGEST_MODULUS, CensusResult, RowsNeeding
from .repair_option import format_repair
from .row_digests import EachRow, TableComparison
from .table_pages import PAGE_ROWS, Page, PageRequest, TargetGroup, by_table, pages, spans
from .value_list import format_values

if TYPE_CHECKING:
    from .stale_digests import DigestCount, DigestCounting

SAMPLE_PARTS = 10
SHOWN = 12  # in one message
PLAINTEXT = "plaintext"  # the class of a value that does not look encrypted
OTHER_SCHEME = "other_scheme"  # the class of a value that opens under a key at hand, by another scheme than its column
KEPT_KEY = "kept_key"  # the class of a value under a key that is not rotated, in a column under keys that are
TOKEN_IN_TEXT = "token_in_text"  # the class of a value that is no token, and has one under a rotated key in it
INTEGERS = ("smallint", "integer", "bigint")
INSIDES = (NESTED_UNREADABLE, TWO_LAYERS, TOKEN_INSIDE)  # classes of what opens, and is not read to its end
# By class, the error of what no key opens to its end.
UNOPENED = {
    "unreadable": "E_UNREADABLE",
    PLAINTEXT: "E_PLAINTEXT",
    OTHER_SCHEME: "E_OTHER_SCHEME",
    KEPT_KEY: "E_KEPT_KEY",
    TOKEN_IN_TEXT: "E_TOKEN_IN_TEXT",
    NESTED_UNREADABLE: "E_NESTED",
    TWO_LAYERS: "E_TWO_LAYERS",
    TOKEN_INSIDE: "E_TOKEN_INSIDE",
}
# The same if only one key set is at hand: a value that does not open may be under another one.
UNOPENED_ALONE = (PLAINTEXT, TOKEN_IN_TEXT, *INSIDES)
NO_LOOKS: Mapping[str, TableComparison] = {}
NO_FACTS: Mapping[str, str] = {}


@dataclass
class Rows:
    """How many rows, and the first LISTED of them by their keys."""

    count: int = 0
    listed: list[str] = field(default_factory=list)

    def add(self, row: str) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.listed.append(row)

    @property
    def first(self) -> list[str]:
        """Those for a message."""
        return self.listed[:EXAMPLES]


Read = tuple[str, int | str, bytes]  # a row, the place of a token in its value, and the plaintext


@dataclass
class Tally:
    """What the census found in one target: tokens and empty values by class, and the keys of the first rows of each."""

    target: Target
    rows: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    layers: Counter[str] = field(default_factory=Counter)  # of nested values, how many have one under each stage
    left_alone: int = 0
    plain: int = 0  # values in plain text, of a column in which that is settled as normal
    unsettled: list[str] = field(default_factory=list)  # rows that are listed, and encrypted by their look
    loose: Rows = field(default_factory=Rows)  # of tokens that a strict decoder of base64 refuses
    later_keys: Counter[int] = field(default_factory=Counter)  # values under another key of a list than the first one
    unsearched: Rows = field(default_factory=Rows)  # of plaintexts that were not searched to their end
    formats: dict[Signature, list[str]] = field(default_factory=dict)  # rows of values in another format than its own
    others: dict[str, Rows] = field(default_factory=dict)  # by stage, of those that open by another scheme
    in_text: dict[str, Rows] = field(default_factory=dict)  # by stage, of those that have a token of it in them
    looks: dict[str, Rows] = field(default_factory=dict)  # of plain text, settled or not, by what it looks like
    digests: dict[str, DigestCount] = field(default_factory=dict)  # of the table, at its first target
    _digest: int = 0

    def add(self, value_class: str, *rows: str) -> None:
        self.classes[value_class] += len(rows)
        examples = self.examples.setdefault(value_class, [])
        most = LISTED if value_class == NESTED or value_class in UNOPENED else EXAMPLES
        examples.extend(rows[: most - len(examples)])

    def digest(self, mac: Hmac, read: Sequence[Read]) -> list[int]:
        """Add plaintexts to an order-independent keyed digest: the sum of HMACs modulo 2**256. What each added."""
        name = self.target.name
        texts = [f"{name}\0{row}\0{place}\0".encode() + plaintext for row, place, plaintext in read]
        added = [int.from_bytes(digest, "big") for digest in mac.digests(texts)]
        self._digest += sum(added)
        return added

    @property
    def result(self) -> CensusResult:
        """Counts and digest, for a result or a record."""
        return CensusResult(
            model=self.target.model,
            table=self.target.table.label,
            column=word(self.target.column),
            scheme=self.target.scheme,
            rows=self.rows,
            classes=dict(self.classes),
            layers=dict(self.layers),
            left_alone=self.left_alone,
            plain=self.plain,
            digest=f"{self._digest % DIGEST_MODULUS:064x}",
        )


@dataclass(frozen=True)
class Census:
    """A read-only pass over the targets of one database, which classes every value.

    Classes are the keyring's stages, ``empty`` (NULL and ''), ``plaintext`` (does not look like a token),
    ``unreadable`` (does, and opens under no key set), ``nested`` (the plaintext is a token again),
    ``nested_unreadable`` (it looks like one, and opens under no key set) and ``token_inside`` (it holds one that
    opens, between other text). Plain text in a column that is settled as mixed is counted apart, and so are values
    listed in ``leave_alone`` as table.column:key; of a column that is listed there, those with a token inside count as
    what they are under. With a ``destination``, the stage to which all is to be brought, digests in search columns are
    looked at too (stale_digests.py).
    """

    database: Database
    targets: Sequence[Target]
    keyring: Keyring
    digest_key: bytes = field(repr=False)
    leave_alone: Collection[str] = ()
    progress: ProgressFile = SILENT
    destination: str = ""

    def take(self, throttle: Throttle | None = None, each_row: EachRow | None = None) -> list[Tally]:
        """Class every value in one snapshot; with a ``throttle`` in none, and with a rest after each page: a snapshot
        that is held for long keeps VACUUM from its work. ``each_row`` is given the digest of each row.

        Raises E_DB or E_DB_LOST.
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
        """The same of no more than SAMPLE_PARTS times PAGE_ROWS rows of each table, from all over it."""
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

    def count(self, group: TargetGroup, read: Iterable[Page], each_row: EachRow | None = None) -> list[Tally]:
        """Class the values of these pages of one table, wherever they are from."""
        return self._counted(group.members, self._reported(group.table, read), each_row)

    def _reported(self, table: Table, read: Iterable[Page]) -> Iterator[Page]:
        """The same pages; how many rows have been read is reported."""
        done, about = 0, self.database.about(table.regclass)
        for page in read:
            yield page
            done += len(page)
            self.progress.tell(f"reading {table.label}", done, about, "rows")

    def _pause_between(self, read: Iterable[Page], throttle: Throttle | None) -> Iterator[Page]:
        """The same pages, with a rest after each: in proportion to the reading and to what the caller does with it."""
        began = time.monotonic()
        for page in read:
            yield page
            if throttle:
                for _reason in throttle.rest(self.database, time.monotonic() - began, lambda: False):
                    pass  # it waits by itself
                began = time.monotonic()

    def _counted(self, members: Sequence[Target], read: Iterable[Page], each_row: EachRow | None = None) -> list[Tally]:
        """What is in these pages of one table, by target."""
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
        loose = self.keyring.schemes[tally.target.scheme].format.loose
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
            if token.around or (loose and (b"+" in token.token or b"/" in token.token)):
                tally.loose.add(row)
            if isinstance(inside, OpenedByLaterKey):
                tally.later_keys[inside.number] += 1
            if token.unsearched:
                tally.unsearched.add(row)
        for value_class, members in classes.items():
            tally.add(value_class, *members)
        added = tally.digest(self._mac, read)
        if sums is not None:
            for (row, _, _), one in zip(read, added):
                sums[row] += one
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
            for stage in _held_in(token, target, self.keyring):
                tally.in_text.setdefault(stage, Rows()).add(row)
        other = None if _begins(token, target, self.keyring) else signatures.of_another_format(token)
        if value_class == "unreadable" and other is not None:
            tally.formats.setdefault(other, []).append(row)
        tally.add(value_class, row)
        return False


def _refuse_missed(database: Database, table: Table, seen: int) -> None:
    """The pass has seen each row once, or it proves nothing."""
    count = database.rows(sql.SQL("SELECT count(*) FROM {}").format(table.rows), table=table.label)[0][0]
    if count != seen:
        raise ScanIncomplete(table=table.label, seen=seen, count=count, alias=database.alias)


class PageToken(NamedTuple):
    """One token of a page: the row it is in (by its place in the page), its place in the row's value, what it is."""

    row: int
    place: int
    token: bytes
    opened: tuple[str, Opened] | None  # stage, or "nested", and the innermost inside; None under no key set
    layers: tuple[str, ...] = ()  # of a nested one, their stages
    problem: str = ""  # the class of one that is not read to its end
    held: tuple[str, ...] = ()  # the stages of tokens that its plaintext holds between other text
    unsearched: bool = False  # its plaintext was not searched for tokens to its end
    around: tuple[bytes, bytes] | None = None  # the blanks before and after one that opens without blanks alone

    def replaced(self, fresh: bytes) -> bytes:
        """What is stored in its place: the blanks around a token stay, which the application may count on."""
        return self.around[0] + fresh + self.around[1] if self.around else fresh

    def is_accepted(self, target: Target, row: str, leave_alone: Collection[str]) -> bool:
        """Whether a person has accepted what is inside: of this value, or of its column. Two layers are settled, and
        not accepted."""
        if self.problem == TWO_LAYERS:
            return False
        return f"{target.name}:{row}" in leave_alone or (self.problem in INSIDES and target.name in leave_alone)


class ColumnPage(NamedTuple):
    """The values of one column in a page of rows: one for each row, which may be without a name."""

    target: Target
    rows: Sequence[str]
    values: Sequence[Any]


def look(
    page: ColumnPage, keyring: Keyring, known: Mapping[tuple[str, str], str], leave_alone: Collection[str] = ()
) -> list[PageToken]:
    """Open every token in a page of one column. ``known`` is what the journal says."""
    target, rows, values = page
    marker = keyring.schemes[target.scheme].marker
    tokens = target.kind.find(values, marker)
    key_ids = [known.get((target.name, rows[row])) for row, _, _ in tokens] if known else None
    texts = [token for _, _, token in tokens]
    frames = frames_of(page, tokens, keyring.context_of(target.scheme))
    opened = keyring.stages_of(target.scheme, texts, key_ids, frames)
    around = _without_foreign(target, keyring, texts, opened)
    found = [PageToken(row, place, token, inside) for (row, place, token), inside in zip(tokens, opened)]
    accepted = {
        place
        for place, (row, _, _) in enumerate(tokens if leave_alone else ())
        if target.name in leave_alone or f"{target.name}:{rows[row]}" in leave_alone
    }
    decided = NestingDecision(accepted, target.one_layer)
    inners = unwrapped(keyring, target.scheme, texts, opened, decided)
    for place, inner in inners.items():
        # What cannot be read to its end keeps its inside, and is under the stage of its outer layer.
        stage = NESTED if len(inner.stages) > 1 else inner.stages[0]
        row, number, token, *_ = found[place]
        layers = inner.stages if inner.problem or stage == NESTED else ()
        opened_as = (stage, inner.inside)
        found[place] = PageToken(
            row, number, token, opened_as, layers, inner.problem, inner.held, unsearched=inner.unsearched
        )
    for place, blanks in around.items():
        found[place] = found[place]._replace(around=blanks)
    return found


def _without_foreign(
    target: Target, keyring: Keyring, tokens: Sequence[bytes], opened: list[tuple[str, Opened] | None]
) -> dict[int, tuple[bytes, bytes]]:
    """Put into ``opened`` the tokens that open once foreign signs in them are left out, as their libraries leave them
    out; the blanks around each, by place. Before a prefix no library leaves out any, for it looks for that first."""
    scheme = keyring.schemes[target.scheme]
    if scheme.functions or not scheme.format.loose:
        return {}
    signs = loose_base64.IN_JSON if isinstance(target.kind, JsonCodec) else loose_base64.AS_IS
    prefix = scheme.described.get("prefix", "").encode()
    around, bare = {}, []
    for place, token in enumerate(tokens):
        if opened[place] is None and token.startswith(prefix) and (found := signs.without(token[len(prefix) :])):
            around[place] = found.before, found.after
            bare.append(prefix + found.token)
    for place, one in zip(list(around), keyring.stages_of(scheme.name, bare) if bare else ()):
        if one is None:
            del around[place]
        else:
            opened[place] = one
    return around


def frames_of(page: ColumnPage, tokens: Sequence[tuple[int, int, bytes]], context: Sequence[str]) -> list[bytes] | None:
    """What functions of the application receive about the row of each token; None if they ask for nothing, or if it is
    not known which row it is: then they open nothing."""
    target, rows, values = page
    if not context or "" in rows:
        return None
    number = len(target.key.types) == 1 and target.key.types[0] in INTEGERS
    told: dict[str, object] = {"table": target.table.name, "column": target.column}
    frames = []
    for row, place, _ in tokens:
        told["pk"] = int(rows[row]) if number else rows[row]
        if "member" in context:
            told["member"] = target.kind.owners(values[row])[place]
        frames.append(frame_of({name: told[name] for name in context}))
    return frames


class OpenedByOther(NamedTuple):
    """A token that opens by another scheme than its column's: its stage, or ``NESTED`` if a token is in it too."""

    scheme: str
    opened: tuple[str, Opened]
    stage: str


def open_other(token: bytes, target: Target, keyring: Keyring) -> OpenedByOther | None:
    """A token that does not open under its column's scheme, by the first other one that shows that it opens it."""
    for name, scheme in keyring.schemes.items():
        if name != target.scheme and not scheme.functions and scheme.format.authenticated:
            opened = keyring.stage_of(name, token)
            if opened is not None:
                return OpenedByOther(name, opened, NESTED if unwrapped(keyring, name, [token], [opened]) else opened[0])
    return None


def open_kept(token: bytes, keyring: Keyring) -> bool:
    """Whether a token opens under a key that is not rotated."""
    proving = (each for each in keyring.fixed.values() if each.format.authenticated and not each.functions)
    return any(keyring.stage_of(each.name, token) for each in proving)


def why_unopened(token: bytes, target: Target, keyring: Keyring) -> str:
    """The class of what does not open under its column's scheme. It is plaintext only if it does not look encrypted."""
    if open_other(token, target, keyring):
        return OTHER_SCHEME
    if open_kept(token, keyring):
        return KEPT_KEY
    # One that opens whole is under another key set than the journal says.
    if _held_in(token, target, keyring) and keyring.stage_of(target.scheme, token) is None:
        return TOKEN_IN_TEXT
    if _begins(token, target, keyring):
        return "unreadable"
    from ..discovery.value_look import looks_encrypted

    return "unreadable" if looks_encrypted(token) else PLAINTEXT


def _held_in(stored: bytes, target: Target, keyring: Keyring) -> set[str]:
    """The stages of tokens in what is stored: between other text, or with blanks in them."""
    return set().union(*holding(keyring, [target.scheme], [stored, b"".join(stored.split())]).values())


def _is_unclear(token: bytes) -> bool:
    """Whether what does not look encrypted is neither words nor numbers: ciphertext can look like codes and JSON."""
    text = token.decode("utf-8", "replace")
    look = plain_text_look.look_of(text)
    return look != plain_text_look.NUMBERS and not (look == plain_text_look.WORDS and plain_text_look.is_wordy(text))


def stays_plain(token: bytes, target: Target, keyring: Keyring) -> bool:
    """Whether what does not open is plain text, in a column in which a person has settled that as normal."""
    return target.mixed and why_unopened(token, target, keyring) == PLAINTEXT


def _begins(token: bytes, target: Target, keyring: Keyring) -> bool:
    """Whether a value begins as the tokens of its column do, be it after blanks."""
    return token.lstrip().startswith(keyring.schemes[target.scheme].marker)


def refuse_unreadable(tallies: Sequence[Tally], classes: Collection[str] = tuple(UNOPENED)) -> None:
    """Raise one error with every column and class of values that open under no key set."""
    refuse(findings(tallies, classes))


def findings(tallies: Sequence[Tally], classes: Collection[str] = tuple(UNOPENED)) -> list[Finding]:
    """What a census has found: for each column one finding a class, with its first rows."""
    found: list[Finding] = []
    for tally in tallies:
        if "unreadable" in classes:
            found += _of_formats(tally)
        others = _without_formats(tally)
        for value_class in classes:
            count, rows = find_odd([others], value_class.__eq__)
            if count:
                rows += _by_look(tally) if value_class == PLAINTEXT else ""
                facts, keys = {"count": count, "rows": rows}, others.examples[value_class]
                listed = list_rows(tally.target, value_class, count, keys)
                found.append(Finding(KINDS[value_class], tally.target.name, facts, listed))
    return found


def list_rows(target: Target, value_class: str, count: int, keys: Sequence[str]) -> ListedRows:
    """Rows of one target for the file of a finding."""
    return ListedRows(target.table.label, word(target.column), value_class, count, keys)


def _without_formats(tally: Tally) -> Tally:
    """The tally less the values in formats that are known by their look, which have findings of their own."""
    names = {name for rows in tally.formats.values() for name in rows}
    if not names:
        return tally
    examples = {each: [row for row in rows if row not in names] for each, rows in tally.examples.items()}
    return replace(tally, classes=tally.classes - Counter({"unreadable": len(names)}), examples=examples)


def _of_formats(tally: Tally) -> Iterator[Finding]:
    """The values in formats that are known by their look, and that are not the format of their column."""
    for other, names in tally.formats.items():
        shown = ", ".join(f"{tally.target.name}:{name}" for name in names[:SHOWN])
        facts = {"count": len(names), "description": other.what, "advice": other.todo}
        yield Finding(KINDS["format"], shown, facts, list_rows(tally.target, "format", len(names), names))


def left_alone(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """Values that are left alone, look encrypted, and were not settled by a person."""
    found = []
    for tally in tallies:
        rows = [row for row in tally.unsettled if f"{tally.target.name}:{row}" not in settled]
        found += findings_of_rows("left_alone", tally.target, Rows(len(rows), rows))
    return found


def staying_plain(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """Plain text that stays in columns settled as mixed, by its look. It stops where ciphertext can have that look too,
    until the reason of the settlement names it."""
    found = []
    for tally in tallies if settled else ():
        reason = settled[tally.target.name].reason if tally.target.mixed and tally.target.name in settled else None
        for look, rows in sorted(tally.looks.items() if reason is not None else ()):
            accepted = look not in plain_text_look.UNCLEAR or re.search(rf"\b{look}\b", reason or "", re.IGNORECASE)
            kind = "stays_plain" if accepted else "plain_unclear"
            found += findings_of_rows(kind, tally.target, rows, {"look": look})
    return found


def _by_look(tally: Tally) -> str:
    """How many values in plain text there are by their look, for a message."""
    told = ", ".join(f"{look} {rows.count}" for look, rows in sorted(tally.looks.items()))
    return f" (by their look: {told})" if told else ""


def notable(tallies: Sequence[Tally]) -> list[Finding]:
    """Values that open, and of which a person should know: with a token that not every library reads, or with more that
    looks like a token than was searched."""
    return [
        finding
        for tally in tallies
        for kind, rows in (("loose", tally.loose), ("unsearched", tally.unsearched))
        for finding in findings_of_rows(kind, tally.target, rows)
    ] + [
        Finding(KINDS["later_keys"], tally.target.name, {"found": format_later_keys(tally.later_keys)})
        for tally in tallies
        if tally.later_keys
    ]


def format_later_keys(counts: Mapping[int, int]) -> str:
    """How many values are under which later key of a list."""
    return ", ".join(f"{count} under key {number}" for number, count in sorted(counts.items()))


def findings_of_rows(kind: str, target: Target, rows: Rows, facts: Mapping[str, str] = NO_FACTS) -> list[Finding]:
    """One finding with the count of rows and the first ones; none if there are no rows."""
    if not rows.count:
        return []
    listed = list_rows(target, " ".join((kind, *facts.values())), rows.count, rows.listed)
    shown = {"count": rows.count, "rows": format_rows(target.name, rows), **facts}
    return [Finding(KINDS[kind], target.name, shown, listed)]


def format_rows(column: str, rows: Rows) -> str:
    """The first rows of a column and how many more there are, for a message."""
    more = f" and {rows.count - EXAMPLES} more" if rows.count > EXAMPLES else ""
    return ", ".join(f"{column}:{row}" for row in rows.first) + more


def refuse_nested(tallies: Sequence[Tally]) -> None:
    """Raise E_ENCRYPTED_TWICE if a plaintext is a token again. After the engine's work there is none."""
    count, rows = find_odd(tallies, NESTED.__eq__)
    if count:
        raise ValuesEncryptedTwice(count=count, rows=rows)


def beyond(tallies: Sequence[Tally], before: Sequence[CensusResult]) -> list[Tally]:
    """The tallies less as many values that no key opens as there were ``before``."""
    known = {(column.table, column.column): column.classes for column in before}
    found = []
    for tally in tallies:
        classes = known.get((tally.target.table.label, tally.target.column), {})
        left, known_before = tally.classes.copy(), sum(classes.get(name, 0) for name in UNOPENED)
        for name in UNOPENED:  # with fewer versions at hand, a value may be of another of these classes
            passed = min(left[name], known_before)
            left[name] -= passed
            known_before -= passed
        found.append(replace(tally, classes=+left))
    return found


def refuse_other_than(stage: str, tallies: Sequence[Tally], keyring: Keyring) -> None:
    """Raise E_NOT_CURRENT where a value is neither empty nor a token of ``stage``."""
    count, rows = find_odd(tallies, lambda name: name not in (stage, "empty"))
    if count:
        raise ValuesNotCurrent(count=count, rows=rows, key_id=keyring.key_id(stage))


def needing(tallies: Sequence[Tally], keyring: Keyring, leaving: Collection[str]) -> list[RowsNeeding]:
    """The values that an application may be unable to read once it loses the versions of the ``leaving`` stages, by
    column and class, with the first rows of each.

    A value that did not open counts if its scheme is functions of the application: their verdict is no proof. It counts
    if it opens under another scheme than its column's and a version that is leaving. Any other opens under no version,
    and so needs none. If the token in a value does not open, the value itself does. With no stage that is leaving, only
    those count that re-encryption cannot bring back.
    """

    def needs(tally: Tally, name: str) -> bool:
        if name in INSIDES:
            return True
        if name in (OTHER_SCHEME, TOKEN_IN_TEXT, KEPT_KEY):
            return False  # see below, by version; and the key of the last one stays
        if name in UNOPENED:
            return keyring.schemes[tally.target.scheme].functions is not None
        return name in leaving if name in keyring.stages else bool(leaving) and name != "empty"

    return [
        _needing(tally, name, count, tally.examples.get(name, ()))
        for tally in tallies
        for name, count in tally.classes.items()
        if count and needs(tally, name)
    ] + [
        _needing(tally, name, rows.count, rows.first)
        for tally in tallies
        for name, by_stage in ((OTHER_SCHEME, tally.others), (TOKEN_IN_TEXT, tally.in_text))
        for stage, rows in by_stage.items()
        if stage in (*leaving, NESTED)
    ]


def _needing(tally: Tally, name: str, count: int, rows: Sequence[str]) -> RowsNeeding:
    column = tally.target.name
    return {"column": column, "class": name, "count": count, "rows": [f"{column}:{row}" for row in rows[:EXAMPLES]]}


def find_odd(tallies: Sequence[Tally], is_odd: Callable[[str], bool]) -> tuple[int, str]:
    """How many values are of the odd classes, and the first of them as the option ``leave_alone`` names them."""
    count = sum(number for tally in tallies for name, number in tally.classes.items() if is_odd(name))
    rows = [
        f"{tally.target.name}:{row}"
        for tally in tallies
        for name, examples in tally.examples.items()
        if is_odd(name)
        for row in examples[:EXAMPLES]
    ]
    more = count - len(rows[:SHOWN])
    return count, ", ".join(rows[:SHOWN]) + (f" and {more} more" if more else "")


def refuse_difference(
    before: Sequence[CensusResult], after: Sequence[CensusResult], looks: Mapping[str, TableComparison] = NO_LOOKS
) -> None:
    """Raise E_COUNT_CHANGED, E_PLAIN_CHANGED or E_DIGEST_CHANGED where two censuses do not show the same plaintexts.

    In tables that were looked at row by row, rows that another process wrote may differ, be gone, or be new.
    """
    found, differ = {column.name: column for column in after}, list[CensusResult]()
    for column in before:
        place = {"table": column.table, "column": column.column}
        now, look = found.get(column.name), looks.get(column.table)
        if now is None or (now.rows != column.rows and (look is None or look.strict)):
            raise CountChanged(before=column.rows, after=0 if now is None else now.rows, **place)
        if now.digest == column.digest and now.plain == column.plain:
            continue
        if look is not None and not look.strict and not look.unexplained and now.digest != column.digest:
            continue
        if now.plain != column.plain:
            raise PlainChanged(before=column.plain, after=now.plain, rows=_format_rows(column, look), **place)
        differ.append(column)
    if differ:
        raise _build_digest_error(differ, looks)


def differing_rows(before: Sequence[CensusResult], looks: Mapping[str, TableComparison]) -> dict[str, list[str]]:
    """By column, as table.column, the rows that differ and that nobody else is known to have written."""
    found = {
        column.name: looks[column.table].unexplained_in(column.column) for column in before if column.table in looks
    }
    return {name: rows for name, rows in found.items() if rows}


def _build_digest_error(differ: Sequence[CensusResult], looks: Mapping[str, TableComparison]) -> RotationError:
    """The error that names all columns that differ, and how to get their values back if it is known which they are."""
    values = [f"{name}:{row}" for name, rows in differing_rows(differ, looks).items() for row in rows]
    return DigestChanged(
        columns=", ".join(column.name for column in differ),
        rows=f": {format_values(values)}" if values else "",
        advice=f"If users did not write these values: {TAKE_FROM_BACKUP.format(repair=format_repair(values))} "
        if values
        else "",
    )


def _format_rows(column: CensusResult, look: TableComparison | None) -> str:
    rows = look.unexplained_in(column.column) if look else []
    return f": {format_values([f'{column.name}:{row}' for row in rows])}" if rows else ""
