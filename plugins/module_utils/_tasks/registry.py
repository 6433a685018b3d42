# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks that ``host_tasks`` can run: the work of each module, its options, and the packages that it needs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._options.application_options import (
    APPLICATION_COMMANDS,
    APPLICATION_HEALTH,
    APPLICATION_LOG_INFO,
    APPLICATION_READING_MODULE,
    APPLICATION_SERVICES,
    APPLICATION_SESSIONS,
)
from .._options.backup_options import (
    POSTGRESQL_BACKUP_INFO,
    POSTGRESQL_BACKUP_MODULE,
    POSTGRESQL_RESTORE_INFO_MODULE,
    POSTGRESQL_RESTORE_MODULE,
)
from .._options.data_options import (
    DATABASE_LEASE_INFO,
    DATABASE_LEASE_MODULE,
    DJANGO_CENSUS_INFO_MODULE,
    DJANGO_PLAN_INFO_MODULE,
    DJANGO_PLAN_MODULE,
    DJANGO_PREPARE_MODULE,
    DJANGO_REENCRYPT_MODULE,
    DJANGO_REPAIR_MODULE,
    DJANGO_SESSIONS_MODULE,
    RUN_CONTROL_INFO,
    RUN_CONTROL_MODULE,
    WRITE_FENCE_MODULE,
)
from .._options.key_options import (
    ENV_FILE_INFO_MODULE,
    ENV_FILE_MODULE,
    KEY_VERSION_INFO_MODULE,
    KEY_VERSION_MODULE,
    PROCESS_KEYS_INFO_MODULE,
    SECRET_KEY_FALLBACKS_MODULE,
)
from .._options.monitoring_options import MONITORING_PROBE_MODULE
from .._options.option_spec import Spec
from .._options.rotation_options import CHECKLIST_INFO_MODULE

if TYPE_CHECKING:
    from .host_task import HostTask, ModuleResult


@dataclass(frozen=True)
class ModuleWork:
    """The work of a module: a function with the name of its file.

    ``takes`` has by module the results that become options of this one, or a member of them. They apply if that module
    ran earlier in the same task.
    """

    spec: Spec
    name: str
    needs: Sequence[str] = ("cryptography",)
    takes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def taken(self, results: Iterable[tuple[str, ModuleResult]]) -> ModuleResult:
        """The options that come from the results of modules that ran before, each with the name of its module."""
        return {
            option: [result[option]] if self.spec[option]["type"] == "list" else result[option]
            for module, result in results
            for option in self.takes.get(module, ())
            if option in result
        }

    @property
    def do(self) -> Callable[[HostTask], ModuleResult]:
        """The function."""
        function: Callable[[HostTask], ModuleResult] = getattr(
            importlib.import_module(f".{self.name}", __package__), self.name
        )
        return function


WORK: Mapping[str, ModuleWork] = {
    "application_commands": ModuleWork(APPLICATION_COMMANDS, "run_commands"),
    "application_health": ModuleWork(APPLICATION_HEALTH, "wait_for_health", needs=()),
    "application_log_info": ModuleWork(APPLICATION_LOG_INFO, "compare_logs", needs=()),
    "application_reading": ModuleWork(
        APPLICATION_READING_MODULE,
        "compare_readings",
        # Not after the start, when users write.
        takes={"django_census_info": ("concurrent_rows", "unwrapped", "written")},
    ),
    "application_services": ModuleWork(APPLICATION_SERVICES, "switch_services", needs=()),
    "application_sessions": ModuleWork(APPLICATION_SESSIONS, "wait_for_database_sessions"),
    "checklist_info": ModuleWork(CHECKLIST_INFO_MODULE, "collect_facts"),
    "database_lease": ModuleWork(DATABASE_LEASE_MODULE, "change_lease"),
    "database_lease_info": ModuleWork(DATABASE_LEASE_INFO, "find_fence"),
    "django_census_info": ModuleWork(DJANGO_CENSUS_INFO_MODULE, "take_census"),
    "django_plan": ModuleWork(DJANGO_PLAN_MODULE, "make_plan"),
    "django_plan_info": ModuleWork(DJANGO_PLAN_INFO_MODULE, "make_plan"),
    "django_prepare": ModuleWork(DJANGO_PREPARE_MODULE, "prepare_values"),
    "django_reencrypt": ModuleWork(
        DJANGO_REENCRYPT_MODULE, "reencrypt_values", takes={"django_reencrypt": ("concurrent_writes",)}
    ),
    "django_repair": ModuleWork(DJANGO_REPAIR_MODULE, "repair_values"),
    "django_sessions": ModuleWork(DJANGO_SESSIONS_MODULE, "change_user_sessions"),
    "env_file": ModuleWork(ENV_FILE_MODULE, "set_env_file"),
    "env_file_info": ModuleWork(ENV_FILE_INFO_MODULE, "rehearse_env_file"),
    "key_version": ModuleWork(KEY_VERSION_MODULE, "read_keys"),
    "key_version_info": ModuleWork(KEY_VERSION_INFO_MODULE, "read_keys"),
    "monitoring_probe": ModuleWork(MONITORING_PROBE_MODULE, "take_snapshot"),
    "postgresql_backup": ModuleWork(POSTGRESQL_BACKUP_MODULE, "back_up"),
    "postgresql_backup_info": ModuleWork(POSTGRESQL_BACKUP_INFO, "list_backups"),
    "postgresql_restore": ModuleWork(POSTGRESQL_RESTORE_MODULE, "restore_database"),
    "postgresql_restore_info": ModuleWork(POSTGRESQL_RESTORE_INFO_MODULE, "find_backup"),
    "process_keys_info": ModuleWork(PROCESS_KEYS_INFO_MODULE, "judge_processes"),
    "run_control": ModuleWork(RUN_CONTROL_MODULE, "control_run"),
    "run_control_info": ModuleWork(RUN_CONTROL_INFO, "watch_run"),
    "secret_key_fallbacks": ModuleWork(SECRET_KEY_FALLBACKS_MODULE, "set_fallbacks"),
    "write_fence": ModuleWork(WRITE_FENCE_MODULE, "remove_fence"),
}
# They change nothing on a host: what discovery found before one of them is as true after it.
ONLY_READING = frozenset({"django_plan", *(name for name in WORK if name.endswith("_info"))})
