# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and copies of keys in definitions in the database, which no rotation changes.

They are in the default of a column, the body of a function or a setting of a role. A ``db_default`` of a field that
encrypts is one: Django writes its token into the column's definition.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from ...._errors.discovery import OutOfReach
from ...crypto.keyring import Keyring
from ...postgres import catalog
from ...postgres.connection import Database
from ..columns.nesting import holding
from ..findings.findings import Finding
from ..target_survey import Survey
from .key_copies import KeyCopies


class _Subject(NamedTuple):
    """The possible content of a definition: why it stops, and what to do."""

    why: str
    advice: str


TOKEN = _Subject(
    "in the database, it holds {what} under a key that is rotated, and no rotation changes it",
    "Remove the token from it before the rotation, or replace it after the rotation by one under the new keys: "
    "{statement} ... If it is accepted that what uses the old token cannot be read until then: ",
)
KEY = _Subject(
    "in the database, it holds {what}, which is rotated, and no rotation changes it",
    "Prepare the statement that replaces it, with a placeholder for the key: {statement} ... Run it with the new key "
    "together with the rotation. Until then the database keeps using the old key, and the application cannot read "
    "what it encrypts. Once the statement is prepared: ",
)
SETTLE = 'O(settlements): {{{quoted}: {{unreadable: "why"}}}}.'


def find(database: Database, survey: Survey, keyring: Keyring) -> list[Finding]:
    """Return findings about the definitions with a token or a copy of a key, by name."""
    definitions = catalog.definitions(database)
    schemes = {target.scheme for target in survey.targets}
    with_tokens = sorted(holding(keyring, schemes, [definition.text.encode("utf-8") for definition in definitions]))
    copies = KeyCopies(keyring, schemes)
    with_keys = ((definition, copies.in_sql(definition.text)) for definition in definitions)
    return [
        *(_finding(database, definitions[place], TOKEN, "a token") for place in with_tokens),
        *(_finding(database, each, KEY, what) for each, what in with_keys if what),
    ]


def places(database: Database) -> set[str]:
    """Return the names that a settlement of one of these can have."""
    return {_name(database, definition) for definition in catalog.definitions(database)}


def _name(database: Database, definition: catalog.Definition) -> str:
    return definition.name if database.alias == "default" else f"{database.alias}: {definition.name}"


def _finding(database: Database, definition: catalog.Definition, subject: _Subject, what: str) -> Finding:
    name = _name(database, definition)
    advice = (subject.advice + SETTLE).format(statement=definition.statement, quoted=json.dumps(name))
    error = OutOfReach(column=name, why=subject.why.format(what=what), advice=advice)
    return Finding.of(name, error, kind="definition")
