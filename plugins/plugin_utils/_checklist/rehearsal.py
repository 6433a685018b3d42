# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the same plan was recently rotated in staging, with the same version of this collection."""

from __future__ import annotations

import datetime

from ...module_utils._errors.counts import counted
from ...module_utils._system.timestamps import parse_with_offset
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations

NAME = "rehearsal"
AHEAD = datetime.timedelta(minutes=5)  # how far the clock in staging may be ahead


def rehearsed(observations: Observations) -> ChecklistItem:
    """Check that production was rehearsed. Other environments need no rehearsal."""
    if not observations.production:
        return ChecklistItem(NAME, SKIP, f"not required in {observations.options['environment']}")
    status, todo = (
        STOP,
        "Rotate staging with this plan and this collection first, or accept it: key_rotation_accept: [rehearsal].",
    )
    content = observations.plan.get("plan", {}).get("content_hash")
    if not content:
        no_plan = "there is no plan to compare a rehearsal with"
        return ChecklistItem(NAME, status, no_plan, f"Create the plan. {todo}", facts={"plan_content": None})
    past = [
        rehearsal
        for rehearsal in observations.rehearsals
        if parse_with_offset(rehearsal["time"]) <= observations.now + AHEAD
    ]
    same = [rehearsal for rehearsal in past if rehearsal["plan_content"] == content]
    if not same:
        others = len(observations.rehearsals)
        summary = f"no completed rotation of this plan in staging ({others} of others)"
        return ChecklistItem(NAME, status, summary, todo, facts={"of_other_plans": others})
    of_this = [rehearsal for rehearsal in same if rehearsal["collection"] == observations.collection]
    if not of_this:
        summary = f"only with another collection than {observations.collection}"
        return ChecklistItem(NAME, status, summary, todo, facts={"not_with_collection": observations.collection})
    newest = max(of_this, key=lambda rehearsal: str(rehearsal["time"]))
    age = (observations.now - parse_with_offset(newest["time"])) / datetime.timedelta(days=1)
    days = round(age)
    limit = observations.options["rehearsal_max_days"]
    if age > limit:
        return ChecklistItem(
            NAME,
            status,
            f"{newest['rotation_id']} is {counted(days, 'day')} old, and at most {limit} are allowed",
            todo,
            facts={"rotation_id": newest["rotation_id"], "days": days, "limit": limit},
        )
    summary = f"{newest['rotation_id']} in staging, {counted(days, 'day')} ago, same plan and collection "
    summary += observations.collection
    mode = observations.options["mode"]
    if newest["mode"] and not any(rehearsal["mode"] == mode for rehearsal in of_this):
        other = f"{summary}, but in the mode {newest['mode']} and not {mode}"
        rehearse = f"Rotate staging with key_rotation_mode: {mode} too."
        return ChecklistItem(NAME, WARN, other, rehearse, facts={"mode": mode, "rehearsed_mode": newest["mode"]})
    return ChecklistItem(NAME, OK, summary)
