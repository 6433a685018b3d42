# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about files that an application's own code may encrypt: their paths are in a column, they are not."""

from __future__ import annotations

from ..application import file_storages
from ..crypto.keyring import Keyring
from ..postgres.connection import Database
from .findings import Finding, Findings, unsettled
from .settlements import Settlements
from .target_survey import Survey


def find(database: Database, survey: Survey, keyring: Keyring) -> list[Finding]:
    """Those that stop, since the code of the storage reads a key that is rotated, and those that a person should know
    of."""
    keys = keyring.names.union(*(keyring.settings_fed_by(name) for name in keyring.names))
    places = dict(file_storages.of_models(survey.model_tables, keys))
    found = Findings()
    for table, columns in survey.tables.items():
        for column in columns:
            storage = next(filter(None, (places.get((name, column.name)) for name in table.names)), None)
            if storage and not table.copy:
                kind = "files_under_key" if storage.reads else "files"
                found.put(kind, table.label_of(column.name), storage=storage.path, key=storage.reads)
    return [*found.with_text(stops=True), *found.with_text(stops=False)]


def as_fact(finding: Finding, settled: Settlements) -> dict[str, str]:
    """As the checklist has it: the key only if it stops a rotation."""
    stops = finding.kind.stops and unsettled([finding], settled)
    return {
        "column": finding.column,
        "storage": finding.facts["storage"],
        "key": finding.facts["key"] if stops else "",
    }
