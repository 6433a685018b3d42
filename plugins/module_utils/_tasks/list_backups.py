# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the kept backups and the key versions that they need."""

from __future__ import annotations

import os

from .._errors.backup import BackupList
from .host_task import HostTask, ModuleResult


def list_backups(task: HostTask) -> ModuleResult:
    """Return the content of the manifests."""
    from .._backup import manifest

    folder = task.params["backup_dir"]
    if task.params["absent"] == "accept" and not os.path.lexists(folder):
        return {"changed": False, "backups": [], "key_ids": []}
    if not os.path.isdir(folder):  # on another host or not mounted: an empty list would allow destroying keys
        raise BackupList(path=folder, reason="it does not exist")
    manifest.refuse_undescribed(folder)
    backups = [described.as_kept(path) for path, described in manifest.in_folder(folder)]
    needed = sorted({key_id for backup in backups for key_id in backup["key_ids"]})
    return {"changed": False, "backups": backups, "key_ids": needed}
