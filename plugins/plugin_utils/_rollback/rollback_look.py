# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' reports before a rollback, and the operator's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...module_utils._errors.base import build_result, find_codes
from ...module_utils._errors.discovery import UnprovedColumn, WrongKey
from ...module_utils._errors.restore import RestoreShut
from ...module_utils._record.rotation_id import checked
from .._task_types import TaskRequest

if TYPE_CHECKING:
    from ...module_utils._backup.restore import BackupOutcome
    from ...module_utils._engine.result_types import CensusOutcome
    from ...module_utils._result_types.restore_types import BackupFacts


class LookFailed(Exception):
    """A check of the hosts failed, and the choice depends on its result."""

    def __init__(self, look: CensusOutcome | BackupOutcome, advice: str = "") -> None:
        """Keep the failed result ``look``. ``advice`` is what to do before its error's own advice."""
        super().__init__()
        self.result = {"failed": True, "msg": str(look.get("msg")), "error": look.get("error")}
        if (error := look.get("error")) and advice:
            self.result.update(build_result({**error, "todo": f"{advice} {error.get('todo')}"}))


@dataclass(frozen=True)
class RollbackLook(TaskRequest):
    """The options of rollback_strategy_info.

    ``census`` and ``backup`` are results of other modules, perhaps failures. ``files`` has the stage of each host's
    .env file.
    """

    census: CensusOutcome
    files: Mapping[str, str]
    backup: BackupOutcome
    done: Sequence[str]
    prefer: str
    repair: Sequence[str]
    rotation_id: str | None
    compromised: str = "refuse"  # whether to return to a compromised version: refuse or accept

    @property
    def requested_rotation(self) -> str | None:
        """The rotation that the operator named. Raise E_OPTION."""
        return checked(self.rotation_id) if self.rotation_id else None

    @property
    def names_backup(self) -> bool:
        """Return whether the rollback needs a backup: it restores or repairs rows, or this run already did."""
        return self.prefer in ("restore", "repair") or bool(self.done)

    @property
    def manifest(self) -> BackupFacts:
        """The manifest of the backup that was found; empty if there is no backup."""
        return self.backup.get("backup") or {}

    @property
    def is_shut(self) -> bool:
        """Return whether a failed restore left the database closed to all connections."""
        return (self.backup.get("error") or {}).get("code") == RestoreShut.code

    @property
    def has_unproved(self) -> bool:
        """Return whether the census failed because no key opens any value of a column."""
        return not find_codes(self.census).isdisjoint((UnprovedColumn.code, WrongKey.code))

    @property
    def counted(self) -> bool:
        """Return whether the census succeeded."""
        return "targets" in self.census
