# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the rotation is authorized, and that people are notified."""

from __future__ import annotations

from ...module_utils._errors.counts import counted
from .._notify.notification import STARTED, moments
from .._plans.plan_approval import words
from .item import OK, SKIP, STOP, ChecklistItem, Observations


def authorized(observations: Observations) -> ChecklistItem:
    """Check that there is a reason and an authorization. Production requires both."""
    reason, who = words(observations.options.get("reason")), words(observations.options.get("authorization"))
    missing = [f"key_rotation_{name}" for name, text in (("reason", reason), ("authorization", who)) if not text]
    if not missing:
        return ChecklistItem("authorized", OK, f"reason: {reason}; approved: {who}")
    status = STOP if observations.production else SKIP
    todo = f"Set {' and '.join(missing)}." * (status == STOP)
    return ChecklistItem("authorized", status, f"no {' and no '.join(missing)}", todo, facts={"missing": missing})


def notified(observations: Observations) -> ChecklistItem:
    """Check that at least one person is notified. Production requires it."""
    ways = observations.options.get("notify") or []
    first = [way for way in ways if STARTED in moments(way)]
    if not ways and not observations.production:
        return ChecklistItem("notified", SKIP, "key_rotation_notify is not set")
    summary = f"{counted(len(first), 'channel')} when it starts, {len(ways)} later" if ways else "nobody is notified"
    if first or not observations.production:
        return ChecklistItem("notified", OK, summary)
    todo = "Set key_rotation_notify, with started. Or tell the team yourself, and add notified to key_rotation_accept."
    facts = {"at_start": len(first), "channels": len(ways)}
    return ChecklistItem("notified", STOP, summary, todo, facts=facts)
