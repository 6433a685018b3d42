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
        "Start it, or correct the name. If the process may be stopped during the rotation, set absent: accept. If "
        "/proc hides the processes of other users (hidepid), run the task as their user."
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
    problem = "{count} of {total} processes could not be shown to use the keys {expected}: {processes}"
    remedy = "{advice}"


class ProcessExported(RotationError):
    code = "E_PROCESS_EXPORTED"
    count: int
    total: int
    path: str
    processes: str
    advice: str
    problem = "{count} of {total} processes may not take new keys from {path}: {processes}"
    remedy = "{advice}"


# What is wrong with a unit, by its LoadState (org.freedesktop.systemd1), which is empty without an answer.
LOAD_FAULTS = {
    "": "cannot be found: systemctl does not answer on this host",
    "not-found": "does not exist on this host",
    "masked": "is masked on this host",
    "bad-setting": "has a setting on this host that systemd does not accept",
    "error": "cannot be loaded by systemd on this host",
}
OTHER_FAULT = "is not loaded by systemd on this host"


class ServiceMissing(RotationError):
    code = "E_SERVICE_MISSING"
    name: str
    fault: str
    problem = "{name} {fault}"
    remedy = "Correct O(services), or add start and stop commands to that entry."


class UnitNotLoaded(RotationError):
    code = "E_UNIT_NOT_LOADED"
    unit: str
    option: str
    fault: str
    problem = "{unit}, which {option} names, {fault}"
    remedy = "Correct the name in {option}, or fix the unit: systemctl status {unit} shows its state."


class SystemctlUnanswered(RotationError):
    code = "E_SYSTEMCTL"
    unit: str
    option: str
    problem = "{option} names {unit}, but systemctl does not answer on this host"
    remedy = (
        "Run systemctl show {unit} on the host as the same user to see the cause. If the host has no systemd, name the "
        "file of the variables in {option} instead of the unit."
    )


class QuadletUnit(RotationError):
    code = "E_QUADLET"
    unit: str
    option: str
    path: str
    problem = (
        "{unit}, which {option} names, is generated from {path}, and the variables of its container are in that file"
    )
    remedy = (
        "Name the file of its EnvironmentFile= instead, as {{file: PATH, dialect: compose}} in {option}. For keys in "
        "its Environment=, see docs/containers.md."
    )


class ContainerEnvironment(RotationError):
    code = "E_CONTAINER_ENVIRONMENT"
    container: str
    fault: str
    problem = "the variables of the container {container} cannot be read: {fault}"
    remedy = (
        "Name in O(environment_from) a container on the host that O(user) can inspect, and that still exists while the "
        "application is stopped. Or name the file from which its variables come."
    )


class ServiceProgram(RotationError):
    code = "E_SERVICE_PROGRAM"
    program: str
    fault: str
    user: str
    word: str
    name: str
    problem = "{program}, which should {word} the service {name}, {fault} that {user} can run on this host"
    remedy = "Correct O(services): a command is a list with one word per entry. Or give {user} permission to run it."


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
    problem = "the status command of service {name} does not show whether it is running: it ended with exit code {rc}"
    remedy = (
        "Fix it in O(services): exit code 0 means running, 4 and codes above 123 mean unknown, and any other code "
        "means stopped."
    )


class ServiceStop(RotationError):
    code = "E_SERVICE_STOP"
    name: str
    reason: str
    look: str
    problem = "service {name} did not stop: {reason}"
    remedy = "{look}, stop it, then run the same command again."


class StopIncomplete(RotationError):
    code = "E_STOP_INCOMPLETE"
    reason: str
    problem = "some services could not be stopped: {reason}"
    remedy = "Stop the services that are still running by hand, fix the cause, then run the same command again."


class ServiceStart(RotationError):
    code = "E_SERVICE_START"
    name: str
    reason: str
    look: str
    problem = "service {name} did not start: {reason}"
    remedy = (
        "{look}, fix the cause, then start the stopped services with the maintenance playbook and -e "
        "O(maintenance)=off."
    )
    next_command = "maintenance -e O(maintenance)=off"


class ServiceAtWork(RotationError):
    code = "E_SERVICE_AT_WORK"
    word: str
    seconds: str
    pids: str
    problem = (
        "a {word} of services by an earlier run on this host is still in progress after {seconds} seconds, and would "
        "interfere with this run: process {pids}"
    )
    remedy = (
        "Wait until that process has ended, or end it, then run the same command again. To start services that are "
        "stopped, run the maintenance playbook with -e O(maintenance)=off."
    )


class ServiceHeld(RotationError):
    code = "E_SERVICE_HELD"
    since: str
    problem = "the maintenance playbook stopped operations at {since}, and the stop is still in effect"
    remedy = (
        "To release them, run ansible-playbook tetech.key_rotation.maintenance with your inventory and -e "
        "O(maintenance)=off. It starts the services or, if a rotation was interrupted, shows the command that does. "
        "Afterwards, run the interrupted command again."
    )
    next_command = "maintenance -e O(maintenance)=off"


class ServiceForgotten(RotationError):
    code = "E_SERVICE_FORGOTTEN"
    name: str
    path: str
    problem = "{name} was stopped and must be started again, but O(services) no longer lists it"
    remedy = "List it again, or start it by hand and delete {path}."


class MaintenanceFile(RotationError):
    code = "E_MAINTENANCE_FILE"
    path: str
    reason: str | None
    problem = "{path} cannot be read or written: {reason}"
    remedy = (
        "Let the user of the services read and write it, or correct O(maintenance_file). If the file is damaged, start "
        "the services that should run by hand, and delete the file."
    )


class SessionsOpen(RotationError):
    code = "E_SESSIONS"
    count: int
    seconds: float
    sessions: str
    problem = (
        "{count:database session|database sessions} of the application {count:is/are} still open after {seconds} "
        "seconds: {sessions}"
    )
    remedy = (
        "List the service that opened them in O(services), or stop it by hand, then run the same command "
        "again. If a session does not use the keys, add its application_name to O(sessions_allowed)."
    )


class HealthCheckFailed(RotationError):
    code = "E_HEALTH"
    url: str
    seconds: str
    reason: str
    problem = "{url} did not give the expected answer within {seconds} seconds: {reason}"
    remedy = "Check the application's log and its ALLOWED_HOSTS (O(health_host))."
