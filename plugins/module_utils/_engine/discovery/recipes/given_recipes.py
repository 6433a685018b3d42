# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes of search columns as an operator gives them in the option ``targets``: as data, or as the application's
function.

A given recipe proves nothing: each digest of its column is compared with it before the first write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ...._errors.base import RotationError, word
from ...._errors.options import InvalidTarget
from ...crypto import derivation, schemes
from ...crypto.function_names import Functions
from ...crypto.keyring import Keyring
from ...crypto.schemes import Refuse
from ...crypto.tokens import Opened
from ...postgres.catalog import Column, Table
from ..columns.search_recipes import (
    HASHES,
    LENGTHS,
    NORMALIZATIONS,
    WRITTEN,
    WRITTEN_IN,
    DigestMaker,
    DigestRecipe,
    RowValue,
)

if TYPE_CHECKING:
    from ...crypto.scheme_description import KeyDescription

DIGEST_OF = "digest_of"  # the member by which an entry of ``targets`` is a search column
RAW = "raw"  # the bytes of a digest themselves, in a bytea
VALUE = "value"  # in an input, what the token decrypts to
_MEMBERS = ("table", "column", DIGEST_OF, "recipe")
_OF_DATA = ("hash", "key", "input", "encoding", "length", "prefix")
_OF_FUNCTION = ("application", "context", "secret")
_TYPES = ("text", "character varying", "character", "citext", "bytea", "uuid")
_INTEGERS = ("smallint", "integer", "bigint")
_HEX = "\\x"  # before the digits with which PostgreSQL shows a bytea
# Everything but an empty value: that the column holds digests is given, whatever they look like.
_ANY = r"^(?!\\x$)."


class GivenColumn(NamedTuple):
    """The search column of an entry of ``targets``, the column of the tokens, and the entry's place in the option."""

    place: int
    table: Table
    column: Column
    source: str
    recipe: GivenRecipe

    @property
    def name(self) -> str:
        """The search column as table.column."""
        return self.table.label_of(self.column.name)


class InputPart(NamedTuple):
    """A part of what is hashed: the value after some normalizations, a column of the row, or a constant text."""

    kind: str  # value, column or text
    text: str = ""  # the name of the column, or the constant
    normalized: Sequence[str] = ()
    default: str | None = None  # instead of NULL

    def of(self, value: RowValue) -> bytes | None:
        """Return its bytes in one row. None if its column is NULL there, and no default says what is hashed then."""
        if self.kind == "column":
            stored = value.columns.get(self.text)
            text = self.default if stored is None else stored
            return None if text is None else text.encode("utf-8")
        if self.kind == "text":
            return self.text.encode("utf-8")
        if not self.normalized:
            return value.plaintext
        normalized = value.plaintext.decode("utf-8", "replace")
        for name in self.normalized:
            normalized = NORMALIZATIONS[name](normalized)
        return normalized.encode("utf-8")


class GivenRecipe(DigestRecipe):
    """A recipe that an operator has given."""

    is_given = True

    @property
    def looks(self) -> str:
        return _ANY


@dataclass(frozen=True)
class DataRecipe(GivenRecipe):
    """A recipe as data: the digest ``hash`` of the ``parts``, one after the other, under a derived key.

    ``length`` is that of the stored digest, if it is cut: in characters, or in bytes if it is written raw.
    """

    column: str
    type: str
    key: KeyDescription = field(hash=False, repr=False)
    hash: str
    parts: tuple[InputPart, ...]
    written: str = "hex"
    length: int | None = None
    prefix: str = ""

    @property
    def settings(self) -> frozenset[str]:
        sources = (self.key[role] for role in derivation.DERIVATIONS[self.key["derive"]][1] if role in self.key)
        return frozenset(name for source in sources for name in derivation.names(source))

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.text for part in self.parts if part.kind == "column"))

    def is_rotated(self, keyring: Keyring) -> bool:
        return keyring.rotates_any(self.settings)

    def maker(self, keyring: Keyring, stage: str) -> DigestMaker:
        key, digest = keyring.derive(self.key, stage), HASHES[self.hash]

        def make(value: RowValue) -> list[str]:
            texts = [part.of(value) for part in self.parts]
            known = [text for text in texts if text is not None]
            return [self._write(digest(b"".join(known), key))] if len(known) == len(texts) else []

        return make

    def obstacle(self, keyring: Keyring, before: str, after: str) -> tuple[str, str] | None:
        try:
            self.maker(keyring, after)
        except ValueError:
            settings = " and ".join(sorted(self.settings))
            reason = f"a key that {self.key['derive']} makes of {settings}, and the new value is not valid for it"
            return reason, "a type that produces a valid key"
        return None

    def _write(self, digest: bytes) -> str:
        if self.written == RAW:
            return _HEX + digest[: self.length].hex()
        return self.prefix + WRITTEN[self.written](digest)[: self.length]

    def __str__(self) -> str:
        words = [f"{self.column} as {self.hash} under {' and '.join(sorted(self.settings))}"]
        words += [f"key {self.key['derive']}", f"of {' and '.join([VALUE, *self.columns])}"]
        words += [f"cut to {self.length}"] * (self.length is not None)
        return ", ".join([*words, self.written, "as given"])


@dataclass(frozen=True)
class FunctionRecipe(GivenRecipe):
    """A recipe that is a function of the application, which a process under the keys of each stage calls.

    ``integers`` are the columns that it receives as numbers. ``secret`` is a key that it uses, if no token is under it.
    """

    column: str
    type: str
    function: str
    columns: tuple[str, ...] = ()
    integers: frozenset[str] = frozenset()
    secret: str = ""

    needs_process = True

    @property
    def settings(self) -> frozenset[str]:
        return frozenset({self.secret} - {""})

    def is_rotated(self, keyring: Keyring) -> bool:
        return True  # it is not known what it uses

    def maker(self, keyring: Keyring, stage: str) -> DigestMaker:
        from ...application.custom_functions import frame_of

        cipher = keyring.build_row_cipher(Functions(self.function, self.function, context=self.columns), stage)

        def make(value: RowValue) -> list[str]:
            row = {name: self._argument(name, value.columns.get(name)) for name in self.columns}
            digest = cipher.seal(Opened(b"s" + value.plaintext, frame=frame_of(row) if row else b""))
            return [_HEX + digest.hex() if self.type == "bytea" else digest.decode("utf-8")]

        return make

    def obstacle(self, keyring: Keyring, before: str, after: str) -> tuple[str, str] | None:
        return None

    def of_nothing(self, keyring: Keyring, stage: str) -> Sequence[str]:
        return ()  # it may refuse an empty value

    def _argument(self, name: str, stored: str | None) -> str | int | None:
        return int(stored) if stored is not None and name in self.integers else stored

    def __str__(self) -> str:
        return f"{self.column} by {self.function}, as given"


def parse(
    entry: Mapping[str, Any],
    place: int,
    tables: Mapping[Table, Sequence[Column]],
    types_of: Callable[[Table], Mapping[str, str]],
) -> GivenColumn | None:
    """Return the search column that an entry describes, or None if this database does not have it.

    ``types_of`` returns the types of all columns of a table. Raise E_TARGET.
    """

    def refuse(fault: str) -> RotationError:
        return InvalidTarget(index=place, fault=fault)

    _check(entry, refuse)
    for table, columns in tables.items():
        if entry["table"] in (table.label, table.qualified) and not table.copy:
            types = types_of(table)
            if entry["column"] not in types:
                return None
            column = next((column for column in columns if column.name == entry["column"]), None)
            if column is None or column.type not in _TYPES:
                fault = f"is a column of type {types[entry['column']]}"
                raise refuse(f"{fault}. A digest is stored in: {', '.join(_TYPES)}")
            build = _build_function if "application" in entry["recipe"] else _build_data
            recipe = build(entry["recipe"], column, types, refuse)
            _check_place(entry, column, types, recipe, refuse)
            return GivenColumn(place, table, column, entry[DIGEST_OF], recipe)
    return None


def _check(entry: Mapping[str, Any], refuse: Refuse) -> None:
    """Refuse an entry that no table could make right."""
    if missing := [name for name in _MEMBERS if name not in entry]:
        raise refuse(f"has no {' and no '.join(missing)}, which a search column needs")
    if unknown := sorted(map(word, set(entry) - {*_MEMBERS})):
        raise refuse(f"has {', '.join(unknown)}. A search column has {', '.join(_MEMBERS)}")
    described = entry["recipe"]
    if not isinstance(described, Mapping):
        raise refuse("has a recipe that is not a mapping")
    by_function = "application" in described
    taken = _OF_FUNCTION if by_function else _OF_DATA
    if unknown := sorted(map(word, set(described) - {*taken})):
        raise refuse(f"has {', '.join(unknown)} in its recipe, which takes {', '.join(taken)}")
    if by_function:
        _check_function(described, refuse)
    else:
        _check_data(described, refuse)


def _check_place(
    entry: Mapping[str, Any], column: Column, types: Collection[str], recipe: GivenRecipe, refuse: Refuse
) -> None:
    if column.generated:
        raise refuse("is a generated column, which PostgreSQL computes itself")
    if entry[DIGEST_OF] not in types or entry[DIGEST_OF] == column.name:
        raise refuse(f"has a {DIGEST_OF} that names no other column of its table")
    for name in recipe.columns:
        if name in (column.name, entry[DIGEST_OF]):
            raise refuse(f"has {name} in its recipe, which the rotation changes: name the decrypted value as {VALUE}")


def _check_data(described: Mapping[str, Any], refuse: Refuse) -> None:
    if missing := [name for name in ("hash", "key", "input") if name not in described]:
        raise refuse(f"has no {' and no '.join(missing)} in its recipe")
    if described["hash"] not in HASHES:
        raise refuse(f"has no recipe.hash of: {', '.join(HASHES)}")
    schemes.check_key(described["key"], "recipe.key", refuse)
    encodings = [*WRITTEN, RAW]
    if described.get("encoding", "hex") not in encodings:
        raise refuse(f"has no recipe.encoding of: {', '.join(encodings)}")
    length = described.get("length", 1)
    if type(length) is not int or length <= 0:
        raise refuse("has a recipe.length that is not a positive number")
    if not isinstance(described.get("prefix", ""), str):
        raise refuse("has a recipe.prefix that is not a text")
    if not isinstance(described["input"], list) or not described["input"]:
        raise refuse("has a recipe.input that is not a list")
    if not any(_part(item, refuse).kind == VALUE for item in described["input"]):
        raise refuse(f"has a recipe.input without {VALUE}, the decrypted value")


def _part(item: object, refuse: Refuse) -> InputPart:
    if item == VALUE:
        return InputPart(VALUE)
    if isinstance(item, str) and item:
        return InputPart("column", item)
    if isinstance(item, Mapping):
        if set(item) == {"text"} and isinstance(item["text"], str):
            return InputPart("text", item["text"])
        if "column" in item and set(item) <= {"column", "default"} and isinstance(item.get("default", ""), str):
            return InputPart("column", str(item["column"]), default=item.get("default"))
        if set(item) == {VALUE} and isinstance(item[VALUE], list) and {*map(str, item[VALUE])} <= {*NORMALIZATIONS}:
            return InputPart(VALUE, normalized=tuple(item[VALUE]))
    raise refuse(
        f"has a recipe.input with a member that is not {VALUE}, the name of a column, {{text: constant}}, "
        f"{{column: name, default: text}} or {{{VALUE}: [{', '.join(NORMALIZATIONS)}]}}"
    )


def _build_data(described: Mapping[str, Any], column: Column, types: Mapping[str, str], refuse: Refuse) -> GivenRecipe:
    written = described.get("encoding", RAW if column.type == "bytea" else "hex")
    fits = {"bytea": (RAW,), "uuid": WRITTEN_IN["uuid"]}.get(column.type, tuple(WRITTEN))
    if written not in fits:
        raise refuse(
            f"has a recipe.encoding that a column of type {column.type} cannot hold. It holds: {', '.join(fits)}"
        )
    prefix = described.get("prefix", "")
    if prefix and column.type in WRITTEN_IN:
        raise refuse(f"has a recipe.prefix, which a column of type {column.type} cannot hold")
    full = LENGTHS[described["hash"], "hex"] // 2 if written == RAW else LENGTHS[described["hash"], written]
    length = described.get("length")
    if length is not None and length > full:
        raise refuse(f"has a recipe.length of more than {full}, the length of the digest")
    parts = tuple(_part(item, refuse) for item in described["input"])
    _refuse_missing([part.text for part in parts if part.kind == "column"], types, refuse)
    key = cast("KeyDescription", described["key"])
    return DataRecipe(column.name, column.type, key, described["hash"], parts, written, length, prefix)


def _check_function(described: Mapping[str, Any], refuse: Refuse) -> None:
    if not schemes.is_function_path(described["application"]):
        raise refuse("has a recipe.application that is not a dotted path of a function")
    context = described.get("context", [])
    if not isinstance(context, list) or not all(isinstance(name, str) and name for name in context):
        raise refuse("has a recipe.context that is not a list of columns")
    if not isinstance(described.get("secret", ""), str):
        raise refuse("has a recipe.secret that is not the name of a key")


def _build_function(
    described: Mapping[str, Any], column: Column, types: Mapping[str, str], refuse: Refuse
) -> GivenRecipe:
    columns = tuple(described.get("context", ()))
    _refuse_missing(columns, types, refuse)
    integers = frozenset(name for name in columns if types[name] in _INTEGERS)
    secret = described.get("secret", "")
    return FunctionRecipe(column.name, column.type, described["application"], columns, integers, secret)


def _refuse_missing(names: Sequence[str], types: Collection[str], refuse: Refuse) -> None:
    if missing := [name for name in names if name not in types]:
        raise refuse(f"has {', '.join(missing)} in its recipe, and its table has no such column")
