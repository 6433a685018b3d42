# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One census: what it counts, what it is compared with, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..crypto.key_set import KeySet
    from ..discovery.findings.findings import Finding
    from ..proof.census_result import CensusResult
    from ..proof.census_tally import Tally
    from ..result_types import SinceFirstWrite
    from ..rewrite.concurrent_writers import ConcurrentWritesResult
    from ..rotation import Application


@dataclass(frozen=True)
class CensusOptions:
    """What a census counts, what it is compared with, and what it refuses.

    ``baseline`` is the census before, ``row_digests`` the file with its rows. ``concurrent_writes`` is what other
    processes have written since, ``written`` the rows that they had written before. ``reopened`` and ``last_proved``
    are of a preparation. ``leaving`` are the stages that the .env file is about to lose. ``keys_place`` names where the
    keys are, for an error.
    """

    digest_stage: str
    expect_stage: str | None = None
    baseline: list[CensusResult] = field(default_factory=list)
    row_digests: str | None = None
    concurrent_writes: ConcurrentWritesResult | None = None
    written: Mapping[str, Collection[str]] | None = None
    reopened: Sequence[CensusResult] = ()
    last_proved: Mapping[str, int] | None = None
    leaving: Sequence[str] | None = None
    serving: bool = False
    users_write: bool = False  # whether the application served all the while, so that rows of others are its users'
    report_only: bool = False
    accounted: bool = False
    accepts_unopened: bool = False
    run: str = ""
    keys_place: str = ""

    @property
    def reopened_columns(self) -> set[str]:
        """Return the columns that had values to open again after the preparation."""
        return {column.name for column in self.reopened}


@dataclass
class Compared:
    """The census that was compared with the baseline, and what differs.

    By table: the rows that another process wrote, and those that it added. By column: the rows whose value it changed,
    and the rows that differ although no one is known to have written them. ``composed`` are the results if not every
    value was decrypted for it. ``since`` is what a report found to differ from before the first write.
    """

    tallies: Sequence[Tally]
    composed: list[CensusResult] | None = None
    concurrent_rows: dict[str, dict[str, int]] = field(default_factory=dict)
    written: dict[str, list[str]] = field(default_factory=dict)
    added: dict[str, list[str]] = field(default_factory=dict)
    differing: dict[str, list[str]] = field(default_factory=dict)
    since: SinceFirstWrite | None = None

    @property
    def results(self) -> list[CensusResult]:
        return [tally.result for tally in self.tallies] if self.composed is None else self.composed


@dataclass(frozen=True)
class CensusTask:
    """One census: the options, the application, and the findings in columns outside of the rotation.

    ``read_keys`` returns the keys of the .env file. It raises E_ENV_* unless the application has its keys from there.
    """

    options: CensusOptions
    application: Application
    outside: Sequence[Finding]
    read_keys: Callable[[], KeySet]

    @cached_property
    def keys(self) -> KeySet:
        """Return the keys of the .env file. Those of a stage are used if they are equal, since computing a key ID is
        slow.

        Raise E_ENV_* unless the application has its keys from there.
        """
        keys = self.read_keys()
        return next((known for known in self.application.keyring.stages.values() if known == keys), keys)

    @property
    def key_ids(self) -> dict[str, str]:
        """Return the key ID of each stage."""
        keyring = self.application.keyring
        return {stage: keyring.key_id(stage) for stage in keyring.stages}

    @property
    def judged(self) -> list[CensusResult]:
        """Return those columns of the baseline that this census counts."""
        columns = self.options.reopened_columns
        return [column for column in self.options.baseline if not self.options.serving or column.name in columns]
