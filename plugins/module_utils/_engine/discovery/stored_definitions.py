# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in what the database itself has been told, such as the default of a column: no rotation changes those.

A ``db_default`` of a field that encrypts is one: Django writes its token into the column's definition.
"""

from __future__ import annotations

import json

from ..crypto.keyring import Keyring
from ..postgres import catalog
from ..postgres.connection import Database
from .column_types import SHORTEST
from .findings import KINDS, Finding
from .nesting import holding
from .target_survey import Survey

WHY = "its definition in the database holds a token under a key that is rotated, and no rotation changes it"
ADVICE = (
    "Remove the token from it before the rotation, or replace it after the rotation by one under the new keys: "
    "{statement} ... If it is accepted that what uses the old token cannot be read until then: "
    'O(settlements): {{{quoted}: {{unreadable: "why"}}}}.'
)


def find(database: Database, survey: Survey, keyring: Keyring) -> list[Finding]:
    """The definitions with such a token, by name."""
    found = catalog.definitions(database, SHORTEST)
    names = {target.scheme for target in survey.found}
    holders = sorted(holding(keyring, names, [each.text.encode("utf-8") for each in found]))
    return [_finding(database, found[place]) for place in holders]


def places(database: Database) -> set[str]:
    """The names by which a settlement may be about one of these."""
    return {_name(database, each) for each in catalog.definitions(database, SHORTEST)}


def _name(database: Database, definition: catalog.Definition) -> str:
    return definition.name if database.alias == "default" else f"{database.alias}: {definition.name}"


def _finding(database: Database, definition: catalog.Definition) -> Finding:
    name = _name(database, definition)
    advice = ADVICE.format(statement=definition.statement, quoted=json.dumps(name))
    return Finding(KINDS["definition"], name, {"why": WHY, "advice": advice})
