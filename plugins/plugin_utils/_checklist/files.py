# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks for files that the application's own code may encrypt: no rotation rewrites them."""

from __future__ import annotations

from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen


def storages(observations: Observations) -> ChecklistItem:
    """Name each column whose files may be encrypted. If they are under a rotated key, or may be, it stops the rotation
    until a person settles the column."""
    item = "files"
    if not observations.facts:
        return unseen(item)
    by_column = {
        file_fact["column"]: file_fact for facts in observations.facts.values() for file_fact in facts["files"]
    }
    if not by_column:
        return ChecklistItem(
            item, OK, "no file that could be read looks encrypted, and there is no storage of the application's own"
        )
    return ChecklistItem(
        item,
        STOP if any(file_fact["stops"] for file_fact in by_column.values()) else WARN,
        "; ".join(f"{file_fact['column']}: {file_fact['finding']}" for file_fact in by_column.values()),
        "If a rotated key encrypts them, let the application re-encrypt them.",
        facts={"findings": {column: file_fact["finding"] for column, file_fact in by_column.items()}},
    )
