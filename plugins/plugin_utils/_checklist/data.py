# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the data is in order and matches the plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from ...module_utils._errors.application import RoundTripFailed, ValuesRefused
from ...module_utils._errors.base import RotationError, find_codes
from ...module_utils._errors.counts import counted
from ...module_utils._errors.values import OF_VALUES
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, of_result, unseen, worst

SHOWN = 3  # doubtful columns in one line
ONLY_COUNTED = "so only the number of values is compared"
NOTED: Mapping[Literal["of_ciphertext", "dated"], str] = {
    "of_ciphertext": f"derived from ciphertext, {ONLY_COUNTED}",
    "dated": f"derived from the date or time, {ONLY_COUNTED}",
}


def census(observations: Observations) -> ChecklistItem:
    """Check that every value opens, and that all of them are under one key set."""
    item = of_result("census", observations.census, "targets")
    if item.status != OK:
        of_values = find_codes(observations.census) <= {each.code for each in OF_VALUES}
        return _go_on(item) if observations.is_switched and of_values else item
    classes: dict[str, int] = {}
    for target in observations.census["targets"]:
        for name, number in target["classes"].items():
            if name != "empty":
                classes[name] = classes.get(name, 0) + number
    summary = ", ".join(f"{number:,} {name}" for name, number in sorted(classes.items())) or "no value"
    left = sum(target["left_alone"] for target in observations.census["targets"])
    summary += f", {left:,} left alone" if left else ""
    plain = sum(target.get("plain") or 0 for target in observations.census["targets"])
    summary += f", {plain:,} plain text that stays" if plain else ""
    facts: dict[str, object] = {"classes": classes}
    if classes.get("nested"):
        todo = "A process with other keys is writing: stop it. The rotation writes each nested value as one token."
        return ChecklistItem("census", WARN, summary, todo, facts=facts)
    if set(classes) - {"current"}:
        todo = "If a rotation was not finished, this run resumes it. Otherwise find out who wrote under other keys."
        return ChecklistItem("census", WARN, summary, todo, facts=facts)
    if doubtful := observations.census.get("doubtful"):
        left_out = max(len(doubtful) - SHOWN, 0)
        what = "; ".join(f"{each['column']}: {each['what']}" for each in doubtful[:SHOWN])
        more = f"; and {left_out} more, which the plan shows" if left_out else ""
        todo = " ".join(dict.fromkeys(each["todo"] for each in doubtful[:SHOWN]))
        facts |= {"doubtful": [each["column"] for each in doubtful[:SHOWN]], "more": left_out}
        return ChecklistItem("census", WARN, f"{summary}: all of them. {what}{more}", todo, facts=facts)
    return ChecklistItem("census", OK, f"{summary}: all of them")


def _go_on(item: ChecklistItem) -> ChecklistItem:
    """Turn the item into a warning, since the application already has the new keys.

    If the run stopped here, the application could not read values under the old keys. Re-encryption refuses the values
    too, and the run is rolled back.
    """
    todo = (
        "The .env file has the new keys, but some values may be under the old ones. This run continues until it can "
        f"roll back, so that the application can read all other values. {item.todo}"
    )
    return dataclasses.replace(item, status=WARN, todo=todo)


def plan(observations: Observations) -> ChecklistItem:
    """Check that the application matches the approved plan."""
    item = of_result("plan", observations.plan, "path")
    if item.status != OK:
        return item
    current, approved = observations.plan.get("plan", {}).get("hash", ""), observations.options.get("approved", "")
    if approved not in ("", current):
        summary = f"the plan with the hash {approved[:16]} was approved, but it is now {current[:16] or 'missing'}"
        todo = "Restore the plan that was approved, or roll back and have the new one approved."
        return ChecklistItem("plan", STOP, summary, todo, facts={"approved": approved, "plan": current})
    if "plan" not in observations.plan:
        status = WARN if observations.production else SKIP
        todo = "Create one with the plan playbook and have it reviewed." * (status == WARN)
        return ChecklistItem("plan", status, "there is no plan", todo, facts={"plan": None})
    return ChecklistItem("plan", OK, f"the application matches it, hash {observations.plan['plan']['hash'][:16]}")


def migrations(observations: Observations) -> ChecklistItem:
    """Check that no migration is pending. With the method ``migration``, applying ours would apply the others too."""
    if not observations.facts:
        return unseen("migrations")
    pending = sorted({name for facts in observations.facts.values() for name in facts["migrations"]})
    if not pending:
        return ChecklistItem("migrations", OK, "no migration is pending")
    status = STOP if observations.options["method"] == "migration" else WARN
    summary = (
        f"{counted(len(pending), 'is', 'are')} pending: {', '.join(pending[:3])}{' ...' if len(pending) > 3 else ''}"
    )
    todo = "Finish the deployment (manage.py migrate), or undo it."
    return ChecklistItem("migrations", status, summary, todo, facts={"pending": pending})


def reads(observations: Observations) -> ChecklistItem:
    """Check that the application itself can read and write now, and that the names to leave out exist."""
    if not observations.facts:
        return unseen("application")
    reads_by_host = [facts["reads"] for facts in observations.facts.values()]
    unknown = {name: near for host_reads in reads_by_host for name, near in host_reads["unknown"].items()}
    if unknown:
        summary = (
            f"key_rotation_application_ignore has {', '.join(unknown)}, which no model derives from an encrypted column"
        )
        near = dict.fromkeys(name for names in unknown.values() for name in names)  # the nearest first
        todo = f"Similar names: {', '.join(near)}." if near else "Write each as app.Model.name of a field or property."
        return ChecklistItem("application", STOP, summary, todo, facts={"unknown": unknown})
    broken: dict[str, RotationError] = {
        trip["name"]: RoundTripFailed(**trip) for host_reads in reads_by_host for trip in host_reads["broken"]
    }
    if not observations.is_switched:  # the application may have other keys than the values, until this is resumed
        broken.update(
            {
                refused["name"]: ValuesRefused(**refused)
                for host_reads in reads_by_host
                for refused in host_reads["refused"]
            }
        )
    if broken:
        items = [ChecklistItem.of_error("application", error.parts) for error in broken.values()]
        return worst("application", items, "")
    named: Mapping[str, Sequence[str]] = {
        kind: sorted({name for host_reads in reads_by_host for name in host_reads[kind]}) for kind in NOTED
    }
    noted = [f"; {what}: {', '.join(named[kind])}" for kind, what in NOTED.items() if named[kind]]
    well = f"it can read what it encrypts, on every host{''.join(noted)}"
    return ChecklistItem("application", OK, well, facts=named)


def compared(observations: Observations) -> ChecklistItem:
    """Check that what the application reads of each column is compared, or that a command of the operator reads some.

    Nothing else shows before the end of a rotation that other code of the application can read the new tokens. A run
    that resumes after the switch goes on: the application has the new keys already.
    """
    if not observations.facts:
        return unseen("readings")
    columns = sorted({name for facts in observations.facts.values() for name in facts["reads"]["not_decrypted"]})
    if not columns:
        return ChecklistItem("readings", OK, "what the application reads of each column is compared")
    named = f"no attribute of a model decrypts {', '.join(columns)}"
    found: dict[str, object] = {"not_decrypted": columns}
    if observations.options["has_verification_commands"]:
        seen = f"{named}; key_rotation_verification_commands run after the switch"
        return ChecklistItem("readings", OK, seen, facts=found)
    may_stop = observations.production and observations.options["method"] != "command" and not observations.is_switched
    return ChecklistItem(
        "readings",
        STOP if may_stop else WARN,
        f"{named}, so the rotation would not notice if the application cannot read it under the new keys",
        "Name a command in key_rotation_verification_commands that has the application's own code decrypt some of "
        "these values. Or try the application by hand after staging was rotated, and add readings to "
        "key_rotation_accept.",
        facts=found,
    )
