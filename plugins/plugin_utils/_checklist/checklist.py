# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist of a rotation: all checks, in order, and the table that people read."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

from ...module_utils._errors.base import NOTHING_CHANGED
from ...module_utils._errors.counts import counted
from ...module_utils._errors.options import InvalidOption
from ...module_utils._errors.run import ChecklistFailed
from . import (
    backups,
    caches,
    data,
    database_capacity,
    files,
    hosts,
    key_agreement,
    people,
    rehearsal,
    secret_key,
    services,
    window,
)
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, unseen
from .root_causes import ROOT_CAUSES, find_consequences

# By their names in key_rotation_accept.
CHECKS: dict[str, Callable[[Observations], ChecklistItem]] = {
    "backup": backups.possible,
    "rehearsal": rehearsal.rehearsed,
    "window": window.window,
    "rollback_plan": backups.proved,
    "notified": people.notified,
    "authorized": people.authorized,
    "census": data.census,
    "plan": data.plan,
    "store": key_agreement.store,
    "keys": key_agreement.agree,
    "processes": key_agreement.processes,
    "services": services.stops,
    "runs": services.runs,
    "sessions": services.sessions,
    "fence": services.fence,
    "mode": services.mode,
    "health": services.health,
    "application": data.reads,
    "readings": data.compared,
    "migrations": data.migrations,
    "connections": database_capacity.connections,
    "disk": database_capacity.disk,
    "wal": database_capacity.wal,
    "replicas": database_capacity.replicas,
    "hosts": hosts.looked_at,
    "clocks": hosts.clocks,
    "versions": hosts.versions,
    "secret_key": secret_key.other_users,
    "logins": secret_key.logins,
    "caches": caches.lasting,
    "files": files.storages,
}
# A person may accept these. The others protect the data.
ACCEPTABLE = (
    "rehearsal",
    "window",
    "rollback_plan",
    "notified",
    "health",
    "migrations",
    "disk",
    "wal",
    "replicas",
    "clocks",
    "versions",
    "secret_key",
    "caches",
    "fence",
    "readings",
)
# A plan shows the first ones itself. The second ones are checked when a rotation starts.
OF_PLAN = ("census", "plan", "runs")
AT_START = ("rehearsal", "window", "notified", "authorized")
MARKS = {STOP: "STOP", WARN: "warn", SKIP: "skip", OK: "ok  "}  # problems first
WIDTH = 120


def judge_items(observations: Observations, accepted: Sequence[str], *, planned: bool = False) -> list[ChecklistItem]:
    """Check every item, in order; for a plan, without those that it shows itself. An accepted item warns instead of
    stopping. Raise E_OPTION for an item that cannot be accepted."""
    for name in accepted:
        if name not in ACCEPTABLE:
            raise InvalidOption(
                option="accept",
                fault=f"has {name}, which cannot be accepted",
                advice=f"These can: {', '.join(ACCEPTABLE)}.",
            )
    items = {name: check(observations) for name, check in CHECKS.items() if not (planned and name in OF_PLAN)}
    if planned:
        items.update({name: ChecklistItem(name, SKIP, "asked when a rotation starts") for name in AT_START})
    for cause in ROOT_CAUSES:
        items.update({name: unseen(name, because=cause.item) for name in find_consequences(cause, items)})
    items = _folded(items)
    return [_accepted(item) if name in accepted else item for name, item in items.items()]


def _folded(items: Mapping[str, ChecklistItem]) -> dict[str, ChecklistItem]:
    """Have each failed item name those that could not be checked because of it. Without such a failure, they stop."""
    folded, behind = dict(items), {name: _root(name, items) for name, item in items.items() if item.because}
    for name, root in behind.items():
        stays = SKIP if items[root].status == STOP else STOP
        folded[name] = dataclasses.replace(unseen(name, because=root), status=stays)
    for root in dict.fromkeys(behind.values()):
        names = ", ".join(name for name, because in behind.items() if because == root)
        folded[root] = dataclasses.replace(
            items[root], seen=f"{items[root].seen} (not checked because of this: {names})"
        )
    return folded


def _root(name: str, items: Mapping[str, ChecklistItem]) -> str:
    while items[name].because:
        name = items[name].because
    return name


def _accepted(item: ChecklistItem) -> ChecklistItem:
    return dataclasses.replace(item, status=WARN, seen=f"{item.seen} (accepted)") if item.status == STOP else item


def table(items: Sequence[ChecklistItem], *, whole: bool = False) -> Iterator[str]:
    """Problems first, each with what to do, then those that are always listed, and one line for the skipped items and
    one for the good ones.

    The ``whole`` table has a line for each item.
    """
    width = max(len(item.name) for item in items)
    for status in MARKS:
        for item in items:
            if item.status == status and (whole or status in (STOP, WARN) or item.listed):
                yield from _wrapped(f"  {MARKS[status]}  {item.name:<{width}}  ", item.seen)
                if status != OK and item.todo:
                    yield from _wrapped(" " * (width + 10) + "-> ", item.todo)
    if not whole:
        yield from _rest(items)


def _rest(items: Sequence[ChecklistItem]) -> Iterator[str]:
    """The names of skipped items, except those that a failed item lists, and the number of good ones."""
    skipped = [item.name for item in items if item.status == SKIP and not item.because]
    if skipped:
        yield from _wrapped(f"  {MARKS[SKIP]}  ", f"not configured or not checked: {', '.join(skipped)}")
    fine = sum(item.status == OK for item in items)
    yield f"  {MARKS[OK]}  {counted(fine, 'check is', 'checks are')} fine"


def summary(items: Sequence[ChecklistItem]) -> str:
    """The number of items by status, in a sentence."""
    counts = {status: sum(item.status == status for item in items) for status in MARKS}
    words = {OK: "fine", WARN: "with a warning", SKIP: "skipped", STOP: "blocking"}
    by_status = ", ".join(f"{counts[status]} {what}" for status, what in words.items() if counts[status])
    return f"{counted(len(items), 'check')}: {by_status}"


def _wrapped(begin: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [begin]


def refuse(items: Sequence[ChecklistItem], changed: str = NOTHING_CHANGED) -> None:
    """Raise E_CHECKLIST with the names of all items that stop the rotation. The table shows what is wrong with each."""
    stops = [item for item in items if item.status == STOP]
    if stops:
        raise ChecklistFailed(
            changed=changed, count=len(stops), total=len(items), stops=", ".join(item.name for item in stops)
        )
