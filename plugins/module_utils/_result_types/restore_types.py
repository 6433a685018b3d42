# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore as results and records have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from .backup_types import SnapshotMoment


class RestoredDatabase(TypedDict, total=False):
    """The result for the restored database.

    ``aside`` is the database that it replaced, if there was one. Before the swap there is the ``copy``.
    """

    database: str
    alias: str
    aside: str | None
    copy: str
    under: Mapping[str, int]


class BackupFacts(TypedDict, total=False):
    """The facts of a backup for a person; empty without a backup."""

    rotation_id: str
    snapshot: SnapshotMoment
    path: str
    size: int
    sha256: str | None
    key_ids: Sequence[str]


class LostRows(TypedDict):
    """The numbers of rows of a ``table`` that differ from the backup. None if they are unknown."""

    table: str
    added: int | None
    changed: int | None
    deleted: int | None
