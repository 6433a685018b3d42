# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The acts that a record tells of, each with who did it, when, why, by whose authorization, and how it ended.

An act is one run of a playbook that changes something: a rotation, one that goes on, a rollback, or a retirement.
"""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...module_utils._record.events import Event, KeyEvent, NotificationEvent, RepairEvent, RunEvent

DIRECTIONS = {"rotate": "Rotation", "rollback": "Rollback"}
RETIREMENT = "Retirement"
CALLED = {"rotate": "Key rotation", "rollback": "Rollback of key rotation"}  # in the subject of a message
ENDED = {"rotate": "completed", "rollback": "rolled back", "retire": "retired", "open": "not ended", "failed": "failed"}
# By its course, how a run of the rollback playbook has ended that took no rotation back.
STAYING = {"repair": "repaired", "restore": "restored", "settle": "settled"}
NOTHING_BACK = "nothing had to be rolled back"
INHERITED = ("reason", "authorization", "approval")  # by a run that goes on, where it was given nothing else


def acts(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The runs of a rotation's record, oldest first, each with its own ``events``."""
    found: list[dict[str, Any]] = []
    for inside in _cut(events, lambda event: isinstance(event, RunEvent) and event.is_intent):
        one = _act(inside, inside[0].raw, RunEvent)
        before = next((other for other in reversed(found) if other["direction"] == one["direction"]), None)
        if one["resumed"] and before:
            one.update({name: one[name] or before[name] for name in INHERITED})
            one["granted_by"] = granted_by(one)
        found.append(one)
    return found


def retirements(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The tries to destroy a version, in the record that retire.yml keeps of it."""
    return [
        {**_act(inside, inside[0].asked, KeyEvent), "key_id": inside[0].asked.get("key_id")}
        for inside in _cut(events, lambda event: _destroys(event) and event.is_intent)
    ]


def _cut(events: Sequence[Event], begins: Callable[[Event], bool]) -> list[Sequence[Event]]:
    """The events from each beginning to the next one."""
    starts = [index for index, event in enumerate(events) if begins(event)]
    return [events[start:end] for start, end in zip(starts, [*starts[1:], len(events)])]


def _act(inside: Sequence[Event], given: Mapping[str, Any], ends: type[RunEvent | KeyEvent]) -> dict[str, Any]:
    """One act. ``given`` holds what its operator was asked for, ``ends`` the events that say how it ended."""
    inside = _up_to_its_end(inside, ends)
    first = inside[0]
    direction = first.name if isinstance(first, RunEvent) else "retire"
    last = next((event for event in reversed(inside) if isinstance(event, ends)), Event())
    outcome = _outcome(last, inside)
    resumed = isinstance(first, RunEvent) and first.resumed
    return {
        "direction": direction,
        "resumed": resumed,
        "title": DIRECTIONS.get(direction, RETIREMENT) + (" goes on" if resumed else ""),
        "called": ("Resumed key rotation" if resumed else CALLED.get(direction, RETIREMENT)),
        "began": moment(first),
        "seconds": max(seconds(first, inside[-1]), 0.001),
        "outcome": outcome,
        "stays": direction == "rollback" and stays(inside),
        "ended": _ended(inside, direction if outcome == "done" else outcome),
        "people": people(inside, given.get("operator")),
        "control_nodes": sorted({event.control_node for event in inside if event.control_node}),
        "reason": given.get("reason"),
        "authorization": authorization(given.get("authorization")),
        "approval": given.get("approval"),
        "granted_by": granted_by(given),
        "course": " because ".join(str(given[name]) for name in ("course", "found") if given.get(name)),
        "failed_task": last.failed_task or None if isinstance(last, RunEvent) else None,
        "failure": failure(inside),
        "events": inside,
    }


def _up_to_its_end(inside: Sequence[Event], ends: type[Event]) -> Sequence[Event]:
    """Without what came after it, such as the drop of what a restore has kept aside: that may be of another day."""
    ended = [i for i, event in enumerate(inside) if isinstance(event, ends) and not event.is_intent]
    if not ended:
        return inside
    told = itertools.takewhile(lambda event: isinstance(event, NotificationEvent), inside[ended[-1] + 1 :])
    return [*inside[: ended[-1] + 1], *told]


def _outcome(last: Event, inside: Sequence[Event]) -> str:
    """``done``, ``failed`` or ``open``. A run that another one takes back has no end of its own."""
    if last.is_intent and any(_failed(event) for event in inside):
        return "failed"
    return last.phase if last.is_done or last.is_failed else "open"


def _ended(inside: Sequence[Event], how: str) -> str:
    if how == "rollback" and had_nothing_to_take_back(inside):
        return NOTHING_BACK
    if how != "rollback" or not stays(inside):
        return ENDED[how]
    course = _course(inside)
    repaired = any(isinstance(event, RepairEvent) and event.is_done for event in inside)
    return STAYING["settle" if course == "repair" and not repaired else course]


def stays(inside: Sequence[Event]) -> bool:
    """Whether a run of the rollback playbook was for the rows alone, and the rotation stays as it was before that."""
    back = ("rolled_back", "discarded")
    taken = (isinstance(event, KeyEvent) and event.state in back for event in inside)
    return _course(inside) in STAYING and not any(taken)


def had_nothing_to_take_back(inside: Sequence[Event]) -> bool:
    """Whether a run of the rollback playbook closed a rotation that had ended before it made a version."""
    ended = next((event for event in reversed(inside) if isinstance(event, RunEvent) and event.is_done), None)
    if ended is None or _course(inside) != "nothing":
        return False
    return all(version.get("rotation_id") != ended.raw.get("rotation_id") for version in ended.versions)


def _course(inside: Sequence[Event]) -> str:
    return inside[0].course if isinstance(inside[0], RunEvent) else ""


def failure(events: Sequence[Event]) -> dict[str, Any]:
    """The newest error of the catalogue at which these events stopped."""
    return next((dict(event.error) for event in reversed(events) if _failed(event) and event.error), {})


def _failed(event: Event) -> bool:
    """Neither that nobody was told nor that a left copy could not be dropped ends anything."""
    passes = isinstance(event, NotificationEvent) or event.state == "cleared"
    return event.is_failed and not passes


def _destroys(event: Event) -> bool:
    return isinstance(event, KeyEvent) and event.state == "destroyed"


def people(events: Iterable[Event], operator: Any = None) -> list[str]:
    """Whose accounts these were, who had logged in to get there, and who used them where that was said."""
    used: dict[str, set[str]] = {}
    for event in events:
        if event.actor:
            logins = used.setdefault(event.sudo_user or event.actor, set())
            logins |= {event.login_user} if event.login_user else set()
    if not operator or str(operator) in used:
        return [_person(account, set(), logins - {account, str(operator)}) for account, logins in sorted(used.items())]
    logins = set().union(*used.values()) - {str(operator)}
    return [_person(str(operator), set(used) - logins, logins)]


def _person(name: str, accounts: set[str], logins: set[str]) -> str:
    """``alice (as root, login bob)``: who it is said to be, and what the system says."""
    told = [f"as {', '.join(sorted(accounts))}"] if accounts else []
    told += [f"login {', '.join(sorted(logins))}"] if logins else []
    return f"{name} ({', '.join(told)})" if told else name


def said(found: Mapping[str, Any]) -> dict[str, Any]:
    """What an operator says, for a record: YAML knows dates and the like, a line of JSON does not."""
    plain: dict[str, Any] = json.loads(json.dumps({name: value for name, value in found.items() if value}, default=str))
    return plain


def granted_by(given: Mapping[str, Any]) -> str:
    """Who approved it, or else by whose word it was authorized."""
    approval = given.get("approval")
    principal = approval.get("principal") if isinstance(approval, Mapping) else None
    return str(principal or authorization(given.get("authorization")).get("who") or "")


def authorization(found: Any) -> dict[str, str]:
    """Who and ticket, and whatever else was given, as text."""
    if isinstance(found, Mapping):
        return {str(name): str(value) for name, value in found.items() if value}
    return {"who": str(found)} if found else {}


def moment(event: Event) -> datetime.datetime | None:
    """When an event was written."""
    return moment_of(event.time)


def moment_of(text: object) -> datetime.datetime | None:
    """The time that a record says; None if it is none."""
    try:
        return datetime.datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None


def seconds(first: Event, last: Event) -> float:
    """How long it took: by the clock that nobody sets, where both were written since one start of one machine."""
    ticks = last.monotonic_ns - first.monotonic_ns
    began, ended = moment(first), moment(last)
    by_clock = (ended - began).total_seconds() if began and ended else 0.0
    if first.monotonic_ns and last.monotonic_ns and abs(ticks / 1e9 - by_clock) <= 2:
        return max(ticks / 1e9, 0.0)
    return max(by_clock, 0.0)
