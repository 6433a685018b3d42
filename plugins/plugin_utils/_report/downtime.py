# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time during which the application did not answer.

It begins with the first stop of a service, or when the write fence closes, and ends when the last service answers
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...module_utils._errors.base import changed_nothing
from ...module_utils._record.events import (
    ROTATE,
    Event,
    FenceEvent,
    HealthEvent,
    LeaseEvent,
    ReadingEvent,
    ReencryptionEvent,
    RunEvent,
    ServicesEvent,
)
from .event_time import seconds

STOPPED, STARTED = "stopped", "started"
UNFENCED = ("verified", "released")  # states of steps that remove the write fence too


@dataclass
class Outage:
    """One outage. ``last`` is None while it lasts. Without ``hosts``, only the write fence was closed."""

    first: Event
    last: Event | None = None
    hosts: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)  # hosts that are still stopped or do not answer
    starting: set[str] = field(default_factory=set)  # hosts that were started but have not answered yet

    def stop(self, host: str) -> None:
        self.hosts.add(host)
        self.down.add(host)
        self.starting.discard(host)

    def apply(self, event: Event) -> None:
        if isinstance(event, HealthEvent) and event.is_failed and event.host in self.starting:
            self.last = None
            self.down.add(event.host)
        elif not event.is_done:
            return
        elif isinstance(event, ServicesEvent) and event.state == STARTED:
            if event.services or event.host in self.down:  # otherwise it was up, and nothing was started
                self.starting.add(event.host)
                self._up(event)
        elif isinstance(event, HealthEvent) and event.host in self.starting:
            self.starting.remove(event.host)
            self._up(event)
        elif not self.hosts and self.last is None and _unfences(event):
            self.last = event

    def _up(self, event: Event) -> None:
        """Mark a host as up. The outage ends with the last one."""
        self.down.discard(event.host)
        self.last = None if self.down else event


@dataclass
class StopToStart:
    """The time from the first stop of services, in any run, to their last start.

    ``gaps`` are from the last event of a run to the first one of the next. ``newest`` is the event before.
    """

    first: Event | None = None
    last: Event | None = None
    gaps: list[tuple[Event, Event]] = field(default_factory=list)
    newest: Event | None = None

    def apply(self, event: Event) -> None:
        if isinstance(event, ServicesEvent) and event.is_intent and event.state == STOPPED:
            self.first = self.first or event
        elif isinstance(event, ServicesEvent) and event.is_done and event.state == STARTED:
            self.last = event
        elif event.name == ROTATE and event.is_intent and self.newest:
            self.gaps.append((self.newest, event))
        self.newest = event

    @property
    def seconds(self) -> float | None:
        """Return its length without the gaps. None unless services were stopped and started."""
        if self.first is None or self.last is None:
            return None
        begun, ended = self.first.time, self.last.time
        idle = sum(seconds(before, event) for before, event in self.gaps if begun < event.time < ended)
        return seconds(self.first, self.last) - idle


@dataclass
class Downtime:
    """The outages of the newest run.

    ``intents`` are the steps that are under way, by host and name. ``died`` is the re-encryption in which the previous
    run died. ``of_completed`` is for how many seconds the last completed rotation stopped the services, in all of its
    runs. It is None without one.
    """

    outages: list[Outage] = field(default_factory=list)
    intents: dict[tuple[str, str], Event] = field(default_factory=dict)
    died: Event | None = None
    stop_to_start: StopToStart = field(default_factory=StopToStart)
    of_completed: float | None = None

    @classmethod
    def of(cls, events: Iterable[Event]) -> Downtime:
        """Return the downtime after these events."""
        downtime = cls()
        for event in events:
            downtime.apply(event)
        return downtime

    def apply(self, event: Event) -> None:
        self.stop_to_start.apply(event)
        if event.name == ROTATE and event.is_done:  # a rollback may come days later
            self.of_completed = self.stop_to_start.seconds
        if isinstance(event, RunEvent) and event.is_intent:
            self._begin(event)
        elif event.is_intent:
            self.intents[event.host, event.name] = event
        else:
            self._end_step(event, self.intents.pop((event.host, event.name), event))

    def _end_step(self, event: Event, first: Event) -> None:
        if _stops(event):
            self._stop(event, first)
        elif isinstance(event, LeaseEvent) and event.fenced and self.died and not self.lasts:
            self.outages.append(Outage(self.died))
            self.died = None
        elif self.outages:
            self.outages[-1].apply(event)

    def apply_by_hand(self, event: Event) -> None:
        """Apply an event of the maintenance playbook, which has its own record: it may end an outage of this run."""
        if self.lasts and self.outages[-1].first.time <= event.time:
            self.outages[-1].apply(event)

    def _begin(self, event: RunEvent) -> None:
        """Drop the outages that an earlier run ended, unless this run is its own rollback.

        A run that died in a step wrote no outcome. All services of that step count as stopped; whether it closed the
        write fence is seen by the next run.
        """
        if event.rolls_itself_back:
            return
        self.outages = [outage for outage in self.outages if outage.last is None]
        left, self.intents = list(self.intents.values()), {}
        for step in left:
            if isinstance(step, ServicesEvent) and step.state == STOPPED:
                self._stop(step, step)
        self.died = next((step for step in left if isinstance(step, ReencryptionEvent)), self.died)

    def _stop(self, event: Event, first: Event) -> None:
        if not self.outages or self.outages[-1].last:
            self.outages.append(Outage(first))
        if isinstance(event, ServicesEvent):
            self.outages[-1].stop(event.host)

    @property
    def of_services(self) -> bool:
        """Return whether services were stopped. Otherwise only writes were refused."""
        return any(outage.hosts for outage in self.outages)

    @property
    def lasts(self) -> bool:
        return any(outage.last is None for outage in self.outages)

    @property
    def began(self) -> str:
        """Return when the first outage began; empty if there was none."""
        return self.outages[0].first.time if self.outages else ""

    @property
    def seconds(self) -> float:
        """The length of all outages that are over, other than ``restarts``."""
        restarts = self.restarts
        return sum(
            seconds(outage.first, outage.last) for outage in self.outages if outage.last and outage not in restarts
        )

    @property
    def restarts(self) -> list[Outage]:
        """The outages in which the other hosts served."""
        hosts = {host for outage in self.outages for host in outage.hosts}
        return [outage for outage in self.outages if outage.hosts and outage.hosts != hosts]

    @property
    def longest_restart(self) -> float:
        return max((seconds(each.first, each.last) for each in self.restarts if each.last), default=0.0)


def _stops(event: Event) -> bool:
    """Return whether it stops the application. A stop that failed halfway counts: it may have stopped any service."""
    if isinstance(event, ServicesEvent):
        halfway = event.is_failed and "changed" in event.error and not changed_nothing(event.error)
        return event.state == STOPPED and (halfway or (event.is_done and bool(event.services)))
    return isinstance(event, ReencryptionEvent) and bool(event.fence.get("closed"))


def _unfences(event: Event) -> bool:
    if isinstance(event, (ReadingEvent, LeaseEvent)):
        return event.state in UNFENCED
    return isinstance(event, (RunEvent, FenceEvent))
