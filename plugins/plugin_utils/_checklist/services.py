# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that all services that use the keys are known, can be stopped, and answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from ...module_utils._engine.crypto.library_schemes import swallows_errors
from ...module_utils._engine.postgres.database_session_types import HeldSession
from ...module_utils._engine.proof.census_result import CensusResult
from ...module_utils._errors.counts import counted
from .._rotation_record.recorded_mode import PREPARED
from . import unlisted_workloads
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, of_result, unseen, worst

if TYPE_CHECKING:
    from .host_results import ChecklistResults, HealthResult

SHOWN = 5
_WAITED = "After the stop, the rotation would wait for its session to close, and then fail."
_NOT_STOPPED = (
    "Run each status command of key_rotation_services by hand: its exit code must be 0 while its service is running. "
    "Also list there what answers: at present nothing would be stopped."
)
_CLOSE = {
    False: "Make the role of the application's DATABASES the owner of these tables.",
    True: "Remove key_rotation_fence.",
}
_IN_WINDOW = "These tables are re-encrypted while the application is stopped, as with key_rotation_mode: window."
_NO_MODE = "Remove key_rotation_mode, or set key_rotation_method to direct."
_UNLISTED = "Or stop those sessions first, and list what they belong to in key_rotation_services."
_WITHOUT = "What it writes under the old keys is found and rotated, but it cannot read values under the new keys."
_REFUSED = (
    "Its writes to encrypted columns are refused, and its own log shows why. If it keeps trying, the run ends with "
    "E_STALE_WRITER and is rolled back. After the rotation it cannot read the values."
)


def runs(observations: Observations) -> ChecklistItem:
    """Check that no other run, of any control node, works on these databases."""
    return of_result("runs", observations.lease, "changed", "no other run works on these databases")


def stops(observations: Observations) -> ChecklistItem:
    """Check on every host that each service can be stopped, as far as this shows without stopping it, and that no
    workload of Kubernetes is missing."""
    asked = [results["stops"] for results in observations.hosts.values() if "stops" in results]
    unlisted = unlisted_workloads.unlisted(observations)
    if not asked and not unlisted:
        return ChecklistItem(
            "services", SKIP, "key_rotation_services is empty: stop and start the application yourself"
        )
    names = {name for result in asked for name in result.get("services") or ()}
    summary = f"{', '.join(sorted(names))} will be stopped" if names else "no service is running"
    item = worst("services", [*(of_result("services", each, "services") for each in asked), *unlisted], summary)
    served = [host for host, results in observations.hosts.items() if _answers_without_services(results)]
    if item.status != OK or not served:
        return item
    contradiction = f"no service is running on {', '.join(served)}, but the application answers there"
    return ChecklistItem("services", WARN, contradiction, _NOT_STOPPED, facts={"answers_on": served})


def _answers_without_services(results: ChecklistResults) -> bool:
    """Return whether the application answers on a host on which nothing would be stopped."""
    return results.get("stops", {}).get("services") == [] and "answer" in results.get("health", {})


def sessions(observations: Observations) -> ChecklistItem:
    """Check that each session of the application's role belongs to a service that is stopped for the rotation."""
    if not observations.facts:
        return unseen("sessions")
    known, unknown = _connected(observations)
    if not known and not unknown:
        return ChecklistItem("sessions", OK, "nobody is connected to the database as the application")
    if not unknown:
        return ChecklistItem(
            "sessions", OK, f"{counted(len(known), 'session')}, all of services that are stopped for the rotation"
        )
    shown = "; ".join(_format_session(session) for session in unknown[:SHOWN]) + (
        "; ..." if len(unknown) > SHOWN else ""
    )
    summary = (
        f"{len(unknown)} of {len(known) + len(unknown)} sessions belong to no unit in key_rotation_services: {shown}"
    )
    facts: dict[str, object] = {"sessions": len(known) + len(unknown), "unlisted": unknown}
    if _stay(unknown, observations):
        todo = "Stop it or list it there. List a session without keys in key_rotation_sessions_allowed. "
        return ChecklistItem("sessions", STOP, summary, f"{todo}{_WAITED}", facts=facts)
    commanded = [service["name"] for service in observations.options["services"] if service.get("stop")]
    todo = "Stop it first, or list it there."
    if commanded:  # their processes are not known
        theirs = f"It may belong to {', '.join(commanded)}, and is then stopped by command."
        todo = f"{theirs} Otherwise stop it first, or list it there."
    refused = not _unfenced(observations)
    facts |= {"commanded": commanded, "writes_refused": refused}
    return ChecklistItem("sessions", WARN, summary, f"{todo} {_REFUSED if refused else _WITHOUT}", facts=facts)


def fence(observations: Observations) -> ChecklistItem:
    """Check that no other session can write between stop and start, or that no value would be lost by it."""
    if not observations.facts:
        return unseen("fence")
    if observations.online:
        return ChecklistItem("fence", SKIP, "online: the application writes all the while")
    why = _unfenced(observations)
    if not why:
        return ChecklistItem("fence", OK, "no other session can write to an encrypted column between stop and start")
    reasons = f"other sessions can write between stop and start: {', '.join(dict.fromkeys(why))}"
    off, (_, unknown) = observations.options["fence"] == "off", _connected(observations)
    silent = sorted(
        {each["scheme"] for each in observations.census.get("targets", []) if swallows_errors(each["scheme"])}
    )
    todo = _CLOSE[off]
    if not unknown or not silent:
        status, facts = SKIP if off else WARN, {"reasons": why}
        return ChecklistItem("fence", status, reasons, todo * (not off), facts=facts)
    others = counted(len(unknown), "session belongs", "sessions belong")
    summary = f"{reasons}. {others} to no service that is stopped, and values of {', '.join(silent)} "
    summary += "that are read under other keys may be saved damaged, without an error"
    status = STOP if observations.production else WARN
    known = {"reasons": why, "sessions": len(unknown), "silent_schemes": silent}
    return ChecklistItem("fence", status, summary, f"{todo} {_UNLISTED}", facts=known)


def _unfenced(observations: Observations) -> list[str]:
    """The reasons why other sessions can write between stop and start; empty if they cannot."""
    if observations.online:
        return ["key_rotation_mode is online"]
    if observations.options["fence"] == "off":
        return ["key_rotation_fence is off"]
    return [each for facts in observations.facts.values() for each in facts["unfenced"]]


def mode(observations: Observations) -> ChecklistItem:
    """Show when the values are re-encrypted, and which tables cannot be prepared before the stop."""
    if not observations.facts:
        return unseen("mode")
    if observations.online:
        return _online(observations)
    reason, unprepared = observations.options.get("mode_reason"), observations.unprepared
    is_chosen = reason is not None
    if unprepared is None and observations.options["mode"] == PREPARED:
        return unseen("mode")
    if unprepared is None:
        because = f", because {reason}" if reason else ""
        summary = f"window: every value is re-encrypted while the application is stopped{because}"
        return ChecklistItem("mode", OK, summary, facts={"reason": reason}, listed=is_chosen)
    if observations.options["method"] == "command":
        cannot = "prepared: the command of key_rotation_command cannot prepare"
        return ChecklistItem("mode", STOP, cannot, _NO_MODE, facts={"method": observations.options["method"]})
    if not unprepared:
        summary = "prepared: every table is prepared while the application serves"
        return ChecklistItem("mode", OK, summary, listed=is_chosen)
    summary = "; ".join(f"{table}: {why}" for table, why in sorted(unprepared.items()))
    return ChecklistItem("mode", WARN, f"prepared, except {summary}", _IN_WINDOW, facts={"unprepared": unprepared})


def _online(observations: Observations) -> ChecklistItem:
    """Check that the hosts can be restarted one after the other. The census has tried the application with two keys."""
    if (method := observations.options["method"]) != "direct":
        summary = f"online is not possible with key_rotation_method: {method}"
        return ChecklistItem("mode", STOP, summary, _NO_MODE, facts={"method": method})
    if not observations.options["services"]:
        summary = "online: key_rotation_services is empty, so nothing restarts the application with two keys"
        todo = "List the services that use the keys, or remove key_rotation_mode."
        return ChecklistItem("mode", STOP, summary, todo, facts={"services": []})
    hosts = counted(len(observations.hosts), "host")
    return ChecklistItem(
        "mode",
        OK,
        f"online: every value is re-encrypted while the application serves; {hosts} will be restarted three times, "
        "one after the other",
    )


def health(observations: Observations) -> ChecklistItem:
    """Check that the application answers now. Otherwise its health check proves nothing after the rotation."""
    asked = {host: results["health"] for host, results in observations.hosts.items() if "health" in results}
    if not asked:
        status = WARN if observations.options["services"] else SKIP
        todo = "Set key_rotation_health_url. Without it, a service that fails under the new keys goes unnoticed."
        summary, facts = "key_rotation_health_url is not set", {"url": None}
        return ChecklistItem("health", status, summary, todo * (status == WARN), facts=facts)
    items = [_health(observations, host, result) for host, result in asked.items()]
    return worst("health", items, f"it answers on {counted(len(asked), 'host')}")


def _health(observations: Observations, host: str, result: HealthResult) -> ChecklistItem:
    """Check one host. If an earlier run stopped its services, it cannot answer: this run starts them. One that has to
    read values under other keys than it has may answer with an error: this run re-encrypts them."""
    item = of_result("health", result, "answer")
    is_stopped_first = observations.options["mode"] != "online"
    if item.status == STOP and is_stopped_first and (count := _other_keys(observations)):
        seen = f"{item.seen}; {counted(count, 'value is', 'values are')} under keys that the application does not have"
        return dataclasses.replace(item, status=WARN, seen=seen, todo="This run re-encrypts them.")
    stopped = observations.hosts[host].get("services", {}).get("services") or []
    if item.status != STOP or not (stopped or observations.options.get("resumed")):
        return item
    if not stopped:
        return dataclasses.replace(item, status=WARN)
    what = f"{host}: an earlier run stopped {', '.join(stopped)}, and nothing has started it since"
    todo, facts = "This run starts it after the data has been verified.", {"host": host, "stopped": stopped}
    return ChecklistItem(item.name, WARN, what, todo, facts=facts)


def _other_keys(observations: Observations) -> int:
    """Return how many values are under another version of the store than that of the application."""
    versions = [stage for stage in observations.census.get("key_ids", {}) if stage != "current"]
    columns = CensusResult.all_of(observations.census.get("targets", ()))
    return sum(column.classes.get(stage, 0) for column in columns for stage in versions)


class HostSession(HeldSession):
    """A session with the ``host`` that saw its process, otherwise the first host that saw the session."""

    host: str


def _sessions(observations: Observations) -> Iterator[HostSession]:
    """Each session once, as reported by the host that sees its process."""
    sessions: dict[tuple[str, int], HostSession] = {}
    for host, facts in observations.facts.items():
        for session in facts["sessions"]:
            key = (session["alias"], session["pid"])
            if key not in sessions or session["process"]:
                sessions[key] = cast(HostSession, {**session, "host": host})
    yield from sessions.values()


def _connected(observations: Observations) -> tuple[list[HostSession], list[HostSession]]:
    """The sessions of services that are stopped for the rotation, and all others."""
    known: list[HostSession] = []
    unknown: list[HostSession] = []
    for session in _sessions(observations):
        (known if _is_known(session, observations) else unknown).append(session)
    return known, unknown


def _is_known(session: HostSession, observations: Observations) -> bool:
    process = session["process"]
    if process is None:
        return False
    looked_at = observations.hosts[session["host"]].get("processes", {}).get("processes", [])
    return bool(observations.stopped_units & set(process["units"])) or process["pid"] in {
        each["pid"] for each in looked_at
    }


def _stay(unknown: Sequence[HostSession], observations: Observations) -> bool:
    """Return whether one of the sessions will certainly remain after all services are stopped.

    That is unknown for services with stop commands, whose processes are not known, and for processes that no host of
    the play can see.
    """
    services = observations.options["services"]
    by_units = bool(services) and not any(service.get("stop") for service in services)
    return by_units and any(session["process"] for session in unknown)


def _format_session(session: HostSession) -> str:
    process = session["process"]
    who = session["address"] or "the database's own host"
    if process:
        unit = process["units"][-1] if process["units"] else "no unit"
        who = f"{process['name']} (process {process['pid']} of {unit} on {session['host']})"
    name = f" as {session['application_name']}" if session["application_name"] else ""
    return f"{who}{name}, backend {session['pid']}, since {session['since']}"
