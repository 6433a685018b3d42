# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks for keys that are literals in the source code of the application."""

from __future__ import annotations

from ...module_utils._destinations import destination_options
from ...module_utils._engine.crypto.key_entry import destination_of
from .item import WARN, ChecklistItem, Observations

CODE = "A key in source code is also in its history and in every copy of it"


def literals(observations: Observations) -> list[ChecklistItem]:
    """Warn about keys in source code, with how to move each to the environment."""
    keys = [key for key in observations.options["settings"] if destination_options.is_in_source(key.get("destination"))]
    if not keys:
        return []
    files = {key["name"]: destination_of(key)["file"] for key in keys}
    places = ", ".join(f"{name} in {file}" for name, file in files.items())
    moves = {name: move for facts in observations.facts.values() for name, move in facts["key_moves"].items()}
    todo = "; ".join(["Move it to the environment, then rotate it", *moves.values()])
    return [ChecklistItem("keys", WARN, f"{CODE}: {places}", todo, facts={"files": files})]
