# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about files that the application's code may encrypt: a column holds their paths, not their content.

Large objects are files too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...._errors.discovery import FilesOpen, FilesUnderKey, FilesUnexplained
from ...application import file_storages, local_files
from ...application.file_storages import FileStorage
from ...crypto.keyring import Keyring
from ...fact_types import FileColumnFact
from ...postgres import sql
from ...postgres.catalog import Table
from ...postgres.connection import Database
from ...value_forms.packed_values import LONGEST
from ...value_forms.value_look import ENCRYPTED_DOCUMENT, Look, look_at
from ..columns import row_samples
from ..columns.scheme_match import rotated_scheme
from ..findings.finding_facts import FilesElsewhere, FilesUnread, OwnStorage
from ..findings.findings import Finding, FindingFacts, Findings, unsettled
from ..findings.settlements import Settlements
from ..target_survey import Survey
from . import large_objects
from .rotated_values import any_is_under_key

SAMPLE = 5  # files: of the first rows of a table, as many of the last ones, and between
SEARCHED = 300  # files, in which one of each beginning is looked for: a few encrypted ones may be among many others
BEGINNING = 4  # bytes
FEWEST = 3  # files of as many beginnings that look like ciphertext, and are most of all beginnings
SHARE = 0.5  # of the files: more that look like ciphertext stop, fewer are what people have uploaded


def find(database: Database, survey: Survey, keyring: Keyring) -> list[Finding]:
    """Return findings about files. Those stop that are under a rotated key, or look so, or whose storage reads one."""
    keys = keyring.names.union(*(keyring.settings_fed_by(name) for name in keyring.names))
    storages = dict(file_storages.of_models(survey.model_tables, keys))
    findings = Findings()
    for table, column, place, field in _columns(survey):
        names = _names(database, table, column, SAMPLE) if local_files.is_local(field) else []
        files = [*local_files.read(field, names)]
        others = local_files.read(field, _names(database, table, column, SEARCHED) if files else [])
        of_each_beginning = {data[:BEGINNING]: data for data in others if data}
        storage = storages.get(place)
        label = table.label_of(column)
        if facts := _judge(label, [*filter(None, files)], [*of_each_beginning.values()], storage, keyring):
            findings.put(label, facts)
        if place in storages or not local_files.is_encrypted_by_model(field):
            continue
        if names and not files:
            findings.put(label, FilesUnread(len(names)))
        if not local_files.is_local(field):
            findings.put(label, FilesElsewhere(file_storages.path_of(field.storage.__class__)))
    objects = large_objects.sample(database, survey)
    more = large_objects.of_each_beginning(database, survey)
    if facts := _judge(large_objects.COLUMN, objects, more, None, keyring):
        findings.put(large_objects.COLUMN, facts)
    return [*findings.with_text(stops=True), *findings.with_text(stops=False)]


def _columns(survey: Survey) -> Iterator[tuple[Table, str, tuple[str, str], Any]]:
    """Yield the columns of files, each with its place in the models and its field."""
    fields = local_files.fields(survey.model_tables)
    for table, columns in survey.tables.items():
        for column in () if table.copy else columns:
            place = next((place for name in table.names if (place := (name, column.name)) in fields), None)
            if place:
                yield table, column.name, place, fields[place]


def _names(database: Database, table: Table, column: str, between: int) -> list[str]:
    """Return the names of some of the files, ``between`` of them neither the first nor the last ones."""
    name = sql.Identifier("t", column)
    rows = row_samples.RowSource(sql.SQL("{}::text").format(name), table.rows, sql.SQL("{}::text <> ''").format(name))
    parts = sql.SQL(" UNION ").join(row_samples.parts(row_samples.size_of(database, table), rows, SAMPLE, between))
    return [path for (path,) in database.rows(parts, table=table.label)]


def _judge(
    column: str, files: Sequence[bytes], more: Sequence[bytes], storage: FileStorage | None, keyring: Keyring
) -> FindingFacts | None:
    """Return the most certain finding about a column's files. Of ``more``, each begins in its own way."""
    looks, looked_at = _unknown_looks(files), len(files)
    others = _unknown_looks(more)
    if opened := sum(any_is_under_key([data], keyring) for data in files):
        return FilesOpen(column=column, count=opened, looked_at=looked_at)
    if opened := sum(rotated_scheme([data], keyring) is not None for data in more):
        return FilesOpen(column=column, count=opened, looked_at=len(more))
    if storage and storage.reads:
        return FilesUnderKey(column=column, storage=storage.path, key=storage.reads)
    if len(looks) > SHARE * looked_at:
        return _unexplained(column, looks, looked_at)
    if len(others) >= max(FEWEST, SHARE * len(more)):
        return _unexplained(column, others, len(more))
    return OwnStorage(storage.path) if storage else None


def _unexplained(column: str, looks: Sequence[str], looked_at: int) -> FilesUnexplained:
    return FilesUnexplained(column=column, count=len(looks), looked_at=looked_at, form=", ".join(sorted({*looks})))


def _unknown_looks(files: Sequence[bytes]) -> list[str]:
    return [look.encoding for look in (look_at(data[:LONGEST]) for data in files) if _is_unknown(look)]


def _is_unknown(look: Look) -> bool:
    """Return whether a file is unexplained. A document that a person has locked with a password is explained."""
    return look.is_unknown and look.encoding != ENCRYPTED_DOCUMENT


def as_fact(finding: Finding, settled: Settlements) -> FileColumnFact:
    stops = finding.kind.stops and bool(unsettled([finding], settled))
    return {"column": finding.column, "finding": finding.what, "stops": stops}
