# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a task in a sentence: what was seen or done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...module_utils._errors.counts import counted
from .._report import sentences, step_lines
from .lines import format_census

ShownResult = Mapping[str, Any]
Sentence = Callable[[ShownResult], str]


def _counted(result: ShownResult) -> str:
    return format_census(result["targets"])


def _reencrypted(result: ShownResult) -> str:
    count = sum(target["reencrypted"] for target in result["targets"])
    if not count:
        return "no value is left under other keys"
    return f"{counted(count, 'value')} re-encrypted in {result['work']['seconds']} s"


def _planned(result: ShownResult) -> str:
    plan = result["plan"]
    return f"{counted(len(plan['targets']), 'column')} to rotate, plan {plan['hash'][:16]}"


def _backed_up(result: ShownResult) -> str:
    return "; ".join(line.strip() for line in step_lines.backed_up(result["dumps"]))


def _read(result: ShownResult) -> str:
    reading = result["reading"]
    return "; ".join(line.strip() for line in step_lines.read_by_application(reading)) if reading else ""


def _stopped(result: ShownResult) -> str:
    return f"stopped: {', '.join(result['services']) or 'nothing, because no service was running'}"


def _started(result: ShownResult) -> str:
    return f"started: {', '.join(result['services']) or 'nothing, because no service was stopped'}"


def _processes(result: ShownResult) -> str:
    return f"{counted(len(result['processes']), 'process', 'processes')} checked"


def _records(result: ShownResult) -> str:
    return f"{counted(len(result['records']), 'record')} verified"


def _sessions(result: ShownResult) -> str:
    return "no session of the application is open" if not result["sessions"] else ""


def _held(result: ShownResult) -> str:
    return f"the application has version {result['key_id']}" if "holds" in result else ""


# By action, and by its state if that makes a difference. Results with a table of their own have no sentence.
SENTENCES: dict[tuple[str, str], Sentence] = {
    ("application_health", ""): lambda result: "the application answers" if "answer" in result else "",
    ("application_reading", ""): _read,
    ("application_services", "started"): _started,
    ("application_services", "stopped"): _stopped,
    ("application_sessions", ""): _sessions,
    ("database_lease", "released"): lambda result: "lease released" if result["changed"] else "",
    ("database_lease", "acquired"): lambda result: "lease acquired" if result["changed"] else "",
    ("database_lease_info", ""): lambda result: "" if result["fenced"] else "no write fence remains",
    ("django_census_info", ""): _counted,
    ("django_plan", ""): _planned,
    ("django_plan_info", ""): _planned,
    ("django_reencrypt", ""): _reencrypted,
    ("django_sessions", ""): lambda result: sentences.logins(result["logins"]) or "there is no session in the database",
    ("env_file", "present"): lambda result: f"version {result['key_id']} is in {result['path']}",
    ("key_version", "adopted"): lambda result: f"the keys of the application are version {result['key_id']}",
    ("key_version", "current"): lambda result: f"version {result['key_id']} is current in the store",
    ("key_version", "destroyed"): lambda result: f"the values of version {result['key_id']} are destroyed",
    ("key_version", "discarded"): lambda result: f"version {result['key_id']} is discarded",
    ("key_version", "pending"): lambda result: f"version {result['key_id']} is in the store",
    ("key_version", "rolled_back"): lambda result: f"version {result['key_id']} is current again in the store",
    ("key_version_info", ""): _held,
    ("postgresql_backup", "present"): _backed_up,
    ("postgresql_backup_info", ""): lambda result: f"{counted(len(result['backups']), 'retained backup')}",
    ("process_keys_info", ""): _processes,
    ("rotation_record_info", ""): _records,
}
DEFAULT_STATES = {"postgresql_backup": "present", "env_file": "present"}


def sentence(action: str, state: str, result: ShownResult) -> str:
    """The sentence about a result. Empty if there is nothing to say, or if the result lacks the fields for it."""
    name = action.rsplit(".", 1)[-1]
    state = state or DEFAULT_STATES.get(name, "")
    say = SENTENCES.get((name, state)) or SENTENCES.get((name, ""))
    try:
        return say(result) if say else ""
    except (KeyError, TypeError):
        return ""
