# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share: options, and the one way a module ends."""

from __future__ import annotations

from typing import Any

from .._env_file.dialects import DIALECTS

PROJECT_OPTIONS: dict[str, Any] = {
    "project_dir": {"type": "path", "required": True},
    "settings_module": {"type": "str"},
    "schemes": {"type": "raw", "default": "auto"},
    "targets": {"type": "raw", "default": "auto"},
    "leave_alone": {"type": "list", "elements": "str", "default": []},
    "settlements": {"type": "dict", "default": {}},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "direct": {"type": "dict", "default": {}},
    # set by the action plugin; never by a playbook
    "progress": {"type": "path"},
}
DIALECT: dict[str, Any] = {"type": "str", "choices": list(DIALECTS), "default": "dotenv"}
KEYS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "no_log": False,
    "options": {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "default": "token_urlsafe"},
        "bytes": {"type": "int"},
        "keep": {"type": "int", "default": 0},
        "destination": {"type": "path"},
        "use": {"type": "str", "choices": ["encryption", "signing"], "default": "encryption"},
    },
}
KEY_OPTIONS: dict[str, Any] = {
    "keys": {**KEYS, "default": [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}]},
    "env_file": {"type": "path"},
    "dialect": DIALECT,
    "store": {"type": "dict", "default": {}, "no_log": True},
    # set by the action plugin from the store; never by a playbook
    "key_sets": {"type": "dict", "default": {}, "no_log": True},
    "key_set_ids": {"type": "dict", "default": {}, "no_log": False},
    "base": {"type": "str", "default": "current"},
}
ROTATION_OPTIONS: dict[str, Any] = {
    "rotation_id": {"type": "str", "required": True},
    "record_dir": {"type": "path"},
}


def on_controller(options: dict[str, Any]) -> dict[str, Any]:
    """The same options for an action plugin, which expands no path: ~ in most of them is that of the host's user."""
    return {
        name: {
            **option,
            **({"type": "str"} if option["type"] == "path" else {}),
            **({"options": on_controller(option["options"])} if "options" in option else {}),
        }
        for name, option in options.items()
    }


KEY_VERSION_OPTIONS: dict[str, Any] = {
    **KEY_OPTIONS,
    **ROTATION_OPTIONS,
    "state": {
        "type": "str",
        "required": True,
        "choices": [
            "adopted",
            "pending",
            "current",
            "rolled_back",
            "discarded",
            "destroyed",
            "agreed",
            "listed",
            "seen",
        ],
    },
    "key_id": {"type": "str"},
    "values_file": {"type": "path"},
    "census": {"type": "dict"},
    "needed_by_backups": {"type": "list", "elements": "str", "default": []},
    "hold_days": {"type": "int", "default": 0},
    "compromised": {"type": "bool", "default": False},
    "reason": {"type": "str"},
    "authorization": {"type": "raw"},
    "environment": {"type": "str", "choices": ["demo", "staging", "production"]},
    "operator": {"type": "str"},
    "seal_to": {"type": "str"},
}
BACKUP_INFO_OPTIONS: dict[str, Any] = {
    "backup_dir": {"type": "path", "required": True},
    "absent": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
}
ADMIN: dict[str, Any] = {
    "type": "dict",
    "options": {
        **{name: {"type": "str"} for name in ("service", "host", "port", "user")},
        "passfile": {"type": "path", "no_log": False},
        "dbname": {"type": "str", "default": "postgres"},
    },
}
ENVIRONMENTS = ["demo", "staging", "production"]
BACKUP_OPTIONS: dict[str, Any] = {
    **PROJECT_OPTIONS,
    **KEY_OPTIONS,
    **ROTATION_OPTIONS,
    "state": {"type": "str", "choices": ["present", "cleared"], "default": "present"},
    "environment": {"type": "str", "choices": ENVIRONMENTS, "default": "production"},
    "engine": {"type": "str", "choices": ["pg_dump", "pgbackrest", "snapshot"], "default": "pg_dump"},
    "stanza": {"type": "str"},
    "backup_type": {"type": "str", "choices": ["full", "diff", "incr"], "default": "incr"},
    "snapshot_command": {"type": "list", "elements": "str", "default": []},
    "key_ids": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "backup_dir": {"type": "path", "required": True},
    "recipients": {"type": "list", "elements": "str", "default": []},
    "identity_file": {"type": "path"},
    "encrypt": {"type": "bool", "default": True},
    "proof": {"type": "str", "choices": ["full", "sample", "none"], "default": "full"},
    "max_age": {"type": "int", "default": 24},
    "jobs": {"type": "int", "default": 0},
    "admin": ADMIN,
    "pg_bindir": {"type": "path"},
    # set by the action plugin; never by a playbook
    "identity": {"type": "str", "no_log": True},
    "run": {"type": "str"},
}
STAGES = ["current", "pending", "previous"]
# of the tasks; what else their actions send to the host is in the modules
ENV_FILE_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    "state": {"type": "str", "choices": ["present", "prepared"], "default": "present"},
    "path": {"type": "path", "required": True},
    "dialect": DIALECT,
    "stage": {"type": "str", "required": True, "choices": STAGES},
    "keys": {**KEYS, "required": True},
    "store": KEY_OPTIONS["store"],
}
PROCESS_KEYS_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    "rotation_id": {"type": "str"},
    "state": {"type": "str", "choices": ["switched", "ready"], "default": "switched"},
    "env_file": {"type": "path", "required": True},
    "dialect": DIALECT,
    "stage": {"type": "str", "choices": STAGES, "default": "current"},
    "keys": {**KEYS, "required": True},
    "units": {"type": "list", "elements": "str", "default": []},
    "pids": {"type": "list", "elements": "int", "default": []},
    "patterns": {"type": "list", "elements": "str", "default": []},
    "hidden_environment": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
    "orphans": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
    "absent": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
    "store": KEY_OPTIONS["store"],
}
SERVICES_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    "state": {"type": "str", "required": True, "choices": ["stopped", "started", "released"]},
    "services": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "start": {"type": "list", "elements": "str"},
            "stop": {"type": "list", "elements": "str"},
            "status": {"type": "list", "elements": "str"},
        },
    },
    "memory": {"type": "path", "required": True},
    "flag_file": {"type": "path"},
    "timeout": {"type": "int", "default": 300},
    "settle": {"type": "int", "default": 5},
    "jobs": {"type": "str", "choices": ["wait", "stop"], "default": "wait"},
    "held": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
    "half": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
}
SESSIONS_OPTIONS: dict[str, Any] = {
    **{name: PROJECT_OPTIONS[name] for name in ("project_dir", "settings_module", "direct")},
    **ROTATION_OPTIONS,
    "allowed": {"type": "list", "elements": "str", "default": []},
    "left": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
    "timeout": {"type": "int", "default": 60},
}
READING_OPTIONS: dict[str, Any] = {
    **PROJECT_OPTIONS,
    **KEY_OPTIONS,
    **ROTATION_OPTIONS,
    "state": {"type": "str", "required": True, "choices": ["taken", "compared"]},
    "fence": {"type": "str", "choices": ["auto", "off"], "default": "off"},
    "baseline": {"type": "dict", "default": {}},
    "meanwhile": {"type": "dict", "default": {}},
    "written": {"type": "dict", "default": {}},
    "rows": {"type": "int", "default": 0},
    "left_out": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 600},
}
COMMANDS_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    "commands": {"type": "list", "elements": "list", "required": True},
    "project_dir": PROJECT_OPTIONS["project_dir"],
    "timeout": {"type": "int", "default": 600},
    "purpose": {"type": "str", "default": "verification"},
}
FACTS_OPTIONS: dict[str, Any] = {
    **PROJECT_OPTIONS,
    **KEY_OPTIONS,
    "sessions_allowed": {"type": "list", "elements": "str", "default": []},
    "left_out": {"type": "list", "elements": "str", "default": []},
}
CHECKLIST_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    "state": {"type": "str", "choices": ["judged", "still_open"], "default": "judged"},
    "environment": {"type": "str", "choices": ["demo", "staging", "production"], "default": "production"},
    "reason": {"type": "str"},
    "authorization": {"type": "raw"},
    "notify": {"type": "raw", "default": []},
    "window": {"type": "dict"},
    "settings": {"type": "list", "elements": "dict", "default": []},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "dict", "default": []},
    "database_dir": {"type": "str", "default": "/var/lib/postgresql"},
    "method": {"type": "str", "default": "direct"},
    "throttle": {"type": "dict", "default": {}},
    "workers": {"type": "int", "default": 0},
    "fence": {"type": "str", "default": "auto"},
    "application_rows": {"type": "int", "default": 0},
    "backup_proof": {"type": "str", "default": "full"},
    "backup_engine": {"type": "str", "default": "pg_dump"},
    "backup_jobs": {"type": "int", "default": 0},
    "rehearsal_records": {"type": "path"},
    "rehearsal_max_days": {"type": "int", "default": 90},
    "accept": {"type": "list", "elements": "str", "default": []},
    "store": KEY_OPTIONS["store"],
}
HEALTH_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    "url": {"type": "str", "required": True},
    "host": {"type": "str"},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
    "answer_timeout": {"type": "int", "default": 10},
}
RECORD_OPTIONS: dict[str, Any] = {
    "state": {
        "type": "str",
        "required": True,
        "choices": ["opened", "completed", "rolled_back", "failed", "added", "verified", "reported", "stated"],
    },
    "direction": {"type": "str", "choices": ["rotate", "rollback"], "default": "rotate"},
    "rotation_id": {"type": "str"},
    "record_dir": {"type": "path"},
    "other_record_dirs": {"type": "list", "elements": "path", "default": []},
    "control_nodes": {"type": "list", "elements": "str", "default": []},
    "former_signers": {"type": "list", "elements": "str", "default": []},
    "store": {"type": "dict", "default": {}, "no_log": True},
    "reason": {"type": "str"},
    "authorization": {"type": "raw"},
    "policy": {"type": "str"},
    "environment": {"type": "str", "choices": ["demo", "staging", "production"], "default": "production"},
    "require_approval": {"type": "bool", "default": False},
    "plan": {"type": "path"},
    "allowed_signers": {"type": "path"},
    "approval_max_hours": {"type": "float", "default": 24.0},
    "operator": {"type": "str"},
    "notify": {"type": "raw", "default": [], "no_log": True},
    "hold_days": {"type": "int", "default": 30},
    "cryptoperiod_days": {"type": "int", "default": 365},
    "failed_task": {"type": "str"},
    "error": {"type": "dict", "default": {}},
    "course": {"type": "dict"},
}
COURSE_OPTIONS: dict[str, Any] = {
    "census": {"type": "dict", "required": True},
    "files": {"type": "dict", "required": True},
    "backup": {"type": "dict", "default": {}},
    "done": {"type": "list", "elements": "str", "default": []},
    "prefer": {"type": "str", "choices": ["", "forwards", "repair", "restore"], "default": ""},
    "repair": {"type": "list", "elements": "str", "default": []},
    "rotation_id": {"type": "str"},
    "record_dir": {"type": "path"},
    "store": {"type": "dict", "default": {}, "no_log": True},
}
RESTORE_OPTIONS: dict[str, Any] = {
    **PROJECT_OPTIONS,
    **KEY_OPTIONS,
    "rotation_id": {"type": "str"},
    "recorded_in": {"type": "str"},
    "record_dir": {"type": "path"},
    "state": {"type": "str", "choices": ["examined", "prepared", "present", "dropped"], "default": "present"},
    "backup_dir": {"type": "path", "required": True},
    "alias": {"type": "str", "default": "default"},
    "acknowledge": {"type": "str"},
    "admin": ADMIN,
    "identity_file": {"type": "path"},
    "pg_bindir": {"type": "path"},
    # set by the action plugin; never by a playbook
    "identity": {"type": "str", "no_log": True},
}
REPAIR_OPTIONS: dict[str, Any] = {
    **PROJECT_OPTIONS,
    **KEY_OPTIONS,
    **ROTATION_OPTIONS,
    "backup": {"type": "str", "required": True},
    "named": {"type": "list", "elements": "str", "default": []},
    **{name: RESTORE_OPTIONS[name] for name in ("backup_dir", "admin", "identity_file", "pg_bindir", "identity")},
    "run": {"type": "str", "default": ""},
}
LOG_OPTIONS: dict[str, Any] = {
    "log_files": {"type": "list", "elements": "str"},
    "usual_log_files": {"type": "list", "elements": "str", "default": []},
    "log_units": {"type": "list", "elements": "str", "default": []},
    "log_patterns": {
        "type": "list",
        "elements": "str",
        "default": ["decrypt_failed", "InvalidToken", "Decryption failed"],
    },
}
LOGS_OPTIONS: dict[str, Any] = {
    **ROTATION_OPTIONS,
    **LOG_OPTIONS,
    "state": {"type": "str", "required": True, "choices": ["begun", "counted"]},
    "begun": {"type": "dict", "default": {}},
    "errors": {"type": "str", "choices": ["refuse", "warn"], "default": "warn"},
}
MONITORING_OPTIONS: dict[str, Any] = {
    **PROJECT_OPTIONS,
    **KEY_OPTIONS,
    **ROTATION_OPTIONS,
    "rotation_id": {"type": "str"},
    "state": {"type": "str", "choices": ["watched", "pictured"], "default": "watched"},
    "census": {"type": "bool", "default": True},
    "throttle": {
        "type": "dict",
        "options": {"ratio": {"type": "float"}, "replica_lag": {"type": "float"}, "pause_file": {"type": "path"}},
    },
    "urls": {"type": "list", "elements": "str", "default": []},
    "host": {"type": "str"},
    "headers": HEALTH_OPTIONS["headers"],
    "ca_file": HEALTH_OPTIONS["ca_file"],
    "answer_timeout": HEALTH_OPTIONS["answer_timeout"],
    "tries": {"type": "int", "default": 10},
    "slower": {"type": "float", "default": 2.0},
    "success": {"type": "float", "default": 1.0},
    "log_errors": {"type": "int", "default": 0},
    "baseline": {"type": "str", "choices": ["keep", "take"], "default": "keep"},
    **LOG_OPTIONS,
    "memory_dir": {"type": "path"},
    "metrics_file": {"type": "path"},
    "backups": {"type": "dict", "default": {}},
    "hold_days": {"type": "int", "default": 30},
    "cryptoperiod_days": {"type": "int", "default": 365},
    "due_warning_days": {"type": "int", "default": 30},
}
