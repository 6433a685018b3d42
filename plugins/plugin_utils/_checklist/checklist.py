# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist of a rotation: which checks there are, the runbook's first, and the table that a person reads."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Iterator, Sequence

from ...module_utils._errors.options import InvalidOption
from ...module_utils._errors.run import ChecklistFailed
from . import backups, data, database_capacity, hosts, key_agreement, people, rehearsal, secret_key, services, window
from .item import OK, STOP, WARN, ChecklistItem, Observations

# By the name that key_rotation_accept has for it.
CHECKS: dict[str, Callable[[Observations], ChecklistItem]] = {
    "backup": backups.possible,
    "rehearsal": rehearsal.rehearsed,
    "window": window.window,
    "rollback_plan": backups.proved,
    "notified": people.notified,
    "authorised": people.authorised,
    "census": data.census,
    "plan": data.plan,
    "store": key_agreement.store,
    "keys": key_agreement.agree,
    "processes": key_agreement.processes,
    "services": services.stops,
    "runs": services.runs,
    "sessions": services.sessions,
    "fence": services.fence,
    "health": services.health,
    "application": data.reads,
    "migrations": data.migrations,
    "connections": database_capacity.connections,
    "disk": database_capacity.disk,
    "wal": database_capacity.wal,
    "replicas": database_capacity.replicas,
    "hosts": hosts.looked_at,
    "clocks": hosts.clocks,
    "versions": hosts.versions,
    "secret_key": secret_key.other_users,
}
# What a person may know better. The others protect the data.
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
    "fence",
)
# What a discovery with the keys of the store finds in an application that has others, or whose store is not its own.
DISCOVERED = ("E_FIELD_", "E_FINDINGS", "E_NO_TARGETS", "E_OTHER_KEYS", "E_UNEXPLAINED", "E_UNPROVED", "E_WRONG_KEY")
# An error of the first kind in one item is why others have errors of the second kind.
ROOTS = (
    ("runs", ("E_LEASED", "E_LOCKED"), ("E_",)),
    ("keys", ("E_KEYS_DIFFER",), (*DISCOVERED, "E_PLAN_")),
    ("keys", ("E_",), ("E_ENV_", "E_KEY_", "E_KEYS_", "E_STORE_")),
)
MARKS = {OK: "ok  ", WARN: "warn", STOP: "STOP"}
WIDTH = 120


def judged(seen: Observations, accepted: Sequence[str]) -> list[ChecklistItem]:
    """Every item, in order. One that is accepted by name warns where it would stop. Raises E_OPTION."""
    for name in accepted:
        if name not in ACCEPTABLE:
            raise InvalidOption(
                name="key_rotation_accept",
                found=f"has {name}, which cannot be accepted",
                advice=f"These can: {', '.join(ACCEPTABLE)}.",
            )
    items = {name: check(seen) for name, check in CHECKS.items()}
    for root, codes, consequences in ROOTS:
        if items[root].seen.startswith(codes):
            items = {
                name: item if name == root else _behind(items[root], item, consequences) for name, item in items.items()
            }
    return [_accepted(item) if name in accepted else item for name, item in items.items()]


def _behind(root: ChecklistItem, item: ChecklistItem, consequences: tuple[str, ...]) -> ChecklistItem:
    """The item, where its error says no more than that of the root does: that it was not looked at."""
    if item.status == STOP and item.seen.startswith(consequences):
        return dataclasses.replace(item, seen="not looked at", todo=f"See {root.name} below.")
    return item


def _accepted(item: ChecklistItem) -> ChecklistItem:
    return dataclasses.replace(item, status=WARN, seen=f"{item.seen} (accepted)") if item.status == STOP else item


def table(items: Sequence[ChecklistItem]) -> Iterator[str]:
    """One line for each item, and what to do below those that are not well."""
    width = max(len(item.name) for item in items)
    for item in items:
        yield from _wrapped(f"  {MARKS[item.status]}  {item.name:<{width}}  ", item.seen)
        if item.status != OK and item.todo:
            yield from _wrapped(" " * (width + 10) + "-> ", item.todo)


def _wrapped(begin: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [begin]


def refuse(items: Sequence[ChecklistItem]) -> None:
    """Raise E_CHECKLIST with everything that stops the rotation."""
    stops = [item for item in items if item.status == STOP]
    if stops:
        seen = {item.seen: [other.name for other in stops if other.seen == item.seen] for item in stops}
        told = "; ".join(f"{', '.join(names)}: {what}" for what, names in seen.items())
        raise ChecklistFailed(count=len(stops), total=len(items), stops=told)
