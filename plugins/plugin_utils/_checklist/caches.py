# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches that outlive the application's processes, and what they hold under the old keys."""

from __future__ import annotations

from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen


def lasting(seen: Observations) -> ChecklistItem:
    """Each is named with how to clear it. One that holds tokens stops in production: an object that was cached with
    them may be saved with them after the rotation."""
    name = "caches"
    if not seen.facts:
        return unseen(name)
    found = {(each["alias"], each["kind"]): each["advice"] for facts in seen.facts.values() for each in facts["caches"]}
    held = {column: count for facts in seen.facts.values() for column, count in facts["cached_tokens"].items()}
    if not found:
        return ChecklistItem(name, OK, "none outlives the processes")
    summary = ", ".join(f"cache `{alias}` ({kind})" for alias, kind in found)
    summary += ": outlives the processes, and what it holds under the old keys is not rotated"
    summary += "".join(
        f"; {count} entries of {column} hold tokens under the keys that are rotated" for column, count in held.items()
    )
    status = STOP if held and seen.production else WARN
    return ChecklistItem(name, status, summary, " ".join(dict.fromkeys(found.values())))
