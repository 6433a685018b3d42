# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the targets: the columns that hold tokens, in models or not, each proved by a token that opens."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..._errors.database import RowSecurity, TableKey
from ..._errors.discovery import (
    ColumnPlain,
    ColumnTied,
    ColumnType,
    IgnoredOpen,
    IgnoredTokens,
    KeyPair,
    OutOfReach,
    TargetMissed,
    UnprovedField,
)
from ..._errors.options import InvalidScheme, InvalidTarget
from ..._errors.values import UnsupportedFormat
from ..application import lasting_caches
from ..application.model_fields import ModelTables
from ..crypto.derivation import members
from ..crypto.keyring import Keyring
from ..crypto.openpgp_pair import is_under_key_pair
from ..crypto.schemes import Scheme
from ..postgres import catalog, sql
from ..postgres.catalog import BITS, LARGE_OBJECT, UUIDS, Column, RowKey, Table
from ..postgres.connection import Database
from ..value_forms import recognized_formats
from ..value_forms.packed_values import unpacked
from ..value_forms.recognized_formats import Signature, of_another_format
from ..value_forms.token_look import AROUND, FERNET_BEGINS, SHORTEST, looks_like_a_token
from ..value_forms.token_texts import RAW_FRAME
from .column_rules import ColumnRules
from .columns.column_evidence import SurveyEvidence
from .columns.column_sample import (
    ANYWHERE,
    SAMPLE,
    ClosedColumn,
    ColumnSample,
    ColumnSampler,
    as_it_holds,
    distinct,
    pieces_of,
    read_values,
)
from .columns.column_types import KINDS, WRITTEN, ArrayCodec, JsonCodec
from .columns.nesting import holding
from .columns.plaintext_rules import PlaintextRule
from .columns.scheme_match import match_scheme
from .columns.target import Target
from .findings.finding_facts import DataKeyValues, EmptyField, FixedColumn, UnprovedValues
from .findings.finding_kinds import KindName
from .findings.findings import Findings
from .findings.settlements import DECISIONS, MIXED, NONE, ONE_LAYER, Settlements
from .survey_models import SurveyModels
from .survey_surroundings import SurveySurroundings

if TYPE_CHECKING:
    from .columns.raw_frames import RawFrames
    from .recipes.given_recipes import GivenColumn

AUTO = "auto"  # instead of targets, or as one of them: all that are found
_SAYS_ENCRYPTED = re.compile(r"(?<!un)encrypted(?!_(?:by|at|on)(?![a-z]))|ciphertext|_enc$", re.IGNORECASE)
_SAYS_KEY = re.compile(r"KEY|SECRET|SALT|TOKEN|PASSWORD")  # a setting with which an application may sign
_GENERATED = "is a generated column, and follows the column from which it is computed"
_LIST_SOURCE = "Remove it from O(targets), and list that column instead."
IN_TEXT_LOOK = " as a whole, and some have a token under a key that is rotated in them, with other text around it"
IN_TEXT_ADVICE = (
    "The rotation would leave that token unreadable: describe how the application writes it in O(schemes). "
)
# How Fernet tokens begin as their bytes, and in hex.
FRAMES = {RAW_FRAME, RAW_FRAME.hex().encode()}
COPY = "a copy of tokens in a materialized view, which a rotation leaves under the old keys"
REFRESH_COPY = (
    "Drop it before the rotation. Or REFRESH MATERIALIZED VIEW after it: if it is accepted that nothing in it can be "
    "read "
    'until then, O(settlements): {"table.column": {unreadable: "why"}}.'
)
# Kinds of findings about a column in which no key opens anything: its values may be under data keys.
OPEN: Sequence[KindName] = ("unproved", "silent", "format", "plain", "digest")
IN_JSON = ("json", "jsonb")
NO_TEXT = (*UUIDS, *BITS, LARGE_OBJECT)  # types in whose text no token is
# Regular expressions of PostgreSQL (POSIX advanced), of the text of a column: whether it may be a JSON document, and
# whether that has a text which is not empty and no member's name. All before such a text is matched string by string.
IS_DOCUMENT = r"^\s*([][{}]|null\s*$|true\s*$|false\s*$|-?[0-9.eE+-]+\s*$|\")"
HAS_TEXT = r'^([^"]|"([^"\\]|\\.)*"\s*:|"")*"([^"\\]|\\.)+"(?!\s*:)'


def find(
    database: Database, described: object, ignore: Collection[str], keyring: Keyring, settled: Settlements = NONE
) -> Survey:
    """Return a survey of the option ``targets``: ``auto``, or a list of {table, column, scheme} and ``auto``.

    ``ignore`` are columns, as table.column, that a person found to be of another system. ``settled`` may have the
    number of layers of a target.

    Raise E_TABLE_KEY or E_TARGET. ``findings_of`` (survey_findings.py) returns the findings, of which some stop a
    rotation.
    """
    survey = Survey(database, keyring)
    survey.settled = settled
    entries = [AUTO] if described == AUTO else described
    if not isinstance(entries, list) or not entries:
        raise InvalidTarget(index=0, fault="is missing")
    columns = [entry for entry in entries if not is_search_column(entry)]
    if not columns:
        raise InvalidTarget(index=0, fault="is a search column, and no entry is the column of its values, or auto")
    if columns.count(AUTO) == len(columns) and any(scheme.functions for scheme in keyring.tried):
        raise InvalidTarget(index=0, fault="is missing: functions of the application find no columns")
    for index, entry in enumerate(entries):
        if is_search_column(entry):
            survey.take_digests(entry, index, ignore)
        elif entry != AUTO:
            survey.take(entry, index)
    listed = {target.name for target in survey.targets} | {each.name for each in survey.given}
    for table, columns in survey.tables.items():
        for column in columns:
            name = table.label_of(column.name)
            if name in ignore and name not in listed:
                survey.leave(table, column)
            elif name not in listed:
                survey.look(table, column)
    if AUTO not in entries:
        for target in survey.targets:
            if target.name not in listed:
                survey.findings.put(target.name, TargetMissed(column=target.name))
    survey.look_around()
    survey.look_for_data_keys()
    return survey


class Survey:
    """One walk over a database.

    ``targets`` are the columns to rotate, ``findings`` what else a person should know of columns and tables,
    ``evidence`` what later checks need of columns. ``missing`` are the targets that a person listed and that are not
    here, by their place in the list.
    """

    settled: Settlements = NONE
    given: Sequence[GivenColumn] = ()  # the search columns that a person listed, with their recipes

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self.tables = catalog.columns(database)
        self.numbers = catalog.numbers(database)  # which hold no token, and may be ciphertext
        self.targets: list[Target] = []
        self.findings = Findings()
        self.missing: dict[int, tuple[str, str]] = {}
        self.evidence = SurveyEvidence()
        for label in sorted({table.label for table in self.tables if table.guarded}):
            self.findings.put(label, RowSecurity(column=label))
        there = ModelTables(database.alias, {name for table in self.tables for name in table.names})
        keys = {value for key_set in keyring.stages.values() for value in key_set.values.values()}
        self._models = SurveyModels(there, keys)
        self._caches = lasting_caches.tables()
        self._samples: dict[str, set[bytes]] = {}  # by target, tokens of it
        self._row_keys: dict[Table, RowKey] = {}

    def copied(self, database: Database | None = None, keyring: Keyring | None = None) -> Survey:
        """Return a copy for another connection and keyring, which shares no later findings with this one."""
        other = copy.copy(self)
        other._database, other._keyring = database or self._database, keyring or self._keyring
        other.targets = [*self.targets]
        other.findings, other.evidence = self.findings.copied(), self.evidence.copied()
        return other

    @property
    def model_tables(self) -> ModelTables:
        """Return the tables of the database, as the models may name them."""
        return self._models.tables

    @property
    def _sampler(self) -> ColumnSampler:
        return ColumnSampler(self._database, self._keyring)

    def has_tables_of(self, database: Database) -> bool:
        """Return whether a database has exactly the tables and columns of this survey."""
        return catalog.columns(database) == self.tables

    def look(self, table: Table, column: Column) -> None:
        """Decide on one column by a sample of its values."""
        name = table.label_of(column.name)
        if column.generated or column.type in NO_TEXT:  # the first is computed from another column
            return
        if column.name in lasting_caches.COLUMNS and self.is_cache(table):
            self.findings.put_kind("cached", name)
            return
        if column.type not in KINDS:
            self._look_at_unwritable(table, column)
            return
        hinted = self._hinted(table, column)
        sample = self._sample(table, column, hinted)
        if sample.rule is None and any(map(is_under_key_pair, sample.pieces)):
            self.findings.put(name, KeyPair(column=name))
        elif table.copy:
            if sample.scheme in self._keyring.schemes or sample.looks_encrypted:
                self.findings.put(name, OutOfReach(column=name, why=COPY, advice=REFRESH_COPY), kind="copy")
        elif sample.scheme in self._keyring.fixed:
            self.findings.put(name, FixedColumn(sample.scheme))
            self._fixed(table, sample.column, sample.scheme)
        elif sample.rule is not None:
            self._add_target(table, sample.column, sample.rule)
            self.evidence[name].other_schemes = self._other_schemes(sample.rule.scheme, sample.pieces)
            self._samples[name] = {*sample.pieces}
        else:
            self._look_at_unopened(table, sample)

    def decision(self, column: str) -> str:
        """Return how a person has settled a column. Empty if it is not settled."""
        return self.settled[column].decision if column in self.settled else ""

    def has_mark(self, closed: ClosedColumn, marker: bytes) -> bool:
        """Return whether any value of a column may contain a token that begins with ``marker``."""
        begins = {marker} - {b""} | (FERNET_BEGINS | FRAMES if marker in FERNET_BEGINS else set())
        if closed.column.type != "bytea":
            begins = {begin for begin in begins if begin.isascii()}
        return any(True for _ in read_values(self._database, closed.table, closed.column, begins))

    def is_cache(self, table: Table) -> bool:
        """Return whether it is the table of a database cache."""
        texts = {column.name for column in self.tables[table] if column.type in ("text", "character varying")}
        return table.name in self._caches and texts.issuperset(lasting_caches.COLUMNS)

    def rotates(self, setting: str) -> bool:
        """Return whether a setting is one of the available keys, or fed by one."""
        return any(setting in {name, *self._keyring.settings_fed_by(name)} for name in self._keyring.names)

    def keys(self) -> Iterator[tuple[str, str]]:
        """Yield the available keys by their names, of every version."""
        return (pair for key_set in self._keyring.stages.values() for pair in key_set.values.items())

    def kept_keys(self) -> Iterator[bytes]:
        """Yield the values of settings that stay, and with which the application may sign."""
        rotated = {name for key in self._keyring.names for name in (key, *self._keyring.settings_fed_by(key))}
        secrets = self._keyring.secrets(self._keyring.base)
        names = {name for name in secrets if _SAYS_KEY.search(name)} | {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}
        for name in sorted(names - rotated):
            yield from members(self._keyring.application(name)) or members(secrets.get(name))

    def is_sessions(self, table: Table) -> bool:
        """Return whether it is a table of Django's sessions."""
        return {column.name for column in self.tables.get(table, ())}.issuperset(lasting_caches.SESSION_COLUMNS)

    def every_column(self) -> dict[Table, list[Column]]:
        """Return the columns of each table, each once, including those of numbers."""
        columns_by_table = {}
        for table in {**self.tables, **self.numbers}:
            columns = [*self.tables.get(table, ()), *self.numbers.get(table, ())]
            columns_by_table[table] = list({column.name: column for column in columns}.values())
        return columns_by_table

    def holding(self, values: Sequence[Any]) -> int:
        """Return how many values hold a token under a rotated key inside other, also compressed or encoded, data."""
        texts = [(place, text) for place, value in enumerate(values) for text in unpacked(value)]
        stages_by_place = holding(self._keyring, self._keyring.schemes, [text for _, text in texts])
        return len({texts[place][0] for place in stages_by_place})

    def raw_frames(self, values: Sequence[Any]) -> RawFrames:
        """The values that are the bytes of Fernet tokens under rotated keys, or their hex."""
        from .columns import raw_frames

        return raw_frames.find(self._keyring, values)

    def _look_at_unwritable(self, table: Table, column: Column) -> None:
        """Decide on a column of a type that the engine does not write."""
        if not any(True for _ in read_values(self._database, table, column, ANYWHERE)):
            return
        name = table.label_of(column.name)
        if table.copy:
            self.findings.put(name, OutOfReach(column=name, why=COPY, advice=REFRESH_COPY), kind="copy")
        else:
            self.findings.put(name, ColumnType(column=name, type=column.type, types=", ".join(WRITTEN)))

    def _hinted(self, table: Table, column: Column) -> set[str]:
        """Return the schemes that the models name for a column. A scheme of its own is added to the keyring."""
        own = f"own key of {table.label_of(column.name)}"
        described = self._models.own_scheme(table, column)
        if described is not None:
            self._keyring.add(Scheme(own, described))
        hint = self._models.unauthenticated_scheme(table, column)
        return set() if hint is None else {hint, own}

    def _sample(self, table: Table, column: Column, hinted: Collection[str]) -> ColumnSample:
        """Return a sample of a column's values, and the rule by which they open, if any does."""
        samples = self._sampler.sample(table, column, every=bool(hinted))
        held = self._sampler.as_it_holds(column, samples)
        scheme = match_scheme(samples, held, self._keyring, hinted)
        if scheme is None and len(samples) >= SAMPLE:  # text that only begins like a token may precede one
            samples = distinct([*samples, *self._sampler.sample_at_large(table, column)])
            held = self._sampler.as_it_holds(column, samples)
            scheme = match_scheme(samples, held, self._keyring, hinted)
        pieces = [piece for value in samples for piece in pieces_of(held, value)]
        rule = None if scheme is None else self._find_rule(table, held, scheme, pieces)
        return ColumnSample(held, samples, pieces, rule)

    def _look_at_unopened(self, table: Table, sample: ColumnSample) -> None:
        """Decide on a column in which no value opens."""
        column, samples, pieces, _ = sample
        name, field = table.label_of(column.name), self._models.encrypting_field(table, column)
        self.evidence[name].closed = ClosedColumn(table, column)
        if signature := self._signature(table, column, pieces, field or ""):
            count, each = signature
            error = UnsupportedFormat(column=name, count=count, description=each.what, advice=each.todo)
            self.findings.put(name, error)
        elif sample.looks_encrypted:
            facts = _unproved(samples, pieces, field or "")
            if holding(self._keyring, self._keyring.schemes, pieces):
                facts = replace(facts, look=IN_TEXT_LOOK, advice=IN_TEXT_ADVICE)
            self.findings.put(name, facts)
            inner = (match["token"] for match in map(AROUND.match, pieces) if match)
            self.evidence[name].samples = [*pieces, *inner]
        elif field is not None:
            document = column.type in IN_JSON or "json" in field.lower()
            if self._holds_values(table, column, document=document):
                self.findings.put(name, UnprovedField(column=name, field=field))
            else:
                self.findings.put(name, EmptyField(field))
        elif _may_be_plain(column) and self._holds_values(table, column):
            self.findings.put(name, ColumnPlain(column=name))

    def _fixed(self, table: Table, column: Column, scheme: str) -> None:
        """Keep a column whose own keys stay: its plaintexts may hold tokens under keys that are rotated."""
        if key := catalog.reading_key(self._database, table):
            held = Target(table, column.name, column.type, scheme, table.label, key, column.limit, kept=True)
            self.evidence[held.name].fixed = held

    def _other_schemes(self, scheme: str, pieces: Sequence[bytes]) -> set[str]:
        """Return the available schemes that open tokens which the scheme of their column does not open."""
        opened = self._keyring.stages_of(scheme, pieces)
        left = [piece for piece, each in zip(pieces, opened) if each is None]
        tried = [each for each in self._keyring.schemes.values() if each.format.authenticated and not each.functions]
        return {each.name for each in tried if left and any(self._keyring.stages_of(each.name, left))}

    def _signature(
        self, table: Table, column: Column, pieces: Sequence[bytes], field: str
    ) -> tuple[int, Signature] | None:
        """Return a format that the look or the field shows, and how many of the checked values have it."""
        values = read_values(self._database, table, column, set())
        known = dict.fromkeys([*pieces, *(piece for value in values for piece in pieces_of(column, value))])
        signatures = [signature for piece in known if (signature := of_another_format(piece, field))]
        return (len(signatures), signatures[0]) if signatures else None

    def leave(self, table: Table, column: Column) -> None:
        """Leave a column alone, as a person decided, and check whether the keys that are to be rotated open it."""
        name = table.label_of(column.name)
        error: IgnoredOpen | IgnoredTokens | None = None
        if column.type in KINDS and not column.generated:
            samples = self._sampler.sample(table, column, every=False)
            held = self._sampler.as_it_holds(column, samples)
            self.evidence[name].closed, self.evidence[name].is_ignored = ClosedColumn(table, held), True
            scheme = match_scheme(samples, held, self._keyring, ())
            pieces = (piece for value in samples for piece in pieces_of(held, value))
            if scheme in self._keyring.schemes:
                error = IgnoredOpen(column=name)
            elif scheme is None and any(map(looks_like_a_token, pieces)):
                error = IgnoredTokens(column=name)
        if error:
            self.findings.put(name, error)
        else:
            self.findings.put_kind("ignored", name)

    def _find_rule(self, table: Table, column: Column, scheme: str, pieces: Sequence[bytes]) -> PlaintextRule:
        """Return the plaintext rule of a column."""
        rules = ColumnRules(self._database, self._keyring, self.findings, self.evidence, self._row_key)
        return rules.find(table, column, scheme, pieces, self.decision(table.label_of(column.name)))

    def _add_target(self, table: Table, column: Column, held_as: PlaintextRule) -> None:
        try:
            self.targets.append(self._target(table, column, held_as))
        except TableKey:
            self.findings.put(table.label_of(column.name), TableKey(table=table.label))

    def without_tokens(self, target: Target, value: Any) -> Any:
        """Remove the tokens from a value, or from a member of an array.

        The rest of a document may be encrypted in another way.
        """
        kind = target.kind.member if isinstance(target.kind, ArrayCodec) else target.kind
        tokens = kind.tokens(value, self._keyring.schemes[target.scheme].marker)
        return kind.put(value, tokens, [b""] * len(tokens))

    def look_around(self) -> None:
        """Check what surrounds the targets: in the database's catalog, in the models, in other columns."""
        SurveySurroundings(
            self._database,
            self._keyring,
            self._models,
            self.tables,
            self.targets,
            self.findings,
            self._samples,
            self.given,
        ).look()

    def look_for_data_keys(self) -> None:
        """Explain the columns whose values are under data keys that targets hold."""
        from .columns.data_keys import DataKeySearch

        decided = {name for name, settlement in self.settled.items() if settlement.decision in DECISIONS}
        derived = {target.table.label_of(recipe.column) for target in self.targets for recipe in target.derived}
        reported = {*self.findings.columns()}.difference(self.findings.columns(*OPEN))
        passed_over = {*(target.name for target in self.targets), *derived, *decided, *reported}
        search = DataKeySearch(self._database, self._keyring, self.tables, self._samples)
        for name, relation in search.find(self.targets, passed_over):
            if isinstance(relation, str):
                self.evidence[name].possible_keys = relation
                continue
            for kind in OPEN:
                self.findings.drop(kind, {name})
            self.evidence[name].data_keys, self.evidence[name].samples = relation, ()
            self.findings.put(name, DataKeyValues(relation.keys))

    def plain_indexes(self) -> Iterator[tuple[str, str]]:
        """Yield search columns under rotated keys that are computed from a target with plain text, with it."""
        for target in self.targets:
            for column in dict.fromkeys(recipe.column for recipe in target.derived if recipe.is_rotated(self._keyring)):
                if target.mixed:
                    yield target.table.label_of(column), target.name

    def take_digests(self, entry: Mapping[str, Any], index: int, ignore: Collection[str]) -> None:
        """Add the search column that an entry of ``targets`` describes, if it is in this database."""
        from .recipes import given_recipes

        given = given_recipes.parse(entry, index, self.tables, lambda table: catalog.types_of(self._database, table))
        if given is None:
            self.missing[index] = (str(entry["table"]), str(entry["column"]))
            return
        if given.name in {*ignore, *(each.name for each in self.given), *(target.name for target in self.targets)}:
            raise InvalidTarget(index=index, fault=f"names {given.name} again, or O(ignore) names it too")
        self.given = [*self.given, given]

    def take(self, entry: object, index: int) -> None:
        """Add the target that an entry of ``targets`` describes, if it is in this database."""
        keyring = self._keyring
        if not isinstance(entry, Mapping) or not {"table", "column"} <= set(entry) <= {"table", "column", "scheme"}:
            raise InvalidTarget(index=index, fault="has other members than table, column and scheme")
        own = [name for name, each in keyring.schemes.items() if not each.trial] or list(keyring.schemes)
        scheme = str(entry.get("scheme") or (own[0] if len(own) == 1 else ""))
        if scheme not in keyring.schemes:
            raise InvalidTarget(index=index, fault=f"names no scheme of: {', '.join(keyring.schemes)}")
        for table, columns in self.tables.items():
            for column in () if table.copy else columns:
                name, names = table.label_of(column.name), (table.label, table.qualified)
                if entry["table"] in names and entry["column"] == column.name and column.type in KINDS:
                    if name in {*(target.name for target in self.targets), *(given.name for given in self.given)}:
                        raise InvalidTarget(index=index, fault=f"names {name} again")
                    if column.generated:
                        self.findings.put(
                            name, ColumnTied(column=name, obstacle=_GENERATED, advice=_LIST_SOURCE), kind="tied"
                        )
                        return
                    named = bool(keyring.schemes[scheme].json_members)
                    markers = {keyring.schemes[scheme].marker} - {b""}
                    samples = self._sampler.sample(table, column, every=named)
                    held = as_it_holds(column, samples, named=named, markers=markers)
                    pieces = [piece for value in samples for piece in pieces_of(held, value)]
                    self.targets.append(self._target(table, held, self._find_rule(table, held, scheme, pieces)))
                    self._samples[name] = {*pieces}
                    return
        self.missing[index] = (str(entry["table"]), str(entry["column"]))

    def _row_key(self, table: Table) -> RowKey:
        """Return the columns that name the rows of a table, queried once. Raise E_TABLE_KEY if there are none."""
        if table not in self._row_keys:
            self._row_keys[table] = catalog.row_key(self._database, table)
        return self._row_keys[table]

    def _target(self, table: Table, column: Column, held_as: PlaintextRule) -> Target:
        scheme = held_as.scheme
        model = self._models.label(table) or table.label
        key = self._row_key(table)
        members = self._keyring.schemes[scheme].json_members
        if members and not isinstance(KINDS[column.type], JsonCodec):
            fault = f"has json_members, and {table.label_of(column.name)} holds no JSON"
            raise InvalidScheme(scheme=scheme, fault=fault)
        if not self._keyring.schemes[scheme].text and column.type != "bytea":
            fault = f"has tokens of bytes, and {table.label_of(column.name)} is {column.type}"
            raise InvalidScheme(scheme=scheme, fault=fault)
        decision = self.decision(table.label_of(column.name))
        target = Target(table, column.name, column.type, scheme, model, key, column.limit, members=members)
        return replace(target, one_layer=decision == ONE_LAYER, mixed=decision == MIXED)

    def _holds_values(self, table: Table, column: Column, *, document: bool = False) -> bool:
        """Return whether any value could be a token. In a ``document`` only its texts could be one."""
        texts = " AND ({text} !~ %s OR {text} ~ %s)" if document else ""
        # An empty bytea as text.
        query = f"SELECT 1 FROM {{rows}} AS t WHERE {{text}} NOT IN ('', '\\x'){texts} LIMIT 1"
        name = sql.Identifier("t", column.name)
        text = sql.SQL('({}::text COLLATE "C")').format(name)  # with some others PostgreSQL matches no pattern
        statement = sql.SQL(query).format(rows=table.rows, text=text)
        return bool(self._database.rows(statement, (IS_DOCUMENT, HAS_TEXT) if document else (), table=table.label))


def is_search_column(entry: object) -> bool:
    """Return whether an entry of ``targets`` describes a search column with its recipe."""
    return isinstance(entry, Mapping) and ("digest_of" in entry or "recipe" in entry)


def _may_be_plain(column: Column) -> bool:
    """Return whether a column has a name that means encryption, and is not a flag such as ``is_encrypted char(1)``."""
    return bool(_SAYS_ENCRYPTED.search(column.name)) and (column.limit or SHORTEST) >= SHORTEST


def _unproved(samples: Sequence[Any], pieces: Sequence[bytes], field: str) -> UnprovedValues:
    """Return the facts of values that nothing opens: their number, and the format that their look shows."""
    known = next(filter(None, (recognized_formats.identify(piece, field) for piece in pieces)), None)
    named = known is not None and known.name != "fernet"
    look, advice = (f", which are {known.what}", f"{known.todo} ") if known and named else ("", "")
    return UnprovedValues(len(samples), field, look, advice)
