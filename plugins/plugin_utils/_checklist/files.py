# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks for files that the application's own code may encrypt: no rotation rewrites them."""

from __future__ import annotations

from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen


def storages(seen: Observations) -> ChecklistItem:
    """Name each column whose files may be encrypted. If they are under a rotated key, or may be, it stops the rotation
    until a person settles the column."""
    item = "files"
    if not seen.facts:
        return unseen(item)
    found = {each["column"]: each for facts in seen.facts.values() for each in facts["files"]}
    if not found:
        return ChecklistItem(
            item, OK, "no file that could be read looks encrypted, and there is no storage of the application's own"
        )
    return ChecklistItem(
        item,
        STOP if any(each["stops"] for each in found.values()) else WARN,
        "; ".join(f"{each['column']}: {each['finding']}" for each in found.values()),
        "If a rotated key encrypts them, let the application re-encrypt them.",
        facts={"findings": {column: each["finding"] for column, each in found.items()}},
    )
