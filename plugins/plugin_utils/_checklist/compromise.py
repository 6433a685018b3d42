# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation does because the keys in use are compromised, for a person who reads it before anything is done."""

from __future__ import annotations

from collections.abc import Iterator

from .item import Observations


def exposed_backups(seen: Observations, rotation_id: str) -> list[str]:
    """The manifests of the retained backups that the compromised version opens, but for those of this rotation, which
    its summary lists anyway."""
    key_id = seen.census.get("key_ids", {}).get("previous" if seen.is_switched else "current")
    kept = (backup for backup in seen.kept if key_id in backup.get("key_ids", ()))
    return sorted(str(backup["manifest"]) for backup in kept if backup["rotation_id"] != rotation_id)


def what_happens(seen: Observations, rotation_id: str) -> Iterator[str]:
    """One line each."""
    yield "  The keys in use are compromised. This rotation"
    yield "  - keeps nothing valid that the old SECRET_KEY signed, and deletes the sessions in the database;"
    yield "  - marks the version in use as compromised: rollback.yml does not return to it without an override;"
    yield "  - returns to it only if this very run fails, and then says so."
    if backups := exposed_backups(seen, rotation_id):
        yield f"  The compromised keys open {len(backups)} retained backups, and the one that this run makes:"
        yield from (f"    {path}" for path in backups)
    yield "  What was encrypted may have been read: change the secrets among the data too."
