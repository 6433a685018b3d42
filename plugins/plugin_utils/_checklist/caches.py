# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the caches and sessions that outlive the application's processes, and the tokens in them."""

from __future__ import annotations

from ...module_utils._errors.counts import fill
from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen

HELD = "{count:entry|entries} of {column} {count:contains/contain} tokens under the rotated keys"
HELD_IN_SESSIONS = "{count:session|sessions} in {column} {count:contains/contain} such tokens"


def lasting(observations: Observations) -> ChecklistItem:
    """Name each lasting cache, and how to clear it. In production, tokens in it stop the rotation: an object that was
    cached with them may later be saved with them."""
    item = "caches"
    if not observations.facts:
        return unseen(item)
    advice_by_cache = {
        (each["alias"], each["kind"]): each["advice"]
        for facts in observations.facts.values()
        for each in facts["caches"]
    }
    held = {column: count for facts in observations.facts.values() for column, count in facts["cached_tokens"].items()}
    sessions = {
        column: count for facts in observations.facts.values() for column, count in facts["session_tokens"].items()
    }
    if not (advice_by_cache or sessions):
        return ChecklistItem(item, OK, "no cache outlives the processes")
    caches = ", ".join(f"cache `{alias}` ({kind})" for alias, kind in advice_by_cache)
    parts = (
        [f"{caches}: outlives the processes, and its entries under the old keys are not rotated"]
        if advice_by_cache
        else []
    )
    parts += [fill(HELD, column=column, count=count) for column, count in held.items()]
    parts += [fill(HELD_IN_SESSIONS, column=column, count=count) for column, count in sessions.items()]
    advice = list(dict.fromkeys(advice_by_cache.values()))
    if sessions:
        commands = dict.fromkeys(facts["clear_sessions"] for facts in observations.facts.values())
        advice.append(f"Delete the sessions after the switch: {', '.join(commands)}. Everybody is logged out.")
    status = STOP if (held or sessions) and observations.production else WARN
    facts = {"caches": [alias for alias, _ in advice_by_cache], "cached_tokens": held, "session_tokens": sessions}
    return ChecklistItem(item, status, "; ".join(parts), " ".join(advice), facts=facts)
