# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of the checklist's tasks on one host, as the modules return them: what the checks read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from ...module_utils._engine.fact_types import DatabaseFacts, FileColumnFact, SchemeSpeed

if TYPE_CHECKING:
    from ...module_utils._backup.manifest import ListedBackups
    from ...module_utils._destinations.units_reading_key_files import FileReader
    from ...module_utils._engine.fact_types import SecretKeyUsers
    from ...module_utils._engine.plan.plan_document import PlanDocument
    from ...module_utils._engine.postgres.database_session_types import HeldSession
    from ...module_utils._engine.proof.reading_types import ReadingForecast
    from ...module_utils._engine.result_types import CensusOutcome
    from ...module_utils._errors.base import ErrorParts
    from ...module_utils._services.key_verdict import ProcessKeys


class CheckResult(TypedDict, total=False):
    """The members that every result may have: ``msg`` and ``error`` if it failed."""

    msg: str
    error: ErrorParts


class ChangeResult(CheckResult, total=False):
    """A step in check mode: whether it would change anything, and what it ``would`` do, in words."""

    changed: bool
    would: str


class KeysResult(ChangeResult, total=False):
    """The key ID of the host's keys, and the place of the store."""

    key_id: str
    store: str


class FileResult(ChangeResult, total=False):
    """``rewritten`` has by place what would write the previous values again when a person runs it."""

    path: str
    rewritten: Mapping[str, str]


class ProcessesResult(CheckResult, total=False):
    processes: Sequence[ProcessKeys]


class ServicesResult(ChangeResult, total=False):
    services: Sequence[str]


class HealthResult(CheckResult, total=False):
    answer: Mapping[str, float]


class PlanResult(CheckResult, total=False):
    plan: PlanDocument
    path: str


class CheckedDump(TypedDict, total=False):
    """A backup that would be created. Only one by pgBackRest has the ``system_identifier`` of its cluster."""

    system_identifier: str


class BackupResult(ChangeResult, total=False):
    dumps: Sequence[CheckedDump]


class CheckedDatabase(DatabaseFacts):
    """The facts of a database. ``skew`` is how many seconds its clock is off that of the control node."""

    skew: float


class HostSpeed(SchemeSpeed):
    """The speed of a host. ``read`` is how many seconds the application takes to read one row, by table."""

    read: Mapping[str, float]


class LastingCacheFact(TypedDict):
    """A cache that outlives the processes, and how to clear it."""

    alias: str
    kind: str
    advice: str


class HostFacts(TypedDict):
    """The facts of checklist_info. ``skew`` is how many seconds the host's clock is off that of the control node.

    ``unfenced`` says why other sessions can write. ``unprepared`` says by table why it cannot be prepared; it is None
    if nothing is to be prepared. ``key_moves`` has, for keys in source code, the change that moves them out.
    """

    databases: Sequence[CheckedDatabase]
    sessions: Sequence[HeldSession]
    migrations: Sequence[str]
    secret_key: SecretKeyUsers
    reads: ReadingForecast
    speed: HostSpeed
    unfenced: Sequence[str]
    unprepared: Mapping[str, str] | None
    prepared_bytes: int
    caches: Sequence[LastingCacheFact]
    cached_tokens: Mapping[str, int]
    session_tokens: Mapping[str, int]
    clear_sessions: str
    files: Sequence[FileColumnFact]
    key_moves: Mapping[str, str]
    file_readers: Sequence[FileReader]
    replaced_file: str | None
    versions: Mapping[str, str]
    cores: int
    skew: float


class FactsResult(CheckResult, total=False):
    facts: HostFacts


class ChecklistResults(TypedDict, total=False):
    """The results of one host, by their names in the checklist. The first host also has those of the backup.

    ``stops`` has the services that a rotation would stop, ``services`` those that an earlier run left stopped.
    """

    keys: KeysResult
    env_file: FileResult
    processes: ProcessesResult
    stops: ServicesResult
    services: ServicesResult
    health: HealthResult
    facts: FactsResult
    pending: ChangeResult
    django_census_info: CensusOutcome
    django_plan: PlanResult
    django_plan_info: PlanResult
    database_lease: ChangeResult
    postgresql_backup: BackupResult
    postgresql_backup_info: ListedBackups
