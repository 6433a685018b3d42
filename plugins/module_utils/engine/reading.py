# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the application itself reads: every value of every model with encrypted columns, through its own models.

This process is the application, started under its env file as that is. A column is read by its field where that
decrypts, and by the properties and descriptors of the model that are made from it. What is read is kept as a digest.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import hmac
import inspect
import io
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import RotationError
from ..progress_file import SILENT, ProgressFile
from .discovery import Target
from .fields import column_of, of_models, table_of
from .keyring import Keyring

TEXT = "key rotation"  # what goes through the application's own encryption and back
CHUNK = 2000  # rows that Django fetches at once
SAMPLE = 20  # rows of each model by which it is seen before a rotation whether the application can do all this
IN_ERROR = 3  # libpq's PQTRANS_INERROR, as psycopg2 and psycopg tell it
SHOWN = 5  # attributes of which an error says more than the name
OF_ITSELF = "Where a value changes by itself, such as an age, or is made with a key, such as a signature,"
Meanwhile = Mapping[str, Mapping[str, int]]  # by table, then by what became of rows
NOBODY: Meanwhile = {}


@dataclass
class Reader:
    """One way by which the application reads one column: its field, or an attribute of the model made from it."""

    target: Target
    model: Any
    column: str  # attribute of the model that holds what is stored
    name: str  # attribute that is read
    digest: Any
    read: int = 0
    failed: int = 0
    sample: Any = field(default=None, repr=False)
    unsteady: bool = False  # its values have no text of their own

    @property
    def full_name(self) -> str:
        """As an operator calls it."""
        return f"{_prefix(self.target)}{self.model._meta.label}.{self.name}"

    def take(self, instance: Any) -> None:
        """Read it of one instance."""
        try:
            value = getattr(instance, self.name)
        except Exception as exc:
            self.failed += 1
            value = type(exc)
        told = _told(value)
        self.unsteady = self.unsteady or " at 0x" in told
        self.digest.update(f"{instance.pk}\0{told}\0".encode("utf-8", "surrogatepass"))
        if value not in (None, "") and not isinstance(value, type):
            self.read += 1
            self.sample = value if self.sample is None else self.sample

    def decrypts(self, keyring: Keyring) -> bool:
        """Whether what it reads is no token."""
        if isinstance(self.sample, (str, bytes, memoryview)):
            stored = self.sample.encode("utf-8") if isinstance(self.sample, str) else bytes(self.sample)
            return keyring.stage_of(self.target.scheme, stored) is None
        return self.name != self.column or hasattr(_field(self), "from_db_value")

    def as_result(self) -> dict[str, Any]:
        return {
            "name": self.full_name,
            "column": self.target.name,
            "read": self.read,
            "failed": self.failed,
            "digest": self.digest.hexdigest(),
        }


def of_application(
    targets: Sequence[Target],
    keyring: Keyring,
    digest_key: bytes,
    rows: int,
    progress: ProgressFile = SILENT,
    wanted: Callable[[str], bool] = bool,
) -> dict[str, Any]:
    """The ``readings`` of all targets, by keyed digests; the ``round_trips``; the columns that are ``unread``.

    ``rows`` is how many of each model are read, the first ones by primary key; 0 for all. ``wanted`` is asked of each
    attribute by its name whether to read it; any name will do without it.
    """
    readings: list[dict[str, Any]] = []
    trips: list[dict[str, str]] = []
    seen: set[str] = set()
    for model, found in _by_model(targets, digest_key):
        readers = [reader for reader in found if wanted(reader.full_name)]
        if readers:
            _read(model, readers, rows, progress)
        for reader in readers:
            if reader.unsteady or not reader.decrypts(keyring):
                continue
            seen.add(reader.target.name)
            readings.append(reader.as_result())
            trips.append({"name": readings[-1]["name"], "outcome": _round_trip(reader, keyring)})
    unread = [target.name for target in targets if target.name not in seen]
    return {"readings": readings, "round_trips": trips, "unread": unread}


def speed(targets: Sequence[Target], rows: int, ignore: Collection[str] = ()) -> dict[str, float]:
    """Seconds that the application takes to read one row, by table, as the first ``rows`` of each model show.

    ``ignore`` names attributes that are not read.
    """
    found: dict[str, float] = {}
    for model, known in _by_model(targets, digest_key=b"speed"):
        readers = [reader for reader in known if reader.full_name not in ignore]
        begun = time.monotonic()
        if done := _read(model, readers, rows, SILENT) if readers else 0:
            table = readers[0].target.table.label
            found[table] = found.get(table, 0.0) + (time.monotonic() - begun) / done
    return found


def beforehand(targets: Sequence[Target], keyring: Keyring, ignore: Collection[str]) -> dict[str, Any]:
    """What would take a rotation back, whatever it did: round trips that are not ``well`` already, by some rows, and
    names in ``ignore`` that are ``unknown``, each with the names that are near it."""
    known = [reader.full_name for _, readers in _by_model(targets, b"") for reader in readers]
    picture = of_application(targets, keyring, b"", SAMPLE, wanted=lambda name: name not in ignore)
    return {
        "broken": [
            {"name": trip["name"], "found": trip["outcome"]}
            for trip in picture["round_trips"]
            if trip["outcome"] not in ("well", "not tried")
        ],
        "unknown": {name: difflib.get_close_matches(name, known) for name in ignore if name not in known},
    }


def changed(before: dict[str, Any], after: dict[str, Any], meanwhile: Meanwhile = NOBODY) -> list[str]:
    """The attributes of which as many values are read as before, and others, with nobody who wrote in between."""
    return [
        new["name"] for old, new, written in _pairs(before, after, meanwhile) if not written and _otherwise(old, new)
    ]


def unsteady(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The attributes that two readings under the same keys read in two ways: they prove nothing."""
    return changed(first, second)


def refuse_worse(
    before: dict[str, Any], after: dict[str, Any], meanwhile: Meanwhile = NOBODY, ignore: Collection[str] = ()
) -> None:
    """Raise E_APPLICATION_READS, E_ROUND_TRIP, E_APPLICATION_CHECK or E_VERIFY_ENCRYPTION where something has changed
    for the worse. ``meanwhile`` says of each table how many rows another process has written in between, ``ignore``
    names attributes that are not read any more."""
    _refuse_other_readings(before, after, meanwhile, ignore)
    went = {trip["name"] for trip in before.get("round_trips", []) if trip["outcome"] == "well"}
    there = {reading["name"] for reading in after["readings"] if reading["read"]}
    for trip in after["round_trips"]:
        if trip["outcome"] not in ("well", "not tried"):
            raise RotationError("E_ROUND_TRIP", name=trip["name"], found=trip["outcome"])
        if trip["outcome"] == "not tried" and trip["name"] in went & there:
            raise RotationError("E_ROUND_TRIP", name=trip["name"], found="does not go in any more, as it did before")
    for name, code in (("check", "E_APPLICATION_CHECK"), ("verify_encryption", "E_VERIFY_ENCRYPTION")):
        old, new = before.get(name), after.get(name)
        if old and new and (worse := [what for what, count in new.items() if count > old.get(what, 0)]):
            raise RotationError(code, found=", ".join(sorted(worse)))


def _refuse_other_readings(
    before: dict[str, Any], after: dict[str, Any], meanwhile: Meanwhile, ignore: Collection[str]
) -> None:
    """All that is read otherwise is told at once: an operator who leaves out one of them would meet the next."""
    wavering = after.get("unsteady", ())
    wrong = {
        new["name"]: f"{_counts(new)}, and {_counts(old)} before"
        for old, new, written in _pairs(before, after, meanwhile)
        if not _as_well(old, new, written, new["name"] in wavering)
    }
    there = {reading["name"] for reading in after["readings"]}
    for old in before.get("readings", []):
        if old["name"] not in there and old["name"] not in ignore:
            wrong[old["name"]] = f"nothing, and {_counts(old)} before"
    if not wrong:
        return
    told = [f"{name} ({counts})" for name, counts in list(wrong.items())[:SHOWN]]
    more = [f"{len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    others = [name for name in changed(before, after, meanwhile) if name in wrong]
    raise RotationError(
        "E_APPLICATION_READS",
        names=", ".join(told + more),
        advice=f"{OF_ITSELF} {_leave_out(others)}" if others else "",
    )


def _leave_out(names: Sequence[str]) -> str:
    option = json.dumps({"key_rotation_application_ignore": list(names)})
    return f"leave it out: -e '{option}'. "


def _pairs(
    before: dict[str, Any], after: dict[str, Any], meanwhile: Meanwhile
) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """Each reading as it was and as it is, and how many rows of its table were written in between."""
    was = {reading["name"]: reading for reading in before.get("readings", [])}
    for new in after["readings"]:
        yield was.get(new["name"], new), new, sum(meanwhile.get(new["column"].rpartition(".")[0], {}).values())


def _otherwise(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether as many values are read, and others."""
    return after != before and {**after, "digest": ""} == {**before, "digest": ""}


def _as_well(before: dict[str, Any], after: dict[str, Any], written: int, wavering: bool) -> bool:
    """Whether a column is read as before; where rows were written meanwhile, no fewer values than those explain."""
    if wavering:
        return bool(after["failed"] <= before["failed"])
    if not written:
        return after == before
    return bool(after["failed"] <= before["failed"] and after["read"] >= before["read"] - written)


def _counts(reading: dict[str, Any]) -> str:
    failed = f", {reading['failed']:,} not" if reading["failed"] else ""
    return f"{reading['read']:,} values{failed}"


def _by_model(targets: Sequence[Target], digest_key: bytes) -> Iterator[tuple[Any, list[Reader]]]:
    """The readers of each model, those of each database by themselves."""
    from django.apps import apps

    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or (not model._meta.managed and not model._meta.db_table):
            continue
        readers = [
            Reader(target, model, column.attname, name, hmac.new(digest_key, digestmod=hashlib.sha256))
            for target in targets
            for column in model._meta.local_concrete_fields
            if (target.table.modelled, target.column) == (table_of(model), column_of(column))
            for name in _names(model, column.attname)
        ]
        for alias in dict.fromkeys(reader.target.table.alias for reader in readers):
            yield model, [reader for reader in readers if reader.target.table.alias == alias]


def _prefix(target: Target) -> str:
    return "" if target.table.alias == "default" else f"{target.table.alias}:"


def reads_inner(
    aliases: Collection[str], tables: Collection[str], column: str, tokens: Collection[str], rows: int
) -> bool:
    """Whether all that the application reads of a column, in its first rows, are these inner tokens themselves: it does
    not decrypt them. A property that is made from the column counts, as in ``of_application``."""
    found: set[bool] = set()
    for table, stored in of_models(aliases):
        if table not in tables or column_of(stored) != column:
            continue
        with contextlib.suppress(Exception), _read_only(next(iter(aliases))):
            for instance in stored.model._base_manager.using(next(iter(aliases))).order_by("pk")[:rows]:
                for name in _names(stored.model, stored.attname):
                    with contextlib.suppress(Exception):
                        value = getattr(instance, name)
                        found |= {value in tokens} if isinstance(value, str) and value else set()
    return found == {True}


def _names(model: Any, attribute: str) -> list[str]:
    """The attribute itself, and properties and descriptors of the model's classes that are made from it."""
    names = [attribute]
    for cls in model.__mro__:
        for name, member in vars(cls).items():
            if name not in names and name != "pk" and _made_from(member, attribute):
                names.append(name)
    return names


def _made_from(member: Any, attribute: str) -> bool:
    """Whether reading it reads the attribute, as its code or its members say. Nothing is called to find out."""
    getter = getattr(member, "fget", None) or getattr(member, "func", None)
    if inspect.isfunction(getter):
        code = getter.__code__
        return attribute in code.co_names or attribute in code.co_consts
    own = getattr(member, "__dict__", None)
    return hasattr(type(member), "__get__") and isinstance(own, dict) and attribute in map(str, own.values())


def _read(model: Any, readers: Sequence[Reader], rows: int, progress: ProgressFile) -> int:
    """Every row once, in transactions that cannot write, so that no property can. How many there are.

    Raises E_APPLICATION_MODEL where its table is not as the model says, and E_APPLICATION_WRITES where an attribute has
    the server end the transaction, whether it passes that error on or not.
    """
    alias = readers[0].target.table.alias
    with _refusals(model), contextlib.redirect_stdout(io.StringIO()), _read_only(alias) as held:
        query = model._base_manager.using(alias).order_by("pk")
        query = query[:rows] if rows else query
        most = query.count()
        for done, instance in enumerate(query.iterator(chunk_size=CHUNK)):
            for reader in readers:
                reader.take(instance)
                if any(each.connection.info.transaction_status == IN_ERROR for each in held):
                    raise RotationError(
                        "E_APPLICATION_WRITES", name=reader.full_name, advice=_leave_out([reader.full_name])
                    )
            progress.tell(f"reading {model._meta.label} as the application does", done, most, "rows")
    return int(most)


@contextlib.contextmanager
def _read_only(alias: str) -> Iterator[list[Any]]:
    """Transactions that cannot write: in the database of this alias, and in all others of the application that answer,
    where an attribute may keep a log of who has read. The connections."""
    from django.db import DatabaseError, connections, transaction

    with contextlib.ExitStack() as stack:
        held = []
        for each in [alias, *(name for name in connections if name != alias)]:
            if connections[each].vendor != "postgresql":
                continue
            with contextlib.suppress(*([] if each == alias else [DatabaseError])):
                stack.enter_context(transaction.atomic(using=each))
                with connections[each].cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # others have nothing to do
                held.append(connections[each])
        try:
            yield held
        finally:
            for connection in held:  # a commit would run what an attribute has put off until one, outside of it
                connection.set_rollback(True)


@contextlib.contextmanager
def _refusals(model: Any) -> Iterator[None]:
    from django.db import DatabaseError

    try:
        yield
    except DatabaseError as exc:  # its text may show a row
        cause = exc.__cause__
        sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "unknown"
        raise RotationError("E_APPLICATION_MODEL", model=model._meta.label, sqlstate=sqlstate) from None


def _round_trip(reader: Reader, keyring: Keyring) -> str:
    """Text through the application's own encryption and back: ``well``, ``not tried``, or what is wrong.

    Nothing is saved: a property sets the column of an instance that no table has, a field makes what it would store,
    and what one of them would write besides is refused.
    """
    if not isinstance(reader.sample, str):
        return "not tried"
    try:
        with contextlib.redirect_stdout(io.StringIO()), _read_only(reader.target.table.alias):
            stored, back = _by_field(reader) if reader.name == reader.column else _by_attribute(reader)
    except Exception:
        return "not tried"
    if not isinstance(stored, (str, bytes, memoryview)) or stored == TEXT:
        return "not tried"
    if back != TEXT:
        return "does not give back what went in"
    token = stored.encode("utf-8") if isinstance(stored, str) else bytes(stored)
    return (
        "well" if keyring.stage_of(reader.target.scheme, token) else "encrypts under other keys than the current ones"
    )


def _by_field(reader: Reader) -> tuple[Any, Any]:
    from django.db import connections

    connection, column = connections[reader.target.table.alias], _field(reader)
    stored = column.get_db_prep_save(TEXT, connection=connection)
    return stored, column.from_db_value(stored, None, connection)


def _by_attribute(reader: Reader) -> tuple[Any, Any]:
    instance = reader.model()
    setattr(instance, reader.name, TEXT)
    return getattr(instance, reader.column), getattr(instance, reader.name)


def _field(reader: Reader) -> Any:
    return next(each for each in reader.model._meta.concrete_fields if each.attname == reader.column)


def _told(value: Any) -> str:
    """A value with its type, the same for the same value in any process: a set has another order in each."""
    value = bytes(value) if isinstance(value, memoryview) else value
    name = type(value).__name__
    if isinstance(value, (set, frozenset)):
        return f"{name} {sorted(map(_told, value))}"
    if isinstance(value, (list, tuple)):
        return f"{name} {[_told(each) for each in value]}"
    if isinstance(value, dict):
        return f"{name} {[(_told(key), _told(each)) for key, each in value.items()]}"
    return f"{name} {value!r}"
