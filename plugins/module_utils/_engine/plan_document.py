# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as a document, which people read and approve: whether it is one, its hash, and how two of them differ."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from .._errors.counts import join_first
from .._errors.option_names import variable_of
from .plan_notices import TO_BE_READ

PlanDocument = Mapping[str, Any]  # as YAML has it: people may have edited it
Notice = Mapping[str, str]  # column, notice, todo, and a code if it stops
FORMAT = 1
COMPARED = ("targets", "under_other_keys", "empty_fields", "settlements", "left_alone", "command")
SINCE = ("left_alone", "command")  # parts that a plan of an earlier version has not
PARTS = (*COMPARED, "notices")
COUNTS = ("rows", "classes", "under_later_keys", "left_alone", "plain")
SHOWN = 12  # findings of one message
# In the hash, no number counts: a notice has no noun or verb that changes with one.
_NUMBER = re.compile(r"\d[\d,.]*")


def stops(made: PlanDocument) -> list[Notice]:
    """The notices of a plan that stop a rotation."""
    return [notice for notice in made["notices"] if "code" in notice]


def format_stops(made: PlanDocument) -> str:
    """The columns of these notices with their codes, for a message; the code alone of what is about no column."""
    found = [f"{each['column']} ({each['code']})" if each["column"] else each["code"] for each in stops(made)]
    return join_first(found, SHOWN)


def plan_hash(made: PlanDocument) -> str:
    """SHA-256 over what a person approves: what is planned, and what the plan says of it."""
    found = sorted(
        {(each["column"], each.get("code", ""), _NUMBER.sub("#", each["notice"])) for each in made["notices"]}
    )
    return hashlib.sha256(json.dumps([content_hash(made), found]).encode("utf-8")).hexdigest()


def content_hash(made: PlanDocument) -> str:
    """SHA-256 over what is planned alone, without the counts: a rotation, and its rehearsal, keep to it."""
    targets = [{name: value for name, value in target.items() if name not in COUNTS} for target in made["targets"]]
    parts = [made[part] for part in COMPARED[1:] if part not in SINCE]
    later = [made[part] for part in SINCE if made.get(part)]  # without them, the hash is that of an earlier version
    text = json.dumps([made["format"], targets, *parts, made["schemes"], *later], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check(found: Any) -> None:
    """Raise ValueError if a document is no plan."""
    parts = isinstance(found, Mapping) and all(isinstance(_part(found, part), list) for part in PARTS)
    if not parts or not isinstance(found.get("schemes"), Mapping) or found.get("format") != FORMAT:
        raise ValueError("parts missing")
    for part in PARTS:
        if not all(isinstance(entry, Mapping) and isinstance(entry.get("column"), str) for entry in _part(found, part)):
            raise ValueError("entries without a column")
    if not all(isinstance(entry.get("notice"), str) for entry in found["notices"]):
        raise ValueError("notices that say nothing")
    try:
        plain = json.loads(json.dumps(found)) == found
    except TypeError:  # such as a date, which YAML makes of a text without quotes
        plain = False
    if not plain:
        raise ValueError("values that no plan holds")


def _part(found: Mapping[str, Any], name: str) -> Any:
    return found.get(name, [] if name in SINCE else None)


# What an entry of a part is called, if it is no column of the application.
_CALLED = {
    "command": "the command {}",
    "settlements": "the settlement of {}",
    "left_alone": f"the value {{}} in {variable_of('leave_alone')}",
}


def difference(approved: PlanDocument, made: PlanDocument) -> list[str]:
    """What is in one plan and not in the other, in words a person reads.

    Of notices, those of the catalogue that nobody has read: a trigger that is disabled for the rotation is no longer
    told of, and others go by which rows are met.
    """
    lines = []
    for part in COMPARED:
        before = {entry["column"]: entry for entry in _part(approved, part)}
        after = {entry["column"]: entry for entry in _part(made, part)}
        what = _CALLED.get(part, "{}")
        lines += [f"{what.format(column)} is new" for column in sorted(after.keys() - before.keys())]
        lines += [f"{what.format(column)} is gone" for column in sorted(before.keys() - after.keys())]
        for column in sorted(after.keys() & before.keys()):
            lines += [
                f"{what.format(column)}: {member} was {before[column].get(member)}, is {after[column].get(member)}"
                for member in sorted({*before[column], *after[column]} - {*COUNTS})
                if before[column].get(member) != after[column].get(member)
            ]
    for scheme in sorted({*approved["schemes"], *made["schemes"]}):
        if approved["schemes"].get(scheme) != made["schemes"].get(scheme):
            lines.append(f"scheme {scheme} is described otherwise")
    known, told = (
        {(notice["column"], notice["notice"]) for notice in plan["notices"] if notice["notice"] in TO_BE_READ}
        for plan in (approved, made)
    )
    return lines + [f"{column}: {notice} is new" for column, notice in sorted(told - known)]
