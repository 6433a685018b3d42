# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The effects of a rotation if the keys in use are compromised, shown before the rotation changes anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...module_utils._errors.approval import ReasonUnclear
from ...module_utils._errors.base import BUT_THE_PLAN, RotationError
from ...module_utils._errors.counts import counted
from ...module_utils._record.events import is_compromise, is_unclear
from .._rotation_record.rotation_log import RotationLog
from .item import Observations
from .secret_key import DROP, is_rotated, users

NOT_ROTATED = (
    "keeps everything valid that SECRET_KEY signed, including sessions, since it is not in key_rotation_keys: add it "
    "if it leaked"
)
LISTED = "removes the keys of the store from SECRET_KEY_FALLBACKS, which has {number}: any other one stays valid"
# By the session engine.
STORED = {
    **dict.fromkeys(("db", "cached_db"), "ends the sessions in the database"),
    **dict.fromkeys(
        ("file", "cache"), "ends no session itself: they are not in the database, and no login in them is valid"
    ),
    "signed_cookies": "ends no session itself: the users have them, signed with the old key",
}


def will_be_for_compromise(reason: str | None, log: RotationLog) -> bool:
    """Return whether a planned rotation would be because of a compromise, by its reason or by the store.

    Raise E_REASON_UNCLEAR if the reason does not say.
    """
    if is_unclear(reason):
        raise ReasonUnclear(changed=BUT_THE_PLAN)
    with contextlib.suppress(RotationError):  # the items report it
        if log.store.load().is_base_compromised:
            return True
    return is_compromise(reason)


def exposed_backups(observations: Observations, rotation_id: str) -> list[str]:
    """The manifests of the retained backups that the compromised version opens, except those of this rotation: its
    summary lists them anyway."""
    key_id = observations.census.get("key_ids", {}).get("previous" if observations.is_switched else "current")
    kept = (backup for backup in observations.kept if key_id in backup.get("key_ids", ()))
    return sorted(str(backup["manifest"]) for backup in kept if backup["rotation_id"] != rotation_id)


def _of_secret_key(observations: Observations) -> Iterator[str]:
    """Yield the effects on data that SECRET_KEY signed, as far as the hosts reported."""
    if not observations.facts:
        yield "has effects on what SECRET_KEY has signed that are not known yet, since no host could be asked"
        return
    if is_rotated(observations):
        yield "keeps nothing valid that the old SECRET_KEY signed"
        yield from _of_sessions(observations)
    else:
        yield NOT_ROTATED
    if listed := max(host_users.get("fallbacks", 0) for host_users in users(observations)):
        yield LISTED.format(number=counted(listed, "key"))


def _of_sessions(observations: Observations) -> Iterator[str]:
    if observations.options.get("sessions") != DROP:  # which is refused
        return
    for engine in sorted({host_users.get("sessions", "") for host_users in users(observations)} - {""}):
        yield STORED.get(engine, f"ends the sessions of {engine} that are in the database, if there are any")


def what_happens(observations: Observations, rotation_id: str) -> Iterator[str]:
    """The lines about a compromise."""
    yield "  The keys in use are compromised. This rotation"
    yield from (f"  - {line};" for line in _of_secret_key(observations))
    if kept := [key["name"] for key in observations.options["settings"] if key.get("keep")]:
        yield f"  - leaves no previous key in {', '.join(kept)}, although keep is set in key_rotation_keys;"
    yield "  - marks the version in use as compromised: rollback.yml does not return to it without an override;"
    yield "  - returns to it only if this run itself fails, and then says so."
    if backups := exposed_backups(observations, rotation_id):
        yield f"  The compromised keys open {len(backups)} retained backups, and the one that this run creates:"
        yield from (f"    {path}" for path in backups)
    yield "  The encrypted data may have been read. If it contains secrets, change those too."
