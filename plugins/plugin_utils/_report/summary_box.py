# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary at the end of a run: the result, how long it took, what to know, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...module_utils._errors.base import address
from ...module_utils._errors.counts import counted
from ...module_utils._record.events import ROLLBACK, ROTATE, RepairEvent, RestoreEvent, RunEvent, for_compromise
from ...module_utils._system.timestamps import format_duration
from . import data_sentences, data_state, next_commands, restore_lines, sentences
from .downtime import Downtime
from .playbook_command import RESTORE, running_playbook
from .rotation_state import RotationState
from .run import Run
from .run_ending import Ending
from .step_lines import proof_line
from .summary_row import NO_BREAK, Row

TITLES = {ROTATE: "Key rotation", ROLLBACK: "Rollback of", RESTORE: "Restore of"}  # by playbook
NARROW, WIDE = 72, 118
MOST_DECIDED = 6  # decisions that the box lists
VERIFIED_TWICE = (
    "before the start each row was compared with what was prepared and verified, or decrypted again; after it every "
    "prepared value was decrypted again"
)


def lines(ending: Ending, width: int) -> Iterator[str]:
    """The summary of the run that just ended, line by line, for a terminal of this ``width``."""
    width = max(NARROW, min(width, WIDE))
    rule, run = "─" * min(width, 78), ending.run
    what = f"{format_title(run.direction)} {ending.state.rotation_id}"
    title = f" {what}: {run.ended.upper()} in {format_duration(run.seconds)}"
    yield from ("", rule, title, rule)
    for row in _rows(ending):
        yield from row.lines(width)
    yield rule


def format_title(direction: str) -> str:
    """What runs, before the ID of its rotation."""
    return TITLES[running_playbook(direction)]


def _rows(ending: Ending) -> Iterator[Row]:
    yield from _failure(ending)
    yield from _keys(ending)
    yield from _data(ending)
    yield from _times(ending)
    if ending.run.orders:
        yield Row("ordered", sentences.orders(ending.run.orders), whole=False)
    for event in ending.run.logins:
        yield Row("sessions", sentences.logins(event.logins), whole=False)
    yield from _backups(ending.state)
    yield from _exposed(ending)
    if ending.store:
        yield Row("store", ending.store)
    yield Row("record", ending.state.path)
    if ending.page:
        yield Row("report", ending.page)
    yield from _warnings(ending)
    yield from next_commands.rows(ending)


def _failure(ending: Ending) -> Iterator[Row]:
    run, error = ending.run, ending.error
    if error:
        yield Row("failed", f"{error.get('code', '')}: {error.get('what', '')}.", whole=False)
    if run.failed_task:
        yield Row("" if error else "failed", f"at: {run.failed_task}", whole=False)
    if ending.failed and error.get("todo"):
        yield Row("what to do", str(error["todo"]), whole=False)
        yield from _stopping(ending)
        yield from [Row("more", address(error["code"]))] if error.get("code") else []


def _stopping(ending: Ending) -> Iterator[Row]:
    """The items of the checklist that stopped the run, each with its code if it has one."""
    for item in ending.stopping:
        yield Row("", f"{item.get('name')}: {item['code'] or item.get('seen')}", whole=False)


def _keys(ending: Ending) -> Iterator[Row]:
    stages = ending.state.keys.stages
    current, previous = stages.get("current"), stages.get("previous")
    if not stages:
        return
    if ending.failed:
        text = ", ".join(f"{key_id} ({stage})" for stage, key_id in stages.items())
    elif not ending.stays:
        text = f"{current} (current again)"
    else:
        text = f"{previous} (previous) -> {current} (current)" if previous else f"{current} (current)"
    yield Row("keys", text)


def _data(ending: Ending) -> Iterator[Row]:
    """The state of the data, how many values of each model were opened, and how many this run re-encrypted."""
    state = ending.state.state
    if ending.failed:
        yield Row("data", " ".join(data_sentences.facts(state)), whole=False)
        return
    yield Row("values", data_sentences.values(state), whole=False)
    yield from _models(ending)
    yield from _not_counted(ending)
    label = ".env" if all(host.has_env_file for host in state.hosts.values()) else "place"
    for sentence in data_sentences.places(state):
        yield Row(label, sentence, whole=False)
    for event in ending.state.noted.from_backups_of(ending.state.number):
        yield from _from_backup(event, ending)
    yield from _swapped_and_killed(ending)


def _not_counted(ending: Ending) -> Iterator[Row]:
    """The columns that a rotation skipped because a person decided so."""
    targets = {f"{target.get('table')}.{target.get('column')}" for target in ending.state.census.last.targets}
    decided = sentences.not_counted(ending.state.settlements, targets)
    if not (decided and ending.completed):
        return
    yield Row("settled", "not among these values, because a person decided so:", whole=False)
    yield from (Row("", f"* {each}", whole=False) for each in decided[:MOST_DECIDED])
    if len(decided) > MOST_DECIDED:
        yield Row("", f"* {len(decided) - MOST_DECIDED} more, listed in the report")


def _models(ending: Ending) -> Iterator[Row]:
    models: dict[str, int] = {}
    for target in ending.state.census.last.targets:
        models[target["model"]] = models.get(target["model"], 0) + data_state.count_opened(target["classes"])
    width = max((len(name) for name in models), default=0)
    for name, count in sorted(models.items()):
        yield Row("", f"{name:<{width}} {count:>9,}")
    if ending.run.worked:
        yield Row("", f"{ending.run.reencrypted:,} were re-encrypted by this run")


def _from_backup(event: RepairEvent | RestoreEvent, ending: Ending) -> Iterator[Row]:
    """Yield what a run took from a backup, and the command that drops the former database."""
    if isinstance(event, RepairEvent):
        yield from restore_lines.repaired(replace(event, left=()))  # E_NOT_REPAIRED lists those at the end
        return
    if event.restored.get("copy"):
        return
    yield from restore_lines.without_values(restore_lines.format_restore(event))
    if event.restored.get("aside"):
        alias = event.restored.get("alias", "default")
        yield Row("", restore_lines.drop_command(event.backup["rotation_id"], alias))


def _swapped_and_killed(ending: Ending) -> Iterator[Row]:
    """Yield the rows about a restore that was killed right after the swap, if the former database is still kept
    aside."""
    restores = ending.state.restores
    for aside in restores.untold:
        if aside.name in restores.seen:
            yield restore_lines.swapped_untold(aside.alias, aside.backup)
            yield restore_lines.kept_aside(aside.name)
            yield Row("", restore_lines.drop_command(aside.backup, aside.alias))


def _times(ending: Ending) -> Iterator[Row]:
    taken = (f"{name} {format_duration(took)}" for name, took in ending.state.times.whole.items())
    yield Row("time", ", ".join(each.replace(" ", NO_BREAK) for each in taken), whole=False)
    yield from _mode(ending)
    yield from _prepared(ending.run, after_start=ending.state.census.proof.is_after_start)
    yield Row("downtime", _downtime(ending.state.downtime, ending.run), whole=False)


def _mode(ending: Ending) -> Iterator[Row]:
    state = ending.state
    if state.mode and ending.run.direction == ROTATE:
        because = f", because {state.mode_reason}" if state.mode_reason else ""
        yield Row("mode", f"{state.mode}{because}", whole=False)


def _prepared(run: Run, *, after_start: bool) -> Iterator[Row]:
    """Yield what was done while the application served, which is not part of the downtime.

    With ``after_start``, that includes a part of the proof.
    """
    if not run.prepared:
        return
    rows = sum(event.preparation.get("rows", 0) for event in run.prepared)
    seconds = sum(event.preparation.get("seconds", 0) for event in run.prepared)
    used = f"; {counted(run.by_sets, 'value was', 'values were')} changed by it" if run.worked else ""
    yield Row(
        "prepared",
        f"{counted(rows, 'row')} in {format_duration(seconds)}, while the application served{used}",
        whole=False,
    )
    if after_start:
        yield Row("verified", VERIFIED_TWICE, whole=False)
    for table, why in sorted(run.prepared[0].preparation.get("excluded", {}).items()):
        yield Row("", f"{table} was not prepared: {why}", whole=False)


def _downtime(downtime: Downtime, run: Run) -> str:
    if not downtime.outages:
        return "none: no service was stopped"
    fenced = "" if downtime.of_services else " (no service was stopped; writes to encrypted columns were refused)"
    if downtime.lasts:
        return f"since {downtime.began[11:19]} UTC, and not over yet{fenced}"
    if downtime.restarts and len(downtime.restarts) == len(downtime.outages):
        number = counted(len(downtime.restarts), "restart")
        return f"none: {number} of one host at a time, {format_duration(downtime.longest_restart)} at most"
    first = run.first
    earlier = isinstance(first, RunEvent) and not first.rolls_itself_back and downtime.began < first.time
    since = f", since the stop by an earlier run at {downtime.began[11:19]} UTC" if earlier else ""
    return f"{format_duration(downtime.seconds)}{since}{fenced}"


def _backups(state: RotationState) -> Iterator[Row]:
    for dump in state.backups:
        yield Row("backup", str(dump["path"]))
        digest = f"SHA-256 {dump['sha256']}" if dump["sha256"] else str(dump.get("engine"))
        yield Row("", f"{dump['size']:,} bytes, {digest}")
        yield Row("", proof_line(dump.get("proof")), whole=False)


def _exposed(ending: Ending) -> Iterator[Row]:
    """The backups that compromised keys open, by file."""
    if not for_compromise(ending.state.events):
        return
    paths = [*ending.state.exposed, *(str(dump["path"]) for dump in ending.state.backups)]
    if paths:
        yield Row("exposed", "The compromised keys open these backups, and every copy of them:", whole=False)
        yield from (Row("", path) for path in paths)


def _warnings(ending: Ending) -> Iterator[Row]:
    state = ending.state
    shown = {ending.error.get("what"), *state.services.ended.values()}  # in other rows
    texts = [*state.noted.of_run(state.number, shown)]
    texts += sentences.unwatched(state.checks) if ending.completed else []
    texts += sentences.unheeded(ending.run.orders) if ending.completed and ending.run.direction == ROTATE else []
    for sentence in dict.fromkeys(texts):
        yield Row("WARNING", sentence, whole=False)
    if why := state.not_running:
        yield Row("NOT UP", why, whole=False)
