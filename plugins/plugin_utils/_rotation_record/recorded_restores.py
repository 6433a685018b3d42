# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restores in the records of a folder."""

from __future__ import annotations

from ...module_utils._errors.restore import RestoreNotFound
from ...module_utils._record import reader
from ...module_utils._record.events import LineContent
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .record_signing import follows, goes_on_here, refuse_changed


def begin_drop(record: Record, store: Store) -> LineContent:
    """Check the record before a drop, which is a run of its own, as every run does.

    Return the head that the drop replaces in the store. It may be of a later rotation.
    """
    if not record.events() or not goes_on_here(record, store):
        return {}
    return {**refuse_changed(record, store), **follows(store)}


def refuse_unknown_restore(folder: str, rotation_id: str) -> None:
    """Raise E_RESTORE_NONE for an ID without a record or a restore. A drop would otherwise begin a record."""
    names = reader.names(folder)
    if rotation_id in names:
        return
    asked = [event.get("asked") or {} for name in names for event in Record(folder, name).events()]
    restored = {
        str(restore["backup_of"]) for restore in asked if "backup_of" in restore and restore.get("state") != "dropped"
    }
    if rotation_id not in restored:
        known = ", ".join(sorted(restored)) or "none"
        raise RestoreNotFound(folder=folder, rotation_id=rotation_id, known_restores=known)
