# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record tells, in the order in which a person asks: how it ended, who, when, what, the proof, what remains.

It reads the events that it knows by their names and passes over all others, so that a record of an earlier or a later
version, or one that ends in the middle, tells as much as it holds.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._errors.base import RotationError
from ...module_utils._monitoring import snapshot_table as monitoring
from ...module_utils._record import sshsig
from ...module_utils._record.chain import head
from ...module_utils._record.events import (
    ROLLBACK,
    ROTATE,
    BackupEvent,
    CensusEvent,
    ChecklistEvent,
    CountingEvent,
    EnvFileEvent,
    Event,
    KeyEvent,
    NotificationEvent,
    PictureEvent,
    ReadingEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
    ServicesEvent,
)
from ...module_utils._record.writer import Record
from ...module_utils._services.maintenance import BY_HAND
from . import final_state
from .acts import acts, moment, moment_of, people, retirements, seconds
from .acts import failure as failure_in
from .box import (
    aside_untold,
    kept_aside,
    left_behind,
    meanwhile,
    nested,
    no_syslog,
    not_running,
    opening,
    repaired,
    restored,
    stale,
    still_stopped,
    swapped_untold,
    unopened,
    written,
)
from .unsigned_lines import Unsigned, unsigned

COMPLETED, FAILED, ROLLED_BACK, OPEN = "completed", "failed", "rolled back", "open"
# What a step is called by people, by event and what was asked of it.
STEPS = {
    "rotation_checklist": "Checklist",
    "checklist_facts": "Checklist: the host",
    "application_reading": "The application reads",
    "application_commands": "The application's commands",
    "postgresql_backup_info": "Checklist: the backups",
    "postgresql_backup": "Backup",
    "postgresql_backup cleared": "Backup: left copies",
    "postgresql_restore": "Restore",
    "postgresql_restore prepared": "Restore: the copy",
    "postgresql_restore dropped": "Restore: the drop",
    "key_version": "Keys",
    "key_version adopted": "Keys: those in use",
    "key_version pending": "Keys: the new ones",
    "key_version current": "Store: new keys current",
    "key_version rolled_back": "Store: keys before current",
    "key_version agreed": "Keys: on every host",
    "key_version seen": "Keys: on every host",
    "application_services stopped": "Maintenance: stop",
    "application_services started": "Maintenance: start",
    "application_sessions": "Maintenance: writers gone",
    "application_health": "Maintenance: healthy",
    "application_logs": "Logs: errors since the start",
    "env_file prepared": "Switch: rehearsed",
    "env_file": "Switch: .env",
    "database_lease": "Lease of the databases",
    "django_reencrypt": "Re-encryption",
    "django_repair": "Repair from the backup",
    "django_census": "Census",
    "django_census proof": "Proof: by these keys alone",
    "process_keys": "Processes",
    "monitoring_probe": "Monitoring",
}
NOT_VALUES = ("empty",)
# What of a run back changes anything.
CHANGING = (ServicesEvent, ReencryptionEvent, RepairEvent, EnvFileEvent, KeyEvent, RestoreEvent)
NO_STEPS = (RunEvent, NotificationEvent)  # which have no intent of their own, or are the run itself
DAY = datetime.timedelta(days=1)


def story(record: Record) -> dict[str, Any]:
    """Everything that the pages show of one record. Raises E_RECORD_WRITE where it cannot be read."""
    events = record.decoded()
    ours = [event for event in events if isinstance(event, RunEvent)]
    settled = _settled(events)
    runs, keys, targets = acts(events), _keys(events), _targets(events)
    aside = _kept_aside(record, events)
    decided: Mapping[str, Any] = next(reversed(acts(settled)), {})  # the act that made it what it is now
    deciding = _but_for_rows(acts(settled))
    ending = deciding[-1] if deciding else decided
    granted = _taken_back_by(deciding) or ending  # which has no approval of its own
    told = {
        "rotation_id": record.rotation_id,
        "path": record.path,
        "status": _status(settled),
        "began": moment(events[0]) if events else None,
        "ended": moment(decided["events"][-1]) if decided else None,
        "seconds": seconds(events[0], runs[-1]["events"][-1]) if runs else 0,
        "act": runs[-1] if runs else {},
        "acts": [*runs, *_retirements(record, keys)],
        "refused": len(settled) < len(events),
        "reason": ending.get("reason"),
        "policy": _newest(ours, "policy_ref"),
        "clock": _newest(ours, "clock"),
        "retain_until": _newest(ours, "retain_until"),
        "generated": _newest([one for one in events if isinstance(one, KeyEvent)], "generated") or [],
        "environment": _newest(ours, "environment"),
        "method": _method(events),
        "authorization": granted.get("authorization") or {},
        "approval": granted.get("approval"),
        "granted_by": granted.get("granted_by") or "",
        "took_itself_back": granted is not ending,
        "people": sorted({person for run in runs for person in run["people"]}) or people(events),
        "control_nodes": sorted({event.control_node for event in events if event.control_node}),
        "hosts": sorted({event.host for event in events if event.host}),
        "tool": _newest(ours, "tool") or {},
        "settings": sorted(
            {name for event in events if isinstance(event, EnvFileEvent) and event.is_done for name in event.settings}
        ),
        "commands": _newest(ours, "commands") or {},
        "runs": [_placed_in(run) for run in runs],
        "targets": targets,
        "models": _models(targets),
        "values": sum(target["after"].get("values", target["before"]["values"]) for target in targets),
        "reencrypted": sum(target["reencrypted"] for target in targets),
        "proved": bool(targets) and all(target["proved"] for target in targets) and not _unopened(settled),
        "state": _state(record, events),
        "unopened": _unopened(settled),
        "restored_to": _restored_to(decided),
        "kept_aside": aside,
        "keys": keys,
        "promoted": any(stages.get("current", "") == keys["new"] for stages in _stages(events)),
        "versions": _newest(ours, "versions") or [],
        "backups": _backups(events),
        "checks": _checks(events),
        "pictures": _pictures(events),
        "warnings": [
            *_warnings(events, aside),
            *(" ".join(swapped_untold(alias, of).split()) for _, alias, of, _ in _untold(record, events)),
        ],
        "unsigned": [*unsigned(record), *_unsigned_retirements(record, keys)],
        "failure": _failure(settled),
        "not_running": not_running(settled),
        "failed_task": decided.get("failed_task"),
        "notifications": [event.raw for event in events if isinstance(event, NotificationEvent)],
        "head": head(record.rotation_id, record.text()),
        "chained": any("hash" in event.raw for event in events),
        "events": events,
    }
    return {**told, **_dates(told)}


def _state(record: Record, events: Sequence[Event]) -> final_state.FinalState:
    """What is where at the end of the record, and of what was done by hand since."""
    by_hand: Sequence[Event] = []
    with contextlib.suppress(RotationError):
        by_hand = Record(os.path.dirname(os.path.dirname(record.path)), BY_HAND).decoded()
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # of another version
        return final_state.of(events, still_stopped(events, by_hand))
    return final_state.FinalState(unknown="the record cannot be read", written=True)


def _stages(events: Iterable[Event]) -> Iterator[Mapping[str, str]]:
    """Which key ID had which stage, after each step of the store."""
    return (event.stages for event in events if isinstance(event, KeyEvent) and event.is_done and event.stages)


def _but_for_rows(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The acts without what was repaired or restored last: by whose word that was is told where the acts are."""
    stays = bool(runs) and runs[-1]["stays"] and runs[-1]["outcome"] == "done"
    return _but_for_rows(runs[:-1]) if stays else runs


def _taken_back_by(runs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The act of a rotation that its own run took back, which is told with what that was approved by."""
    if len(runs) < 2 or runs[-1]["direction"] != "rollback" or not runs[-1]["failed_task"]:
        return None
    before = runs[-2]
    ended = any(isinstance(event, RunEvent) and not event.is_intent for event in before["events"])
    back = runs[-1]["outcome"] == "done" or runs[-1]["events"][0].takes_itself_back
    return before if back and before["direction"] == "rotate" and not ended else None


def _last(events: Sequence[Event]) -> RunEvent:
    """The newest event by which a run began or ended."""
    return next((event for event in reversed(events) if isinstance(event, RunEvent)), RunEvent())


def _status(events: Sequence[Event]) -> str:
    last = _last(events)
    if last.is_done and last.name == ROTATE:
        return COMPLETED
    if last.is_done:
        ended = [run["direction"] for run in acts(events) if run["outcome"] == "done" and not run["stays"]]
        return COMPLETED if ended[-1:] == ["rotate"] else ROLLED_BACK
    return FAILED if last.is_failed else OPEN


def _settled(events: Sequence[Event]) -> Sequence[Event]:
    """The events without last runs back that were refused before they changed anything: all is as it was before."""
    starts = [index for index, event in enumerate(events) if event.name == ROLLBACK and event.is_intent]
    last = _last(events)
    if not starts or last.name != ROLLBACK or not last.is_failed:
        return events
    changed = any(_changes(event) for event in events[starts[-1] :])
    return events if changed else _settled(events[: starts[-1]])


def _changes(event: Event) -> bool:
    """Whether something was about to be changed: neither by a look, nor next to the data, as a restore's copy."""
    beside = event.state in ("prepared", "dropped", *final_state.LOOKING)
    return event.is_intent and isinstance(event, CHANGING) and not beside


def _newest(events: Sequence[Event], member: str) -> Any:
    return next((value for event in reversed(events) if (value := getattr(event, member))), None)


def _method(events: Sequence[Event]) -> str:
    return "migration" if any(event.raw.get("migration") for event in events) else "direct"


def _retirements(record: Record, keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What retire.yml has done, or was refused, with the keys of this rotation: it keeps a record of its own."""
    found = []
    for other in _of_retirements(record, keys):
        with contextlib.suppress(RotationError):  # the index names what cannot be read
            found += retirements(other.decoded())
    return found


def _unsigned_retirements(record: Record, keys: Mapping[str, Any]) -> Iterator[Unsigned]:
    for other in _of_retirements(record, keys):
        with contextlib.suppress(RotationError):
            yield from unsigned(other, f"the record {other.rotation_id}")


def _of_retirements(record: Record, keys: Mapping[str, Any]) -> Iterator[Record]:
    folder = os.path.dirname(os.path.dirname(record.path))
    for key_id in filter(None, (keys["old"], keys["new"])):
        yield Record(folder, f"retire-{key_id}")


def _placed_in(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run with its steps, every step with where in the run it lies, in per cent."""
    first = run["events"][0]
    return {**run, "steps": [_placed(step, first, run["seconds"]) for step in _steps(run["events"])]}


def _steps(inside: Sequence[Event]) -> list[dict[str, Any]]:
    """Intents with their outcomes; a step on several hosts at once is one. Who was told stands elsewhere."""
    steps: list[dict[str, Any]] = []
    for event in inside:
        if isinstance(event, NO_STEPS) or not (event.is_intent or event.is_done or event.is_failed):
            continue
        name = _called(event)
        step = steps[-1] if steps and steps[-1]["name"] == name else None
        if step is None:
            if not event.is_intent:
                step = next((one for one in reversed(steps) if one["name"] == name), None)
            if step is None:
                step = {"name": name, "first": event, "last": event, "outcome": "open", "waiting": 0}
                steps.append(step)
        step["last"] = event
        step["waiting"] += 1 if event.is_intent else -1
        if event.is_failed:
            step["outcome"] = "failed"
        elif step["outcome"] != "failed":
            step["outcome"] = "open" if step["waiting"] > 0 else "done"
    return steps


def _called(event: Event) -> str:
    state = "proof" if event.asked.get("expect_stage") else event.state
    return STEPS.get(f"{event.name} {state}") or STEPS.get(event.name) or event.name.replace("_", " ").capitalize()


def _placed(step: dict[str, Any], first: Event, total: float) -> dict[str, Any]:
    taken = seconds(step["first"], step["last"])
    left = min(100 * seconds(first, step["first"]) / total, 99.0)
    return {
        "name": step["name"],
        "outcome": step["outcome"],
        "seconds": taken,
        "left": round(left, 2),
        "width": round(min(max(100 * taken / total, 0.6), 100 - left), 2),
    }


def _targets(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Each column before the first re-encryption, and as the proof after the last one has found it."""
    counted = list(_counted_in(events))
    if not counted:
        return []
    first = counted[0]
    rewriting = [event for event in counted if isinstance(event, ReencryptionEvent)]
    proof = _proof(events)
    before, after = ({**_stages_at(events, event), **event.key_ids} for event in (first, proof))
    found = {_column(target): target for target in proof.targets}
    return [
        {
            "name": _column(target),
            "table": target.get("table") or "",
            "column": target.get("column") or "",
            "model": target.get("model") or "",
            "scheme": target.get("scheme") or "",
            "rows": found.get(_column(target), target).get("rows", 0),
            "before": _counted(target, before),
            "after": _counted(found[_column(target)], after) if _column(target) in found else {},
            "left_alone": found.get(_column(target), target).get("left_alone", 0),
            "unopened": _left_unopened(found.get(_column(target), {})),
            "reencrypted": sum(one.get("reencrypted", 0) for one in _of(rewriting, _column(target))),
            "proved": _same(proof, rewriting, target),
            "meanwhile": sum(proof.meanwhile.get(str(target.get("table")), {}).values()),
        }
        for target in first.targets
    ]


def _proof(events: Sequence[Event]) -> CensusEvent:
    """The census that proved what the last re-encryption has written; nothing where that failed, or none came since."""
    started = [index for index, event in enumerate(events) if isinstance(event, ReencryptionEvent)]
    since = events[started[-1] :] if started else []
    tried = [event for event in since if isinstance(event, CensusEvent) and event.is_proof and not event.is_intent]
    return tried[-1] if tried and tried[-1].is_done else CensusEvent()


def _unopened(events: Sequence[Event]) -> int:
    """How many values the last proof has let pass that no key opens."""
    count = _proof(events).unopened.get("count")
    return count if isinstance(count, int) else 0


def _left_unopened(target: Mapping[str, Any]) -> int:
    """The same of one column, as a census has it."""
    return sum(final_state.odd(target.get("classes") or {}).values())


def _restored_to(act: Mapping[str, Any]) -> str:
    """Of when the backup is that an act has put in the place of a database; empty where it has not."""
    swaps = list(_swaps(act.get("events", ())))
    with contextlib.suppress(KeyError, TypeError):
        return str(swaps[-1].backup["snapshot"]["time"]) if swaps else ""
    return "an unknown time"


def _untold(record: Record, events: Sequence[Event]) -> list[tuple[str, str, str, str]]:
    """What a restore has kept aside whose run was ended directly behind the swap."""
    with contextlib.suppress(AttributeError, KeyError, TypeError):  # of another version
        return aside_untold(record.rotation_id, events)
    return []


def _kept_aside(record: Record, events: Sequence[Event]) -> list[dict[str, str]]:
    """The databases that restores have kept aside and nobody has dropped: name, alias, and whose backup took the place,
    in whose record the drop is."""
    found = []
    for name, alias, backup, since in (*kept_aside(events), *_untold(record, events)):
        theirs = events
        if backup != record.rotation_id:
            with contextlib.suppress(RotationError):
                theirs = Record(os.path.dirname(os.path.dirname(record.path)), backup).decoded()
        sought = (event for event in theirs if isinstance(event, RestoreEvent) and name in event.sought)
        if not any(
            event.alias == alias and event.time >= since for event in sought
        ):  # an earlier restore may have had one too
            found.append({"name": name, "alias": alias, "backup": backup})
    return found


def _swaps(events: Iterable[Event]) -> Iterator[RestoreEvent]:
    """The events of a backup that took the place of a database."""
    for event in events:
        if (
            isinstance(event, RestoreEvent)
            and event.is_done
            and "aside" in event.restored
            and event.changed is not False
        ):
            yield event


def _from_backups(events: Iterable[Event], aside: Collection[str]) -> Iterator[str]:
    """What was taken from backups, what that lost, what of it is ``aside`` still, and what was not to be had."""
    for event in events:
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # of another version
            told: Iterable[str] = ()
            if isinstance(event, RepairEvent) and event.is_done:
                told = repaired(dict(event.raw))
            for swap in _swaps([event]):
                kept = swap.restored["aside"]
                told = restored({**swap.raw, "restored": {**swap.restored, "aside": kept if kept in aside else None}})
            lines = [" ".join(line.split()) for line in told]
            yield from (line for line in lines if not line.startswith("values "))  # which the census has


def _same(proof: CensusEvent, rewriting: Sequence[CountingEvent], target: Mapping[str, Any]) -> bool:
    """Whether every plaintext was proved: by the digest of all, or row by row if another process wrote some. A value
    that the proving process did not open, such as one that is encrypted twice, is not."""
    told = _digest([proof], _column(target))
    if any(_left_unopened(found) for found in _of([proof], _column(target))):
        return False
    return told is not None and (told == _digest(rewriting, _column(target)) or target.get("table") in proof.meanwhile)


def _counted_in(events: Iterable[Event]) -> Iterator[CountingEvent]:
    """The events that hold a census: a re-encryption has the one that was taken before it."""
    return (event for event in events if isinstance(event, CountingEvent) and event.is_done and event.targets)


def _of(events: Iterable[CountingEvent], name: str) -> list[Mapping[str, Any]]:
    """What events say of one column."""
    return [target for event in events for target in event.targets if _column(target) == name]


def _digest(events: Sequence[CountingEvent], name: str) -> Any:
    """The newest digest over a column's plaintexts."""
    said = _of(events, name)
    return said[-1].get("digest") if said else None


def _column(target: Mapping[str, Any]) -> str:
    return f"{target.get('table')}.{target.get('column')}"


def _counted(target: Mapping[str, Any], stages: Mapping[str, str]) -> dict[str, Any]:
    """Values of a column, and how many of them are under which key id, or of which other class."""
    classes = target.get("classes") or {}
    under: dict[str, int] = {}
    for name, count in classes.items():
        if name not in NOT_VALUES:
            under[stages.get(name, name)] = under.get(stages.get(name, name), 0) + count
    return {"values": sum(under.values()), "under": under, "empty": classes.get("empty", 0)}


def _stages_at(events: Sequence[Event], moment: Event) -> dict[str, str]:
    """Which key id had which stage when an event was written."""
    earlier = itertools.takewhile(lambda event: event is not moment, events)
    return dict(next(reversed(list(_stages(earlier))), {}))


def _models(targets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same by model, for a chart: for each the bars before and after, in per cent of the largest model."""
    models: dict[str, dict[str, Any]] = {}
    for target in targets:
        name = target["model"] or target["name"]
        model = models.setdefault(name, {"name": name, "before": {}, "after": {}, "reencrypted": 0})
        model["reencrypted"] += target["reencrypted"]
        for side in ("before", "after"):
            for key, count in target[side].get("under", {}).items():
                model[side][key] = model[side].get(key, 0) + count
    most = max((sum(model[side].values()) for model in models.values() for side in ("before", "after")), default=0)
    for model in models.values():
        for side in ("before", "after"):
            model[f"{side}_values"] = sum(model[side].values())
            model[f"{side}_bars"] = [
                {"key": key, "count": count, "width": round(100 * count / most, 2)}
                for key, count in model[side].items()
            ]
    return sorted(models.values(), key=lambda model: (-model["before_values"], model["name"]))


def _keys(events: Sequence[Event]) -> dict[str, Any]:
    """Key ids: the one before, the one that this rotation made, and which of them is current now."""
    stages = list(_stages(events))
    pending = next((one["pending"] for one in stages if one.get("pending")), None)
    old = next((one["current"] for one in stages if one.get("current") and one.get("current") != pending), None)
    now = stages[-1].get("current") if stages else None
    return {"old": old, "new": pending, "current": now}


def _backups(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The newest word on each dump: what it is, and how it was proved."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        for dump in event.dumps if isinstance(event, BackupEvent) and event.is_done else ():
            if isinstance(dump, Mapping) and dump.get("path"):
                found.setdefault(str(dump["path"]), {"size": 0, "sha256": "unknown"}).update(dump)
    return list(found.values())


def _checks(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The answers of the newest checklist, each with its name, status, what was seen, and what to do."""
    for event in reversed(events):
        checks = event.items if isinstance(event, ChecklistEvent) else ()
        if checks and all(isinstance(check, Mapping) for check in checks):
            return [dict(check) for check in checks]
    return []


def _pictures(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What monitoring saw before and after, as it says it itself."""
    found: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for event in events:
        if not isinstance(event, PictureEvent) or not event.picture:
            continue
        try:
            if isinstance(event, ReadingEvent):
                lines = [f"{event.host}:{line}" for line in opening(event.picture, before)]
                before = before or dict(event.picture)
            else:
                lines = list(monitoring.lines(event.picture, event.host))
        except (KeyError, TypeError, ValueError, AttributeError):  # of another version
            continue
        found += [{"time": moment(event), "lines": lines}] if lines else []
    return found


def _warnings(events: Sequence[Event], aside: Iterable[Mapping[str, str]]) -> list[str]:
    """What a person should know beside the failure itself. ``aside`` is what restores have kept."""
    found = []
    told = _failure(events).get("what")
    for event in events:
        if event.is_failed and not isinstance(event, NO_STEPS) and event.error.get("what") != told:
            code, what = event.error.get("code", "failed"), event.error.get("what", "")
            found.append(f"{_called(event)}: {code}: {what}".rstrip(": "))
        found += _warnings_of(event)
    found += (*stale(events), *left_behind(events), *_from_backups(events, {one["name"] for one in aside}))
    refused = events[len(_settled(events)) :]
    if refused:
        why = acts(refused)[-1]["failure"].get("code") or "see its last line"
        found.append(f"A rollback was tried at {refused[0].time} and stopped before it changed anything: {why}.")
    left = sum(target.get("left_alone", 0) for target in _newest(list(_counted_in(events)), "targets") or ())
    if left:
        found.append(f"{left:,} values were left alone as asked: no known key opens them.")
    return list(dict.fromkeys([*found, *no_syslog(events)]))


def _warnings_of(event: Event) -> Iterator[str]:
    """What one event says that a person should know."""
    if isinstance(event, CensusEvent):
        yield from (*meanwhile(event.meanwhile), *unopened(event.raw))
    elif isinstance(event, ReencryptionEvent):
        yield from nested([event])
    elif isinstance(event, PictureEvent):
        yield from written(event.picture)
    elif isinstance(event, NotificationEvent) and event.is_failed:
        who = "Not everybody" if event.reached else "Nobody"
        yield f"{who} was told by {event.channel} of the {event.about}: {event.found}"
    elif isinstance(event, RunEvent):
        for key in event.former_signers:
            yield f"The key that signs records was changed or lost before {event.time}: it was {_print(key)}."
        if event.resumed:
            yield f"A run that had not ended was gone on with at {event.time}."


def _print(key: object) -> str:
    try:
        return sshsig.fingerprint(str(key))
    except ValueError:
        return "none that can be read"


def _failure(events: Sequence[Event]) -> dict[str, Any]:
    """The error at which the last run has stopped, or for which the rotation was taken back by a later one.

    What an earlier run failed at was mended, and what was completed is not taken back for an error of its own.
    """
    status, runs = _status(events), acts(events)
    if not runs:
        return failure_in(events)
    if status != ROLLED_BACK:
        return dict(runs[-1]["failure"])
    rotated = [run for run in runs if run["direction"] == "rotate"]
    return dict(rotated[-1]["failure"]) if rotated and rotated[-1]["outcome"] != "done" else {}


def _dates(told: Mapping[str, Any]) -> dict[str, Any]:
    """When the next rotation is due and why then, and from when on the keys before can go."""
    rotations = [run["events"][0] for run in told["runs"] if run["direction"] == ROTATE]
    rotated = rotations[-1] if rotations else RunEvent()
    ended, completed = told["ended"], told["status"] == COMPLETED
    period, hold = rotated.cryptoperiod_days, rotated.hold_days
    gone = {one["key_id"]: one for one in told["acts"] if one["direction"] == "retire" and one["outcome"] == "done"}
    retired = gone.get(told["keys"]["old"])
    held = completed and not retired
    done = next((run["events"][-1] for run in reversed(told["runs"]) if _completes(run)), None)
    promised = moment(done) if done else None  # that the keys before would be retired, and when
    return {
        "cryptoperiod_days": period,
        "hold_days": hold,
        "compromised": False,
        **_due(told, period),
        "retired": retired,
        "retire": ended + hold * DAY if ended and hold is not None and held else None,
        "not_to_retire": promised + hold * DAY if promised and hold is not None and not held else None,
        "changed": max(ended, retired["began"]) if ended and retired and retired["began"] else ended,
    }


def _completes(run: Mapping[str, Any]) -> bool:
    return bool(run["direction"] == "rotate" and run["outcome"] == "done")


def _due(told: Mapping[str, Any], period: int) -> dict[str, Any]:
    """When and why. Keys that are compromised, or of which nobody knows how old they are, are to be rotated now."""
    ended, completed = told["ended"], told["status"] == COMPLETED
    versions = [one for one in told["versions"] if isinstance(one, Mapping)]
    current: Mapping[str, Any] = next((one for one in versions if one.get("stage") == "current"), {})
    made = moment_of(current.get("created"))
    reason = next((run["reason"] for run in reversed(told["runs"]) if run["direction"] == "rotate"), None)
    keys = told["keys"]
    in_use = bool(keys["new"]) and keys["current"] == keys["new"]
    if not completed and str(reason).startswith("compromise"):
        stays = "it has not ended, though new keys are in use," if in_use else "the keys in use are those before,"
        why = f"{stays} and the reason was {reason}"
        return {"due": ended, "due_now": True, "due_why": why, "compromised": True}
    if period and made and current.get("origin") == "adopted":
        why = f"the age of the keys in use is not known: they were made by hand, and adopted on {made:%Y-%m-%d}"
        return {"due": ended, "due_now": True, "due_why": why}
    since = made or (ended if completed else None)
    why = f"{period} days after the keys in use were made" + (
        "" if completed or in_use else ", which this one did not renew"
    )
    return {"due": since + period * DAY if since and period else None, "due_now": False, "due_why": why}
