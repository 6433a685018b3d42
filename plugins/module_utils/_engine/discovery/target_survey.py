# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the targets: the columns that hold tokens, in or out of models, each proved by a token that opens."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

from ..._errors.base import RotationError
from ..._errors.database import TableKey
from ..._errors.options import InvalidScheme, InvalidTarget
from ..application import lasting_caches, model_fields
from ..crypto import loose_base64
from ..crypto.derivation import members
from ..crypto.key_fingerprints import KeyFingerprints
from ..crypto.keyring import Keyring
from ..crypto.known_schemes import schemes_of_field
from ..crypto.openpgp_pair import PAIR_BEGIN, is_under_key_pair
from ..crypto.schemes import Scheme
from ..crypto.wrappers import Armor
from ..postgres import catalog, sql
from ..postgres.catalog import BITS, LARGE_OBJECT, UUIDS, Column, RowKey, Table, word
from ..postgres.connection import Database, array
from . import proposal, search_columns, signatures
from .column_types import (
    FERNETS,
    IN_TEXT,
    KINDS,
    SHORTEST,
    WRITTEN,
    ArrayCodec,
    ColumnCodec,
    JsonCodec,
    is_document,
)
from .findings import EmptyField, Finding, Findings, FixedColumn, KeptHash, UnprovedValues, refuse, unsettled
from .nesting import bare, holding
from .packed_values import unpacked
from .plaintext_rules import PlaintextRule, rule
from .settlements import MIXED, NONE, ONE_LAYER, TWO_LAYERS, Settlements
from .signatures import Signature, of_another_format

AUTO = "auto"  # in place of targets, or as one of them: all that are found
IGNORED = ("ignored", "ignored_open", "ignored_tokens")  # kinds of findings about ignored columns
SAMPLE = 25  # values tried per column; the census tries them all
AT_LARGE = 1000  # values tried of each look of a token, where none of the first ones opens and there are more
AT_LARGE_BYTES = 20_000  # of one such value
PREFIX = 40  # characters that an application may put before its tokens
FERNET, DOUBLED = (begin.encode("utf-8") for begin in FERNETS)
_FERNETS = {FERNET, DOUBLED}
_TIMELESS = b"gAAAAAAAAAAA"  # a Fernet token with the time 0
_ANYWHERE = _FERNETS | {begin.hex().encode() for begin in _FERNETS}  # in the text of any type, bytes in hex too
_SAYS_ENCRYPTED = re.compile(r"(?<!un)encrypted(?!_(?:by|at|on)(?![a-z]))|ciphertext|_enc$", re.IGNORECASE)
# Such as enc$, enc::, tok_1_, $encrypted$UTF8$AESCBC$. Anything else before a token is a value, and not for a plan.
_PREFIX = re.compile(r"(?:[\w.$:|{}<>\[\]-]{0,23}[$:|}>_\].-])?", re.ASCII)
# What a prefix that one token alone has must say of itself: it could be a part of that row's value.
_SAYS_TOKEN = re.compile(r"enc|crypt|cipher|fernet|aes|tok|^\W*$", re.IGNORECASE)
_IN_THE_KEY = (
    "or a search column of it is in the key by which the table's rows are named",
    "Give the table a primary key over other columns, or list the column in O(ignore).",
)
_RELATED = (
    "is bound to {} by a relation of the models, and its new value would be another than that one's",
    "Let the relation go by the row's key instead.",
)
_GENERATED = (
    "is generated, and follows the column that it is made of",
    "Take it out of O(targets), and list that one.",
)
IN_TEXT_LOOK = " as a whole, and some have a token under a key that is rotated in them, with other text around it"
IN_TEXT_ADVICE = (
    "The rotation would leave that token unreadable: describe how the application writes it in O(schemes). "
)
COPY = {
    "why": "a copy of tokens in a materialized view, which a rotation leaves under the old keys",
    "advice": "Drop it before the rotation. Or REFRESH MATERIALIZED VIEW after it: if it is accepted that nothing in "
    'it can be read until then, O(settlements): {"table.column": {unreadable: "why"}}.',
}
IN_JSON = ("json", "jsonb")
NO_TEXT = (*UUIDS, *BITS, LARGE_OBJECT)  # types in whose text no token is
_AS_TEXT = ColumnCodec("text", read="{}::text")  # of a type that the engine does not write
# Regular expressions of PostgreSQL (POSIX advanced), of the text of a column: whether it may be a JSON document, and
# whether that has a text which is not empty and no member's name. All before such a text is matched string by string.
IS_DOCUMENT = r"^\s*([][{}]|null\s*$|true\s*$|false\s*$|-?[0-9.eE+-]+\s*$|\")"
HAS_TEXT = r'^([^"]|"([^"\\]|\\.)*"\s*:|"")*"([^"\\]|\\.)+"(?!\s*:)'
_AROUND = re.compile(rb"(?P<prefix>.{0,%d}?)(?P<token>(?P<begin>gAAAAA|Z0FBQUFB)[\w=$-]{60,})" % PREFIX, re.ASCII)
# A word of a longer text. Within a word, as in the base64 of a file with many zeros, it does not count.
_WORD = re.compile(rb"(?<![\w+/=-])(?:gAAAAA|Z0FBQUFB)[\w=-]{60,}", re.ASCII)


@dataclass(frozen=True)
class Target:
    """One column that holds tokens of one scheme. ``model`` is how a person calls it."""

    table: Table
    column: str
    type: str
    scheme: str
    model: str
    key: RowKey
    limit: int | None
    derived: tuple[search_columns.SearchColumnRecipe, ...] = ()
    members: tuple[str, ...] = ()  # of its documents, where tokens are in those of these names alone
    one_layer: bool = False  # a person has settled that each token inside another one is there by accident
    kept: bool = False  # under a key that is not rotated: it is read, and never written
    mixed: bool = False  # a person has settled that plain text is normal in it, and stays

    @cached_property
    def name(self) -> str:
        return self.table.label_of(self.column)

    @cached_property
    def kind(self) -> ColumnCodec:
        """How its values are read and written."""
        kind = KINDS[self.type]
        return replace(kind, names=self.members) if isinstance(kind, JsonCodec) and self.members else kind

    @property
    def value(self) -> sql.Composable:
        """Its value in a row ``t``, as a query reads it."""
        return sql.SQL(self.kind.read).format(sql.Identifier("t", self.column))


def find(
    database: Database, described: object, ignore: Collection[str], keyring: Keyring, settled: Settlements = NONE
) -> Survey:
    """A survey of the option ``targets``: ``auto``, or a list of {table, column, scheme} and ``auto``.

    ``ignore`` are columns, as table.column, that a person found to be somebody else's. Of a target it may be
    ``settled`` how many layers it has. Raises E_TABLE_KEY or E_TARGET; ``refuse_unproved`` says whether the survey is
    good enough to act on.
    """
    survey = Survey(database, keyring)
    survey.settled = settled
    entries = [AUTO] if described == AUTO else described
    if not isinstance(entries, list) or not entries:
        raise InvalidTarget(index=0, found="is missing")
    if entries.count(AUTO) == len(entries) and any(scheme.functions for scheme in keyring.tried):
        raise InvalidTarget(index=0, found="is missing: functions of the application find no columns")
    for index, entry in enumerate(entries):
        if entry != AUTO:
            survey.take(entry, index)
    listed = {target.name for target in survey.found}
    for table, columns in survey.tables.items():
        for column in columns:
            name = table.label_of(column.name)
            if name in ignore and name not in listed:
                survey.leave(table, column)
            elif name not in listed:
                survey.look(table, column)
    if AUTO not in entries:
        for target in survey.found:
            if target.name not in listed:
                survey.findings.put("missed", target.name)
    survey.look_around()
    return survey


def findings_of(
    surveys: Sequence[Survey], keyring: Keyring, source: str, settled: Settlements = NONE, line: str = ""
) -> list[Finding]:
    """Everything that makes the targets found not all, or none, but for what a person has settled. ``source`` says
    where the keys are from, ``line`` lists the keys to rotate by their names in the env file, where these are known."""
    found = any(survey.found for survey in surveys)
    known = Findings()
    for table, column in nowhere(surveys):
        known.put("nowhere", f"{table}.{column}", types=", ".join(WRITTEN))
    for each in [each for survey in surveys for each in survey.findings.with_text(stops=True)]:
        if each.kind.name == "unproved":
            kind, library = _why_unproved(each, surveys, keyring)
            known.put(kind, each.column, **each.facts, settings=library, source=source)
        elif found or each.kind.name != "plain":
            known.put(each.kind.name, each.column, **each.facts)
    fixed = [each for survey in surveys for each in survey.findings.of("fixed")]
    if fixed and not found:
        settings = settings_of(surveys, keyring)
        line = line if line and settings else proposal.line(proposal.propose(settings, {}))
        known.put("other_keys", "", count=len(fixed), settings=", ".join(sorted(settings)), line=line)
    stops = unsettled(known.with_text(stops=True), settled)
    if not found and not stops:
        tables = sum(len(survey.tables) for survey in surveys)
        known.put("no_targets", "", tables=tables, schemes=", ".join(keyring.schemes))
        return known.of("no_targets")
    return stops


def _why_unproved(one: Finding, surveys: Sequence[Survey], keyring: Keyring) -> tuple[str, str]:
    """The kind of finding that values are which nothing opens, and the settings of their library.

    A key is wrong only if that is established: the library of the field says which key must fit, and it fits nowhere.
    """
    field = one.typed.field if isinstance(one.typed, UnprovedValues) else ""
    expected = [keyring.schemes[name] for name in schemes_of_field(field) if name in keyring.schemes]
    fits = {target.scheme for survey in surveys for target in survey.found}
    if not expected or fits & {scheme.name for scheme in expected}:
        return "unproved", ""
    return "wrong_key", " or ".join(sorted({name for each in expected for name in keyring.settings_of(each)}))


def refuse_unproved(surveys: Sequence[Survey], keyring: Keyring, source: str, settled: Settlements = NONE) -> None:
    """Raise an error for what makes the targets found not all, or none."""
    refuse(findings_of(surveys, keyring, source, settled))


def settings_of(surveys: Sequence[Survey], keyring: Keyring) -> dict[str, list[bytes]]:
    """The secret settings under which values were found, whether or not the keys feed them, with their values. Not
    those that functions of the application use: nobody knows which these are."""
    schemes = {scheme.name: scheme for scheme in keyring.tried}
    used = {target.scheme for survey in surveys for target in survey.found}
    used |= {each.scheme for survey in surveys for _, each in survey.findings.typed(FixedColumn)}
    made_of = [schemes[scheme] for scheme in used if not schemes[scheme].functions]
    names = {name for scheme in made_of for name in keyring.settings_of(scheme) - scheme.optional}
    names |= {each.secret for survey in surveys for target in survey.found for each in target.derived}
    return {name: values for name in names if (values := members(keyring.application(name)))}


def nowhere(surveys: Sequence[Survey]) -> list[tuple[str, str]]:
    """The table and column of each target that a person listed and that is in no database."""
    indexes = set.intersection(*(set(survey.missing) for survey in surveys)) if surveys else set()
    return [surveys[0].missing[index] for index in sorted(indexes)]


class _ColumnSample(NamedTuple):
    """A column as it holds some of its values, the parts of these that may be tokens, and the rule by which they open,
    if any does."""

    column: Column
    values: Sequence[Any]
    pieces: Sequence[bytes]
    rule: PlaintextRule | None

    @property
    def scheme(self) -> str | None:
        return self.rule.scheme if self.rule else None

    @property
    def looks_encrypted(self) -> bool:
        return any(map(looks_like_a_token, self.pieces))


class ClosedColumn(NamedTuple):
    """A column that is no target, as it holds some of its values."""

    table: Table
    column: Column

    @property
    def name(self) -> str:
        return self.table.label_of(self.column.name)


_SAYS_KEY = re.compile(r"KEY|SECRET|SALT|TOKEN|PASSWORD")  # a setting with which an application may sign


class Survey:
    """One walk over a database: ``found`` are the targets, ``findings`` what else is said of columns and tables, and
    ``missing`` the targets that a person listed and that are not here, by their place in the list."""

    settled: Settlements = NONE

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self.tables = catalog.columns(database)
        self.numbers = catalog.numbers(database)  # which hold no token, and may be ciphertext
        self.found: list[Target] = []
        self.fixed: list[Target] = []  # columns under keys that are not rotated
        self.findings = Findings()
        self.missing: dict[int, tuple[str, str]] = {}
        self.closed: list[ClosedColumn] = []  # columns of which nothing opens
        self.ignored: list[ClosedColumn] = []  # columns that a person left out
        self.hashes: list[str] = []  # columns that are explained as hashes, by their names
        self.unopened: dict[str, list[bytes]] = {}  # by column, tokens that nothing opens
        self.inside: dict[str, list[bytes]] = {}  # by column, plaintexts that are such tokens
        self.besides: dict[str, set[str]] = {}  # by target, schemes that open what its own does not
        for label in sorted({table.label for table in self.tables if table.guarded}):
            self.findings.put("guarded", label)
        there = model_fields.ModelTables(database.alias, {name for table in self.tables for name in table.names})
        self.model_tables = there
        self._models = {
            table: field.model._meta.label for table, field in reversed(list(model_fields.of_models(there)))
        }
        self._caches = lasting_caches.tables()
        self._own = model_fields.own_schemes(there)
        self._unauthenticated = model_fields.unauthenticated(there)
        self._encrypting = model_fields.encrypting(there)
        self._relations = list(model_fields.relations(there))
        self._samples: dict[str, set[bytes]] = {}  # by target, tokens of it
        self._row_keys: dict[Table, RowKey] = {}
        keys = {value for key_set in keyring.stages.values() for value in key_set.values.values()}
        self._hashes = model_fields.hash_columns(there, keys)

    def copied(self, database: Database | None = None, keyring: Keyring | None = None) -> Survey:
        """The same for another connection and keyring. What is put down in the one afterwards is not in the other."""
        other = copy.copy(self)
        other._database, other._keyring = database or self._database, keyring or self._keyring
        other.found, other.fixed, other.hashes = [*self.found], [*self.fixed], [*self.hashes]
        other.findings = self.findings.copied()
        return other

    def has_tables_of(self, database: Database) -> bool:
        """Whether a database has the tables and columns that were looked at, and no others."""
        return catalog.columns(database) == self.tables

    def look(self, table: Table, column: Column) -> None:
        """Decide on one column by a sample of its values."""
        name = table.label_of(column.name)
        if column.generated or column.type in NO_TEXT:  # the first follows the column that it is made of
            return
        if column.name in lasting_caches.COLUMNS and self.is_cache(table):
            self.findings.put("cached", name)
            return
        if column.type not in KINDS:
            self._look_at_unwritable(table, column)
            return
        hinted = self._hinted(table, column)
        sample = self._sample(table, column, hinted)
        if sample.rule is None and any(map(is_under_key_pair, sample.pieces)):
            self.findings.put("paired", name)
        elif table.copy:
            if sample.scheme in self._keyring.schemes or sample.looks_encrypted:
                self.findings.put("copy", name, **COPY)
        elif sample.scheme in self._keyring.fixed:
            self.findings.put_typed(name, FixedColumn(sample.scheme))
            self._fixed(table, sample.column, sample.scheme)
        elif sample.rule is not None:
            self._found(table, sample.column, sample.rule)
            self.besides[name] = self._other_schemes(sample.rule.scheme, sample.pieces)
            self._samples[name] = {*sample.pieces}
        else:
            self._look_at_unopened(table, sample)

    def decision(self, column: str) -> str:
        """How a person has settled a column; empty if nobody has."""
        return self.settled[column].decision if column in self.settled else ""

    def has_mark(self, closed: ClosedColumn, marker: bytes) -> bool:
        """Whether any value of a column may have a token in it that begins with ``marker``."""
        begins = {marker} - {b""} | (_FERNETS if marker in _FERNETS else set())
        return any(True for _ in _samples(self._database, closed.table, closed.column, begins))

    def is_cache(self, table: Table) -> bool:
        """Whether it is the table of a database cache."""
        texts = {column.name for column in self.tables[table] if column.type in ("text", "character varying")}
        return table.name in self._caches and texts.issuperset(lasting_caches.COLUMNS)

    def rotates(self, setting: str) -> bool:
        """Whether a setting is one of the keys at hand, or fed by one."""
        return any(setting in {name, *self._keyring.settings_fed_by(name)} for name in self._keyring.names)

    def keys(self) -> Iterator[tuple[str, str]]:
        """The keys at hand by their names, of every version."""
        return (pair for key_set in self._keyring.stages.values() for pair in key_set.values.items())

    def kept_keys(self) -> Iterator[bytes]:
        """The values of settings that stay, and with which the application may sign."""
        rotated = {name for key in self._keyring.names for name in (key, *self._keyring.settings_fed_by(key))}
        secrets = self._keyring.secrets(self._keyring.base)
        names = {name for name in secrets if _SAYS_KEY.search(name)} | {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}
        for name in sorted(names - rotated):
            yield from members(self._keyring.application(name)) or members(secrets.get(name))

    def is_sessions(self, table: Table) -> bool:
        """Whether it is a table of Django's sessions."""
        return {column.name for column in self.tables.get(table, ())}.issuperset(lasting_caches.SESSION_COLUMNS)

    def every_column(self) -> dict[Table, list[Column]]:
        """The columns of each table, those of numbers among them, each once."""
        found = {}
        for table in {**self.tables, **self.numbers}:
            columns = [*self.tables.get(table, ()), *self.numbers.get(table, ())]
            found[table] = list({column.name: column for column in columns}.values())
        return found

    def holding(self, values: Sequence[Any]) -> int:
        """How many values hold a token under a rotated key inside other data, which may be compressed and encoded."""
        texts = [(place, text) for place, value in enumerate(values) for text in unpacked(value)]
        found = holding(self._keyring, {target.scheme for target in self.found}, [text for _, text in texts])
        return len({texts[place][0] for place in found})

    def _look_at_unwritable(self, table: Table, column: Column) -> None:
        """Decide on a column of a type that the engine does not write."""
        if not any(True for _ in _samples(self._database, table, column, _ANYWHERE)):
            return
        name = table.label_of(column.name)
        if table.copy:
            self.findings.put("copy", name, **COPY)
        else:
            self.findings.put("unwritable", name, type=column.type, types=", ".join(WRITTEN))

    def _hinted(self, table: Table, column: Column) -> set[str]:
        """The schemes that the models name for a column; one of its own is added to the keyring."""
        own = f"own key of {table.label_of(column.name)}"
        described = _of_place(self._own, table, column)
        if described is not None:
            self._keyring.add(Scheme(own, described))
        hint = _of_place(self._unauthenticated, table, column)
        return set() if hint is None else {hint, own}

    def _sample(self, table: Table, column: Column, hinted: Collection[str]) -> _ColumnSample:
        """A sample of a column's values, and the rule by which they open, if any does."""
        samples = self._sampled(table, column, every=bool(hinted))
        held = self._as_it_holds(column, samples)
        scheme = _proved(samples, held, self._keyring, hinted)
        if scheme is None and len(samples) >= SAMPLE:  # before a token may stand what only begins like one
            samples = _distinct([*samples, *self._at_large(table, column)])
            held = self._as_it_holds(column, samples)
            scheme = _proved(samples, held, self._keyring, hinted)
        pieces = [piece for value in samples for piece in _pieces(held, value)]
        rule = None if scheme is None else self._held_as(table, held, scheme, pieces)
        return _ColumnSample(held, samples, pieces, rule)

    def _look_at_unopened(self, table: Table, sample: _ColumnSample) -> None:
        """Decide on a column of which nothing opens."""
        column, samples, pieces, _ = sample
        self.closed.append(ClosedColumn(table, column))
        name, field = table.label_of(column.name), _of_place(self._encrypting, table, column)
        if signature := self._signature(table, column, pieces, field or ""):
            count, each = signature
            self.findings.put("format", name, count=count, description=each.what, advice=each.todo)
        elif sample.looks_encrypted:
            facts = _unproved(samples, pieces, field or "")
            if holding(self._keyring, self._keyring.schemes, pieces):
                facts = replace(facts, look=IN_TEXT_LOOK, advice=IN_TEXT_ADVICE)
            self.findings.put_typed(name, facts)
            self.unopened[name] = [*pieces, *(match["token"] for match in map(_AROUND.match, pieces) if match)]
        elif field is not None:
            document = column.type in IN_JSON or "json" in field.lower()
            if self._holds_values(table, column, document=document):
                self.findings.put("silent", name, field=field)
            else:
                self.findings.put_typed(name, EmptyField(field))
        elif _may_be_plain(column) and self._holds_values(table, column):
            self.findings.put("plain", name)

    def _fixed(self, table: Table, column: Column, scheme: str) -> None:
        """Keep a column whose own keys stay: its plaintexts may hold tokens under keys that are rotated."""
        if key := catalog.reading_key(self._database, table):
            held = Target(table, column.name, column.type, scheme, table.label, key, column.limit, kept=True)
            self.fixed.append(held)

    def _other_schemes(self, scheme: str, pieces: Sequence[bytes]) -> set[str]:
        """The schemes at hand by which tokens open that the scheme of their column does not open."""
        opened = self._keyring.stages_of(scheme, pieces)
        left = [piece for piece, each in zip(pieces, opened) if each is None]
        tried = [each for each in self._keyring.schemes.values() if each.format.authenticated and not each.functions]
        return {each.name for each in tried if left and any(self._keyring.stages_of(each.name, left))}

    def _signature(
        self, table: Table, column: Column, pieces: Sequence[bytes], field: str
    ) -> tuple[int, Signature] | None:
        """A format that is known by its look or its field, and how many of the values looked at have it."""
        values = _samples(self._database, table, column, set())
        known = dict.fromkeys([*pieces, *(piece for value in values for piece in _pieces(column, value))])
        found = [each for piece in known if (each := of_another_format(piece, field))]
        return (len(found), found[0]) if found else None

    def leave(self, table: Table, column: Column) -> None:
        """Leave a column alone, as a person said, and see whether the keys that are to be rotated open it."""
        kind = "ignored"
        if column.type in KINDS and not column.generated:
            samples = self._sampled(table, column, every=False)
            held = self._as_it_holds(column, samples)
            self.ignored.append(ClosedColumn(table, held))
            scheme = _proved(samples, held, self._keyring, ())
            pieces = (piece for value in samples for piece in _pieces(held, value))
            if scheme in self._keyring.schemes:
                kind = "ignored_open"
            elif scheme is None and any(map(looks_like_a_token, pieces)):
                kind = "ignored_tokens"
        self.findings.put(kind, table.label_of(column.name))

    def _held_as(self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes]) -> PlaintextRule:
        """What the plaintexts of a column are, as a person settled it, otherwise by its first values in the order of
        its key: an UPDATE does not change which these are."""
        decision = self.decision(table.label_of(column.name))
        if decision == ONE_LAYER:
            return PlaintextRule(scheme)
        found = PlaintextRule(scheme)
        for some in self._in_order(table, column, scheme, pieces):
            found = self._rule(table, column, scheme, some, settled=decision == TWO_LAYERS)
            if decision != TWO_LAYERS or found.scheme != scheme:
                break
        return found

    def _in_order(
        self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes]
    ) -> Iterator[Sequence[bytes]]:
        """The tokens of a column, some at a time; only ``pieces`` if no key names the rows."""
        from ..proof.table_pages import PAGE_ROWS, PageRequest, by_table, pages  # which read targets

        try:
            target = Target(table, column.name, column.type, scheme, "", self._row_key(table), None)
        except RotationError:
            yield pieces
            return
        (group,) = by_table([target])
        marker = next(each.marker for each in self._keyring.tried if each.name == scheme)
        found: list[bytes] = []
        rows = 0
        for page in pages(self._database, PageRequest(group)):
            rows += len(page)
            found += [token for _, _, token in target.kind.find([values[0] for _, values in page], marker)]
            if len(found) >= SAMPLE or rows >= PAGE_ROWS:
                yield found
                found, rows = [], 0
        yield found

    def _rule(
        self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes], *, settled: bool = False
    ) -> PlaintextRule:
        """What the column's plaintexts are as a rule."""
        from ..proof.model_reading import reads_inner  # which reads targets

        def reads(tokens: set[str]) -> bool:
            return not settled and reads_inner(table, column.name, tokens, SAMPLE)

        found = rule(self._keyring, scheme, pieces, reads)
        if found.foreign and not settled:
            name = table.label_of(column.name)
            self.findings.put("foreign", name)
            opened = self._keyring.stages_of(scheme, pieces)
            self.inside[name] = [bare(one[1].plaintext) for one in opened if one is not None]
        return found

    def _found(self, table: Table, column: Column, held_as: PlaintextRule) -> None:
        try:
            self.found.append(self._target(table, column, held_as))
        except TableKey:
            self.findings.put("keyless", table.label_of(column.name), table=table.label)

    def _sampled(self, table: Table, column: Column, *, every: bool) -> list[Any]:
        """Values that begin as tokens do; and some of any kind, where a token may begin with anything."""
        begins = self._begins(column)
        samples = list(_samples(self._database, table, column, begins - {b""}))
        if every or b"" in begins:
            samples += _samples(self._database, table, column, set())
        return samples

    def _at_large(self, table: Table, column: Column) -> Iterator[Any]:
        """More values that begin as tokens do, from all over the column, and as many of each beginning; of any values,
        where a token may begin with anything."""
        for begin in sorted(self._begins(column)):
            yield from _samples(self._database, table, column, {begin} - {b""}, at_large=True)

    def _as_it_holds(self, column: Column, samples: Sequence[Any]) -> Column:
        named = any(scheme.json_members for scheme in self._keyring.tried)
        return _as_it_holds(column, samples, named=named, markers=self._begins(column) - _FERNETS - {b""})

    def _begins(self, column: Column) -> set[bytes]:
        """How values of the column begin that may be tokens; an empty text where those of a scheme begin anyhow."""
        binary = column.type == "bytea"
        schemes = [scheme for scheme in self._keyring.tried if scheme.format.authenticated or scheme.marker]
        markers = {scheme.marker for scheme in schemes if binary or scheme.text}
        return _FERNETS | markers | ({PAIR_BEGIN} if binary else set())

    def without_tokens(self, target: Target, value: Any) -> Any:
        """A value of a target, or a member of its array, without its tokens: what else there is in a document may be
        encrypted in another way."""
        kind = target.kind.member if isinstance(target.kind, ArrayCodec) else target.kind
        tokens = kind.tokens(value, self._keyring.schemes[target.scheme].marker)
        return kind.put(value, tokens, [b""] * len(tokens))

    def look_around(self) -> None:
        """What stands about the targets in the database's catalogue."""
        tied = {target.table for target in self.found if self._put_down_obstacles(target.table, target.column)}
        for table in dict.fromkeys(target.table for target in self.found if target.table not in tied):
            self._look_for_digests(table, [target for target in self.found if target.table == table])
        self._look_for_digests_apart()
        for table, column in dict.fromkeys((one.table, each.column) for one in self.found for each in one.derived):
            self._put_down_obstacles(table, column)
        self._look_for_copies()
        for target in self.found:
            if {target.column, *(each.column for each in target.derived)} & {*target.key.columns}:
                self._tie(target.name, *_IN_THE_KEY)

    def _put_down_obstacles(self, table: Table, column: str) -> bool:
        """Put down what keeps a column from being rewritten; whether there is anything."""
        found = [*catalog.obstacles(self._database, table, column), *self._related(table, column)]
        for what, todo in found:
            self._tie(table.label_of(column), what, todo)
        return bool(found)

    def _related(self, table: Table, column: str) -> Iterator[tuple[str, str]]:
        """The columns that a relation of the models joins with this one, and what to do about it."""
        own = {(name, column) for name in table.names}
        ends = ((one, other) for pair in self._relations for one, other in (pair, pair[::-1]))
        for other in sorted({other for one, other in ends if one in own}):
            what, todo = _RELATED
            yield what.format(".".join(map(word, other))), todo

    def _look_for_copies(self) -> None:
        """Targets that have a token in common, or in several rows: no two values are encrypted to the same one."""
        schemes = {target.name: self._keyring.schemes[target.scheme] for target in self.found}
        proved = {
            name: tokens
            for name, tokens in sorted(self._samples.items())
            if name in schemes and schemes[name].format.authenticated
        }
        for one, other in combinations(proved, 2):
            if common := {token for token in proved[one] & proved[other] if len(token) >= SHORTEST}:
                self.findings.put("same_tokens", one, other=other, count=len(common))
        for target in self.found:
            tokens = proved.get(target.name, ())
            if tokens and not isinstance(target.kind, JsonCodec) and self._is_repeated(target):
                self.findings.put("repeated_in_rows", target.name)
            if len(tokens) > 1 and all(token.startswith(_TIMELESS) for token in tokens):
                self.findings.put("timeless", target.name)

    def _is_repeated(self, target: Target) -> bool:
        return catalog.is_repeated(self._database, target.table, target.column, target.type)

    def _tie(self, column: str, what: str, todo: str) -> None:
        self.findings.put("tied", column, found=what, advice=todo)

    def _look_for_digests(self, table: Table, targets: Sequence[Target]) -> None:
        """Columns that are computed from the plaintexts of a table's targets."""
        taken = {target.column for target in targets}
        ignored = set(self.findings.columns(*IGNORED))
        columns = {
            column.name: column
            for column in self.tables[table]
            if not (column.generated or column.name in taken or table.label_of(column.name) in ignored)
        }
        found = search_columns.scan_table(self._database, table, targets, list(columns.values()), self._keyring)
        documents = {target.column for target in targets if isinstance(target.kind, JsonCodec)}
        inside = [column for column in self.tables[table] if column.name in documents]
        self._put_down_digests(table, [columns[name] for name in found.unknown])
        for name in search_columns.among(self._database, table, inside):
            self.findings.put("digest", table.label_of(name))
        for name, setting in found.kept:
            if setting:
                self.findings.put_typed(table.label_of(name), KeptHash(setting))
        self.findings.drop("silent", {table.label_of(column) for column in found.explained})
        for target in targets:
            derived = tuple(found.made.get(target.column, ()))
            self.found[self.found.index(target)] = replace(target, derived=derived)

    def blank(self) -> Iterator[str]:
        """The columns that hold what is made of an empty value where no token is. It reads all their rows."""
        for table, column in dict.fromkeys((one.table, each.column) for one in self.found for each in one.derived):
            targets = [target for target in self.found if target.table == table]
            if search_columns.has_blanks(self._database, table, targets, column, self._keyring):
                yield table.label_of(column)

    def plain_indexes(self) -> Iterator[tuple[str, str]]:
        """Search columns under rotated keys that are made of a target with plain text, each with that target."""
        for target in self.found:
            for column in dict.fromkeys(each.column for each in target.derived if each.secret in self._keyring.names):
                if target.mixed:
                    yield target.table.label_of(column), target.name

    def _put_down_digests(self, table: Table, columns: Iterable[Column]) -> None:
        """Put down columns of digests; where the model says what they hash, that its salt must be none of the keys'."""
        for column in columns:
            name, field = table.label_of(column.name), _of_place(self._hashes, table, column)
            if field is None:
                self.findings.put("digest", name)
            elif field:
                self.findings.put_typed(name, KeptHash(field))

    def _look_for_digests_apart(self) -> None:
        """Columns of other tables, of rows that belong to those with tokens: an index kept in a table of its own, or
        next to tokens under other keys."""
        tables, fixed = {target.table for target in self.found}, set(self.findings.columns("fixed"))
        ignored = set(self.findings.columns(*IGNORED))
        linked = catalog.linked(self._database, tables) if tables else set()
        for table in self.tables if tables else ():
            has_fixed = any(table.label_of(column.name) in fixed for column in self.tables[table])
            if (has_fixed or (table.schema, table.name) in linked) and table not in tables and not table.copy:
                columns = [each for each in self.tables[table] if table.label_of(each.name) not in ignored]
                found = search_columns.apart(self._database, table, columns)
                self._put_down_digests(table, [column for column in columns if column.name in found])

    def take(self, entry: object, index: int) -> None:
        """The target that an entry of ``targets`` describes, if it is in this database."""
        keyring = self._keyring
        if not isinstance(entry, Mapping) or not {"table", "column"} <= set(entry) <= {"table", "column", "scheme"}:
            raise InvalidTarget(index=index, found="has other members than table, column and scheme")
        own = [name for name, each in keyring.schemes.items() if not each.trial] or list(keyring.schemes)
        scheme = str(entry.get("scheme") or (own[0] if len(own) == 1 else ""))
        if scheme not in keyring.schemes:
            raise InvalidTarget(index=index, found=f"names no scheme of: {', '.join(keyring.schemes)}")
        for table, columns in self.tables.items():
            for column in () if table.copy else columns:
                name, names = table.label_of(column.name), (table.label, _qualified(table))
                if entry["table"] in names and entry["column"] == column.name and column.type in KINDS:
                    if name in {target.name for target in self.found}:
                        raise InvalidTarget(index=index, found=f"names {name} again")
                    if column.generated:
                        self._tie(name, *_GENERATED)
                        return
                    named = bool(keyring.schemes[scheme].json_members)
                    markers = {keyring.schemes[scheme].marker} - {b""}
                    samples = self._sampled(table, column, every=named)
                    held = _as_it_holds(column, samples, named=named, markers=markers)
                    pieces = [piece for value in samples for piece in _pieces(held, value)]
                    self.found.append(self._target(table, held, self._held_as(table, held, scheme, pieces)))
                    self._samples[name] = {*pieces}
                    return
        self.missing[index] = (str(entry["table"]), str(entry["column"]))

    def _row_key(self, table: Table) -> RowKey:
        """By which the rows of a table are named, asked once. Raises E_TABLE_KEY."""
        if table not in self._row_keys:
            self._row_keys[table] = catalog.row_key(self._database, table)
        return self._row_keys[table]

    def _target(self, table: Table, column: Column, held_as: PlaintextRule) -> Target:
        scheme = held_as.scheme
        model = _of_place(self._models, table) or table.label
        key = self._row_key(table)
        members = self._keyring.schemes[scheme].json_members
        if members and not isinstance(KINDS[column.type], JsonCodec):
            found = f"has json_members, and {table.label_of(column.name)} holds no JSON"
            raise InvalidScheme(scheme=scheme, found=found)
        if not self._keyring.schemes[scheme].text and column.type != "bytea":
            found = f"has tokens of bytes, and {table.label_of(column.name)} is {column.type}"
            raise InvalidScheme(scheme=scheme, found=found)
        decision = self.decision(table.label_of(column.name))
        made = Target(table, column.name, column.type, scheme, model, key, column.limit, members=members)
        return replace(made, one_layer=decision == ONE_LAYER, mixed=decision == MIXED)

    def _holds_values(self, table: Table, column: Column, *, document: bool = False) -> bool:
        """Whether any value could be a token. In a ``document`` only its texts could be one."""
        texts = " AND ({column}::text !~ %s OR {column}::text ~ %s)" if document else ""
        # An empty bytea is written so.
        query = f"SELECT 1 FROM {{rows}} AS t WHERE {{column}}::text NOT IN ('', '\\x'){texts} LIMIT 1"
        found = sql.SQL(query).format(rows=table.rows, column=sql.Identifier("t", column.name))
        return bool(self._database.rows(found, (IS_DOCUMENT, HAS_TEXT) if document else (), table=table.label))


def _may_be_plain(column: Column) -> bool:
    """Whether a column is named as encrypted, and is no flag or code such as ``is_encrypted char(1)``."""
    return bool(_SAYS_ENCRYPTED.search(column.name)) and (column.limit or SHORTEST) >= SHORTEST


def _qualified(table: Table) -> str:
    return f"{word(table.schema)}.{word(table.name)}"


def _of_place(known: Mapping[Any, Any], table: Table, column: Column | None = None) -> Any:
    """What the models say of a table or a column: by the name that they use for it, or of any schema (a tenant's)."""
    for name in table.names:
        place = name if column is None else (name, column.name)
        if place in known:
            return known[place]
    return None


def _as_it_holds(column: Column, samples: Sequence[Any], *, named: bool, markers: Collection[bytes]) -> Column:
    """The column under the type by which tokens in JSON documents are seen, where it is a text and holds such, also
    those that begin with one of ``markers``; where members of documents are ``named``, any document."""
    documents = [value for value in samples if column.type in IN_TEXT and is_document(value)]
    seen = replace(column, type=IN_TEXT.get(column.type, column.type))
    leaves = [leaf for document in documents for leaf in _pieces(seen, document)]
    begins = any(leaf.startswith(tuple(markers)) for leaf in leaves)
    return seen if (named and documents) or begins or any(map(looks_like_a_token, leaves)) else column


def looks_like_a_token(piece: bytes) -> bool:
    return bool(_AROUND.match(piece) or _WORD.search(piece)) or piece.startswith(Armor.HEAD)


def _unproved(samples: Sequence[Any], pieces: Sequence[bytes], field: str) -> UnprovedValues:
    """The facts of values that nothing opens: how many they are, and what their format is by its look."""
    known = next(filter(None, (signatures.identify(piece, field) for piece in pieces)), None)
    named = known is not None and known.name != "fernet"
    look, advice = (f", which are {known.what}", f"{known.todo} ") if known and named else ("", "")
    return UnprovedValues(len(samples), field, look, advice)


def _samples(
    database: Database, table: Table, column: Column, begins: set[bytes], *, at_large: bool = False
) -> Iterator[Any]:
    """Some values of a column: those in which one of ``begins`` is; without any, those that are not empty.

    The first ones that are met; ``at_large`` more of them, wherever they are, and the same ones in any order of rows.
    """
    kind = KINDS.get(column.type, _AS_TEXT)
    if begins:
        sql_type = "bytea" if column.type == "bytea" else "text"
        collation = "" if sql_type == "bytea" else 'COLLATE "C" '  # of some others PostgreSQL knows no LIKE
        where = f"{{value}} {collation}LIKE ANY(%s::{sql_type}[])"
        if kind.read == "{}" and sql_type == "text":  # what is no token for its length need not be searched
            where = f"octet_length({{value}}) >= {SHORTEST} AND {where}"
        params = [
            array(KINDS[sql_type].elements([_containing(begin, sql_type) for begin in _needed(begins, sql_type)]))
        ]
    else:
        where, params = "octet_length({value}) > 0", []
    if at_large:
        where += f" AND octet_length({{value}}) <= {AT_LARGE_BYTES} ORDER BY md5({{value}})"
    read = sql.SQL(kind.read).format(sql.Identifier("t", column.name))
    query = sql.SQL(f"SELECT {{value}} FROM {{rows}} AS t WHERE {where} LIMIT {AT_LARGE if at_large else SAMPLE}")
    for (value,) in database.rows(query.format(value=read, rows=table.rows), params, table=table.label):
        yield value


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({value if isinstance(value, str) else bytes(value): value for value in values}.values())


def _needed(begins: Collection[bytes], sql_type: str) -> list[bytes]:
    """Those that none of the others finds anyway."""
    found_in = {begin: [o for o in begins if o != begin and o in begin and _anywhere(o, sql_type)] for begin in begins}
    return [begin for begin in sorted(begins) if not found_in[begin]]


def _anywhere(begin: bytes, sql_type: str) -> bool:
    """Raw bytes are looked for at the beginning of a value alone: a token in text may have a prefix."""
    return sql_type == "text" or (begin.isascii() and begin.isalnum())


def _containing(begin: bytes, sql_type: str) -> Any:
    """A pattern for LIKE."""
    pattern = re.sub(rb"([\\%_])", rb"\\\1", begin) + b"%"
    if _anywhere(begin, sql_type):
        pattern = b"%" + pattern
    return pattern if sql_type == "bytea" else pattern.decode("utf-8")


def _pieces(column: Column, value: Any) -> list[bytes]:
    """The parts of a sampled value that may be tokens, without the blanks around them."""
    return [piece.strip() if piece.isascii() else piece for piece in KINDS[column.type].tokens(value, b"")]


def _proved(samples: Sequence[Any], column: Column, keyring: Keyring, hinted: Collection[str]) -> str | None:
    """The scheme that opens a token among the samples, with what its tokens have around them; None where none does.

    A scheme without authentication is tried where ``hinted`` names it, or where its tokens have a mark of their own.
    """
    pieces = [piece for value in samples for piece in _pieces(column, value)]
    for scheme in keyring.tried:
        fits = not scheme.json_members or isinstance(KINDS[column.type], JsonCodec)
        tells = scheme.format.authenticated or scheme.name in hinted or bool(scheme.marker)
        if not fits or not tells or scheme.functions:
            continue
        loose = _without_foreign(pieces, column) if scheme.format.loose else []
        if any(keyring.stages_of(scheme.name, [*pieces, *_names(samples, column, scheme), *loose])):
            return scheme.name
    around = [found for piece in dict.fromkeys(pieces) if (found := _around(piece)) is not None]
    if len(set(around)) != 1:  # what stands before one token alone is a part of that value, and nobody's business
        return None
    prefix, doubled = around[0]
    if (prefix or doubled) and _PREFIX.fullmatch(prefix) and (len(around) > 1 or _SAYS_TOKEN.search(prefix)):
        for scheme in filter(_is_bare_fernet, keyring.tried):
            shown = KeyFingerprints(keyring, [scheme.name]).without_ids(prefix)
            dressed = scheme.around(prefix, doubled, shown)
            known = dressed.name in {each.name for each in keyring.tried}  # another column may be a target by it
            if keyring.add(dressed) and any(keyring.stages_of(dressed.name, pieces)):
                return dressed.name
            if not known:
                keyring.remove(dressed)
    return None


def _without_foreign(pieces: Sequence[bytes], column: Column) -> list[bytes]:
    """What a loose decoder of base64 reads of the pieces in which it passes over something, such as line breaks."""
    signs = loose_base64.IN_JSON if isinstance(KINDS[column.type], JsonCodec) else loose_base64.AS_IS
    return [found.token for found in map(signs.without, pieces) if found]


def rotated_scheme(values: Sequence[str | bytes], keyring: Keyring) -> str | None:
    """The scheme under rotated keys by which one of the values opens that a database of any kind has. Bytes may stand
    for a text."""
    texts = [value if isinstance(value, str) else bytes(value).decode("utf-8", "replace") for value in values]
    binary = [bytes(value) for value in values if not isinstance(value, str)]
    named = any(scheme.json_members for scheme in keyring.tried)
    for sql_type, samples in (("text", texts), ("bytea", binary)):
        bare = Column("", sql_type, None, generated=False)
        markers = {scheme.marker for scheme in keyring.tried if scheme.text} - _FERNETS - {b""}
        column = _as_it_holds(bare, samples, named=named, markers=markers)
        scheme = _proved(samples, column, keyring, ())
        if scheme in keyring.schemes:
            return scheme
    return None


def _names(samples: Sequence[Any], column: Column, scheme: Scheme) -> list[bytes]:
    """What may be tokens of a scheme that has a mark of its own, the names of members among it."""
    kind = KINDS[column.type]
    if not isinstance(kind, JsonCodec) or not scheme.text or scheme.marker in _FERNETS | {b""}:
        return []
    return [token for value in samples for token in kind.tokens(value, scheme.marker)]


def _around(piece: bytes) -> tuple[str, bool] | None:
    """What is before a Fernet token, and whether the token is in base64 once more; None where there is none."""
    match = _AROUND.match(piece)
    if match is None:
        return None
    return match["prefix"].decode("utf-8", "replace"), match["begin"] == DOUBLED


def _is_bare_fernet(scheme: Scheme) -> bool:
    return scheme.marker == FERNET
