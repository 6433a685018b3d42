# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as a document that people read and approve: its format, its hash, and the differences between two plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..._errors.counts import join_first
from ..._errors.option_names import variable_of

PlanDocument = Mapping[str, Any]  # as YAML has it: people may have edited it
FORMAT = 2
FORMER_FORMATS = (1,)  # of earlier versions, whose hash was over the texts of the findings
COMPARED = ("targets", "under_other_keys", "empty_fields", "settlements", "left_alone", "command")
PARTS = (*COMPARED, "notices")
COUNTS = ("rows", "classes", "under_later_keys", "left_alone", "plain")
SHOWN = 12  # findings of one message
# Kinds of findings of the catalog that a person must have read. The others need nothing to be done.
TO_BE_READ = frozenset(
    ("unique_constraint", "update_trigger", "unvalidated_constraint", "generated_column", "row_security")
)


class FormerPlan(ValueError):
    """A plan of an earlier version of this collection."""


def stops(plan: PlanDocument) -> list[Mapping[str, Any]]:
    """The notices of a plan that stop a rotation."""
    return [notice for notice in plan["notices"] if "code" in notice]


def format_stops(plan: PlanDocument) -> str:
    """The columns of these notices with their codes, for a message. A notice about no column has its code alone."""
    shown = [f"{notice['column']} ({notice['code']})" if notice["column"] else notice["code"] for notice in stops(plan)]
    return join_first(shown, SHOWN)


def plan_hash(plan: PlanDocument) -> str:
    """SHA-256 over what a person approves: the planned work, and the findings by their kind, column and approved facts.

    The texts of findings and the numbers in them are not in it.
    """
    findings = {
        json.dumps([notice["kind"], notice["column"], notice.get("code", ""), notice.get("facts", {})], sort_keys=True)
        for notice in plan["notices"]
    }
    text = json.dumps([content_hash(plan), sorted(findings)])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def content_hash(plan: PlanDocument) -> str:
    """SHA-256 over the planned work alone, without the counts. A rotation and its rehearsal must match it."""
    targets = [{name: value for name, value in target.items() if name not in COUNTS} for target in plan["targets"]]
    parts = [plan[part] for part in COMPARED[1:]]
    text = json.dumps([plan["format"], targets, *parts, plan["schemes"]], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check(document: Any) -> None:
    """Raise FormerPlan if a document is a plan of an earlier version, and another ValueError if it is not a plan."""
    if not isinstance(document, Mapping):
        raise ValueError("not a mapping")
    if document.get("format") in FORMER_FORMATS:
        raise FormerPlan
    parts = all(isinstance(document.get(part), list) for part in PARTS)
    if not parts or not isinstance(document.get("schemes"), Mapping) or document.get("format") != FORMAT:
        raise ValueError("parts missing")
    for part in PARTS:
        if not all(isinstance(entry, Mapping) and isinstance(entry.get("column"), str) for entry in document[part]):
            raise ValueError("entries without a column")
    for name in ("kind", "notice"):
        if not all(isinstance(notice.get(name), str) for notice in document["notices"]):
            raise ValueError("notices that say nothing")
    try:
        plain = json.loads(json.dumps(document)) == document
    except TypeError:  # such as a date, which YAML makes of a text without quotes
        plain = False
    if not plain:
        raise ValueError("values that no plan holds")


# The name of an entry of a part, if the entry is not a column of the application.
_CALLED = {
    "command": "the command {}",
    "settlements": "the settlement of {}",
    "left_alone": f"the value {{}} in {variable_of('leave_alone')}",
}


def difference(approved: PlanDocument, present: PlanDocument) -> list[str]:
    """The differences between two plans, in words that a person reads.

    Only new notices of the catalog count, and only those in ``TO_BE_READ``. A trigger that is disabled for the rotation
    has no notice any longer, and other notices depend on the rows that are sampled.
    """
    lines = []
    for part in COMPARED:
        before = {entry["column"]: entry for entry in approved[part]}
        after = {entry["column"]: entry for entry in present[part]}
        what = _CALLED.get(part, "{}")
        lines += [f"{what.format(column)} is new" for column in sorted(after.keys() - before.keys())]
        lines += [f"{what.format(column)} is gone" for column in sorted(before.keys() - after.keys())]
        for column in sorted(after.keys() & before.keys()):
            lines += [
                f"{what.format(column)}: {member} was {before[column].get(member)}, is {after[column].get(member)}"
                for member in sorted({*before[column], *after[column]} - {*COUNTS})
                if before[column].get(member) != after[column].get(member)
            ]
    for scheme in sorted({*approved["schemes"], *present["schemes"]}):
        if approved["schemes"].get(scheme) != present["schemes"].get(scheme):
            lines.append(f"scheme {scheme} has another description")
    known = {(notice["column"], notice["kind"]) for notice in approved["notices"]}
    new = [
        (notice["column"], notice["notice"])
        for notice in present["notices"]
        if notice["kind"] in TO_BE_READ and (notice["column"], notice["kind"]) not in known
    ]
    return lines + [f"{column}: {notice} is new" for column, notice in sorted(new)]
