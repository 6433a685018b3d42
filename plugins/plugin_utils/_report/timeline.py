# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a run: the name of each, when it began and ended, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...module_utils._record.events import Event, NotificationEvent, RunEvent
from .event_time import seconds

# The display name of a step, by the event and the requested state.
STEPS = {
    "rotation_checklist": "Checklist",
    "checklist_info": "Checklist: the host",
    "application_reading": "The application reads",
    "application_commands": "The application's commands",
    "postgresql_backup_info": "Checklist: the backups",
    "postgresql_backup": "Backup",
    "postgresql_backup cleared": "Backup: left copies",
    "postgresql_restore": "Restore",
    "postgresql_restore prepared": "Restore: the copy",
    "postgresql_restore dropped": "Restore: the drop",
    "key_version": "Keys",
    "key_version adopted": "Keys: adopted",
    "key_version pending": "Keys: the new ones",
    "key_version current": "Store: new keys current",
    "key_version rolled_back": "Store: previous keys current",
    "key_version_info": "Keys: on every host",
    "application_services stopped": "Maintenance: stop",
    "application_services started": "Maintenance: start",
    "application_sessions": "Maintenance: sessions closed",
    "application_health": "Maintenance: healthy",
    "application_log_info": "Logs: errors since the start",
    "env_file_info": "Switch: rehearsed",
    "env_file": "Switch: .env",
    "database_lease": "Database lease",
    "django_prepare": "Preparation",
    "django_prepare verified": "Preparation: verified with only the new keys",
    "run_control_info": "Waited for the order to switch",
    "django_reencrypt": "Re-encryption",
    "django_repair": "Repair from the backup",
    "django_sessions": "Sessions of users",
    "secret_key_fallbacks": "SECRET_KEY_FALLBACKS",
    "django_census_info": "Census",
    "django_census_info proof": "Proof: with only these keys",
    "django_census_info serving": "Proof: every value again, after the start",
    "application_reading serving": "The application reads, while it serves",
    "write_fence": "Write fence: removed",
    "process_keys_info": "Processes",
    "monitoring_probe": "Monitoring",
}
NO_STEPS = (RunEvent, NotificationEvent)  # they have no intent of their own, or are the run itself


def step_name(event: Event) -> str:
    """The display name of the step to which an event belongs."""
    return event.find_in(STEPS) or event.name.replace("_", " ").capitalize()


@dataclass
class Step:
    """A step: its intents and their outcomes. ``waiting`` counts the intents without an outcome."""

    name: str
    first: Event
    last: Event
    outcome: str = "open"
    waiting: int = 0

    def apply(self, event: Event) -> None:
        self.last = event
        self.waiting += 1 if event.is_intent else -1
        if event.is_failed:
            self.outcome = "failed"
        elif self.outcome != "failed":
            self.outcome = "open" if self.waiting > 0 else "done"

    @property
    def seconds(self) -> float:
        return seconds(self.first, self.last)


@dataclass(frozen=True)
class Bar:
    """A step in the chart of its run. ``left`` and ``width`` are in percent of the run."""

    name: str
    outcome: str
    seconds: float
    left: float
    width: float


@dataclass
class Timeline:
    """The steps, oldest first. A step that runs on several hosts at once counts as one."""

    steps: list[Step] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        if isinstance(event, NO_STEPS) or not (event.is_intent or event.is_done or event.is_failed):
            return
        self._step(step_name(event), event).apply(event)

    def _step(self, name: str, event: Event) -> Step:
        """The step of this name: for an intent only the newest step, for an outcome any. Otherwise a new one."""
        known = self.steps[-1:] if event.is_intent else reversed(self.steps)
        for step in known:
            if step.name == name:
                return step
        self.steps.append(Step(name, event, event))
        return self.steps[-1]

    def bars(self, first: Event, total: float) -> Iterator[Bar]:
        """The bars of the chart, for a run that ``first`` began and that took ``total`` seconds."""
        for step in self.steps:
            left = min(100 * seconds(first, step.first) / total, 99.0)
            width = min(max(100 * step.seconds / total, 0.6), 100 - left)
            yield Bar(step.name, step.outcome, step.seconds, round(left, 2), round(width, 2))
