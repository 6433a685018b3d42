# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether a run works on the databases of an application. If so, nothing that is seen counts as a finding.

The lease in the database shows the run (postgres/lease.py). A fork of this process reads it, since a process can start
the application only once, which the census needs. The application's environment also must not affect what is measured.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._destinations import key_destinations
from .._engine.application import django_project, key_worker
from .._engine.crypto.key_set import KeySet
from .._engine.postgres import lease, locks, server_info
from .._engine.postgres.connection import Database
from .._engine.postgres.lease import run_name
from .._errors.base import RotationError
from .._options.application_start import start_application
from .._record.run_lease import alive, is_here
from .._system.timestamps import seconds_since_1970

if TYPE_CHECKING:
    from .probe_options import ProbeOptions

PATIENCE = 60.0  # seconds for the application to start and the database to answer
SILENT = 24 * 3600.0  # seconds for which a run of another machine may work on nothing that shows, as on a backup


@dataclass(frozen=True)
class ActiveRun:
    """The state at one moment of a check.

    It has the holder of a lease, whether that run continues or died, and the key ID of the .env file.
    """

    at_work: lease.Holder | None = None
    died: lease.Holder | None = None
    key_id: str = ""  # empty if they cannot be read

    @classmethod
    def now(cls, params: ProbeOptions) -> ActiveRun:
        """Return the current state, empty if a run takes the snapshot of itself. If asking fails, the census reports
        why."""
        if params["looker"] == "rotation":
            return cls()
        return replace(_ask_in_fork(params), key_id=_key_id(params))

    def put_off(self, before: ActiveRun | None = None) -> str:
        """Return why nothing can be judged now, or since the state ``before``. Empty if there is no reason."""
        if self.at_work:
            who = "rotation {rotation_id} has been in progress since {since}, by {user} on {host}".format(
                **self.at_work
            )
            return f"{who}: the check gives its verdict after the run has ended"
        if before and before.key_id != self.key_id:
            return "the keys in the .env file were changed during this check: the next check gives the verdict"
        return ""


def _ask_in_fork(params: ProbeOptions) -> ActiveRun:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, params), daemon=True)
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(PATIENCE) else ActiveRun()
    except EOFError:  # it had no result
        return ActiveRun()
    finally:
        ours.close()
        process.kill()
        process.join()


def _tell(pipe: Any, params: ProbeOptions) -> None:
    key_worker.silence()
    with contextlib.suppress(Exception):
        pipe.send(_runs(params))


def _runs(params: ProbeOptions) -> ActiveRun:
    over = params.get("over")
    start_application(params)
    for alias in django_project.aliases():
        with contextlib.closing(Database(alias, "monitoring", params["direct"].get(alias, {}))) as database:
            held = None if server_info.is_replica(database) else lease.read_holder(database)
            if held:
                is_over = over and run_name(over) == run_name(held)
                return ActiveRun(died=held) if is_over or not _goes_on(held, database) else ActiveRun(at_work=held)
    return ActiveRun()


def _goes_on(held: lease.Holder, database: Database) -> bool:
    """Judge by its sessions in this database, or its process. A run on another machine counts as running for a day."""
    young = time.time() - seconds_since_1970(held["since"]) < SILENT
    return locks.find_other_run(database, "") is not None or (alive(held) if is_here(held) else young)


def _key_id(params: ProbeOptions) -> str:
    try:
        return KeySet(key_destinations.read(params["env_file"], params["keys"], dialect=params["dialect"])).key_id
    except RotationError:
        return ""
