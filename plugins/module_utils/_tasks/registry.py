# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``host_tasks`` can run: the work of each module, its options, and the packages that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._options.application_options import (
    APPLICATION_COMMANDS,
    APPLICATION_HEALTH,
    APPLICATION_LOGS,
    APPLICATION_READING_MODULE,
    APPLICATION_SERVICES,
    APPLICATION_SESSIONS,
)
from .._options.backup_options import (
    POSTGRESQL_BACKUP_INFO,
    POSTGRESQL_BACKUP_MODULE,
    POSTGRESQL_RESTORE_MODULE,
)
from .._options.data_options import (
    DATABASE_LEASE_MODULE,
    DJANGO_CENSUS_MODULE,
    DJANGO_PLAN_MODULE,
    DJANGO_REENCRYPT_MODULE,
    DJANGO_REPAIR_MODULE,
)
from .._options.key_options import ENV_FILE_MODULE, KEY_VERSION_MODULE, PROCESS_KEYS_MODULE
from .._options.monitoring_options import MONITORING_PROBE_MODULE
from .._options.rotation_options import CHECKLIST_FACTS_MODULE
from .back_up import back_up
from .change_lease import change_lease
from .collect_facts import collect_facts
from .compare_logs import compare_logs
from .compare_readings import compare_readings
from .host_task import HostTask
from .judge_processes import judge_processes
from .list_backups import list_backups
from .make_plan import make_plan
from .read_keys import read_keys
from .reencrypt_values import reencrypt_values
from .repair_values import repair_values
from .restore_database import restore_database
from .run_commands import run_commands
from .set_env_file import set_env_file
from .switch_services import switch_services
from .take_census import take_census
from .take_snapshot import take_snapshot
from .wait_for_health import wait_for_health
from .wait_for_sessions import wait_for_sessions


@dataclass(frozen=True)
class ModuleWork:
    """The work of a module."""

    spec: Mapping[str, Any]
    do: Callable[[HostTask], dict[str, Any]]
    needs: Sequence[str] = ("cryptography",)


WORK: Mapping[str, ModuleWork] = {
    "application_commands": ModuleWork(APPLICATION_COMMANDS, run_commands),
    "application_health": ModuleWork(APPLICATION_HEALTH, wait_for_health, needs=()),
    "application_logs": ModuleWork(APPLICATION_LOGS, compare_logs, needs=()),
    "application_reading": ModuleWork(APPLICATION_READING_MODULE, compare_readings),
    "application_services": ModuleWork(APPLICATION_SERVICES, switch_services, needs=()),
    "application_sessions": ModuleWork(APPLICATION_SESSIONS, wait_for_sessions),
    "checklist_facts": ModuleWork(CHECKLIST_FACTS_MODULE, collect_facts),
    "database_lease": ModuleWork(DATABASE_LEASE_MODULE, change_lease),
    "django_census": ModuleWork(DJANGO_CENSUS_MODULE, take_census),
    "django_plan": ModuleWork(DJANGO_PLAN_MODULE, make_plan),
    "django_reencrypt": ModuleWork(DJANGO_REENCRYPT_MODULE, reencrypt_values),
    "django_repair": ModuleWork(DJANGO_REPAIR_MODULE, repair_values),
    "env_file": ModuleWork(ENV_FILE_MODULE, set_env_file),
    "key_version": ModuleWork(KEY_VERSION_MODULE, read_keys),
    "monitoring_probe": ModuleWork(MONITORING_PROBE_MODULE, take_snapshot),
    "postgresql_backup": ModuleWork(POSTGRESQL_BACKUP_MODULE, back_up),
    "postgresql_backup_info": ModuleWork(POSTGRESQL_BACKUP_INFO, list_backups),
    "postgresql_restore": ModuleWork(POSTGRESQL_RESTORE_MODULE, restore_database),
    "process_keys": ModuleWork(PROCESS_KEYS_MODULE, judge_processes),
}
