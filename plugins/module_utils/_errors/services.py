# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services and processes that use the keys."""

from __future__ import annotations

from .base import RotationError


class ProcessNotFound(RotationError):
    code = "E_PROCESS_NONE"
    subject: str
    problem = "no process belongs to {subject}"
    remedy = (
        "Start it, or correct the name; absent: accept is for processes that are stopped for the rotation. If /proc "
        "hides the processes of other users (hidepid), run the task as their user."
    )


class ProcessRead(RotationError):
    code = "E_PROCESS_READ"
    pid: int
    name: str
    owner: str
    user: str
    problem = "process {pid} ({name}) of {owner} does not show its environment to {user}"
    remedy = "Run the task as {owner} (become_user), or as root."


class ProcessStale(RotationError):
    code = "E_PROCESS_STALE"
    count: int
    total: int
    expected: str
    processes: str
    advice: str
    problem = "{count} of {total} processes are not shown to run under the keys {expected}: {processes}"
    remedy = "{advice}"


class ProcessExported(RotationError):
    code = "E_PROCESS_EXPORTED"
    count: int
    total: int
    path: str
    processes: str
    advice: str
    problem = "{count} of {total} processes would not be shown to take new keys from {path}: {processes}"
    remedy = "{advice}"


class ServiceMissing(RotationError):
    code = "E_SERVICE_MISSING"
    name: str
    problem = "systemd on this host has no unit {name}"
    remedy = "Correct O(services), or give that entry commands to start and stop it."


class ServiceProgram(RotationError):
    code = "E_SERVICE_PROGRAM"
    program: str
    found: str
    user: str
    word: str
    name: str
    problem = "{program} {found} that {user} can run on this host, and is to {word} the service {name}"
    remedy = "Correct O(services): a command is a list, each word by itself. Or give {user} the right to run it."


class ServiceTrigger(RotationError):
    code = "E_SERVICE_TRIGGER"
    trigger: str
    name: str
    problem = "{trigger} would start {name} again"
    remedy = "List {trigger} before {name} in O(services)."


class ServiceStatus(RotationError):
    code = "E_SERVICE_STATUS"
    name: str
    rc: int
    problem = "the status command of the service {name} does not say whether it is up: it ended with exit code {rc}"
    remedy = "Fix it in O(services): 0 means up, 4 and codes above 123 mean unknown, any other code means down."


class ServiceStop(RotationError):
    code = "E_SERVICE_STOP"
    name: str
    found: str
    look: str
    problem = "the service {name} does not stop: {found}"
    remedy = "{look}, stop it, then run the same command again."


class StopIncomplete(RotationError):
    code = "E_STOP_INCOMPLETE"
    found: str
    problem = "some services could not be stopped: {found}"
    remedy = "Stop by hand what is still up, fix the cause, then run the same command again."


class ServiceStart(RotationError):
    code = "E_SERVICE_START"
    name: str
    found: str
    look: str
    problem = "the service {name} does not start: {found}"
    remedy = "{look}, fix the cause, then start what is down with the maintenance playbook and -e O(maintenance)=off."


class ServiceAtWork(RotationError):
    code = "E_SERVICE_AT_WORK"
    word: str
    seconds: str
    pids: str
    problem = (
        "a {word} of services that an earlier run has begun on this host is at work after {seconds} seconds, and would "
        "undo what is done now: process {pids}"
    )
    remedy = (
        "Wait until it has ended, or end it, then run the same command again. Start what is down with the maintenance "
        "playbook and -e O(maintenance)=off."
    )


class ServiceHeld(RotationError):
    code = "E_SERVICE_HELD"
    since: str
    problem = "operations are held by the maintenance playbook since {since}, and have not been released"
    remedy = (
        "To release them, type ansible-playbook tetech.key_rotation.maintenance with your inventory and -e "
        "O(maintenance)=off: that starts them, or says which command does if a rotation was interrupted. "
        "Afterwards, run the interrupted command again."
    )


class ServiceForgotten(RotationError):
    code = "E_SERVICE_FORGOTTEN"
    name: str
    path: str
    problem = "{name} was stopped and is to be started again, and O(services) no longer lists it"
    remedy = "List it again, or start it by hand and delete {path}."


class MaintenanceFile(RotationError):
    code = "E_MAINTENANCE_FILE"
    path: str
    reason: str | None
    problem = "{path} cannot be read or written: {reason}"
    remedy = (
        "Give the user of the services the right to it, or correct O(maintenance_file). A memory of the "
        "services that is damaged is put right by hand: start what is to be up, and delete it."
    )


class SessionsOpen(RotationError):
    code = "E_SESSIONS"
    count: int
    seconds: float
    sessions: str
    problem = (
        "{count:session|sessions} of the application {count:is/are} still open after {seconds} seconds: {sessions}"
    )
    remedy = (
        "List the service that opened them in O(services), or stop it by hand, then run the same command "
        "again. If a session does not use the keys, add its application_name to O(sessions_allowed)."
    )


class HealthCheckFailed(RotationError):
    code = "E_HEALTH"
    url: str
    seconds: str
    found: str
    problem = "{url} does not answer as it should within {seconds} seconds: {found}"
    remedy = "See the application's log, and its ALLOWED_HOSTS (O(health_host))."
