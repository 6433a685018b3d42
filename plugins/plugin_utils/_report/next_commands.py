# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the summary that say what to type next, and what rolls the run back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...module_utils._engine.proof.repair_option import format_repair
from ...module_utils._errors.discovery import PlanChanged, PlanFile, PlanNotReady
from ...module_utils._record.events import ROLLBACK, ROTATE
from .event_time import day
from .playbook_command import command, named_command, running_playbook
from .run_ending import Ending
from .summary_row import Row

PLAN_ERRORS = {PlanNotReady.code, PlanChanged.code, PlanFile.code}  # the same command would fail again


def rows(ending: Ending) -> Iterator[Row]:
    """Yield the next commands. After a failure there is one; after a success, also the command that rolls back."""
    state, run = ending.state, ending.run
    if ending.failed:
        again = command("plan" if ending.codes & PLAN_ERRORS else running_playbook(run.direction))
        named = named_command(ending.error)
        yield Row("next", named or again)
        can_roll_back = run.direction == ROTATE and state.keys.new and named != command(ROLLBACK)
        yield from [Row("roll back", command(ROLLBACK))] if can_roll_back else []
        return
    if run.is_empty:
        yield from _standing(ending)
    if state.not_running:
        yield Row("next", command("maintenance", ["-e", "key_rotation_maintenance=off"]))
        yield Row("", "(after you have fixed that: it starts the services)", whole=False)
    elif ending.completed:
        yield from _retire(ending)
    elif run.left_by_name:
        yield Row("next", f"{command(ROLLBACK)} {format_repair(run.left_by_name)}")
        yield Row("", "(takes the remaining values from the backup, and nothing else of their rows)", whole=False)
    else:
        yield Row("next", command("verify" if run.stays else ROTATE))
    if ending.stays and not run.is_empty and len(state.keys.stages) != 1:
        yield Row("roll back", command(ROLLBACK))


def _retire(ending: Ending) -> Iterator[Row]:
    previous, since = ending.state.keys.stages.get("previous"), ending.state.schedule.retire
    if not previous:
        yield Row("next", command("verify"))
        return
    yield Row("next", command("retire", ["-e", f"key_rotation_retire_key_id={previous}"]))
    when = f"from {day(since)} on, " if since else ""
    yield Row("", f"({when}if nothing needs the previous version anymore)", whole=False)


def _standing(ending: Ending) -> Iterator[Row]:
    """The completed rotation that the rollback of a later, empty one left unchanged, and how to roll it back."""
    by_stage = {version.get("stage"): version for version in ending.state.said.versions if isinstance(version, Mapping)}
    current = by_stage.get("current")
    if current and "previous" in by_stage:
        rotation_id = current["rotation_id"]
        sentence = f"Rotation {rotation_id}, which was completed earlier, was not rolled back: its keys stay current."
        yield Row("kept", sentence, whole=False)
        yield Row("roll back", command("rollback", ["-e", f"key_rotation_id={rotation_id}"]))
