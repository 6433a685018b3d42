# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services and processes that use the keys."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_PROCESS_NONE": (
        "no process belongs to {what}",
        "Start it, or correct the name; absent: accept is for what is stopped for the rotation. Where /proc hides "
        "those of other users (hidepid), run the task as theirs.",
    ),
    "E_PROCESS_READ": (
        "process {pid} ({name}) of {owner} does not show its environment to {user}",
        "Run the task as {owner} (become_user), or as root.",
    ),
    "E_PROCESS_STALE": (
        "{count} of {total} processes are not shown to run under the keys {expected}: {processes}",
        "{todo}",
    ),
    "E_PROCESS_EXPORTED": (
        "{count} of {total} processes would not be shown to take new keys from {path}: {processes}",
        "{todo}",
    ),
    "E_SERVICE_MISSING": (
        "{name} is no unit that systemd on this host knows",
        "Correct key_rotation_services, or give that entry commands to start and stop it.",
    ),
    "E_SERVICE_PROGRAM": (
        "{program} {found} that {user} can run on this host, and is to {word} the service {name}",
        "Correct key_rotation_services: a command is a list, each word by itself. Or give {user} the right to run it.",
    ),
    "E_SERVICE_TRIGGER": (
        "{trigger} would start {name} again",
        "List {trigger} before {name} in key_rotation_services.",
    ),
    "E_SERVICE_STATUS": (
        "the status command of the service {name} does not say whether it is up: it ended with exit code {rc}",
        "Mend it in key_rotation_services: 0 is up, 4 and above 123 are no answer, all else is down.",
    ),
    "E_SERVICE_STOP": (
        "the service {name} does not stop: {found}",
        "{look}, stop it, then run the same command again.",
    ),
    "E_STOP_INCOMPLETE": (
        "not all could be done to stop all operations: {found}",
        "Stop by hand what is up still, mend that, then run the same command again.",
    ),
    "E_SERVICE_START": (
        "the service {name} does not start: {found}",
        "{look}, mend that, then start what is down with the maintenance playbook and -e key_rotation_maintenance=off.",
    ),
    "E_SERVICE_AT_WORK": (
        "a {word} of services that an earlier run has begun on this host is at work after {seconds} seconds, and would "
        "undo what is done now: process {pids}",
        "Wait until it has ended, or end it, then run the same command again. Start what is down with the maintenance "
        "playbook and -e key_rotation_maintenance=off.",
    ),
    "E_SERVICE_HELD": (
        "operations are held by the maintenance playbook since {since}, and nobody has let them go on",
        "Once they may go on, type ansible-playbook tetech.key_rotation.maintenance with your inventory and -e "
        "key_rotation_maintenance=off: that starts them, or says which command does where a rotation stands half way. "
        "What this has stopped goes on by its own command after that.",
    ),
    "E_SERVICE_FORGOTTEN": (
        "{name} was stopped and is to be started again, and key_rotation_services does not list it any more",
        "List it again, or start it by hand and delete {path}.",
    ),
    "E_MAINTENANCE_FILE": (
        "{path} cannot be read or written: {reason}",
        "Give the user of the services the right to it, or correct key_rotation_maintenance_file. A memory of the "
        "services that is damaged is put right by hand: start what is to be up, and delete it.",
    ),
    "E_SESSIONS": (
        "{count} sessions of the application are still open after {seconds} seconds: {sessions}",
        "What holds them holds keys: list it in key_rotation_services, or stop it by hand, then run the same command "
        "again. What holds none is named in key_rotation_sessions_allowed, by its application_name.",
    ),
    "E_HEALTH": (
        "{url} does not answer as it should within {seconds} seconds: {found}",
        "See the application's log, and its ALLOWED_HOSTS (key_rotation_health_host).",
    ),
}
