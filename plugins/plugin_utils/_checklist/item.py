# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checklist item, and the observations that all checks receive."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ...module_utils._engine.crypto.key_entry import KeyEntries
from ...module_utils._engine.proof.census_result import ColumnCounts
from .._rotation_record.recorded_mode import ONLINE, PREPARED

if TYPE_CHECKING:
    from ...module_utils._backup.manifest import KeptBackup
    from ...module_utils._engine.result_types import CensusOutcome
    from ...module_utils._errors.base import ErrorParts
    from ...module_utils._options.option_spec import Options
    from ...module_utils._result_types.approval_types import Authorization
    from ...module_utils._services.service_entry import ServiceEntry
    from .host_results import BackupResult, ChangeResult, ChecklistResults, CheckResult, HostFacts, PlanResult

OK, WARN, STOP = "ok", "warn", "stop"
SKIP = "skip"  # not configured or not checked


@dataclass(frozen=True)
class ChecklistItem:
    """The name of a check, its status, what was seen, and what to do about a problem.

    ``name`` is also its name in key_rotation_accept. ``because`` is the item whose failure kept this one from being
    checked. ``code`` is that of the error that was seen, or UNWATCHED. ``facts`` are the names and numbers from which
    ``seen`` was written; results and the record have only the text. One that is ``listed`` has a line in the table
    even if it is fine.
    """

    name: str
    status: str
    seen: str
    todo: str = ""
    because: str = ""
    code: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    listed: bool = False

    @classmethod
    def of_error(cls, name: str, error: ErrorParts, status: str = STOP) -> ChecklistItem:
        code, what = error.get("code", ""), error["what"]
        return cls(name, status, f"{code}: {what}" if code else what, error["todo"], code=code)

    def as_result(self) -> dict[str, str]:
        return {"name": self.name, "status": self.status, "seen": self.seen, "todo": self.todo, "code": self.code}


class ChecklistOptions(TypedDict, total=False):
    """The options of rotation_checklist that the checks read. ``backed_up``: the backup is done.

    The control node adds the last five. ``down_for`` is how many seconds the last rotation stopped the application.
    ``mode_reason`` is why the checklist chose the mode ``window``, None if it chose nothing.
    """

    environment: str
    reason: str | None
    authorization: Authorization | str | None
    notify: Any
    window: Options | None
    settings: KeyEntries
    hosts: Sequence[str]
    services: Sequence[ServiceEntry]
    database_dir: str
    method: str
    mode: str
    throttle: Options
    workers: int
    fence: str
    sessions: str
    compromised: bool
    application_rows: int
    backup_proof: str
    backup_engine: str
    backup_jobs: int
    rehearsal_records: str | None
    rehearsal_max_days: int
    has_verification_commands: bool
    backed_up: bool
    store_error: ErrorParts | None
    resumed: bool
    down_for: float | None
    approved: str
    mode_reason: str | None


def checklist_options(given: Options, *, backed_up: bool = False) -> ChecklistOptions:
    """Select them from the options of a task."""
    known = {name: given[name] for name in ChecklistOptions.__annotations__ if name in given}
    return cast(ChecklistOptions, {**known, "backed_up": backed_up})


class Rehearsal(TypedDict):
    """A completed rotation in staging. ``mode`` is empty if an earlier version recorded it."""

    rotation_id: str
    time: str
    plan_content: str | None
    collection: str | None
    mode: str


@dataclass(frozen=True)
class Observations:
    """The results of the checklist's tasks, as the modules returned them, with ``error`` if one failed.

    ``kept`` are the manifests of retained backups.
    """

    hosts: Mapping[str, ChecklistResults]
    census: CensusOutcome
    plan: PlanResult
    backup: BackupResult
    lease: ChangeResult
    df: Sequence[str]  # output of df -Pk (POSIX) on the database's host; empty if it was not run
    options: ChecklistOptions
    now: datetime.datetime
    collection: str = ""
    rehearsals: Sequence[Rehearsal] = ()
    kept: Sequence[KeptBackup] = ()
    versions: Mapping[str, str] = field(default_factory=dict)  # of the control node

    @property
    def production(self) -> bool:
        return str(self.options["environment"]) == "production"

    @property
    def facts(self) -> dict[str, HostFacts]:
        """The facts of checklist_info by host, without hosts on which it failed."""
        return {
            host: results["facts"]["facts"]
            for host, results in self.hosts.items()
            if "facts" in results.get("facts", {})
        }

    @property
    def stopped_units(self) -> set[str]:
        """Return the units in key_rotation_services."""
        names = (service["name"] for service in self.options["services"])
        return {name if "." in name else f"{name}.service" for name in names}

    @property
    def stops_only_units(self) -> bool:
        """Return whether there are services, and what a stop does is known of all of them."""
        services = self.options["services"]
        return bool(services) and not any(service.get("stop") or service.get("workload") for service in services)

    @property
    def online(self) -> bool:
        return self.options.get("mode") == ONLINE

    def with_mode(self, mode: str, reason: str | None = None) -> Observations:
        """Return the same observations for a rotation in this mode. ``reason`` is why the checklist chose it."""
        return replace(self, options={**self.options, "mode": mode, "mode_reason": reason})

    @property
    def unprepared(self) -> Mapping[str, str] | None:
        """Return by table why it cannot be prepared; None in another mode, or if no host has said it."""
        if self.options.get("mode") != PREPARED:
            return None
        return next((each["unprepared"] for each in self.facts.values() if each.get("unprepared") is not None), None)

    @property
    def prepared_bytes(self) -> int:
        """Return how many bytes the prepared values need; 0 in another mode."""
        if self.unprepared is None:
            return 0
        return max(int(facts["prepared_bytes"]) for facts in self.facts.values())

    @property
    def is_switched(self) -> bool:
        """Return whether this run resumes a rotation that has written the new keys on a host."""
        files = [results["env_file"] for results in self.hosts.values() if "env_file" in results]
        return bool(self.options.get("resumed")) and any(file.get("changed") is False for file in files)

    @property
    def values(self) -> int:
        """Return how many values the census counted."""
        return sum(count(target) for target in self.census.get("targets", []))


def count(target: ColumnCounts) -> int:
    """The values of one target of a census that are not empty."""
    return sum(number for name, number in target["classes"].items() if name != "empty")


def of_result(name: str, result: CheckResult, needs: str, well: str = "") -> ChecklistItem:
    """The item for a module that fails if something is wrong: its error, or ``well`` if it returned ``needs``."""
    if error := result.get("error"):
        return ChecklistItem.of_error(name, error)
    if needs not in result:
        return ChecklistItem(name, STOP, str(result.get("msg", "it was not checked")), "Fix that, then run it again.")
    return ChecklistItem(name, OK, well)


def unseen(name: str, because: str = "hosts") -> ChecklistItem:
    """The item for what could not be checked, because another item failed; by default, because no host was reached."""
    return ChecklistItem(name, SKIP, f"not checked: see {because}", because=because)


def worst(
    name: str, items: Sequence[ChecklistItem], well: str, facts: Mapping[str, object] | None = None
) -> ChecklistItem:
    """Combine the items of several hosts into one with the worst status, and the code and facts of the first with that
    status. Each problem appears once. If all is well, the item has ``well`` and ``facts``."""
    for status in (STOP, WARN):
        wrong = [item for item in items if item.status == status]
        if wrong:
            summaries = dict.fromkeys(item.seen for item in wrong)
            todo = dict.fromkeys(item.todo for item in wrong)
            return ChecklistItem(
                name, status, "; ".join(summaries), " ".join(todo), code=wrong[0].code, facts=wrong[0].facts
            )
    return ChecklistItem(name, OK, well, facts=facts or {})
