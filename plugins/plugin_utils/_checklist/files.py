# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks for files that the application's own code may encrypt: no rotation rewrites them."""

from __future__ import annotations

from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen


def storages(seen: Observations) -> ChecklistItem:
    """Name each file column whose storage is not one of Django's own. If the storage's code reads a rotated key, it
    stops the rotation until a person settles the column."""
    item = "files"
    if not seen.facts:
        return unseen(item)
    found = {each["column"]: each for facts in seen.facts.values() for each in facts["files"]}
    if not found:
        return ChecklistItem(item, OK, "no storage of the application's own")
    parts = [
        f"{each['column']} in {each['storage']}" + (f", whose code reads {each['key']}" if each["key"] else "")
        for each in found.values()
    ]
    return ChecklistItem(
        item,
        STOP if any(each["key"] for each in found.values()) else WARN,
        f"{'; '.join(parts)}: the storage is the application's own, and files are not rotated",
        "If it encrypts them under a key that is rotated, have the application re-encrypt them.",
    )
