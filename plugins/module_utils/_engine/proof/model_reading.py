# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read every value that may depend on a key, through the application's own models.

This process is the application, started under its .env file. What is read is kept as keyed digests. Which attributes
are read is in model_readers.py.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..._errors.application import (
    ROUND_TRIP_PROBLEMS,
    ApplicationCheck,
    ApplicationModel,
    ApplicationReads,
    ApplicationWrites,
    RoundTripFailed,
    ValuesRefused,
    VerifyEncryption,
)
from ..._errors.base import RotationError
from ..._errors.counts import counted, join_first
from ..._errors.option_names import variable_of
from ..._system.progress_file import SILENT, ProgressFile
from ..application.application_errors import APPLICATION_ERRORS
from ..application.application_values import as_python
from ..application.django_errors import sqlstate_of
from ..application.model_fields import ModelTables, column_of, of_models
from ..crypto.keyring import Keyring
from ..discovery.columns.target import Target
from ..discovery.findings.finding_kinds import KINDS
from ..discovery.findings.findings import Finding
from ..postgres.catalog import Table
from ..postgres.connection import SEE_LOG
from . import external_acts
from .ciphertext_attributes import is_of_ciphertext, is_of_plaintext
from .damage_words import build_damaged_error
from .model_readers import ModelReader, by_model, is_ignored, made_from
from .read_only_transactions import SavepointsOfReading, read_only
from .reading_types import AttributeReading, ReadingForecast, RecordedReading, RoundTripResult
from .refused_values import is_refused
from .round_trips import RoundTrip, try_round_trip
from .write_counters import ANYWHERE

CHUNK = 2000  # rows that Django fetches at once
SAMPLE = 20  # rows of each model by which it is seen before a rotation whether the application can do all this
MOST_UNMADE = 100  # rows from which a model creates no instance: it creates none from the others either
SHOWN = 5  # attributes of which an error says more than the name
OTHERS = ""  # in ``speed``, all models without an encrypted column
LOST = (
    "Not all values of {} are read as before. The application's log of this run has the error of its code, which says "
    "why. After the rollback a shell reads them as before. "
)
REFUSED = (
    "The application can encrypt and decrypt a new text with {}, so it has the keys in the .env file, but it refuses "
    "some stored values. If its code checks a digest of the ciphertext, let the application's own command re-encrypt "
    "(O(method)=command), which can recompute that digest. "
)
OTHERWISE = (
    "{} returns as many values as before, but different ones. Read the code of each, and compare one row in manage.py "
    "shell before and after rotating a copy: anything decrypted must be the same. "
)
BY_ITSELF = "What is encrypted is read as before. If {} changes by itself (time, order, other rows), {}"
OF_CIPHERTEXT = "An attribute that is computed from the ciphertext differs after every rotation: {}"
MISSED = (
    "What is stored in {} is as before, and is read with a key that was rotated: describe its scheme in O(schemes). "
)
# What to do about a model that cannot be read, by how the SQLSTATE begins: the first entry that fits.
_ADVICE = {
    "42501": SEE_LOG,  # insufficient_privilege
    "42": "Its models and its tables differ: run its migrations, or install the release that matches the database.",
    "54011": (  # too_many_columns
        "PostgreSQL returns at most 1,664 columns from one query. A rotation reads two for each encrypted column of "
        "the model: move some of these columns to another table."
    ),
    "": SEE_LOG,
}
ConcurrentRows = Mapping[str, Mapping[str, int]]  # by table, then by what became of rows
NOBODY: ConcurrentRows = {}
COMMANDS: Mapping[Literal["check", "verify_encryption"], type[ApplicationCheck] | type[VerifyEncryption]] = {
    "check": ApplicationCheck,
    "verify_encryption": VerifyEncryption,
}
UNREAD: tuple[Literal["failed", "tokens"], ...] = ("failed", "tokens")
COUNTS: tuple[Literal["read", "failed", "tokens"], ...] = ("read", *UNREAD)


class ReadingPair(NamedTuple):
    """A reading before and after, and how many rows that it reads another process has written. ``elsewhere`` says
    whether another process wrote other tables, from which code may make an attribute."""

    old: AttributeReading
    new: AttributeReading
    written: int
    elsewhere: bool = False


@dataclass(frozen=True)
class ReadingScope:
    """The scope of a reading: the ``wanted`` attributes, in the first ``rows`` of each model by primary key.

    All rows are read if ``rows`` is 0. Values are kept as digests under the ``digest_key``, for a comparison with a
    reading from ``before``.
    """

    digest_key: bytes = field(repr=False)
    rows: int = 0
    wanted: Callable[[str], bool] = bool
    before: RecordedReading = field(default_factory=lambda: RecordedReading())


@dataclass(frozen=True)
class ApplicationReading:
    """The result of a reading by the application: the readings of its attributes, round trips, and unread columns.

    ``refused`` counts, by attribute, the values that the keys open but the application does not read.
    """

    readings: list[AttributeReading]
    round_trips: list[RoundTrip]
    unread: list[str]
    refused: dict[str, int]

    def as_result(self) -> RecordedReading:
        trips: list[RoundTripResult] = [{"name": trip.name, "outcome": trip.outcome} for trip in self.round_trips]
        return {"readings": self.readings, "round_trips": trips, "unread": self.unread}


def of_application(
    targets: Sequence[Target], keyring: Keyring, scope: ReadingScope, progress: ProgressFile = SILENT
) -> ApplicationReading:
    """Return what all models read through their own fields and properties."""
    readings: list[AttributeReading] = []
    trips: list[RoundTrip] = []
    refused: dict[str, int] = {}
    decrypted: set[str] = set()
    unread_before = {_place(reading): reading.get("unread_rows", {}) for reading in _readings(scope.before)}
    for candidates in by_model(targets, keyring, scope.digest_key):
        readers = [reader for reader in candidates if scope.wanted(reader.full_name)]
        if not readers:
            continue
        for reader in readers:
            if rows := unread_before.get((reader.full_name, *reader.targeted)):
                reader.compare_with(rows)
        try:
            _read(readers, scope.rows, progress)
        except ApplicationModel:
            if not readers[0].schema and any(reader.targets for reader in readers):
                raise
            # What the application cannot read, a rotation cannot change for it; in a schema there may be an old copy.
            continue
        for reader in readers:
            if not reader.compares:
                continue
            reader.of_ciphertext = is_of_ciphertext(reader, keyring)
            named = {target.name for target in reader.targets}
            if reader.decrypts and not named <= decrypted and is_of_plaintext(reader, keyring):
                decrypted |= named
            readings.append(reader.as_result())
            if is_refused(reader, keyring):
                refused[reader.full_name] = reader.failed
            if reader.targets:
                trips.append(RoundTrip(reader.full_name, try_round_trip(reader, keyring)))
    unread = [target.name for target in targets if not (target.kept or target.name in decrypted)]
    return ApplicationReading(readings, trips, unread, refused)


def speed(targets: Sequence[Target], rows: int, ignore: Collection[str] = ()) -> dict[str, float]:
    """Return the seconds that the application takes to read one row, by table, measured on the first ``rows`` of each
    model.

    Models without an encrypted column have one entry for all their rows, OTHERS. Attributes in ``ignore`` are not read.
    """
    seconds: dict[str, float] = {OTHERS: 0.0}
    for known in by_model(targets, None, b"speed"):
        readers = [reader for reader in known if not is_ignored(reader.full_name, ignore)]
        encrypted = next((reader for reader in readers if reader.targets), None)
        begun = time.monotonic()
        with contextlib.suppress(*([] if encrypted or not readers else [RotationError])):
            done, most = _read(readers, rows, SILENT) if readers else (0, 0)
            took = (time.monotonic() - begun) / done if done else 0.0
            if encrypted:
                seconds[encrypted.table] = seconds.get(encrypted.table, 0.0) + took
            else:
                seconds[OTHERS] += took * most
    return seconds


def beforehand(targets: Sequence[Target], keyring: Keyring, ignore: Collection[str]) -> ReadingForecast:
    """Return what would roll back any rotation, what could not be compared after it, and what is only counted.

    A rotation is rolled back by round trips that already fail in some rows, and by unknown names in ``ignore``, each
    listed with similar names. An attribute that reads no value at all cannot be compared, nor can a column that no
    attribute decrypts.
    """
    read = [reader for readers in by_model(targets, None, b"") for reader in readers]
    known = list(dict.fromkeys(name for reader in read for name in (reader.full_name, reader.name_in_models)))
    reading = of_application(targets, keyring, ReadingScope(b"", SAMPLE, lambda name: not is_ignored(name, ignore)))
    refused = reading.refused  # by some rows, and then by more
    if refused:
        refused = of_application(targets, keyring, ReadingScope(b"", CHUNK, refused.__contains__)).refused
    unread = {*reading.unread}
    if unread:  # by the attributes of some rows, and then by those of more
        of_unread = {each.full_name for each in read if any(target.name in unread for target in each.targets)}
        wanted = of_unread.difference(name for name in of_unread if is_ignored(name, ignore))
        unread &= {*of_application(targets, keyring, ReadingScope(b"", CHUNK, wanted.__contains__)).unread}
    return {
        "refused": [{"name": name, "count": count} for name, count in refused.items()],
        "broken": [
            {"name": trip.name, "fault": ROUND_TRIP_PROBLEMS[trip.outcome]}
            for trip in reading.round_trips
            if trip.failed
        ],
        "of_ciphertext": [each["name"] for each in reading.readings if each.get("of_ciphertext")],
        "dated": [each["name"] for each in reading.readings if each.get("dated")],
        "not_decrypted": [target.name for target in targets if target.name in unread and target.has_model],
        "unknown": {name: difflib.get_close_matches(name, known) for name in ignore if name not in known},
    }


def planned(targets: Sequence[Target], keyring: Keyring, ignore: Collection[str]) -> list[Finding]:
    """Return the findings of ``beforehand`` as the plan has them."""
    forecast = beforehand(targets, keyring, ignore)
    broken = [
        Finding.of(trip["name"], RoundTripFailed(name=trip["name"], fault=trip["fault"])) for trip in forecast["broken"]
    ]
    noted: tuple[Literal["of_ciphertext", "dated", "not_decrypted"], ...] = ("of_ciphertext", "dated", "not_decrypted")
    refused = [
        Finding.of(values["name"], ValuesRefused(name=values["name"], count=values["count"]))
        for values in forecast["refused"]
    ]
    return broken + refused + [Finding(KINDS[kind], name) for kind in noted for name in forecast[kind]]


def changed(before: RecordedReading, after: RecordedReading, concurrent_rows: ConcurrentRows = NOBODY) -> list[str]:
    """Return the attributes that read as many values as before, but different ones, although no process wrote in
    between."""
    return [
        new["name"]
        for old, new, written, elsewhere in _pairs(before, after, concurrent_rows)
        if not (written or elsewhere) and all(old[count] == new[count] for count in COUNTS) and not _same(old, new)
    ]


def unsteady(first: RecordedReading, second: RecordedReading) -> list[str]:
    """The attributes that two readings under the same keys read in two ways: they prove nothing."""
    return changed(first, second)


def refuse_damaged(read: Sequence[Sequence[str]]) -> None:
    """Raise E_VALUES_DAMAGED for values that another process has changed, and that the application cannot read."""
    if damaged := build_damaged_error(read):
        raise damaged


def refuse_worse(
    before: RecordedReading,
    after: RecordedReading,
    concurrent_rows: ConcurrentRows = NOBODY,
    ignore: Collection[str] = (),
) -> None:
    """Raise E_APPLICATION_READS, E_ROUND_TRIP, E_APPLICATION_CHECK or E_VERIFY_ENCRYPTION if anything became worse.

    ``concurrent_rows`` counts by table the rows that another process has written in between. ``ignore`` names
    attributes that are no longer read.
    """
    _refuse_other_readings(before, after, concurrent_rows, ignore)
    went = {trip["name"] for trip in before.get("round_trips", []) if trip["outcome"] == "well"}
    there = {reading["name"] for reading in after["readings"] if reading["read"]}
    for trip in after["round_trips"]:
        if RoundTrip(**trip).failed or (trip["outcome"] == "not_tried" and trip["name"] in went & there):
            raise RoundTripFailed(name=trip["name"], fault=ROUND_TRIP_PROBLEMS[trip["outcome"]])
    for name, error in COMMANDS.items():
        old, new = before.get(name), after.get(name)
        if old and new and (worse := [what for what, count in new.items() if count > old.get(what, 0)]):
            raise error(problems=", ".join(sorted(worse)))


def _refuse_other_readings(
    before: RecordedReading, after: RecordedReading, concurrent_rows: ConcurrentRows, ignore: Collection[str]
) -> None:
    """All attributes that are read in another way are reported at once."""
    wavering = after.get("unsteady", ())
    wrong = {
        pair.new["name"]: f"{_counts(pair.new)}, and {_counts(pair.old)} before"
        for pair in _pairs(before, after, concurrent_rows)
        if not _as_well(pair, pair.new["name"] in wavering)
    }
    there = {reading["name"] for reading in after["readings"]}
    for old in _readings(before):
        if old["name"] not in there and not is_ignored(old["name"], ignore) and (old["read"] or old["failed"]):
            wrong[old["name"]] = f"nothing, and {_counts(old)} before"
    if not wrong:
        return
    others = [name for name in changed(before, after, concurrent_rows) if name in wrong]
    raise ApplicationReads(
        names=join_first([f"{name} ({counts})" for name, counts in wrong.items()], SHOWN),
        advice="".join(_advice(before, after, [name for name in wrong if name not in others], others)),
    )


def _advice(
    before: RecordedReading, after: RecordedReading, lost: Sequence[str], others: Sequence[str]
) -> Iterator[str]:
    """Yield what to do about attributes that have ``lost`` values, and about those that read ``others``.

    To leave out an attribute is advised only if the application need not decrypt for it, or decrypts all that it is
    computed from.
    """
    by_name = {reading["name"]: reading for reading in after["readings"]}
    missed = [name for name in others if "parts" in by_name[name]]
    of_ciphertext = [name for name in others if by_name[name].get("of_ciphertext")]
    well = {trip["name"] for trip in after["round_trips"] if trip["outcome"] == "well"}
    refused = [name for name in lost if name in well]
    if unknown := [name for name in lost if name not in well]:
        yield LOST.format(", ".join(unknown))
    if refused:
        yield REFUSED.format(", ".join(refused))
    if missed:
        yield MISSED.format(", ".join(missed))
    if of_ciphertext:
        yield OF_CIPHERTEXT.format(format_ignored(of_ciphertext))
    if left := [name for name in others if name not in (*missed, *of_ciphertext)]:
        yield OTHERWISE.format(", ".join(left))
        decrypted = _decrypted(before, after, {*lost, *others})
        if proved := [name for name in left if _is_made_of(by_name[name], decrypted)]:
            yield BY_ITSELF.format(", ".join(proved), format_ignored(proved))


def _is_made_of(reading: AttributeReading, decrypted: Collection[str]) -> bool:
    """Return whether code makes an attribute of columns that all are ``decrypted``."""
    return not reading.get("bare", True) and bool(reading["columns"]) and {*reading["columns"]} <= {*decrypted}


def _decrypted(before: RecordedReading, after: RecordedReading, wrong: Collection[str]) -> set[str]:
    """Return the columns that the application is seen to decrypt. Some attribute that is the column, or that encrypts
    and decrypts it, reads every value of such a column as before.

    Return none after an interruption, in which any process may have written.
    """
    if before.get("earlier"):
        return set()
    well = {trip["name"] for trip in after["round_trips"] if trip["outcome"] == "well"}
    return {
        column
        for old, new, *_ in _pairs(before, after, NOBODY)
        if new["name"] not in wrong and (new.get("bare") or new["name"] in well) and _is_proof(old, new)
        for column in new["columns"]
    }


def _is_proof(old: AttributeReading, new: AttributeReading) -> bool:
    """Return whether values are read, all of them, and as before."""
    complete = new["read"] and not (new["failed"] or new["tokens"])
    return bool(complete and old is not new and old.get("digest") == new.get("digest"))


def format_ignored(names: Sequence[str]) -> str:
    option = json.dumps({variable_of("application_ignore"): list(names)})
    return f"leave it out: -e '{option}'. "


def _pairs(before: RecordedReading, after: RecordedReading, concurrent_rows: ConcurrentRows) -> Iterator[ReadingPair]:
    """Each reading as it was and as it is, and what was written between them."""
    was = {_place(reading): reading for reading in _readings(before)}
    # The attribute may also be computed from a column that has had its first value since then.
    by_name = {reading["name"]: reading for reading in was.values() if "digest" in reading}
    anywhere = sum(concurrent_rows.get(ANYWHERE, {}).values())
    for new in after["readings"]:
        old = was.get(_place(new)) or (by_name.get(new["name"]) if "digest" in new else None) or new
        own = sum(sum(concurrent_rows.get(table, {}).values()) for table in new.get("tables", [new["table"]]))
        if anywhere and not new.get("bare"):  # its code may count the orders of a customer
            # Of its own columns no fewer values are read: what was written elsewhere is in the values only.
            yield ReadingPair(old, new, own if new["columns"] else max(own, anywhere), elsewhere=True)
        elif _in_parts(old, new):
            yield ReadingPair(
                old, new, sum(old_part[:8] != new_part[:8] for old_part, new_part in zip(old["parts"], new["parts"]))
            )
        else:
            yield ReadingPair(old, new, own)


def _readings(recorded: RecordedReading) -> list[AttributeReading]:
    """Not those that an earlier version has left in a record: its digests are of other texts."""
    return [reading for reading in recorded.get("readings", []) if "tokens" in reading]


def _place(reading: AttributeReading) -> tuple[str, ...]:
    return (reading["name"], *reading["columns"])


def _in_parts(old: AttributeReading, new: AttributeReading) -> bool:
    """Return whether both readings are of a column that is not encrypted: then digests of the stored values show which
    were written."""
    return "parts" in old and "parts" in new


def _same(old: AttributeReading, new: AttributeReading) -> bool:
    """Return whether the same values are read, except for what a rotation changes. In a column that is not encrypted,
    only parts that store the same values are compared."""
    if old.get("of_ciphertext") or old.get("dated") or new.get("dated"):
        return True
    # An earlier version digested the order too, and named rows as the application shows their keys.
    if (new.get("in_any_order") and "bare" not in old) or (new.get("keyed") and "keyed" not in old):
        return True
    if _in_parts(old, new):
        return all(
            old_part == new_part or old_part[:8] != new_part[:8]
            for old_part, new_part in zip(old["parts"], new["parts"])
        )
    return bool(old.get("digest") == new.get("digest"))


def _is_healed(old: AttributeReading, new: AttributeReading) -> bool:
    """Return whether all that was read before is read the same, no row is new or gone, and some that were not read are
    now."""
    if "read_digest" not in old or "read_before_digest" not in new:
        return False
    same = bool(old.get("of_ciphertext")) or old["read_digest"] == new["read_before_digest"]
    fewer_unread = [new[count] <= old[count] for count in UNREAD] + [new["read"] >= old["read"]]
    return same and all(fewer_unread) and any(new[count] < old[count] for count in UNREAD)


def _explained_tokens(pair: ReadingPair) -> int:
    """Count the additional tokens that written rows explain: all of them if the application reads most tokens
    unchanged. If it decrypts, it cannot read a token that remains."""
    hands_on = 2 * pair.old["tokens"] >= pair.old["read"]
    return pair.written if hands_on else 0


def _as_well(pair: ReadingPair, wavering: bool) -> bool:
    """Return whether an attribute is read as before. If other processes wrote rows, at most as many values may be
    missing."""
    old, new, written, elsewhere = pair
    unread = [reading["failed"] + reading["tokens"] for reading in (old, new)]
    # A token fewer makes up for no failure, and what was written for none either.
    no_worse = unread[1] <= unread[0] + _explained_tokens(pair) and new["failed"] <= old["failed"]
    if _in_parts(old, new) and written and not elsewhere:
        return wavering or _same(old, new)
    if old.get("dated") or new.get("dated"):  # what is left of a term is nothing once it is over
        return new["failed"] <= old["failed"] and new["tokens"] <= old["tokens"]
    if wavering:
        return bool(no_worse)
    if not (written or elsewhere):
        return (all(old[count] == new[count] for count in COUNTS) and _same(old, new)) or _is_healed(old, new)
    return bool(no_worse and new["read"] >= old["read"] - written)


def _counts(reading: AttributeReading) -> str:
    failed = f", {reading['failed']:,} not" if reading["failed"] else ""
    tokens = f", {reading['tokens']:,} of them as tokens" if reading["tokens"] else ""
    return f"{counted(reading['read'], 'value')}{tokens}{failed}"


def _read(readers: Sequence[ModelReader], rows: int, progress: ProgressFile) -> tuple[int, int]:
    """Read every row of one model once, in transactions that cannot write. Return how many were read, and of how many.

    Raise E_APPLICATION_MODEL if its table does not match the model. Raise E_APPLICATION_WRITES if an attribute writes,
    and E_APPLICATION_ACTS if it acts outside of the database, even if it catches that error. Any other error of
    PostgreSQL counts as a value that the application cannot read.
    """
    model, alias = readers[0].model, readers[0].alias
    with _refusals(model), contextlib.redirect_stdout(io.StringIO()), readers[0].read_only() as held:
        most = int(model._base_manager.using(alias).count())
        wanted = min(most, rows) if rows else most
        savepoints = SavepointsOfReading(held)
        with savepoints.watch():
            for done, instance in enumerate(_instances(_query(readers), wanted, savepoints.set)):
                for reader in readers:
                    _take(reader, instance, savepoints)
                progress.tell(f"reading {model._meta.label} as the application does", done, wanted, "rows")
    return wanted, most


def _take(reader: ModelReader, instance: Any, savepoints: SavepointsOfReading) -> None:
    """Read an attribute of one instance, and leave the transactions as they were."""
    from django.db import DatabaseError

    look = reader.look(instance)
    if savepoints.are_needed():
        if savepoints.met_a_write():
            raise ApplicationWrites(name=reader.full_name, advice=format_ignored([reader.full_name]))
        savepoints.go_back()
        look = reader.look(instance, DatabaseError)
    reader.count(instance, look)


def reads_inner(table: Table, column: str, tokens: Collection[str], rows: int) -> bool:
    """Return whether the application reads these inner tokens in the first rows of a column, and does not decrypt them.

    Of a row that has one, an attribute that shows what is stored says nothing. A property made of the column counts, as
    in ``of_application``.
    """
    answers: set[bool] = set()
    schema = "" if table.visible else table.schema
    for _, stored in of_models(ModelTables(table.alias, table.names)):
        if column_of(stored) != column:
            continue
        with contextlib.suppress(*APPLICATION_ERRORS), read_only(table.alias, stored.model, schema):
            for instance in stored.model._base_manager.using(table.alias).order_by("pk")[:rows]:
                read: set[str] = set()
                for name in (stored.attname, *made_from(stored.model, stored.attname)):
                    with contextlib.suppress(*APPLICATION_ERRORS), external_acts.refused_of(stored.model, name):
                        value = as_python(getattr(instance, name))
                        read |= {value} if isinstance(value, str) and value else set()
                inner = read & {*tokens}
                kept = {value for value in read if any(len(value) > len(token) for token in inner)}  # the outer one
                answers |= {value in inner for value in read - kept} if inner else set()
    return answers == {True}


def _query(readers: Sequence[ModelReader]) -> Any:
    """Rows with what is stored in all columns that are read."""
    stored = {name: expression for reader in readers for name, expression in reader.stored_columns()}
    return readers[0].model._base_manager.using(readers[0].alias).order_by("pk").annotate(**stored)


def instances_of(readers: Sequence[ModelReader], rows: int) -> Iterator[Any]:
    """Yield the first rows of a model with what is stored in all columns that are read. No row can be written during
    that."""
    first = readers[0]
    with _refusals(first.model), contextlib.redirect_stdout(io.StringIO()), first.read_only():
        yield from _instances(_query(readers), min(rows, int(_query(readers)[:rows].count())))


def row_of(readers: Sequence[ModelReader], row: str) -> Any:
    """The instance of one row, by its primary key, with what is stored in all columns that are read. Raise what the
    model raises."""
    return _query(readers).get(pk=row)


def _instances(query: Any, left: int, opened: Callable[[], None] = lambda: None) -> Iterator[Any]:
    """Yield up to so many instances.

    If a field of a row raises, all fields of that row are deferred, so that each attribute fails or succeeds
    separately. If the model cannot build an instance of a row, the row is skipped, and after many such rows so are all
    that follow. ``opened`` is called whenever another cursor returns rows.
    """
    from django.db import DatabaseError

    last, unmade = None, 0
    while left > 0 and unmade < MOST_UNMADE:
        page = query if last is None else query.filter(pk__gt=last)
        try:
            for number, instance in enumerate(page[:left].iterator(chunk_size=CHUNK)):
                if not number:
                    opened()
                yield instance
                left, last = left - 1, instance.pk
            return
        except DatabaseError:
            raise
        except APPLICATION_ERRORS:
            page = query if last is None else query.filter(pk__gt=last)
        last = page.values_list("pk", flat=True).first()
        left -= 1
        try:
            instance = query.only("pk").get(pk=last)
        except DatabaseError:
            raise
        except APPLICATION_ERRORS:  # its code may need a request
            unmade += 1
            continue
        opened()
        yield instance


@contextlib.contextmanager
def _refusals(model: Any) -> Iterator[None]:
    from django.db import DatabaseError

    try:
        yield
    except DatabaseError as exc:  # its text may show a row
        sqlstate = sqlstate_of(exc)
        advice = next(text for begin, text in _ADVICE.items() if sqlstate.startswith(begin))
        raise ApplicationModel(model=model._meta.label, sqlstate=sqlstate, advice=advice) from None
