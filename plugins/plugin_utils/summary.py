# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads when a rotation or a rollback has ended, from its record."""

from __future__ import annotations

import datetime
import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import context

from ..module_utils.record import Record

TITLES = {"rotate": "Key rotation", "rollback": "Rollback of"}


def lines(record: Record, variables: Mapping[str, Any], *, completed: bool) -> Iterator[str]:
    """The summary, line by line."""
    events = record.events()
    direction = "rotate" if completed else "rollback"
    start = max(
        place for place, event in enumerate(events) if event["event"] == direction and event["phase"] == "intent"
    )
    done = [event for event in events if event["phase"] == "done"]
    seconds = (_time(events[-1]) - _time(events[start])).total_seconds()
    rule = "─" * 78
    yield ""
    yield rule
    yield f" {TITLES[direction]} {record.rotation_id}: {'COMPLETED' if completed else 'ROLLED BACK'} in {seconds:.0f} s"
    yield rule
    yield from _keys(done, completed)
    yield from _values(done if completed else done[_after(done, events[start]) :])
    for event in done:
        if event["event"] == "postgresql_backup":
            yield f"  backup     {event['path']}"
            yield f"             {event['size']:,} bytes, SHA-256 {event['sha256']}"
    yield f"  record     {record.path}"
    yield (
        f"  roll back  {command(variables, 'rollback')}"
        if completed
        else f"  again      {command(variables, 'rotate')}"
    )
    yield rule


def census(targets: list[dict[str, Any]]) -> Iterator[str]:
    """One line per target: how many values are of which class."""
    width = max((len(f"{target['table']}.{target['column']}") for target in targets), default=0)
    for target in targets:
        classes = {**target["classes"], **({"left alone": target["left_alone"]} if target["left_alone"] else {})}
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(classes.items(), key=lambda item: -item[1]))
        name = f"{target['table']}.{target['column']}"
        yield f"  {name:<{width}}  {target['rows']:>9,} rows: {counts or 'no rows'}"


def _after(done: list[dict[str, Any]], start: dict[str, Any]) -> int:
    return sum(event["seq"] < start["seq"] for event in done)


def _keys(done: list[dict[str, Any]], completed: bool) -> Iterator[str]:
    versions = [event for event in done if event["event"] == "key_version"]
    ids = {event["asked"]["state"]: event["key_id"] for event in versions}
    if completed:
        yield f"  keys       {ids.get('adopted')} (previous) -> {ids.get('current')} (current)"
    else:
        yield f"  keys       {ids.get('rolled_back')} (current again)"


def _values(done: list[dict[str, Any]]) -> Iterator[str]:
    """Values re-encrypted per model, over all parts of the run."""
    models: dict[str, dict[str, int]] = {}
    for event in done:
        for target in event.get("targets", []) if event["event"] == "django_reencrypt" else []:
            model = models.setdefault(target["model"], {"rows": 0, "values": 0})
            model["rows"] = max(model["rows"], target["rows"])
            model["values"] += target.get("reencrypted", 0)
    total = sum(model["values"] for model in models.values())
    yield f"  values     {total:>9,} re-encrypted"
    for name, model in sorted(models.items()):
        yield f"             {model['values']:>9,} of {name} ({model['rows']:,} rows)"


def command(variables: Mapping[str, Any], playbook: str) -> str:
    """The command that runs another playbook of this collection the way this one was started."""
    typed = context.CLIARGS
    this = str(typed.get("args", ("rotate.yml",))[0])
    other = (
        f"{this.rsplit('.', 1)[0]}.{playbook}"
        if this.count(".") == 2 and "/" not in this
        else os.path.join(os.path.dirname(this), f"{playbook}.yml")
    )
    words = ["ansible-playbook", other]
    for inventory in typed.get("inventory") or ():
        words += ["-i", inventory if inventory.endswith(",") else os.path.relpath(inventory)]
    if typed.get("connection") not in (None, "ssh", "smart"):
        words += ["-c", typed["connection"]]
    if any("key_rotation_project_dir" in str(extra) for extra in typed.get("extra_vars") or ()):
        words += ["-e", f"key_rotation_project_dir={variables.get('key_rotation_project_dir')}"]
    return shlex.join(words)


def _time(event: dict[str, Any]) -> datetime.datetime:
    return datetime.datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
