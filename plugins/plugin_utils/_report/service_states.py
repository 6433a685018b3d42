# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of each host: which are down, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...module_utils._record.events import Event, HealthEvent, RunEvent, ServicesEvent

STARTED = "started"


@dataclass(frozen=True)
class HostStop:
    services: Sequence[str]
    time: str


@dataclass
class Services:
    """``stops`` holds by host what nothing has started since, ``ended`` why the last start or look there failed.
    ``were_stopped`` is whether any were down at some moment of the newest run, and none was started by an earlier run
    that it resumes: then users may have written since the first one."""

    stops: dict[str, HostStop] = field(default_factory=dict)
    were_stopped: bool = False
    ended: dict[str, str] = field(default_factory=dict)
    _run: str = ""  # the newest one: a rotation or a rollback
    _starts: bool = False  # of services, in the runs of this kind until now
    _served: bool = False  # the same, before the newest run

    def apply(self, event: Event) -> None:
        if isinstance(event, RunEvent) and event.is_intent:
            self._starts = self._served = self._starts and event.name == self._run
            self._run = event.name
            self.were_stopped = bool(self.stops) and not self._served
        if isinstance(event, ServicesEvent) and event.state == STARTED:
            self._starts = True
        if isinstance(event, (ServicesEvent, HealthEvent)) and not event.is_intent:
            self.ended[event.host] = event.error.get("what", "") if event.is_failed else ""
        if isinstance(event, ServicesEvent) and event.is_done:
            if event.state == STARTED:
                self.stops.pop(event.host, None)
            elif event.services:
                self.stops[event.host] = HostStop(list(event.services), event.time)
                self.were_stopped = not self._served

    def apply_by_hand(self, event: Event) -> None:
        """An event of the maintenance playbook, which has a record of its own: of that, the starts count."""
        started = isinstance(event, ServicesEvent) and event.is_done and event.state == STARTED
        stop = self.stops.get(event.host)
        if started and stop and stop.time <= event.time:
            del self.stops[event.host]

    @property
    def stopped(self) -> Mapping[str, Sequence[str]]:
        return {host: stop.services for host, stop in self.stops.items()}

    @property
    def not_running(self) -> str:
        """Why the application is not up on some host; empty if it is, or was not started."""
        return "; ".join(f"{host}: {why}" for host, why in self.ended.items() if why)
