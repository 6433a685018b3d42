# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the application's own code may encrypt, which no rotation rewrites."""

from __future__ import annotations

from .item import OK, WARN, ChecklistItem, Observations, unseen


def storages(seen: Observations) -> ChecklistItem:
    """Each column of files whose storage is not one of Django's own."""
    item = "files"
    if not seen.facts:
        return unseen(item)
    found = {column: storage for facts in seen.facts.values() for column, storage in facts["files"].items()}
    if not found:
        return ChecklistItem(item, OK, "no storage of the application's own")
    summary = ", ".join(f"{column} in {storage}" for column, storage in found.items())
    return ChecklistItem(
        item,
        WARN,
        f"{summary}: the storage is the application's own, and files are not rotated",
        "If it encrypts them under a key that is rotated, have the application re-encrypt them.",
    )
