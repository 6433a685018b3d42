# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks for units that read a file with keys, and that the rotation does not stop."""

from __future__ import annotations

from ...module_utils._errors.destinations import FileShared
from .item import STOP, WARN, ChecklistItem, Observations


def unstopped(observations: Observations) -> list[ChecklistItem]:
    """Return an item for each file that such a unit reads: it would keep the previous keys.

    It stops the rotation, unless a command of the operator may stop the unit.
    """
    stopped = observations.stopped_units
    units: dict[str, set[str]] = {}
    for facts in observations.facts.values():
        for reader in facts["file_readers"]:
            if not stopped.intersection(reader["stopped_by"]):
                units.setdefault(reader["path"], set()).add(reader["unit"])
    status = STOP if observations.stops_only_units else WARN
    return [
        ChecklistItem.of_error("keys", FileShared(path=path, units=", ".join(sorted(names))).parts, status)
        for path, names in units.items()
    ]
