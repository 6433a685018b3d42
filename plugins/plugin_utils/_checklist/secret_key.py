# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else depends on SECRET_KEY, and what its rotation does to that (docs/design/django-encryption.md)."""

from __future__ import annotations

from ...module_utils._engine.fact_types import SIGNERS, SecretKeyUsers
from ...module_utils._errors.counts import counted
from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen

SESSIONS = {
    "db": "everybody is logged out, and what their sessions hold is lost",
    "file": "everybody is logged out, and what their sessions hold is lost",
    "signed_cookies": "everybody is logged out, and what their sessions hold is lost",
    "cache": "everybody is logged out",
    "cached_db": "everybody is logged out",
}


def other_users(seen: Observations) -> ChecklistItem:
    """Tasks of django-q2 that wait would be lost: stop. Anything else that ends is said."""
    name = "secret_key"
    if not seen.facts:
        return unseen(name)
    found: list[SecretKeyUsers] = [facts["secret_key"] for facts in seen.facts.values()]
    known = {"SECRET_KEY"}.union(*(one.get("keys", ()) for one in found))
    if known.isdisjoint(setting["name"] for setting in seen.options["settings"]):
        return ChecklistItem(name, OK, "SECRET_KEY is not rotated")
    if queued := max(one.get("queued") or 0 for one in found):
        summary = (
            f"{counted(queued, 'task of django-q2 waits', 'tasks of django-q2 wait')}, and none of them could be read"
        )
        return ChecklistItem(name, STOP, summary, "Let the queue run empty, and pause its schedules.")
    ends = list(dict.fromkeys(end for one in found for end in _ends(one)))
    if not ends:
        return ChecklistItem(name, OK, "nothing here is seen to sign with it")
    kept = "Where this is routine, and no leak, the old key in SECRET_KEY_FALLBACKS keeps the sessions."
    return ChecklistItem(name, WARN, "; ".join(ends), f"Tell the users. {kept}")


def _ends(found: SecretKeyUsers) -> list[str]:
    ends = [SESSIONS[found["sessions"]]] if found.get("sessions") in SESSIONS else []
    ends += ["links to reset a password end"] if found.get("logins") else []
    for package in found.get("packages", []):
        kept, what = SIGNERS[package]
        ends.append(f"{package}: {what}{'' if kept else ', with SECRET_KEY_FALLBACKS too'}")
    return ends
