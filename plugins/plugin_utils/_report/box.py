# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads: the census as a table, and how a rotation or a rollback has ended, from its record."""

from __future__ import annotations

import datetime
import os
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from ansible import context

from ...module_utils._backup.database_swap import aside_of
from ...module_utils._engine.proof.census import NESTED
from ...module_utils._engine.proof.damage import shown
from ...module_utils._monitoring.response_times import milliseconds
from ...module_utils._record.events import (
    BackupEvent,
    CensusEvent,
    ChecklistEvent,
    Event,
    HealthEvent,
    KeyEvent,
    PictureEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
    ServicesEvent,
)
from ...module_utils._record.writer import Record
from ...module_utils._services.commands import REMOVAL
from . import final_state
from .acts import acts, had_nothing_to_take_back

TITLES = {"rotate": "Key rotation", "rollback": "Rollback of"}
NOBODY_LOOKS = "no unit in key_rotation_services, none in key_rotation_processes: nobody looks at their keys"
RULE = "─" * 78
WIDTH = 118  # of a line of advice
SHOWN = 12  # columns of one finding
# What of the -e options is shown again: places and names, never what might be a secret.
_SAFE_EXTRA = re.compile(
    r"key_rotation_(environment|project_dir|python|user|env_file|settings_module|hosts|plan|record_dir"
    r"|backup_(dir|identity_file|recipients|encrypt)|pg_bindir|method)=\S+|@\S+"
)


def lines(record: Record, variables: Mapping[str, Any], *, completed: bool, page: str | None = None) -> Iterator[str]:
    """The summary of the run that just ended, line by line; ``page`` is its report."""
    events = record.decoded()
    direction = "rotate" if completed else "rollback"
    begun = record.begun(direction)
    done = [event for event in events if event.is_done]
    seconds = (_time(events[-1]) - _time(begun)).total_seconds()
    yield ""
    yield RULE
    run = acts(events)[-1]
    idle = had_nothing_to_take_back(run["events"])
    stays = completed or run["stays"] or idle
    back = stays and not idle and _to_take_back(done)
    yield f" {TITLES[direction]} {record.rotation_id}: {run['ended'].upper()} in {seconds:.0f} s"
    yield RULE
    yield from _keys(done, stays)
    run_events = [event for event in events if event.raw["seq"] > begun.raw["seq"]]
    state = final_state.of(events)
    yield from _values([event for event in run_events if event.is_done], state)
    yield from (f"  .env       {sentence}" for sentence in final_state.env_files(state))
    yield from _from_backups(run_events, variables)
    yield from _swapped_and_killed(record.rotation_id, events, variables)
    yield from _backup(done)
    yield from (f"  WARNING    {sentence}" for sentence in left_behind(events))
    yield f"  record     {record.path}"
    for told in unwatched(events) if completed else ():
        yield f"  WARNING    {told}"
    if why := not_running(run_events):
        yield f"  NOT UP     {why}"
    if page:
        yield f"  report     {page}"
    for sentence in no_syslog(events):
        yield f"  WARNING    {sentence}"
    if idle:
        yield from _standing(run["events"], variables)
    yield f"  {'roll back ' if back else 'again     '} {command(variables, 'rollback' if back else 'rotate')}"
    yield RULE


def not_running(events: Iterable[Event]) -> str:
    """Why the application is not up on some host at the end of these events; empty where it is, or was not started."""
    ended: dict[str, str] = {}
    for event in events:
        if isinstance(event, (ServicesEvent, HealthEvent)) and not event.is_intent:
            ended[event.host] = event.error.get("what", "") if event.is_failed else ""
    return "; ".join(f"{host}: {why}" for host, why in ended.items() if why)


def unwatched(events: Iterable[Event]) -> Iterator[str]:
    """What the checklist has warned of that stays true in the end: whose keys nobody has looked at."""
    items = [event.items for event in events if isinstance(event, ChecklistEvent)]
    for item in items[-1] if items else ():
        if (item.get("status"), item.get("seen")) == ("warn", NOBODY_LOOKS):
            yield f"{item.get('name')}: {NOBODY_LOOKS}"


def left_behind(events: Iterable[Event]) -> Iterator[str]:
    """One sentence where the test record could not be removed."""
    removals = [event for event in events if event.asked.get("purpose") == REMOVAL]
    if removals and removals[-1].is_failed:
        why = removals[-1].error.get("what", "see the record")
        yield (
            f"The test record is still there: {why}. Run the command remove of key_rotation_test_record by hand in the "
            "project's folder, as the owner of the project."
        )


def still_stopped(events: Iterable[Event], by_hand: Iterable[Event] = ()) -> dict[str, list[str]]:
    """By host, the services that were stopped and that nothing has started since; of what was done ``by_hand``, in a
    record of its own, the starts count."""
    stopped: dict[str, list[str]] = {}
    starts = [event for event in by_hand if event.state == "started"]
    for event in sorted([*events, *starts], key=lambda event: event.time):
        if isinstance(event, ServicesEvent) and event.is_done:
            if event.state == "started":
                stopped.pop(event.host, None)
            elif event.services:
                stopped[event.host] = list(event.services)
    return stopped


def no_syslog(events: Iterable[Event]) -> Iterator[str]:
    """One sentence for each control node without a syslog: what is in the folder and the store is then in no log."""
    every = list(events)
    missed = [event.control_node for event in every if event.syslog is False]
    for host in sorted(set(missed)):
        count = missed.count(host)
        yield (
            f"There was no syslog on {host}: the hashes of {count:,} of {len(every):,} lines of the record went to no "
            "log. Only the store's head, and what lies beside the record, tell whether it is whole."
        )


def _keys(done: Sequence[Event], stays: bool) -> Iterator[str]:
    for stages in [event.stages for event in done if isinstance(event, KeyEvent)][-1:]:
        if stays and "previous" not in stages:
            yield f"  keys       {stages.get('current')} (current)"
        elif stays:
            yield f"  keys       {stages.get('previous')} (previous) -> {stages.get('current')} (current)"
        else:
            yield f"  keys       {stages.get('current')} (current again)"


def _standing(run_events: Sequence[Event], variables: Mapping[str, Any]) -> Iterator[str]:
    """The completed rotation that a rollback of a later, empty one leaves as it is, and the command that takes it
    back."""
    versions = next(event.versions for event in reversed(run_events) if isinstance(event, RunEvent) and event.is_done)
    by_stage = {version.get("stage"): version for version in versions}
    current = by_stage.get("current")
    if current and "previous" in by_stage:
        rotation_id = current["rotation_id"]
        yield f"  stands     Rotation {rotation_id}, completed before, was not rolled back: its keys stay current."
        yield f"  roll back  {command(variables, 'rollback', ['-e', f'key_rotation_id={rotation_id}'])}"


def _to_take_back(done: Sequence[Event]) -> bool:
    """Whether the store has more than the current keys, so far as the record knows."""
    return all(len(event.stages) > 1 for event in [one for one in done if isinstance(one, KeyEvent)][-1:])


def _values(done: Sequence[Event], state: final_state.FinalState) -> Iterator[str]:
    """The state of the values, how many of each model were opened, and how many this run re-encrypted."""
    proof = last_census(done)
    models: dict[str, int] = {}
    for target in proof.targets:
        models[target["model"]] = models.get(target["model"], 0) + final_state.opened(target["classes"])
    worked = [target for event in done if isinstance(event, ReencryptionEvent) for target in event.targets]
    width = max((len(name) for name in models), default=0)
    yield f"  values     {final_state.values(state)}"
    for name, count in sorted(models.items()):
        yield f"             {name:<{width}} {count:>9,}"
    if worked:
        yield f"             {sum(target['reencrypted'] for target in worked):,} were re-encrypted by this run"
    read = next((one.picture for one in reversed(done) if isinstance(one, PictureEvent) and one.picture), None)
    told = (*meanwhile(proof.meanwhile), *written(read), *unopened(proof.raw))
    for sentence in (*nested(done), *told, *stale(done)):
        yield f"  WARNING    {sentence}"


def _from_backups(events: Sequence[Event], variables: Mapping[str, Any]) -> Iterator[str]:
    """What a run has taken from backups, or could not take."""
    for event in events:
        if isinstance(event, RepairEvent) and event.is_failed:
            yield f"  WARNING    Nothing was repaired from the backup: {event.error.get('what', 'see the record')}."
        elif isinstance(event, RepairEvent) and event.is_done:
            yield from repaired({**event.raw, "left": []})  # which the end names with E_UNREADABLE
        elif isinstance(event, RestoreEvent) and event.is_done:
            yield from _swapped(event, variables)


def _swapped(event: RestoreEvent, variables: Mapping[str, Any]) -> Iterator[str]:
    """What a restore has put in the place of a database, and the command that drops what it has kept aside."""
    done = event.restored
    if done.get("copy"):
        return
    yield from restored(event.raw)
    if done.get("aside"):
        yield _drop(event.backup["rotation_id"], done.get("alias", "default"), variables)


def _swapped_and_killed(rotation_id: str, events: Sequence[Event], variables: Mapping[str, Any]) -> Iterator[str]:
    """The same of a restore whose run was ended directly behind the swap, while that lies aside."""
    for name, alias, backup, _ in aside_untold(rotation_id, events):
        if name in last_census(events).kept_aside:
            yield f"  {swapped_untold(alias, backup)}"
            yield _aside(name)
            yield _drop(backup, alias, variables)


def aside_untold(rotation_id: str, events: Sequence[Event]) -> list[tuple[str, str, str, str]]:
    """The same as kept_aside of restores whose run was ended directly behind the swap, and has told nobody: by what a
    census has seen aside since."""
    found = []
    restores = [(index, event) for index, event in enumerate(events) if isinstance(event, RestoreEvent)]
    tried = {event.alias: index for index, event in restores if event.state == "present"}  # the last of each
    for alias, index in tried.items():
        backup = events[index].asked.get("backup_of", rotation_id)
        made = [one.restored for place, one in restores if place < index and one.restored.get("alias") == alias]
        name = aside_of(made[-1]["database"], backup) if made else ""  # the copy was made before
        seen = [one.time for one in events[index:] if isinstance(one, CensusEvent) and name in one.kept_aside]
        known = [(of, other) for of, other, *_ in kept_aside(events[:index])]
        if events[index].is_intent and seen and (name, alias) not in known:
            found.append((name, alias, backup, seen[0]))
    return found


def swapped_untold(alias: str, backup: str) -> str:
    """What such a restore has done."""
    done = f"DATABASES[{alias}] is now the backup of {backup}"
    return f"restored   {done}: an earlier run was ended directly behind the swap"


def kept_aside(events: Iterable[Event]) -> list[tuple[str, str, str, str]]:
    """The databases that restores have kept aside and nobody has dropped: name, alias, whose backup took the place,
    and when."""
    found: dict[tuple[str, str], tuple[str, str, str, str]] = {}  # two servers may have one of the same name
    for event in (one for one in events if isinstance(one, RestoreEvent)):
        for name in (*event.dropped, *event.sought):  # none of which is there now
            found.pop((name, event.alias), None)
        aside, alias = event.restored.get("aside"), event.restored.get("alias", "default")
        if event.is_done and aside and "rotation_id" in event.backup:
            found[aside, alias] = (aside, alias, event.backup["rotation_id"], event.time)
    return list(found.values())


def _drop(rotation_id: str, alias: str, variables: Mapping[str, Any]) -> str:
    """The command that drops what a restore has kept aside."""
    options = [f"key_rotation_id={rotation_id}"]
    options += [f"key_rotation_restore_alias={alias}"] if alias != "default" else []
    options.append("key_rotation_restore_drop=true")
    return f"             {command(variables, 'restore', [word for one in options for word in ('-e', one)])}"


def left_copies(copies: Mapping[str, Mapping[str, str]], variables: Mapping[str, Any]) -> Iterator[str]:
    """Of each copy that a restore has made and not put in the place of a database, what it is and what drops it."""
    for alias, found in copies.items():
        for name, rotation_id in found.items():
            what = f"{name} lies beside, the copy of a restore that was not finished. The same restore goes on with it"
            yield f"{what}; {_drop(rotation_id, alias, variables).strip()} drops it."


def last_census(events: Sequence[Event]) -> CensusEvent:
    """The newest of these events that counts values by themselves: of a run that ended well, its proof."""
    return next((event for event in reversed(events) if isinstance(event, CensusEvent)), CensusEvent())


def unopened(proof: Mapping[str, Any]) -> Iterator[str]:
    """One sentence where a census has let values pass that no key opens."""
    if left := proof.get("unopened"):
        what = "values are unencrypted or open under no known key, and stay unchanged"
        yield f"{left.get('count', 0):,} {what}: {left.get('rows')}"


def nested(events: Iterable[Event]) -> Iterator[str]:
    """One sentence if values were encrypted twice before a re-encryption, which wrote each as one token."""
    counts: dict[str, int] = {}
    for event in events:
        for target in event.targets if isinstance(event, ReencryptionEvent) else ():
            name = f"{target.get('table')}.{target.get('column')}"
            counts[name] = max(counts.get(name, 0), (target.get("classes") or {}).get(NESTED, 0))
    found = {name: count for name, count in sorted(counts.items()) if count}
    if found:
        where = ", ".join(f"{count:,} in {name}" for name, count in found.items())
        yield (
            f"{sum(found.values()):,} values were encrypted twice, and are one token now ({where}). A process with "
            "other keys wrote them: find it and restart it."
        )


def stale(events: Iterable[Event]) -> Iterator[str]:
    """One sentence for each search column of which digests were met that nothing explains: on the last way that was
    gone, since each meets the same ones."""
    counts: dict[str, int] = {}
    under = None
    for event in (one for one in events if isinstance(one, ReencryptionEvent)):
        if event.stale is not None and event.key_id != under:
            counts, under = {}, event.key_id
        for column, count in (event.stale or {}).items():
            counts[column] = counts.get(column, 0) + count
    for column, count in sorted(counts.items()):
        yield (
            f"{count:,} digests in {column} stay: none of the ways in which others there are computed had made them of "
            "their row. Have the application make them anew, or searches by them may find nothing."
        )


def meanwhile(tables: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """One sentence for each table in which other processes wrote during a run."""
    for table, counts in sorted(tables.items()):
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        yield (
            f"{sum(counts.values()):,} rows of {table} were written by another process meanwhile ({told}). What it "
            "wrote is under the same keys as all else, and all other rows are the same, row by row. Find that process, "
            "and restart it: it may hold other keys. If a trigger wrote them, there is nothing to do."
        )


def written(picture: Mapping[str, Any] | None) -> Iterator[str]:
    """One sentence for each way in which values that another process changed are read, other than as values."""
    by_way: dict[str, list[str]] = {}
    for value, reads in (picture or {}).get("written") or ():
        by_way.setdefault(str(reads), []).append(str(value))
    for reads, values in sorted(by_way.items()):
        yield f"{len(values):,} values that another process changed are read as {reads}: {shown(values)}"


def _backup(done: Sequence[Event]) -> Iterator[str]:
    for event in [event for event in done if isinstance(event, BackupEvent) and event.dumps][-1:]:
        for dump in event.dumps:
            yield f"  backup     {dump['path']}"
            digest = f"SHA-256 {dump['sha256']}" if dump["sha256"] else str(dump["engine"])
            yield f"             {dump['size']:,} bytes, {digest}"
            yield f"             {_proof(dump.get('proof'))}"


def census(targets: list[dict[str, Any]]) -> Iterator[str]:
    """One line per target: how many values are of which class."""
    names = [f"{target['table']}.{target['column']}" for target in targets]
    width = max(map(len, names), default=0)
    for name, target in zip(names, targets):
        classes = _with_left_alone(target)
        counts = ", ".join(f"{count:,} {found}" for found, count in sorted(classes.items(), key=lambda item: -item[1]))
        yield f"  {name:<{width}}  {target['rows']:>9,} rows: {counts or 'none'}"


def moving(numbers: dict[str, Any]) -> str:
    """How far a long step is, in one line; of a re-encryption in all, and then with the target in hand."""
    if "doing" in numbers:
        return f"  {_step(numbers)}"
    in_hand = [target for target in numbers["targets"] if 0 < target["done"] < target["total"]][:1]
    each = [f"  {_share(numbers)}, {_pace(numbers)}", *(f"{target['column']} {_share(target)}" for target in in_hand)]
    return "; ".join(each)


def progress(numbers: dict[str, Any]) -> Iterator[str]:
    """The same; of a re-encryption with a line for each target that is begun and not done."""
    if "doing" in numbers:
        yield f"  {_step(numbers)}"
        return
    for target in numbers["targets"]:
        if 0 < target["done"] < target["total"]:
            yield f"  {target['column']}: {_share(target)}, {_pace(target)}"
    yield f"  in all {_share(numbers)}, {_pace(numbers)}"


def _step(numbers: dict[str, Any]) -> str:
    doing, done, most, seconds = (numbers[name] for name in ("doing", "done", "most", "seconds"))
    if done is None:
        return f"{doing}, {_minutes(seconds)}"
    rate = done / max(seconds, 1)
    if numbers["unit"] == "bytes":
        return f"{doing}: {done / 1e6:,.1f} MB of at most about {most / 1e6:,.1f} MB, {rate / 1e6:,.1f} MB/s"
    if not most or most < done or not rate or not seconds:
        return f"{doing}: {done:,} rows, {rate:,.0f}/s"
    return f"{doing}: {done:,} of about {most:,} rows, {rate:,.0f}/s, {_minutes(round((most - done) / rate))} left"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02} min"


def backed_up(dumps: list[dict[str, Any]]) -> Iterator[str]:
    """One line per backup: where it lies and how it is encrypted."""
    for dump in dumps:
        if dump["engine"] != "pg_dump":
            yield f"  {dump['engine']} {dump['path']}, described in {dump['manifest']}"
            continue
        sealed = f"encrypted to {len(dump['encrypted_to'])} recipients" if dump["encrypted_to"] else "in clear"
        yield f"  {dump['path']}: {dump['size']:,} bytes, {sealed}"
        yield f"  {_proof(dump['proof'])}"


def kept_backups(backups: list[dict[str, Any]]) -> Iterator[str]:
    """One line per backup that is kept: of when it is and what it needs."""
    for one in backups:
        needs = ", ".join(one["key_ids"]) or "no keys"
        yield f"  {one['manifest']}: {one['database']} as of {one['snapshot']['time']}, needs {needs}"


def versions(found: list[dict[str, Any]]) -> Iterator[str]:
    """One line per version of the keys, oldest first."""
    for version in found:
        made = f"made {version['created']} by {version['rotation_id']}"
        gone = f", destroyed {version['destroyed']}" if version["destroyed"] else ""
        yield f"  {version['key_id']}  {version['stage'] or '-':<8}  {version['state']:<14}  {made}{gone}"


def _proof(proof: dict[str, Any] | None) -> str:
    """How a backup was proved."""
    if not proof or proof["kind"] == "none":
        return "not proved by a restore"
    values = f"{proof['tokens']:,} encrypted values{' of a sample' if proof['kind'] == 'sample' else ''}"
    same = f"{proof['rows']:,} rows of {proof['tables']} tables the same"
    return f"proved in {proof['seconds']:.0f} s: restored into {proof['where']}, {same}, {values} opened"


def _share(numbers: dict[str, Any]) -> str:
    done, total = numbers["done"], numbers["total"]
    return f"{done:,} of {total:,} values ({100 * done / total if total else 100:.1f} %)"


def _pace(numbers: dict[str, Any]) -> str:
    left = numbers["seconds_left"]
    remaining = "time left unknown" if left is None else f"{_minutes(left)} left"
    if numbers.get("waits_for"):
        remaining = f"waits for {numbers['waits_for']}"
    return f"{numbers['values_per_second']:,}/s, {remaining}, {numbers['retries']:,} retries"


def reencrypted(result: dict[str, Any]) -> Iterator[str]:
    """One line per target: what was re-encrypted of how much; then what it took."""
    targets = [target for target in result.get("targets", []) if target["reencrypted"]] if result.get("work") else []
    names = [f"{target['table']}.{target['column']}" for target in targets]
    width = max(map(len, names), default=0)
    for name, target in zip(names, targets):
        yield f"  {name:<{width}}  {target['rows']:>9,} rows: {target['reencrypted']:,} values re-encrypted"
    if result.get("work") and not targets:
        yield "  nothing was left under other keys"
    elif targets:
        work = result["work"]
        yield f"  {work['seconds']} s, {work['passes']} passes over tables, {work['conflicts']:,} rows tried again"
    for table in result.get("vacuum", []):
        yield f"  note: every row of {table} was written anew: VACUUM ANALYZE it, or leave that to autovacuum"


def share(result: dict[str, Any], host: str) -> Iterator[str]:
    """What one of several hosts did, in one line."""
    if result.get("work"):
        count, work = sum(target["reencrypted"] for target in result["targets"]), result["work"]
        yield f"  {host}: {count:,} values re-encrypted in {work['seconds']} s, {work['conflicts']:,} rows tried again"


def reading(picture: dict[str, Any] | None, before: Mapping[str, Any]) -> Iterator[str]:
    """What the application itself reads, in one line, and what no model of it does; how long decryption takes, against
    the picture ``before``."""
    if picture:
        read = sum(each["read"] for each in picture["readings"])
        yield f"  the application itself reads {read:,} values by {len(picture['readings'])} attributes of its models"
        for column in picture["unread"]:
            yield f"  {column}: no attribute of a model is seen to decrypt it"
        yield from opening(picture, before)


def opening(picture: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    """How long the engine takes to open a value, against the same ``before`` the rotation."""
    now, was = (taken.get("opening") or {} for taken in (picture, before))
    if now.get("seconds"):
        against = ""
        if was.get("seconds"):
            ratio = now["seconds"] / was["seconds"]
            against = f"; before the rotation {milliseconds(was['seconds'])}, ratio {ratio:.2f}"
        yield f"  decryption takes the engine {milliseconds(now['seconds'])} per value, of {now['tries']:,}{against}"


def unsteady(picture: dict[str, Any] | None) -> Iterator[str]:
    """A warning for what the application reads in another way each time."""
    for name in (picture or {}).get("unsteady", ()):
        yield (
            f"{name} is read in another way each time, also under the same keys. It proved nothing and was left out, as"
            f" with key_rotation_application_ignore: [{name}]."
        )


def restored(result: Mapping[str, Any]) -> Iterator[str]:
    """What a restore has done: the names, what is under which keys, what was lost."""
    done = result.get("restored") or {}
    if done.get("copy"):
        yield f"  {done['copy']} lies beside {done['database']}, proved: the backup of {_moment(result)}"
    elif "under" in done and result["changed"]:
        yield f"  {done['database']} is now the backup of {_moment(result)}"
        under = ", ".join(f"{count:,} {name}" for name, count in sorted(done["under"].items()))
        yield f"  values     {under or 'none under the keys'}"
        for one in result["lost"]:
            rows = {name: one[name] for name in ("added", "changed", "deleted")}
            told = ", ".join(f"{count:,} {name}" for name, count in rows.items() if count) or "not to be counted"
            yield f"  lost       {one['table']}: rows since {told}"
    elif done and not result["changed"]:
        yield "  NOTHING WAS RESTORED NOW: this backup has taken the database's place at an earlier time. To restore it"
        yield "  once more, drop first what is kept aside: -e key_rotation_restore_drop=true"
    if done.get("aside"):
        yield _aside(done["aside"])


def _aside(name: str) -> str:
    return f"  aside      {name}, without connections, until it is told to be dropped"


def dropped(result: Mapping[str, Any]) -> Iterator[str]:
    """What of a restore was dropped; where nothing was, which names were looked for."""
    yield from (f"  dropped    {name}" for name in result.get("dropped") or ())
    if not result.get("dropped") and result.get("sought"):
        yield f"  nothing to drop: there is no database {', and none '.join(result['sought'])}"


def _moment(result: Mapping[str, Any]) -> str:
    return str(result["backup"]["snapshot"]["time"])


def repaired(result: dict[str, Any]) -> Iterator[str]:
    """What was repaired, and each value that was not."""
    for column, count in sorted((result.get("repaired") or {}).items()):
        yield f"  {column}: {count:,} values repaired from the backup"
    for one in result.get("left") or []:
        yield f"  {one['value']} is left: {one['reason']}"
    if result.get("kept"):
        yield f"  what was overwritten is kept in {result['kept']}"


def plan(made: Mapping[str, Any], path: str, variables: Mapping[str, Any]) -> Iterator[str]:
    """The plan for a screen: targets with counts, findings with what to do, the keys to list, and what to type next."""
    yield from _columns(made)
    yield from _findings(made["notices"])
    if "proposed" in made:
        yield "  KEYS  that fit what was found, to put into the inventory:"
        for text in yaml.safe_dump(made["proposed"], sort_keys=False).splitlines():
            yield f"          {text}"
    stops = sum("code" in notice for notice in made["notices"])
    yield f"  plan  {path}, hash {made['hash']}"
    if stops:
        yield f"        {stops} findings stop a rotation"
    yield f"  next  {command(variables, 'plan') if stops else command(variables, 'rotate', ['--check'])}"


def _columns(made: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (row["column"], f"{row['rows']:,}", _classes(_with_left_alone(row)), row["scheme"])
        for row in made["targets"]
        if "rows" in row
    ]
    rows += [
        (row["column"], "", f"under other keys: {', '.join(row['settings'])}", row["scheme"])
        for row in made["under_other_keys"]
    ]
    rows += [(row["column"], "", "no value yet", row["field"]) for row in made["empty_fields"]]
    if not rows:
        yield "  No column to rotate was found."
        return
    table = [("COLUMN", "ROWS", "VALUES", "SCHEME"), *rows]
    widths = [max(len(row[place]) for row in table) for place in range(3)]
    for column, count, values, scheme in table:
        yield f"  {column:<{widths[0]}}  {count:>{widths[1]}}  {values:<{widths[2]}}  {scheme}".rstrip()


def _with_left_alone(target: Mapping[str, Any]) -> dict[str, int]:
    """The values of a target by class, and as one more class those of key_rotation_leave_alone."""
    return {**target["classes"], **({"left alone": target["left_alone"]} if target.get("left_alone") else {})}


def _classes(classes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in classes.items() if count) or "none"


def _findings(notices: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Those that stop first, each advice once."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for notice in sorted(notices, key=lambda notice: "code" not in notice):
        whats = groups.setdefault((notice.get("code", ""), notice["todo"]), {})
        whats.setdefault(notice["notice"], []).append(notice["column"])
    for (code, todo), whats in groups.items():
        for number, (what, columns) in enumerate(whats.items()):
            shown = ", ".join(filter(None, columns[:SHOWN]))
            shown += f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
            told = ": ".join(filter(None, [shown, what])) + (f" ({code})" if code else "")
            yield ("        " if number else "  STOP  " if code else "  warn  ") + told
        yield from textwrap.wrap(todo, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8)


def started() -> str:
    """The playbook that runs, as it was typed."""
    return str((context.CLIARGS.get("args") or ("rotate.yml",))[0])


def command(variables: Mapping[str, Any], playbook: str, options: Iterable[str] = ()) -> str:
    """The command that runs another playbook of this collection the way this one was started, with more ``options``."""
    typed = context.CLIARGS
    words = ["ansible-playbook", _beside(started(), playbook)]
    for inventory in typed.get("inventory") or ():
        words += ["-i", inventory if inventory.endswith(",") else os.path.relpath(inventory)]
    if typed.get("connection") not in (None, "ssh", "smart"):
        words += ["-c", typed["connection"]]
    for vault_id in typed.get("vault_ids") or ():
        words += ["--vault-id", vault_id]
    for path in typed.get("vault_password_files") or ():
        words += ["--vault-password-file", os.path.relpath(path)]
    words += ["--ask-vault-pass"] if typed.get("ask_vault_pass") else []
    words += ["--limit", typed["subset"]] if typed.get("subset") else []
    shown = [str(extra) for extra in typed.get("extra_vars") or () if _SAFE_EXTRA.fullmatch(str(extra))]
    words += [*(word for extra in shown for word in ("-e", extra)), *options]
    others = len(typed.get("extra_vars") or ()) - len(shown)
    return shlex.join(words) + (" (and your other -e options)" if others else "")


def _beside(started: str, playbook: str) -> str:
    """The other playbook, by path or, where this one was started by its collection name, by that."""
    if started.endswith((".yml", ".yaml")):
        return os.path.join(os.path.dirname(started), f"{playbook}.yml")
    return f"{started.rsplit('.', 1)[0]}.{playbook}"


def _time(event: Event) -> datetime.datetime:
    return datetime.datetime.strptime(event.time, "%Y-%m-%dT%H:%M:%SZ")
