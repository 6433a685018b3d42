# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that are down on each host, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...module_utils._record.events import Event, HealthEvent, ReencryptionEvent, RunEvent, ServicesEvent

STARTED = "started"


@dataclass(frozen=True)
class HostStop:
    services: Sequence[str]
    time: str


@dataclass
class Services:
    """The stopped services of all hosts. ``stops`` has by host those that are still stopped.

    ``ended`` is why the last start or health check failed. ``were_stopped`` is whether services were down from before
    the first write of the newest run, and no earlier run that it resumes had started any. Otherwise, users may have
    written in between.
    """

    stops: dict[str, HostStop] = field(default_factory=dict)
    were_stopped: bool = False
    ended: dict[str, str] = field(default_factory=dict)
    _run: str = ""  # the newest one: a rotation or a rollback
    _starts: bool = False  # whether the runs of this kind so far started services
    _served: bool = False  # the same, before the newest run

    def apply(self, event: Event) -> None:
        if isinstance(event, RunEvent) and event.is_intent:
            self._starts = self._served = self._starts and event.name == self._run
            self._run = event.name
            self.were_stopped = bool(self.stops) and not self._served
        if isinstance(event, ServicesEvent) and event.state == STARTED:
            self._starts = True
        if isinstance(event, ReencryptionEvent) and event.is_intent and not self.stops:
            self.were_stopped = False  # they serve while values are re-encrypted
            self._served = True
        if isinstance(event, (ServicesEvent, HealthEvent)) and not event.is_intent:
            self.ended[event.host] = event.error.get("what", "") if event.is_failed else ""
        if isinstance(event, ServicesEvent) and event.is_done:
            if event.state == STARTED:
                self.stops.pop(event.host, None)
            elif event.services:
                self.stops[event.host] = HostStop(list(event.services), event.time)
                self.were_stopped = not self._served

    def apply_by_hand(self, event: Event) -> None:
        """Apply an event of the maintenance playbook, which has its own record. Only starts count."""
        started = isinstance(event, ServicesEvent) and event.is_done and event.state == STARTED
        stop = self.stops.get(event.host)
        if started and stop and stop.time <= event.time:
            del self.stops[event.host]

    @property
    def stopped(self) -> Mapping[str, Sequence[str]]:
        return {host: stop.services for host, stop in self.stops.items()}

    @property
    def not_running(self) -> str:
        """Return why the application is not up on some host; empty if it is up, or was not started."""
        return "; ".join(f"{host}: {why}" for host, why in self.ended.items() if why)
