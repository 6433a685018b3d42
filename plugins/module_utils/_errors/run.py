# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run itself: its hosts, its checklist, its order, and bugs."""

from __future__ import annotations

from .base import RotationError


class NoHosts(RotationError):
    code = "E_NO_HOSTS"
    pattern: str
    problem = "no host of the inventory matches {pattern}, so nothing was checked"
    remedy = "Check the inventory of -i and its group application, and --limit or O(hosts) if you use them."


class PipeliningRequired(RotationError):
    code = "E_PIPELINING"
    reason: str
    problem = "this connection writes modules to files on the host, and modules contain keys ({reason})"
    remedy = (
        "Use a connection plugin and a become method that support pipelining, such as containers.podman 1.20.2 or "
        "newer, and sudo without requiretty."
    )


class ModuleDied(RotationError):
    code = "E_MODULE_DIED"
    step: str
    rc: int
    cause: str
    problem = 'the step "{step}" ended without a result (exit code {rc}): {cause}'
    remedy = (
        "If this names a place in the application's code, fix it there. Otherwise check the host's log for the cause. "
        "If Python runs in a container, check that it was not stopped, and start it. Then run the same command again."
    )


class ActionPluginMissing(RotationError):
    code = "E_ACTION_MISSING"
    module: str
    problem = "the module {module} ran without its action plugin"
    remedy = "Write its full name in the task: tetech.key_rotation.{module}."


class ModuleOptions(RotationError):
    code = "E_MODULE_OPTIONS"
    module: str
    problem = "the task for the module {module} has invalid options"
    remedy = "See ansible-doc tetech.key_rotation.{module}."


class NotRun(RotationError):
    code = "E_NOT_RUN"
    because: str
    problem = "it did not run because {because} failed before it"
    remedy = "Fix the error of {because}, then run the same command again."


class HostLost(RotationError):
    code = "E_HOST_LOST"
    host: str | None
    problem = "{host} can no longer be reached"
    remedy = (
        "Make the host reachable, then run the same command again. If this was a rotation, it is rolled back without "
        "this host, on which services may be stopped: the same command starts them, and lists switched hosts."
    )


class HostPythonMissing(RotationError):
    code = "E_HOST_PYTHON"
    place: str
    advice: str
    problem = "there is no Python {place}"
    remedy = "{advice}"


class ContainerNotStarted(RotationError):
    code = "E_CONTAINER_START"
    python: str
    problem = "the container in which {python} runs could not be started (exit code 125)"
    remedy = "Run {python} -c pass on the host: it shows the cause. Fix it, then run the same command again."


class ContainerNotRunning(RotationError):
    code = "E_CONTAINER_STOPPED"
    container: str
    problem = "the container {container} is not running"
    remedy = (
        "Start it, or correct its name, then run the same command again. If services are stopped, the rollback "
        "playbook starts them. If a service in O(services) stops this container, use another one of the same "
        "image: set O(python) to a program that enters or starts it, or ansible_host to it if Ansible connects to it."
    )


class StateInContainer(RotationError):
    code = "E_STATE_IN_CONTAINER"
    path: str
    problem = (
        "{path}, which passes data from one task of a rotation to the next, is inside a container and would be lost "
        "with it"
    )
    remedy = "Mount a folder of the host at this path into the container that O(python) starts or enters."


class RotationInterrupted(RotationError):
    code = "E_HALF_WAY"
    rotation_id: str
    rotate: str
    rollback: str
    problem = (
        "rotation {rotation_id} is incomplete: values may be under both key sets, or under other keys than those in "
        "the .env files, and the application could read only some of them"
    )
    remedy = (
        "Run {rotate} to resume, or {rollback} to roll back: each starts the services at its end. To start the "
        "services anyway, add -e O(maintenance_interrupted)=accept."
    )


class ChecklistFailed(RotationError):
    code = "E_CHECKLIST"
    count: int
    total: int
    stops: str
    problem = "{count} of {total} checks stop the rotation: {stops}"
    remedy = "Do what the checklist says about each of these checks, then run the same command again."


class WindowTooShort(RotationError):
    code = "E_WINDOW"
    seen: str
    advice: str
    problem = "the remaining work does not fit the maintenance window: {seen}"
    remedy = "{advice} Then run the same command again: it resumes here. To continue anyway, add window to O(accept)."


class RotationOpen(RotationError):
    code = "E_ROTATION_OPEN"
    open_id: str
    requested: str
    problem = "rotation {open_id} is not finished, but rotation {requested} was requested"
    remedy = "Run again without O(id) to resume {open_id}, or roll it back."


class VersionNotCreated(RotationError):
    code = "E_VERSION_NOT_CREATED"
    rotation_id: str
    problem = "the key store has no version of rotation {rotation_id}"
    remedy = "Create its keys first."


class StageOfOtherRotation(RotationError):
    code = "E_STAGE_OF_OTHER_ROTATION"
    stage: str
    rotation_id: str
    advice: str
    problem = "the {stage} version was not created by rotation {rotation_id}, and is not the one that it rolls back to"
    remedy = "{advice}"


class RotationIdUsed(RotationError):
    code = "E_ROTATION_ID_USED"
    rotation_id: str | None
    problem = "rotation {rotation_id} was rolled back"
    remedy = "Choose another O(id), or leave it out."


class RotationRolledBack(RotationError):
    code = "E_ROLLED_BACK"
    rotation_id: str
    earlier: str
    problem = "the last rotation, {rotation_id}, was already rolled back"
    remedy = (
        "To start services that are still stopped, run the maintenance playbook with -e O(maintenance)=off. To roll "
        "back the rotation before it too, add -e O(id)={earlier}"
    )


class NotLastRotation(RotationError):
    code = "E_NOT_LAST_ROTATION"
    requested: str
    last: str
    problem = "rotation {requested} cannot be rolled back: the last rotation is {last}"
    remedy = "Only the last rotation can be rolled back: correct O(id), or leave it out."


class NothingToRollBack(RotationError):
    code = "E_NOTHING_TO_ROLL_BACK"
    reason: str
    advice: str
    problem = "{reason}"
    remedy = (
        "There is nothing to roll back. {advice}To start services that are still stopped, run the maintenance playbook "
        "with -e O(maintenance)=off. The record folder shows what was done."
    )


class RotationRunning(RotationError):
    code = "E_RUNNING"
    rotation_id: str
    user: str
    host: str
    since: str
    pid: int
    problem = "rotation {rotation_id} has been in progress since {since}, by {user} on {host} (process {pid})"
    remedy = "Wait for it to end, then run the same command again."


class WorkersKilled(RotationError):
    code = "E_WORKER"
    count: int
    problem = "{count} worker processes were killed, one after another"
    remedy = "Check the kernel log: if memory ran out, lower O(workers). Then run the same command again."


class StoppedBySignal(RotationError):
    code = "E_STOPPED"
    problem = "the work was stopped by a signal"
    remedy = "Run the same command again to resume it."


class DebugSettingOn(RotationError):
    code = "E_DEBUG_SETTINGS"
    setting: str
    problem = "{setting} is on, and it prints or keeps module arguments, which contain keys"
    remedy = "Unset it, then run again."


class RunAborted(RotationError):
    code = "E_ABORTED"
    by: str
    at: str
    problem = "{by} ordered this run to abort at {at}"
    remedy = "To rotate, run the same command again."


class CriticalLoad(RotationError):
    code = "E_CRITICAL_QUERY"
    problem = "the critical_query in O(throttle) is true"
    remedy = "Run the same command again when it is no longer true."


class RollbackInterrupted(RotationError):
    code = "E_ROLLBACK_INTERRUPTED"
    rotation_id: str
    problem = "the rollback of rotation {rotation_id} was interrupted, so no new rotation can begin"
    remedy = "Run the rollback playbook again: it finishes the rollback. Then rotate."
    next_command = "rollback"


class NothingAtWork(RotationError):
    code = "E_NOTHING_AT_WORK"
    problem = "no rotation and no rollback is at work in the databases of this application"
    remedy = "Run the verify playbook: it shows whether one was interrupted, and the command that continues it."


class DiskFull(RotationError):
    code = "E_DISK_FULL"
    error: str | None
    place: str
    problem = "a disk is full: {error} at {place}"
    remedy = "Free space, also for temporary files, then run the same command again."


class UnexpectedError(RotationError):
    code = "E_INTERNAL"
    error: str
    place: str
    problem = "unexpected {error} at {place}"
    remedy = "This is a bug: report the code and the place."


class ChecksFailed(RotationError):
    code = "E_CHECKS_FAILED"
    count: int
    codes: str
    advice: str
    problem = "{count:check|checks} failed (see the table above): {codes}"
    remedy = "{advice}"


class VersionCompromised(RotationError):
    code = "E_VERSION_COMPROMISED"
    key_id: str
    rotation_id: str
    problem = (
        "version {key_id}, which rotation {rotation_id} replaces, is compromised, so no value can be returned to it"
    )
    remedy = (
        "Run the rotate playbook: it finishes this rotation if it is open. Otherwise it replaces the keys of this "
        "rotation, in case the application does not work with them. To return to the compromised version anyway, add "
        "-e O(rollback_compromised)=accept, and rotate again as soon as you can."
    )
    next_command = "rotate"
