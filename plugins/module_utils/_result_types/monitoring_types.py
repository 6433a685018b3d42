# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot of one check by monitoring, as results and records have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from .._engine.postgres.lease import Holder
    from .._engine.proof.census_result import ColumnCounts

ErrorCounts = Mapping[str, Mapping[str, int]]  # by log and pattern


class RetirableVersion(TypedDict):
    key_id: str
    stage: str
    held_until: str


class RotationFacts(TypedDict, total=False):
    """The facts about versions and dates from the key store and the records, and the commands to type.

    ``asked`` is when the store was read. ``opening`` is how long decryption took before the last rotation, with the
    time and source of the measurement.
    """

    commands: Mapping[str, str]
    open: str | None
    asked: str
    retirable: Sequence[RetirableVersion]
    retire: str | None
    key_id: str
    created: str
    origin: str
    due: str
    due_soon: str
    why: str
    opening: Sequence[Any] | None


class CensusSnapshot(TypedDict):
    """The census in a snapshot.

    ``ratio`` is the share of values under the current keys, ``whole`` whether every value could be tried.
    ``kept_aside`` has by database the key IDs that a restore has kept.
    """

    time: str
    targets: Sequence[ColumnCounts]
    values: int
    current: int
    ratio: float | None
    key_ids: Mapping[str, str]
    whole: bool
    kept_aside: Mapping[str, Sequence[str]]


class LogSnapshot(TypedDict, total=False):
    """The errors by log and pattern, and the ``new`` ones since the last check by the same kind of caller.

    ``told`` is when each log last had more errors than are tolerated.
    """

    since: str | None
    new: ErrorCounts
    totals: ErrorCounts
    told: Mapping[str, str]
    unreadable: int


class Measure(TypedDict):
    """A measurement: its seconds, and how many tries had no good answer."""

    what: str
    seconds: float | None
    tries: int
    errors: int
    error: str


class ComparedMeasure(Measure):
    """A measurement with its baseline, the ratio to it, and the ``limit``, the seconds above which it is slow."""

    baseline: float | None
    baseline_taken: str | None
    baseline_from: str | None
    ratio: float | None
    limit: float | None


class RetireAnswer(RetirableVersion):
    """The answer to whether a version may be destroyed, with the reasons if it may not."""

    safe: bool
    reasons: Sequence[str]
    backups: int


class MonitoringSnapshot(TypedDict, total=False):
    """The result of one check. If ``put_off`` is set, it says why nothing is judged."""

    time: str
    kept: bool
    project: str
    success: float
    census_asked: bool
    census: CensusSnapshot | None
    last_census: CensusSnapshot | None
    put_off: str
    at_work: Holder | None
    logs: LogSnapshot
    rotation: RotationFacts
    response: Sequence[ComparedMeasure]
    findings: list[dict[str, str]]
    warnings: Sequence[str]
    retire: Sequence[RetireAnswer]


class MonitoredHost(TypedDict):
    """The snapshot of a host, if it has one, whether it was ``reached``, and all its findings."""

    snapshot: MonitoringSnapshot | None
    reached: bool
    findings: list[dict[str, str]]
