# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The duration of each phase of a run, including Ansible's own work: the phases add up to the whole run.

Phases are finer than the steps of a playbook. The time between two lines of the record belongs to the phase of the
later line. Phases that share a process write their lines together at its end; each line then has the duration of its
phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...module_utils._record.events import Event, NotificationEvent, RunEvent
from .event_time import seconds

# The phase, by the event and the requested state.
PHASES = {
    "rotation_checklist": "checklist",
    "checklist_info": "checklist",
    "postgresql_backup_info": "checklist",
    "database_lease": "checklist",
    "database_lease released": "finish",
    "django_census_info": "checklist",
    "write_fence": "verify",
    "django_census_info proof": "verify",
    "django_census_info serving": "verify again",
    "postgresql_backup": "backup",
    "key_version": "keys",
    "key_version current": "switch",
    "key_version rolled_back": "switch",
    "key_version discarded": "switch",
    "key_version_info": "finish",
    "key_version_info proof": "verify",
    "django_prepare": "prepare",
    "run_control_info": "wait",
    "application_services stopped": "stop",
    "application_sessions": "stop",
    "application_reading recorded": "re-encrypt",
    "application_reading serving recorded": "prepare",
    "application_reading serving verified": "verify again",
    "django_reencrypt": "re-encrypt",
    "django_repair": "repair",
    "postgresql_restore": "restore",
    "env_file": "switch",
    "env_file_info": "switch",
    "django_sessions": "sessions",
    "secret_key_fallbacks": "sessions",
    "application_services started": "start",
    "application_health": "start",
    "application_reading": "verify",
    "application_commands": "verify",
    "application_log_info": "verify",
    "process_keys_info": "checklist",
    "process_keys_info current": "verify",
    "monitoring_probe": "finish",
}


# In the order of the runbook. A run that resumes may take some of them in another order.
ORDER = (
    "checklist",
    "backup",
    "keys",
    "prepare",
    "wait",
    "stop",
    "repair",
    "restore",
    "re-encrypt",
    "switch",
    "verify",
    "sessions",
    "start",
    "verify again",
    "finish",
)


@dataclass
class PhaseTimes:
    """Seconds by phase."""

    taken: dict[str, float] = field(default_factory=dict)
    last: Event | None = None
    shared: float = 0.0  # seconds of a process, not yet assigned to its phases

    def apply(self, event: Event) -> None:
        if isinstance(event, NotificationEvent):
            return
        if isinstance(event, RunEvent) and event.is_intent:
            self.taken, self.shared = {}, 0.0
        elif self.last:
            phase = "finish" if isinstance(event, RunEvent) else self._phase(event)
            self.shared += seconds(self.last, event)
            taken = min(event.took, self.shared) if event.took else self.shared
            self.taken[phase] = self.taken.get(phase, 0.0) + taken
            self.shared -= taken
        self.last = event

    def _phase(self, event: Event) -> str:
        return event.find_in(PHASES) or next(reversed(self.taken), "checklist")  # that of the line before

    @property
    def whole(self) -> Mapping[str, float]:
        """Seconds by phase in their order, without those that took less than a tenth of a second."""
        return {name: self.taken[name] for name in ORDER if self.taken.get(name, 0) >= 0.1}
