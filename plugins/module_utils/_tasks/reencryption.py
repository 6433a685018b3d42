# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One re-encryption of all values, whichever method does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from .host_task import ModuleResult, TaskParams

if TYPE_CHECKING:
    from .._engine.comparison.prepared_census import PreparedCensus
    from .._engine.proof.census_result import CensusResult
    from .._engine.result_types import DrainResult
    from .._engine.rewrite.concurrent_writers import ConcurrentWrites
    from .._engine.rewrite.rewrite_progress import Progress
    from .._engine.rewrite.rewriter import Share
    from .._engine.rewrite.throttle import Throttle
    from .._engine.rotation import Application


@dataclass
class Examined:
    """The census before the first write, and the ``refusal`` that follows from it.

    ``prepared`` is set if most of it was taken earlier. ``traced`` is whether the file of row digests has all rows. The
    rest of the proof can wait only if both are true.
    """

    results: list[CensusResult]
    refusal: RotationError | None = None
    prepared: PreparedCensus | None = None
    traced: bool = False

    def as_result(self) -> ModuleResult:
        if self.prepared is None or not self.traced:
            return {}
        changes = {table: dict(counts) for table, counts in self.prepared.changes.items() if counts}
        return {"reopened": [column.as_result() for column in self.prepared.reopened], "since_preparation": changes}


@dataclass
class Reencryption:
    """One re-encryption by any method.

    It has its progress, the census before it, other writers, this host's share, and its results.
    """

    params: TaskParams
    application: Application
    progress: Progress
    examined: Examined
    concurrent_writes: ConcurrentWrites
    share: Share

    def __post_init__(self) -> None:
        from .._engine.rewrite.rewriter import Work
        from .._engine.rewrite.worker_pool import Stop

        self.work, self.stop = Work(report=self.progress.add), Stop()

    @property
    def census(self) -> list[CensusResult]:
        """The census before it."""
        return self.examined.results

    def act(self) -> None:
        """Let the engine do all that is left."""
        from .._engine.rewrite.rewriter import RewritePolicy
        from .._engine.rewrite.worker_pool import cores

        params = self.params
        prepared = self.examined.prepared
        policy = RewritePolicy(
            not (params["reverse"] or self.examined.refusal),  # whether it stops at a value that does not open
            throttle_of(params, abortable=params["abortable"] and not params["reverse"]),
            self.share,
            self.concurrent_writes,
            params["prepared"],
            changed=prepared.keys if prepared and not params["concurrent_writes"] else {},
            settles=bool(prepared and params["concurrent_writes"]),
        )
        workers = params["workers"] or cores()
        with self.stop.listening():
            self.application.reencrypt(params["destination"], self.work, policy, workers=workers, stop=self.stop)

    def drain(self) -> DrainResult:
        """Let the engine do all that is left, until no other process has written under the keys that will go."""
        from .._engine.rewrite.drain import Drain
        from .._engine.rewrite.rewriter import changed
        from .._errors.database import NotDrained

        databases = [(database, survey.targets) for database, survey in self.application.databases]
        drain = Drain(
            databases,
            "newer keys" if self.params["reverse"] else "previous keys",
            self.params["drain"],
            self.work,
            self.act,
            self.application.progress.tell,
            self.stop.refuse_to_go_on,
        )
        try:
            with self.stop.listening():
                return drain.wait()
        except NotDrained as exc:
            key_id = self.application.keyring.key_id(self.params["destination"])
            raise exc.with_changed(changed(self.work, key_id)) from None


def throttle_of(params: TaskParams, *, abortable: bool) -> Throttle:
    """The throttle of the options, which obeys the orders of a person. Raise E_OPTION."""
    from .._engine.rewrite.throttle import Throttle, refuse_unfit
    from .._engine.rewrite.work_control import QUERIES, WorkControl

    asked = {name: value for name, value in (params["throttle"] or {}).items() if value is not None}
    queries = {name: asked.pop(name) for name in QUERIES if name in asked}
    refuse_unfit(asked)
    return Throttle(**asked, control=WorkControl(**queries, abortable=abortable))
