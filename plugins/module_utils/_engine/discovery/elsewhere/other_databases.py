# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of the application that are not PostgreSQL. They are not rotated: a value under a rotated key in one stops.

A field that encrypts counts if it may have a value. Of any other column a few values are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...._errors.counts import join_first
from ...._errors.discovery import OutOfReach
from ...application import django_project, lasting_caches, model_fields
from ...crypto.keyring import Keyring
from ...postgres.catalog import Table
from ..findings.finding_facts import OtherDatabaseTried, UnreachedDatabase
from ..findings.findings import Finding
from .out_of_reach import SETTLE
from .rotated_values import any_is_under_key

SHOWN = 3  # columns that could not be read
BY_FIELD = (
    "a {field} in a database of {vendor}, which is not rotated: what is under a rotated key there would be unreadable"
)
OPENED = "values in a database of {vendor}, which is not rotated, open under a key that is: they would be unreadable"
BY_APPLICATION = (
    "Let the application write the values again after the rotation, from a copy in plain text, or rotate that database "
    "with its own command. "
)
ACCEPT = 'If that is prepared, or nobody needs them: O(settlements): {{{column}: {{unreadable: "why"}}}}.'


@dataclass(frozen=True)
class OtherDatabase:
    """One of them: the ``problems`` by column, with what to do, all its ``columns``, and those that are ``unread``."""

    alias: str
    vendor: str
    problems: Mapping[str, tuple[str, str]]
    columns: frozenset[str] = frozenset()
    unread: Sequence[str] = ()
    is_reached: bool = True

    @property
    def findings(self) -> list[Finding]:
        """Return what stops a rotation."""
        return [
            Finding.of(name, OutOfReach(column=name, why=why, advice=advice), kind="out_of_reach")
            for name, (why, advice) in self.problems.items()
        ]

    @property
    def warning(self) -> Finding:
        """Return what a person should know of it in any case."""
        place = f"DATABASES[{self.alias}]"
        if not self.is_reached:
            return Finding.of(place, UnreachedDatabase(self.vendor))
        unread = f". Not read: {join_first(self.unread, SHOWN)}" if self.unread else ""
        return Finding.of(place, OtherDatabaseTried(self.vendor, unread))


def look(keyring: Keyring) -> list[OtherDatabase]:
    """Return each of them, with what is under the rotated keys in it."""
    return [_look_at(alias, vendor, keyring) for alias, vendor in django_project.other_databases()]


def _look_at(alias: str, vendor: str, keyring: Keyring) -> OtherDatabase:
    tables = django_project.columns_of(alias)
    fields = dict(_encrypting_in(alias, tables))
    problems = {}
    for (table, column), field in fields.items():
        if django_project.may_have_values(alias, table, column):
            name = _name(alias, table, column)
            problems[name] = (
                BY_FIELD.format(field=field, vendor=vendor),
                BY_APPLICATION + SETTLE.format(column=name) + ".",
            )
    if tables is None:
        return OtherDatabase(alias, vendor, problems, frozenset(problems), is_reached=False)
    known = {(table.lower(), column.lower()) for table, column in fields}
    others = [
        (table, column)
        for table, columns in tables.items()
        for column in columns
        if (table.lower(), column.lower()) not in known and not _expires(table, columns)
    ]
    unread = []
    for (table, column), values in zip(others, django_project.values_of(alias, others)):
        name = _name(alias, table, column)
        if values is None:
            unread.append(name)
        elif any_is_under_key(values, keyring):
            problems[name] = (OPENED.format(vendor=vendor), BY_APPLICATION + ACCEPT.format(column=name))
    every = {_name(alias, table, column) for table, columns in tables.items() for column in columns}
    return OtherDatabase(alias, vendor, problems, frozenset({*every, *problems}), unread)


def _encrypting_in(alias: str, there: Mapping[str, Sequence[str]] | None) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the columns of encrypting fields in a database, or those that a router sends to one without answer."""
    tables = {table.lower(): {column.lower() for column in columns} for table, columns in (there or {}).items()}
    names = None if there is None else {name for name in model_fields.tables() if name.lower() in tables}
    for (table, column), field in sorted(model_fields.encrypting(model_fields.ModelTables(alias, names)).items()):
        if there is None or column.lower() in tables[table.lower()]:
            yield (table, column), field


def _name(alias: str, table: str, column: str) -> str:
    return Table("", table, visible=True, alias=alias).label_of(column)


def _expires(table: str, columns: Sequence[str]) -> bool:
    """Return whether it is a table of sessions or of a cache."""
    return {*columns}.issuperset(lasting_caches.SESSION_COLUMNS) or table in lasting_caches.tables()
