# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup as results and records have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class SnapshotMoment(TypedDict):
    """The time of the snapshot (UTC), and its position in the WAL."""

    time: str
    lsn: str | None


class Proof(TypedDict, total=False):
    """The kind of proof that a backup passed, what was compared in the copy, and how many tokens were opened in it."""

    kind: str
    time: str
    where: str
    tables: int
    rows: int
    tokens: int
    seconds: float


class DumpSummary(TypedDict, total=False):
    """The members of a manifest that a result and the record have, and the paths of both files.

    ``changed`` is whether this step made the backup. Before there is a backup, there are only the paths.
    """

    path: str
    manifest: str
    alias: str
    engine: str
    size: int
    sha256: str | None
    encrypted_to: Sequence[str]
    key_ids: Sequence[str]
    snapshot: SnapshotMoment
    proof: Proof | None
    changed: bool
