# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the .env files, the key store and the running processes agree on the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...module_utils._errors.counts import counted
from ...module_utils._errors.keys import KeysBack, KeysDiffer, KeysLeft, KeysNotProved
from .._report.checked_items import NOBODY_LOOKS, UNWATCHED
from . import shared_files, source_code
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, of_result, unseen, worst

if TYPE_CHECKING:
    from ...module_utils._services.key_verdict import ProcessKeys

SHOWN = 5
# With these, the keys of a host were compared with those of the store.
COMPARED = {KeysDiffer.code, KeysLeft.code, KeysBack.code, KeysNotProved.code}


def agree(observations: Observations) -> ChecklistItem:
    """Check on every host that the .env file can be rewritten and has the current keys of the store."""
    items = [of_result("keys", results.get("keys", {}), "store") for results in observations.hosts.values()]
    items += [
        of_result("keys", results["env_file"], "path")
        for results in observations.hosts.values()
        if "env_file" in results
    ]
    ids = {key_id for results in observations.hosts.values() if (key_id := results.get("keys", {}).get("key_id"))}
    if len(ids) > 1:
        summary = f"the hosts have {len(ids)} different sets of keys"
        todo = "Give all .env files the same keys."
        items.append(ChecklistItem("keys", STOP, summary, todo, facts={"key_ids": sorted(ids)}))
    for check in (source_code.literals, shared_files.unstopped, _rewritten, _replaced):
        items += check(observations)
    return worst("keys", items, f".env file and store agree on {counted(len(observations.hosts), 'host')}")


def _rewritten(observations: Observations) -> list[ChecklistItem]:
    """Warn about places whose previous values a command would write again after the rotation."""
    places = {
        place: command
        for results in observations.hosts.values()
        for place, command in results.get("env_file", {}).get("rewritten", {}).items()
    }
    return [
        ChecklistItem(
            "keys",
            WARN,
            f"{place} is of a release of Helm: {command} may write the previous keys again",
            "After the rotation, give the new keys to the values of the chart, or remove the Secret from it.",
            facts={"place": place, "command": command},
        )
        for place, command in places.items()
    ]


def _replaced(observations: Observations) -> list[ChecklistItem]:
    """Warn about files in a container that are not there in the next container of its image."""
    files = {host: file for host, facts in observations.facts.items() if (file := facts["replaced_file"])}
    if not files:
        return []
    places = ", ".join(f"{file} on {host}" for host, file in files.items())
    summary = f"{places} is in the container itself: a container that is created in its place has the keys of its image"
    todo = "Build the image without keys, and mount the file from the host."
    return [ChecklistItem("keys", WARN, summary, todo, facts={"replaced": files})]


def store(observations: Observations) -> ChecklistItem:
    """Check that all hosts use one store, and that nothing seems to prevent writing it. It has been read by now."""
    places = {results["keys"]["store"] for results in observations.hosts.values() if "store" in results.get("keys", {})}
    if error := observations.options.get("store_error"):
        return ChecklistItem.of_error("store", error)
    if len(places) > 1:
        todo = "Their project folders differ. Set the path in key_rotation_store to one file for all of them."
        facts = {"stores": sorted(places)}
        return ChecklistItem("store", STOP, f"the hosts have {len(places)} stores", todo, facts=facts)
    if not places:
        return _without_place(observations)
    return ChecklistItem("store", OK, f"{places.pop()} was read")


def _without_place(observations: Observations) -> ChecklistItem:
    """Check the store if no host could report that its keys agree with it."""
    codes = [(results.get("keys", {}).get("error") or {}).get("code", "") for results in observations.hosts.values()]
    if COMPARED & set(codes):
        return ChecklistItem("store", OK, "it was read")
    return unseen("store", because="keys")


def processes(observations: Observations) -> ChecklistItem:
    """Check that no process has a key in its environment, which would override a new .env file, or is older than it."""
    asked = [results["processes"] for results in observations.hosts.values() if "processes" in results]
    if not asked:
        if not observations.options["services"]:
            return ChecklistItem("processes", SKIP, NOBODY_LOOKS)
        todo = (
            "List the processes in key_rotation_processes. This detects a stop command that succeeds but stops nothing."
        )
        return ChecklistItem("processes", WARN, NOBODY_LOOKS, todo, code=UNWATCHED)
    looked_at = [process for result in asked for process in result.get("processes", [])]
    hidden = sum(process["hidden"] for process in looked_at)
    read = len(looked_at) - hidden
    summary = f"{read} have no key in their environment that would override the file"
    items = [of_result("processes", each, "processes") for each in asked]
    summary += f"; {hidden} could not be read" if hidden else ""
    return worst("processes", [*items, _older(looked_at)], summary, {"read": read, "hidden": hidden})


def _older(processes: Sequence[ProcessKeys]) -> ChecklistItem:
    """Warn about processes older than the file: they may have other keys, though most changes concern no key."""
    older = [each for each in processes if each["older"]]
    if not older:
        return ChecklistItem("processes", OK, "")
    names = ", ".join(f"{each['name']} (pid {each['pid'] or '-'})" for each in older[:SHOWN])
    names += ", ..." if len(older) > SHOWN else ""
    found = f"{len(older)} of {len(processes)} were started before the .env file was last changed: {names}"
    todo = "If that change concerned a key, restart them first: they use other keys."
    facts = {"older": [each["pid"] for each in older], "processes": len(processes)}
    return ChecklistItem("processes", WARN, found, todo, facts=facts)
