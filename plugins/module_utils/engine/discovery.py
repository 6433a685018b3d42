# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the targets: the columns that hold tokens, in or out of models, each proved by a token that opens."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import RotationError
from . import catalog, fields
from .catalog import Column, RowKey, Table
from .cells import KINDS, Kind
from .database import Database, quote
from .keyring import Keyring
from .schemes import Scheme

SAMPLE = 25  # values tried per column; the census tries them all
PREFIX = 40  # characters that an application may put before its tokens
FERNET, DOUBLED = b"gAAAAA", b"Z0FBQUFB"  # how a Fernet token begins, and its base64
_AROUND = re.compile(rb"(?P<prefix>.{0,%d}?)(?P<token>(?P<begin>gAAAAA|Z0FBQUFB)[\w=$-]{60,})" % PREFIX, re.ASCII)


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
    derived: tuple[fields.Derived, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.table.label}.{self.column}"

    @property
    def kind(self) -> Kind:
        """How its values are read and written."""
        return KINDS[self.type]


def find(database: Database, described: Any, ignore: Collection[str], keyring: Keyring, source: str) -> list[Target]:
    """The targets from ``key_rotation_targets``: ``auto``, or a list of {table, column, scheme}.

    ``ignore`` are columns, as table.column, that a person found to be somebody else's. ``source`` says where the keys
    come from, for the error. Raises E_NO_TARGETS, E_WRONG_KEY, E_UNPROVED, E_TABLE, E_TABLE_KEY or E_TARGET.
    """
    survey = _Survey(database, keyring)
    if described != "auto":
        if not isinstance(described, list) or not described:
            raise RotationError("E_TARGET", index=0, found="is missing")
        return [survey.listed(entry, index) for index, entry in enumerate(described)]
    for table, columns in survey.tables.items():
        for column in columns:
            if f"{table.label}.{column.name}" not in ignore:
                survey.look(table, column)
    _refuse_unproved(survey, keyring, source)
    return survey.found


def _refuse_unproved(survey: _Survey, keyring: Keyring, source: str) -> None:
    if survey.unproved:
        name, count = survey.unproved[0]
        code = "E_UNPROVED" if survey.found else "E_WRONG_KEY"
        key_ids = ", ".join(keyring.key_id(stage) for stage in keyring.stages)
        raise RotationError(code, column=name, tokens=count, key_ids=key_ids, source=source)
    if survey.silent:
        name, field = survey.silent[0]
        raise RotationError("E_FIELD_UNPROVED", column=name, field=field)
    if not survey.found:
        raise RotationError("E_NO_TARGETS", tables=len(survey.tables), schemes=", ".join(keyring.schemes))


class _Survey:
    """One walk over the database: what was found, what looks like tokens and opens under nothing, and which columns of
    encrypting fields hold values that nothing opens."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self.tables = catalog.columns(database, tuple(KINDS))
        self.found: list[Target] = []
        self.unproved: list[tuple[str, int]] = []
        self.silent: list[tuple[str, str]] = []
        alias = database.alias
        self._models = {table: field.model._meta.label for table, field in reversed(list(fields.of_models(alias)))}
        self._own = fields.own_schemes(alias)
        self._encrypting = fields.encrypting(alias)
        salts = next(iter(keyring.stages.values())).values
        self._derived = fields.search_columns(alias, salts)

    def look(self, table: Table, column: Column) -> None:
        """Decide on one column by a sample of its values."""
        place = (table.label, column.name)
        if place in self._own:
            self._keyring.add(Scheme(f"own key of {table.label}.{column.name}", self._own[place]))
        samples = list(_samples(self._database, table, column, self._keyring))
        scheme = _proved(samples, column, self._keyring)
        if scheme is not None:
            self.found.append(self._target(table, column, scheme))
        elif any(_AROUND.match(piece) for value in samples for piece in _pieces(column, value)):
            self.unproved.append((f"{table.label}.{column.name}", len(samples)))
        elif place in self._encrypting and self._holds_values(table, column):
            self.silent.append((f"{table.label}.{column.name}", self._encrypting[place]))

    def listed(self, entry: Any, index: int) -> Target:
        """The target that an entry of ``key_rotation_targets`` describes."""
        keyring = self._keyring
        if not isinstance(entry, Mapping) or not {"table", "column"} <= set(entry) <= {"table", "column", "scheme"}:
            raise RotationError("E_TARGET", index=index, found="has other members than table, column and scheme")
        scheme = entry.get("scheme") or (next(iter(keyring.schemes)) if len(keyring.schemes) == 1 else "")
        if scheme not in keyring.schemes:
            raise RotationError("E_TARGET", index=index, found=f"names no scheme of: {', '.join(keyring.schemes)}")
        for table, columns in self.tables.items():
            for column in columns:
                if entry["table"] in (table.label, f"{table.schema}.{table.name}") and entry["column"] == column.name:
                    return self._target(table, column, scheme)
        raise RotationError("E_TABLE", table=entry["table"], column=entry["column"], types=", ".join(KINDS))

    def _target(self, table: Table, column: Column, scheme: str) -> Target:
        model = self._models.get(table.label) or self._models.get(f"{table.schema}.{table.name}") or table.label
        derived = tuple(self._derived.get((table.label, column.name), ()))
        key = catalog.row_key(self._database, table)
        return Target(table, column.name, column.type, scheme, model, key, column.limit, derived)

    def _holds_values(self, table: Table, column: Column) -> bool:
        name = f"t.{quote(column.name)}"
        sql = f"SELECT 1 FROM {table.sql} AS t WHERE {name} IS NOT NULL AND {name}::text <> '' LIMIT %s"
        return bool(self._database.rows(sql, (1,), table=table.label))


def _samples(database: Database, table: Table, column: Column, keyring: Keyring) -> Iterator[Any]:
    """Some values of a column that may hold tokens."""
    name = f"t.{quote(column.name)}"
    read = KINDS[column.type].read.format(name)
    if column.type == "bytea":
        where, params = f"octet_length({name}) > 0", []
    else:
        begins = {FERNET, DOUBLED} | {scheme.marker for scheme in keyring.schemes.values() if scheme.text}
        where, params = f"{read} LIKE ANY(%s)", [[f"%{_like(begin)}%" for begin in sorted(begins - {b""})]]
    sql = f"SELECT {read} FROM {table.sql} AS t WHERE {where} LIMIT %s"
    for (value,) in database.rows(sql, (*params, SAMPLE), table=table.label):
        yield value


def _like(text: bytes) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text.decode("ascii"))


def _pieces(column: Column, value: Any) -> list[bytes]:
    """The parts of a sampled value that may be tokens."""
    return KINDS[column.type].tokens(value, b"")


def _proved(samples: Sequence[Any], column: Column, keyring: Keyring) -> str | None:
    """The scheme that opens a token among the samples, with what its tokens have around them; None where none does."""
    pieces = [piece for value in samples for piece in _pieces(column, value)]
    for name in list(keyring.schemes):
        if any(keyring.stage_of(name, piece) for piece in pieces):
            return name
    for prefix, doubled in dict.fromkeys(_around(piece) for piece in pieces):
        if prefix or doubled:
            for scheme in [scheme for scheme in keyring.schemes.values() if _is_bare_fernet(scheme)]:
                dressed = scheme.around(prefix, doubled)
                if keyring.add(dressed) and any(keyring.stage_of(dressed.name, piece) for piece in pieces):
                    return dressed.name
                keyring.schemes.pop(dressed.name, None)
    return None


def _around(piece: bytes) -> tuple[str, bool]:
    """What lies before a Fernet token, and whether the token is in base64 once more."""
    match = _AROUND.match(piece)
    if match is None:
        return "", False
    return match["prefix"].decode("utf-8", "replace"), match["begin"] == DOUBLED


def _is_bare_fernet(scheme: Scheme) -> bool:
    return scheme.marker == FERNET
