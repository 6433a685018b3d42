# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the application's own command re-encrypt, prove its result, and let the engine do the rest.

The command is one transaction (own_command.py). If any value is under the new version, an earlier run has committed it,
and the command never runs again on its own result. What it committed is compared with the census before it. A note on
this host keeps that census if a run is killed in between.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .._errors.application import OwnCommandNeeded, OwnCommandUnseen
from .._errors.base import RotationError
from .._system import atomic_file
from .host_task import ModuleResult

if TYPE_CHECKING:
    from .._engine.proof.census_result import CensusResult
    from .reencryption import Reencryption


def forwards(run: Reencryption) -> ModuleResult:
    """Re-encrypt to the new version.

    Raise E_OWN_COMMAND_FAILED, E_OWN_COMMAND_UNSEEN, the refusals of a census, E_COUNT_CHANGED and E_DIGEST_CHANGED.
    """
    from .._engine.discovery.findings.findings import refuse
    from .._engine.proof import census_comparison, census_findings
    from .._engine.proof.value_classes import UNOPENED

    if run.params["concurrent_writes"]:  # the pass after the switch: the command has run, and its result is proved
        run.act()
        return {}
    destination, application = run.params["destination"], run.application
    note = CensusNote(run.params["row_digests"], application.keyring.key_id(destination))
    done = sum(column.under(destination) for column in run.census)
    before = note.read() if done else run.census
    if before is None:
        raise OwnCommandUnseen(command=application.command_name, count=done)
    if not done:
        note.write(run.census)
        _run(run)
    tallies = application.census(destination)
    after = [tally.result for tally in tallies]
    refuse(census_findings.findings(tallies, UNOPENED))
    census_comparison.refuse_difference(before, after)
    run.concurrent_writes = (
        application.watch_concurrent_writes()
    )  # from now on: the command's own writes are not another process's
    return _finish(run, after)


def backwards(run: Reencryption) -> ModuleResult:
    """Re-encrypt to the previous version, if the command put a value under another one.

    Raise E_OWN_COMMAND_NEEDED if the command fails and only it can restore a column, E_COUNT_CHANGED and
    E_DIGEST_CHANGED.
    """
    from .._engine.proof import census_comparison

    destination, application = run.params["destination"], run.application
    if run.params["concurrent_writes"] or not any(column.not_under(destination) for column in run.census):
        run.act()
        return {}
    try:
        _run(run)
    except RotationError as exc:
        if run.stop.is_requested:
            raise
        if columns := application.made_by_command():
            raise OwnCommandNeeded(columns=", ".join(columns), reason=exc.what) from None
        return _finish(run, run.census, failed=str(exc))
    after = [tally.result for tally in application.census(destination)]
    census_comparison.refuse_difference(run.census, after)
    run.concurrent_writes = application.watch_concurrent_writes()
    return _finish(run, after)


def _run(run: Reencryption) -> None:
    with run.stop.listening():
        run.application.run_command(run.params["destination"], run.stop.refuse_to_go_on)


def _finish(run: Reencryption, after: Sequence[CensusResult], failed: str = "") -> ModuleResult:
    """Let the engine do the rest. Return the name of the command, how much it left, and why it failed, if it did."""
    destination = run.params["destination"]
    left = {column.name: column.not_under(destination) for column in after}
    for column in run.census:
        run.work.values[column.name] += max(column.not_under(destination) - left.get(column.name, 0), 0)
    run.act()
    return {"command": {"name": run.application.command_name, "left": sum(left.values()), "failed": failed}}


class CensusNote:
    """The census before the command, in a file on this host. ``key_id`` is the version that the command encrypts to.

    The file is next to the one of the ``row_digests``. It has counts and digests, and no values.
    """

    def __init__(self, row_digests: str | None, key_id: str) -> None:
        self._path = f"{row_digests}.command.json" if row_digests else ""
        self._key_id = key_id

    def write(self, census: Sequence[CensusResult]) -> None:
        """Keep the census. Raise OSError."""
        if self._path:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            text = json.dumps({"key_id": self._key_id, "census": [column.as_result() for column in census]})
            atomic_file.replace(self._path, text.encode())

    def read(self) -> list[CensusResult] | None:
        """Return the census of this version. None if this host has no such census."""
        from .._engine.proof.census_result import CensusResult

        try:
            with open(self._path, encoding="utf-8") as handle:
                note = json.load(handle)
        except (OSError, ValueError):
            return None
        if not isinstance(note, Mapping) or note.get("key_id") != self._key_id:
            return None
        return CensusResult.all_of(note["census"])
