# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes by which the application's own models are read: all that may depend on a key.

These are the encrypted columns, the properties and descriptors made from them, and every field that is not a plain
field of Django. Attributes that read plain fields count if their code looks like encryption. A plain field reads what
is stored, so no key can change it.
"""

from __future__ import annotations

import binascii
import contextlib
import hmac
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, NamedTuple

from ..application import django_project, encrypting_attributes
from ..application.application_errors import APPLICATION_ERRORS, is_error
from ..application.application_values import EMPTY, is_one_of
from ..application.model_fields import column_of, table_of
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.target import Target
from ..value_forms.token_look import SHORTEST
from . import external_acts
from .hidden_values import is_hidden
from .read_only_transactions import read_only
from .reading_digest import FAILED, READ, TOKEN, ReadingDigest
from .reading_types import AttributeReading
from .row_tokens import HIDDEN, RowTokens
from .value_text import is_scalar, text_of

PARTS = 32  # of the rows of a table, each with a digest of its own
PART = 1 << 32  # values of such a digest
REFUSED = 20  # rows of which it is kept what an attribute fails at
_COPY = "m"  # a materialized view: it keeps what is under the old keys, and is read once somebody has refreshed it
_FOREIGN = "f"  # the rows of another server
# The tables of a name: the one that is found by it, and those of other schemas.
_KINDS = (
    "SELECT CASE WHEN c.oid = asked.oid THEN '' ELSE n.nspname::text END, c.relkind::text"
    " FROM (SELECT to_regclass(%s) AS oid, %s AS name) AS asked, pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = asked.oid OR (c.relname = asked.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    " AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_')"
    " ORDER BY c.oid <> asked.oid, n.nspname"
)
STORED = "tetech_key_rotation_"  # a column of our queries
KEY = "tetech_row_key_"  # one of them with a part of the primary key: no column of the above can be named so
_UNREAD = object()
ModelPlace = tuple[str, str]  # the alias of a database, and a schema: empty if a table is found without one


class ValueRead(NamedTuple):
    """A value that an attribute reads of one instance, the tokens in its columns there, and the value as text."""

    value: Any
    stored: RowTokens
    text: str


@dataclass
class ModelReader:
    """One attribute of a model in one database, and what is counted as it is read row by row.

    ``targets`` are the rotated columns that it is computed from, ``columns`` the attributes that hold what is
    stored. Without targets a rotation changes nothing that it reads: then what is stored is digested next to that.
    ``tokens`` are the values that have one in them, of which some are ``within`` others, as in a JSON document. It has
    ``opened`` one if some row stores tokens and it reads a value without them. One that is ``of_ciphertext`` reads
    other values with other tokens of the same plaintexts. One that is ``sought`` only looks like encryption by its
    code: it counts if some row stores what it may decrypt, as in hidden_values.py. What is ``dated`` may read another
    value at another time. ``refused`` is what its columns store in the first rows that it fails at.
    """

    model: Any
    alias: str
    name: str
    key: bytes = field(repr=False)
    keyring: Keyring | None = field(default=None, repr=False)
    targets: tuple[Target, ...] = ()
    columns: tuple[str, ...] = ()
    sought: bool = False
    dated: bool = False
    schema: str = ""  # of a tenant
    read: int = 0
    failed: int = 0
    tokens: int = 0
    opened: bool = False
    within: bool = False
    of_ciphertext: bool = False
    in_any_order: bool = False
    hides: bool = False
    sample: Any = field(default=None, repr=False)
    refused: list[list[tuple[Target, Any]]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._digest = ReadingDigest(self.key)
        schemes = [self.keyring.schemes[target.scheme] for target in self.targets] if self.keyring else []
        self._markers = tuple({scheme.marker for scheme in schemes} - {b""})
        columns = [column for column in self.model._meta.concrete_fields if column.attname in self.columns]
        self._held = [
            (column, target) for column in columns for target in self.targets if target.column == column_of(column)
        ]
        self._parts = [[0, 0] for _ in range(0 if self.targets else PARTS)]

    @property
    def full_name(self) -> str:
        """Return its name as an operator knows it, with the database and the schema."""
        schema = f"{self.schema}." if self.schema else ""
        return f"{'' if self.alias == 'default' else f'{self.alias}:'}{schema}{self.name_in_models}"

    @property
    def name_in_models(self) -> str:
        """Return its name without database and schema, which is the same in all of them."""
        return f"{self.model._meta.label}.{self.name}"

    @property
    def table(self) -> str:
        """The table in which others may write what it reads."""
        schema = f"{self.schema}." if self.schema else ""
        return self.targets[0].table.label if self.targets else f"{schema}{table_of(self.model)}"

    @property
    def targeted(self) -> list[str]:
        """The rotated columns that it is computed from, as table.column."""
        return [target.name for target in self.targets]

    @property
    def column_names(self) -> list[str]:
        """Return the names of its columns in the database."""
        return [column_of(column) for column in self.model._meta.concrete_fields if column.attname in self.columns]

    @property
    def bare(self) -> bool:
        """Return whether it is a column itself, and not computed by code from columns."""
        return self.name in self.columns

    def compare_with(self, before: Mapping[str, str]) -> None:
        """Leave rows out of a digest that a reading before did not read, named with what became of them."""
        self._digest = ReadingDigest(self.key, before)

    def read_only(self) -> contextlib.AbstractContextManager[list[Any]]:
        """A transaction in which its rows are read, and nothing can be written. The connections."""
        return read_only(self.alias, self.model, self.schema)

    def refusing_acts(self) -> contextlib.AbstractContextManager[None]:
        """Refuse what code of the model does outside of the database: a field may ask there for a key. Raise
        E_APPLICATION_ACTS at the end."""
        return contextlib.nullcontext() if self.bare else external_acts.refused(self.name_in_models)

    def value(self, instance: Any) -> Any:
        """Return what it reads of one instance, or the class of the exception that it raises. Raise
        E_APPLICATION_ACTS."""
        with self.refusing_acts():
            try:
                return getattr(instance, self.name)
            except APPLICATION_ERRORS as exc:
                return type(exc)

    def stored_columns(self) -> Iterator[tuple[str, Any]]:
        """Yield what a query reads in addition, each with the name that it has in a row: its columns and the row's key,
        as they are stored."""
        from django.db.models import BinaryField, F, TextField
        from django.db.models.functions import Cast

        for column in self._key_columns:
            yield f"{KEY}{column.attname}", Cast(F(column.name), TextField())
        binary = {column.attname for column, target in self._held if target.type == "bytea"}
        for name in self.columns:
            column = next(column for column in self.model._meta.concrete_fields if column.attname == name)
            yield f"{STORED}{name}", Cast(F(column.name), BinaryField() if name in binary else TextField())

    def take(self, instance: Any) -> None:
        """Read it of one instance."""
        self.count(instance, self.look(instance))

    def look(self, instance: Any, value: Any = _UNREAD) -> ValueRead:
        """Return all that it reads of one instance. Some values query the database when they are shown. Raise
        E_APPLICATION_ACTS."""
        value = self.value(instance) if value is _UNREAD else value
        stored = self.stored_tokens(instance)
        with self.refusing_acts():
            try:
                return ValueRead(value, stored, text_of(value, stored))
            except APPLICATION_ERRORS as exc:
                return ValueRead(type(exc), stored, text_of(type(exc)))

    def count(self, instance: Any, look: ValueRead) -> None:
        """Count what it reads of one instance."""
        value, stored, text = look
        failed = is_error(value)
        # The application does not decrypt a token that it reads, and a rotation changes it: that it is one counts.
        token = self.is_token(value) or stored.has(value)
        shown = HIDDEN if token else self._in_order(value, text)
        outcome = FAILED if failed else TOKEN if token else READ
        self._add(self._row_key(instance), shown, self._stored_text(instance), outcome)
        self.hides = self.hides or (self.sought and not self.targets and self._hides(instance, value, text))
        if failed:
            self.failed += 1
            if len(self.refused) < REFUSED:
                self.refused.append(
                    [(target, stored_value) for _, target, stored_value in self.stored(instance) if stored_value]
                )
        elif token or stored.any_hidden:
            self.read += 1
            self.tokens += 1
            self.within |= not token
        elif not is_one_of(value, (None, "")):
            self.read += 1
            self.opened |= bool(stored)
            self.sample = value if self.sample is None else self.sample

    def _in_order(self, value: Any, text: str) -> str:
        """Return a text unchanged for a scalar column; for what may come from a set, its characters in order.

        Each process orders a set differently. In any order, an attribute that decrypts has the same characters, and a
        wrong key has others. Digests of rows show if the data itself was changed.
        """
        if self.bare and is_scalar(value):
            return text
        self.in_any_order = True
        return "".join(sorted(text))

    def stored_tokens(self, instance: Any) -> RowTokens:
        """The tokens that its columns hold in one row."""
        tokens = RowTokens(self.keyring)
        for _, target, stored in self.stored(instance):
            tokens.add(target, stored)
        return tokens

    @cached_property
    def _key_columns(self) -> list[Any]:
        """The fields of the primary key, of which Django 5.2 and newer may have several."""
        meta = self.model._meta
        return list(getattr(meta, "pk_fields", [meta.pk]))

    def _row_key(self, instance: Any) -> str:
        """The key of a row as it is stored: what a field reads may be computed with a rotated key."""
        return "\0".join(str(getattr(instance, f"{KEY}{column.attname}")) for column in self._key_columns)

    def stored(self, instance: Any) -> Iterator[tuple[Any, Target, Any]]:
        """Yield the stored values of its encrypted columns in one row: the field, the target, and the value if there
        is one."""
        for column, target in self._held:
            value = getattr(instance, f"{STORED}{column.attname}", None)
            if value is not None:
                yield column, target, value

    def unset(self, instance: Any) -> list[str]:
        """The encrypted columns that store nothing in one row."""
        return [
            column.attname for column, _ in self._held if getattr(instance, f"{STORED}{column.attname}", None) is None
        ]

    def _hides(self, instance: Any, value: Any, text: str) -> bool:
        """Return whether a row stores what may be encrypted, but reads as something different."""
        columns = (getattr(instance, f"{STORED}{name}", None) for name in self.columns)
        return any(is_hidden(stored, value, text) for stored in columns if stored is not None)

    def stored_values(self, instance: Any) -> list[bytes]:
        """Return what its columns store in one row, as bytes."""
        stored = (getattr(instance, f"{STORED}{name}", None) for name in self.columns)
        return [as_bytes(value) for value in stored if value]

    def has_value(self, instance: Any) -> bool:
        """Return whether any of its columns stores something in a row."""
        return any(getattr(instance, f"{STORED}{name}", None) not in EMPTY for name in self.columns)

    def _stored_text(self, instance: Any) -> str:
        """All that is stored in its columns in one row."""
        return "\0".join(str(getattr(instance, f"{STORED}{name}", None)) for name in self.columns)

    def _add(self, row: str, text: str, stored: str, outcome: str) -> None:
        if self.targets:
            self._digest.add(row, text, outcome)
            return
        read_entry = f"{row}\0{text}\0".encode("utf-8", "surrogatepass")
        part = self._parts[binascii.crc32(row.encode()) % PARTS]
        for place, entry in enumerate((f"{row}\0{stored}".encode("utf-8", "surrogatepass"), read_entry)):
            digest = hmac.digest(self.key, entry, "sha256")
            part[place] = (part[place] + int.from_bytes(digest[:4], "big")) % PART

    def is_token(self, value: Any) -> bool:
        """Return whether a text begins as the tokens of its columns do, and may be one."""
        if not self._markers or not isinstance(value, (str, bytes)) or len(value) < SHORTEST:
            return False
        return as_bytes(value).startswith(self._markers)

    @property
    def compares(self) -> bool:
        """Return whether its values can be compared: it reads something other than tokens.

        Without targets, an attribute that may decrypt is compared only if it reads something other than what is stored.
        """
        if not self.targets:
            return self.hides or not self.sought
        if isinstance(self.sample, (str, bytes, memoryview)):
            return not self._opens(self.sample)
        if self.tokens and self.sample is None:
            return self.within
        return self.name not in self.columns or hasattr(self.field, "from_db_value")

    @property
    def decrypts(self) -> bool:
        """Return whether the application demonstrably decrypts its columns with it, as far as they hold values."""
        if self.of_ciphertext or (self.tokens and not self.opened):
            return False
        return self.compares and (self.name not in self.columns or not _is_plain(self.model, self.field))

    def _opens(self, value: str | bytes | memoryview) -> bool:
        keyring, stored = self.keyring, as_bytes(value)
        return keyring is not None and any(keyring.stage_of(target.scheme, stored) for target in self.targets)

    @property
    def field(self) -> Any:
        return next(column for column in self.model._meta.concrete_fields if column.attname == self.name)

    def as_result(self) -> AttributeReading:
        reading: AttributeReading = {
            "name": self.full_name,
            "table": self.table,
            "columns": self.targeted,
            "read": self.read,
            "failed": self.failed,
            "tokens": self.tokens,
            "bare": self.bare,
            "keyed": True,
            "tables": list(dict.fromkeys([self.table, *(target.table.label for target in self.targets)])),
        }
        if self.in_any_order:
            reading["in_any_order"] = True
        if self.of_ciphertext:
            reading["of_ciphertext"] = True
        if self.dated:
            reading["dated"] = True
        if self.targets and not self.decrypts:
            reading["as_stored"] = True
        if self.targets:
            self._digest.add_to(reading)
        else:
            reading["parts"] = [f"{stored:08x}{read:08x}" for stored, read in self._parts]
        return reading


def by_model(targets: Sequence[Target], keyring: Keyring | None, key: bytes) -> Iterator[list[ModelReader]]:
    """Yield the readers of each model in each database, if there are any; for a proxy, those that its model does not
    have.

    Some ``targets`` may be columns under keys that are kept. Attributes made of targets are read in every place.
    Everything else is read in one place, because other tables of the same name may be copies.
    """
    from django.apps import apps

    aliases = django_project.aliases()
    for model in apps.get_models(include_auto_created=True):
        if model._meta.swapped or (not model._meta.managed and not model._meta.db_table):
            continue
        ours: dict[ModelPlace, dict[str, list[Target]]] = {}
        for column in model._meta.concrete_fields:
            for target in _targets_of(column, targets):
                place = target.table.alias, target.table.schema_for(table_of(column.model))
                ours.setdefault(place, {}).setdefault(column.attname, []).append(target)
        kinds = {(alias, schema): kind for alias in aliases for schema, kind in _kinds_of_table(model, alias).items()}
        home, code = _home(model, aliases, ours, kinds), _ModelCode(model)
        for place in dict.fromkeys([*ours, *home]):
            if kinds.get(place) == _COPY:
                continue
            here = ours.get(place, {})
            readers = _readers(code, place, here, keyring, key)
            if readers := [reader for reader in readers if place in home or not here.keys().isdisjoint(reader.columns)]:
                yield readers


def _home(
    model: Any, aliases: Sequence[str], ours: Collection[ModelPlace], kinds: Mapping[ModelPlace, str]
) -> list[ModelPlace]:
    """Return the place in which the application has the rows of a model, in a list. It is the one to which its router
    sends it, or the first with its table. Of its tenants, one with targets is chosen. The list is empty if all places
    are on other servers."""
    alias = _routed_to(model, aliases)
    places = [place for place in dict.fromkeys([*kinds, *ours]) if kinds.get(place) not in (_COPY, _FOREIGN)]
    return sorted(places, key=lambda place: (place != (alias, ""), place not in ours, place[0] != alias))[:1]


def _routed_to(model: Any, aliases: Sequence[str]) -> str:
    """The database of a model, by that of these aliases which leads to it."""
    from django.db import DEFAULT_DB_ALIAS, router

    alias = str(DEFAULT_DB_ALIAS)
    with contextlib.suppress(Exception):  # the application's own code: it may need a request
        alias = str(router.db_for_read(model))
    with contextlib.suppress(Exception):  # a name that no database has
        same = django_project.same_database(alias)
        alias = next(candidate for candidate in aliases if candidate in same)
    return alias


def is_ignored(name: str, ignore: Collection[str]) -> bool:
    """Return whether an attribute is in ``ignore``: by its full name, or as app.Model.name, for all databases and
    schemas."""
    return name in ignore or ".".join(name.rpartition(":")[2].split(".")[-3:]) in ignore


def _kinds_of_table(model: Any, alias: str) -> dict[str, str]:
    """Return by schema the kind of a model's table in PostgreSQL. Without a schema, it is the table that a connection
    finds outside of a request."""
    from django.db import Error, connections

    with contextlib.suppress(Error), connections[alias].cursor() as cursor:
        cursor.execute(_KINDS, [connections[alias].ops.quote_name(model._meta.db_table), table_of(model)])
        return dict(cursor.fetchall())
    return {}


def _targets_of(column: Any, targets: Sequence[Target]) -> list[Target]:
    name = table_of(column.model)
    return [target for target in targets if name in target.table.names and target.column == column_of(column)]


class _ModelCode:
    """The facts that the code of a model shows about its attributes, read once for all schemas that have its table."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.made_from = cache(partial(made_from, model))
        self.is_dated = cache(partial(encrypting_attributes.is_dated, model))

    @cached_property
    def columns(self) -> list[tuple[str, bool]]:
        """Each column of its own, and whether what is read of it is what is stored."""
        return [(column.attname, _is_plain(self.model, column)) for column in self.model._meta.local_concrete_fields]

    @cached_property
    def sought(self) -> dict[str, list[str]]:
        return encrypting_attributes.of_model(self.model)


def _readers(
    code: _ModelCode, place: ModelPlace, targets: dict[str, list[Target]], keyring: Keyring | None, key: bytes
) -> list[ModelReader]:
    """Return the readers of a model in a place, a database and a schema.

    Each attribute is listed once, even if it is computed from several encrypted columns; if one of them is rotated,
    with the rotated ones.
    """
    alias, schema = place
    rotated = {name: [target for target in listed if not target.kept] for name, listed in targets.items()}
    rotated = {name: listed for name, listed in rotated.items() if listed}
    attributes: dict[str, list[str]] = {
        column: [column] for column, is_plain in code.columns if column in rotated or not is_plain
    }
    for column in targets:
        for name in code.made_from(column):
            attributes.setdefault(name, []).append(column)
    sought = {name: read for name, read in code.sought.items() if name not in attributes}
    attributes.update(sought)
    readers = []
    for name, columns in attributes.items():
        held = [column for column in columns if column in rotated]
        members = tuple(target for column in held for target in rotated[column])
        read = tuple(held or columns)
        dated = code.is_dated(name)
        readers.append(
            ModelReader(
                model=code.model,
                alias=alias,
                name=name,
                key=key,
                keyring=keyring,
                targets=members,
                columns=read,
                sought=name in sought,
                dated=dated,
                schema=schema,
            )
        )
    return readers


def made_from(model: Any, attribute: str) -> list[str]:
    """Properties and descriptors of the model's classes that are made from an attribute. Those of a parent with a table
    of its own are read there."""
    parents = tuple(model._meta.parents) if hasattr(model, "_meta") else ()
    names: list[str] = []
    for cls in model.__mro__:
        if any(issubclass(parent, cls) for parent in parents):
            continue
        for name, member in vars(cls).items():
            if name not in (attribute, "pk", *names) and _made_from(member, attribute):
                names.append(name)
    return names


def _made_from(member: Any, attribute: str) -> bool:
    """Return whether it reads the attribute, according to its code or its members. Nothing is called."""
    getter = getattr(member, "fget", None) or getattr(member, "func", None)
    if inspect.isfunction(getter):
        return any(isinstance(name, str) and name == attribute for name in _names_in(getter))
    own = getattr(member, "__dict__", None)
    return hasattr(type(member), "__get__") and isinstance(own, dict) and attribute in map(str, own.values())


def _names_in(function: Any) -> Iterator[Any]:
    """Yield the names in the code of a function, and in what the function that made it passed to it."""
    yield from (*function.__code__.co_names, *function.__code__.co_consts)
    yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # it is empty
            yield cell.cell_contents


def _is_plain(model: Any, column: Any) -> bool:
    """Return whether an instance has what is stored in a column: its field, its descriptor and its model are
    Django's."""
    descriptor = inspect.getattr_static(model, column.attname, None)
    is_own = descriptor is not None and not encrypting_attributes.is_of_django(type(descriptor).__module__)
    return _is_plain_field(column) and not is_own and not _has_hooks(model)


def _is_plain_field(column: Any) -> bool:
    within = [getattr(column, name, None) for name in ("base_field", "output_field", "target_field")]
    decoder = getattr(column, "decoder", None)
    return (
        encrypting_attributes.is_of_django(type(column).__module__)
        and "from_db_value" not in vars(column)
        and (decoder is None or decoder.__module__.split(".")[0] in ("json", "django"))
        and all(_is_plain_field(each) for each in within if each is not None and each is not column)
    )


def _has_hooks(model: Any) -> bool:
    """Return whether a model has code of its own that runs when a row becomes an instance."""
    from django.db.models import Model
    from django.db.models.signals import post_init

    own = [name for name in ("__init__", "__getattribute__") if getattr(model, name) is not getattr(Model, name)]
    return bool(
        own
        or model.from_db.__func__ is not Model.from_db.__func__
        or hasattr(model, "__getattr__")
        or post_init.has_listeners(model)
    )
