# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is where: the values by version, the .env file of each host, the key store, and the services.

It is read from a record alone: the last census, and the last look at each host. What neither shows is called not known.
Every statement about the data on a screen, a page, in a log or a message is rendered from it, by ``sentences``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils._errors.base import NOTHING_CHANGED
from ...module_utils._record.events import (
    ROLLBACK,
    CensusEvent,
    EnvFileEvent,
    Event,
    KeyEvent,
    ReencryptionEvent,
    RepairEvent,
    RestoreEvent,
    RunEvent,
)
from ...module_utils._stores.history import STAGES

OLDER = "older-"  # before the key ID, the name of a version without a stage (History.for_host)
EMPTY = "empty"
# What is said of values of a class that is no version; the census of a later release may have others.
CLASSES = {
    "unreadable": "open under no known version",
    "plaintext": "are not encrypted",
    "nested": "are encrypted twice",
    "nested_unreadable": "hold a token that opens under no known version",
    "token_inside": "hold a token between other text",
}
WRITERS = (ReencryptionEvent, RepairEvent, RestoreEvent)
LOOKING = ("adopted", "agreed", "seen")  # states of key_version that say which version a host's .env file holds
NOT_WRITING = ("prepared", "examined", "dropped")
NEVER = "no census was taken"
SINCE = "values may have been written since the last census"
LOST = "E_HOST_LOST"


@dataclass(frozen=True)
class Values:
    """What a census counted. ``under`` holds counts by key ID, ``odd`` by the class of values that no version opens
    well. ``proved`` is whether a process that has only one version opened them, ``meanwhile`` whether other processes
    wrote some since the rotation began."""

    under: Mapping[str, int] = field(default_factory=dict)
    odd: Mapping[str, int] = field(default_factory=dict)
    proved: bool = False
    meanwhile: bool = False

    @property
    def total(self) -> int:
        """How many values there are, without the empty ones."""
        return sum(self.under.values()) + sum(self.odd.values())


@dataclass(frozen=True)
class Host:
    """The version that the .env file of one host holds, as a key ID; empty if not known. ``reached`` is whether the
    last run could still look."""

    key_id: str = ""
    reached: bool = True


@dataclass(frozen=True)
class FinalState:
    """``values`` is None if the last census does not show them, and ``unknown`` says why. With ``written`` a value or
    an .env file was written, or may have been. ``base`` is the key ID that everything was under before the rotation,
    ``current`` and ``pending`` are those of the key store. ``stopped`` are the services by host that nothing has
    started since."""

    values: Values | None = None
    unknown: str = NEVER
    written: bool = False
    hosts: Mapping[str, Host] = field(default_factory=dict)
    current: str = ""
    pending: str = ""
    base: str = ""
    stopped: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def odd(self) -> bool:
        """Whether the last census counted values that no version opens well."""
        return bool(self.values and self.values.odd)

    @property
    def known(self) -> bool:
        """Whether everything is known."""
        return self.values is not None and all(host.key_id and host.reached for host in self.hosts.values())

    @property
    def as_before(self) -> bool:
        """Whether every value, every .env file and the store are under the version from before the rotation."""
        if self.values is None or self.pending or not self.base or not self.hosts or not self.known:
            return False
        held = {self.current, *(host.key_id for host in self.hosts.values()), *self.values.under}
        return held == {self.base} and not self.values.odd and not self.values.meanwhile


def is_version(value_class: str) -> bool:
    """Whether a class of the census is a version: every other one, but for empty values, was not opened by it."""
    return value_class in STAGES or value_class.startswith(OLDER)


def opened(classes: Mapping[str, int]) -> int:
    """How many values of one target were opened by the process that took the census."""
    return sum(count for name, count in classes.items() if is_version(name))


def odd(classes: Mapping[str, int]) -> dict[str, int]:
    """The counts of the classes that are neither a version nor empty."""
    return {name: count for name, count in classes.items() if count and name != EMPTY and not is_version(name)}


def counted(targets: Iterable[Mapping[str, Any]], key_ids: Mapping[str, str]) -> Values:
    """The result of a census. ``key_ids`` names the version of each stage that it tried."""
    under: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for target in targets:
        classes = target.get("classes") or {}
        others.update(odd(classes))
        for name, count in classes.items():
            if count and is_version(name):
                under[key_ids.get(name, name.removeprefix(OLDER))] += count
    return Values(dict(under), dict(others))


def of(events: Sequence[Event], stopped: Mapping[str, Sequence[str]] | None = None) -> FinalState:
    """The state at the end of a record's events. ``stopped`` are the services that are down, by host."""
    reader = _Reader()
    for event in events:
        reader.read(event)
    return replace(reader.state(), stopped=dict(stopped or {}))


class _Reader:
    """Takes the events of a record one by one."""

    def __init__(self) -> None:
        self._stages: Mapping[str, str] = {}
        self._base, self._made = "", set[str]()
        self._values: Values | None = None
        self._meanwhile = False  # whether any census found that another process wrote
        self._open = 0  # writes that were begun since the last census
        self._writes = 0  # that were begun at all, less those that changed nothing
        self._hosts: dict[str, Host] = {}
        self._before: dict[str, Host] = {}  # what a host held before the write that is under way

    def read(self, event: Event) -> None:
        if isinstance(event, RunEvent) and event.is_intent:
            self._begin(event)
        elif isinstance(event, KeyEvent) and event.is_done:
            self._store(event)
        elif isinstance(event, CensusEvent) and event.targets:  # a refusal has counted too
            self._census(event, proved=event.is_proof)
        elif isinstance(event, WRITERS) and event.state not in NOT_WRITING:
            self._write(event)
        elif isinstance(event, EnvFileEvent) and event.state not in NOT_WRITING:
            self._switch(event)
        self._reach(event)

    def state(self) -> FinalState:
        known = self._values if not self._open else None
        unknown = "" if known else SINCE if self._values else NEVER
        current, pending = (self._stages.get(stage, "") for stage in ("current", "pending"))
        return FinalState(known, unknown, self._writes > 0, dict(self._hosts), current, pending, self._base)

    def _begin(self, event: RunEvent) -> None:
        """A new run. A rollback looks at everything before it begins, and at the hosts that it can reach."""
        seen = event.seen
        if event.name != ROLLBACK or seen is None:
            return
        self._hosts = {name: replace(host, reached=False) for name, host in self._hosts.items()}
        self._hosts.update({str(name): Host(str(key_id or "")) for name, key_id in (seen.get("files") or {}).items()})
        if seen.get("targets"):
            self._census(CensusEvent(targets=seen["targets"], key_ids=seen.get("key_ids") or {}), proved=False)

    def _store(self, event: KeyEvent) -> None:
        self._stages = event.stages or self._stages
        self._made |= {self._stages["pending"]} if "pending" in self._stages else set()
        current = self._stages.get("current", "")
        if not self._base and current not in self._made:
            self._base = current
        if event.state in LOOKING and event.host:
            self._hosts[event.host] = Host(event.key_id)

    def _census(self, event: CensusEvent, *, proved: bool) -> None:
        found = counted(event.targets, {**self._stages, **event.key_ids})
        passed = event.unopened.get("count", 0)
        odd_ones = found.odd or ({"unreadable": passed} if passed else {})
        proved = proved and not odd_ones
        self._meanwhile |= bool(event.meanwhile)
        self._values = replace(found, odd=odd_ones, proved=proved, meanwhile=self._meanwhile)
        self._open = 0

    def _write(self, event: Event) -> None:
        if event.is_intent:
            self._open += 1
            self._writes += 1
        elif self._open and _changed_nothing(event):
            self._open -= 1
            self._writes -= 1

    def _switch(self, event: EnvFileEvent) -> None:
        host = event.host
        if event.is_intent:
            self._writes += 1
            self._before[host] = self._hosts.get(host, Host())
            self._hosts[host] = Host()
        elif event.is_done:
            self._writes -= _changed_nothing(event)
            self._hosts[host] = Host(event.key_id or str(self._stages.get(event.asked.get("stage", ""), "")))
        elif _changed_nothing(event):
            self._writes -= 1
            self._hosts[host] = self._before.get(host, Host())

    def _reach(self, event: Event) -> None:
        """A host that was lost is not there to be looked at; one that answers again is."""
        if event.host in self._hosts and (event.is_done or event.is_failed):
            lost = event.error.get("code") == LOST
            self._hosts[event.host] = replace(self._hosts[event.host], reached=not lost)


def _changed_nothing(event: Event) -> bool:
    if event.is_done:
        return event.changed is False
    return bool(event.error.get("changed") == NOTHING_CHANGED)


def sentences(state: FinalState, verify: str = "") -> Iterator[str]:
    """The state in sentences. ``verify`` is the command that shows what is not known."""
    if state.as_before:
        yield "Every value, the .env file and the key store are as before the rotation."
    elif not state.written:
        yield "No value and no .env file was written."
    if state.values or state.written:
        yield values(state)
    if state.values and state.values.meanwhile:
        yield "Rows that another process wrote during the rotation are as it left them."
    yield from env_files(state)
    if state.current:
        pending = f", and {state.pending} is pending" if state.pending else ""
        yield f"The current version in the key store is {state.current}{pending}."
    for host, services in sorted(state.stopped.items()):
        yield f"Still stopped on {host}: {', '.join(services)}."
    if state.written and not state.known:
        yield f"To see what is not known, run {verify or 'verify.yml'}."


def values(state: FinalState) -> str:
    """How many values are under which version, in one sentence."""
    found = state.values
    if found is None:
        return f"Under which version each value is now is not known: {state.unknown}."
    if not found.total:
        return "There are no encrypted values."
    proof = ", proved by a process that has only this version" if found.proved else ""
    if len(found.under) == 1 and not found.odd:
        (key_id,) = found.under
        return f"All {found.total:,} values open under version {key_id}{proof}."
    parts = [f"{count:,} open under version {key_id}" for key_id, count in sorted(found.under.items())]
    parts += [f"{count:,} {CLASSES.get(name, f'are {name}')}" for name, count in sorted(found.odd.items())]
    return f"Of {found.total:,} values, {_listed(parts)}."


def env_files(state: FinalState) -> Iterator[str]:
    """Which version the .env file of each host holds, one sentence for all hosts of which the same is known."""
    groups: dict[Host, list[str]] = {}
    for name, host in sorted(state.hosts.items()):
        groups.setdefault(host, []).append(name)
    for host, names in groups.items():
        where = _listed(names)
        if not host.key_id:
            yield f"Which version the .env file on {where} holds is not known."
        elif host.reached:
            yield f"The .env file on {where} holds version {host.key_id}."
        else:
            yield f"When {where} could last be reached, the .env file there held version {host.key_id}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
