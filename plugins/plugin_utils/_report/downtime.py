# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the application did not answer: from the moment the first service was stopped, or the write fence was put
up, until the last one answered again."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...module_utils._record.events import (
    Event,
    HealthEvent,
    LeaseEvent,
    ReadingEvent,
    ReencryptionEvent,
    RunEvent,
    ServicesEvent,
)
from .event_time import seconds

STOPPED, STARTED = "stopped", "started"
UNFENCED = ("compared", "returned", "opened")  # states of the reading and of the lease that remove the write fence


@dataclass
class Outage:
    """``last`` is None as long as it lasts. One with no ``hosts`` is that of the write fence alone."""

    first: Event
    last: Event | None = None
    hosts: set[str] = field(default_factory=set)
    starting: set[str] = field(default_factory=set)  # hosts that were started and have not answered yet

    def apply(self, event: Event) -> None:
        if not event.is_done:
            return
        if isinstance(event, ServicesEvent) and event.state == STARTED:
            self.last = event
            self.starting.add(event.host)
        elif isinstance(event, HealthEvent) and event.host in self.starting:
            self.last = event
            self.starting.remove(event.host)
        elif not self.hosts and self.last is None and _unfences(event):
            self.last = event


@dataclass
class Downtime:
    """The outages of the newest run. ``intents`` holds by host the step that is under way."""

    outages: list[Outage] = field(default_factory=list)
    intents: dict[str, Event] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        if isinstance(event, RunEvent) and event.is_intent:
            self._begin(event)
        elif event.is_intent:
            self.intents[event.host] = event
        elif _stops(event):
            self._stop(event)
        elif self.outages:
            self.outages[-1].apply(event)

    def _begin(self, event: RunEvent) -> None:
        """What an earlier run stopped and started again is not of this one, unless this is its own rollback."""
        if not event.takes_itself_back:
            self.outages = [outage for outage in self.outages if outage.last is None]

    def _stop(self, event: Event) -> None:
        if not self.outages or self.outages[-1].last:
            self.outages.append(Outage(self.intents.get(event.host, event)))
        if isinstance(event, ServicesEvent):
            self.outages[-1].hosts.add(event.host)

    @property
    def of_services(self) -> bool:
        """Whether services were stopped, and not only writes refused."""
        return any(outage.hosts for outage in self.outages)

    @property
    def lasts(self) -> bool:
        return any(outage.last is None for outage in self.outages)

    @property
    def began(self) -> str:
        """When the first outage began; empty if there was none."""
        return self.outages[0].first.time if self.outages else ""

    @property
    def seconds(self) -> float:
        """How long those outages took that are over."""
        return sum(seconds(outage.first, outage.last) for outage in self.outages if outage.last)


def _stops(event: Event) -> bool:
    if isinstance(event, ServicesEvent):
        return event.is_done and event.state == STOPPED and bool(event.services)
    return isinstance(event, ReencryptionEvent) and bool(event.fence.get("closed"))


def _unfences(event: Event) -> bool:
    return isinstance(event, RunEvent) or (isinstance(event, (ReadingEvent, LeaseEvent)) and event.state in UNFENCED)
