# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run itself: its hosts, its checklist, its order, and bugs."""

from __future__ import annotations

from .base import RotationError


class PipeliningRequired(RotationError):
    code = "E_PIPELINING"
    reason: str
    problem = "this connection writes modules to a file on the host, and they hold keys ({reason})"
    remedy = "Use a become method that pipelines, such as sudo without requiretty."


class ModuleDied(RotationError):
    code = "E_MODULE_DIED"
    module: str
    rc: int
    problem = "{module} ended without a result (exit code {rc}): it was killed, or the application ends the process"
    remedy = "See the host's log for the cause, then run the same command again."


class ActionPluginMissing(RotationError):
    code = "E_ACTION_MISSING"
    module: str
    problem = "the module {module} ran without its action plugin"
    remedy = "Write its full name in the task: tetech.key_rotation.{module}."


class NotRun(RotationError):
    code = "E_NOT_RUN"
    because: str
    problem = "it was not run, since {because} failed before it"
    remedy = "Do what the error of {because} says, then run the same command again."


class HostLost(RotationError):
    code = "E_HOST_LOST"
    host: str | None
    problem = "{host} cannot be reached anymore"
    remedy = (
        "Without it the rotation is rolled back, and its services may be stopped. Make it reachable again, then run "
        "the same command again: what was stopped there is started, and what was switched there is named."
    )


class HostPythonMissing(RotationError):
    code = "E_HOST_PYTHON"
    python: str
    problem = "there is no Python at {python}"
    remedy = "Set O(python) to the application's own Python, or correct O(project_dir)."


class ContainerNotStarted(RotationError):
    code = "E_CONTAINER_START"
    python: str
    problem = "the container in which {python} runs could not be started (exit code 125)"
    remedy = "Type {python} -c pass on the host: it says why. Correct that, then run the same command again."


class StateInContainer(RotationError):
    code = "E_STATE_IN_CONTAINER"
    path: str
    problem = "{path}, where one task of a rotation leaves what the next one needs, is lost with the container of each"
    remedy = "Mount a folder of the host there into the container that O(python) starts."


class RotationHalfWay(RotationError):
    code = "E_HALF_WAY"
    rotation_id: str
    rotate: str
    rollback: str
    problem = (
        "rotation {rotation_id} stands half way: values may be under both key sets, or others than the .env files, and "
        "the application could read only some of them"
    )
    remedy = (
        "Type {rotate} to resume, or {rollback} to roll back: each starts the services at its end. To start them "
        "anyway, add -e O(maintenance_half)=accept."
    )


class ChecklistFailed(RotationError):
    code = "E_CHECKLIST"
    count: int
    total: int
    stops: str
    problem = "{count} of {total} checks stop the rotation: {stops}"
    remedy = "Do what the checklist says for each of these, then run the same command again."


class WindowTooShort(RotationError):
    code = "E_WINDOW"
    seen: str
    advice: str
    problem = "the maintenance window does not hold what is left: {seen}"
    remedy = "{advice} Then run the same command again: it resumes here. Or put window into O(accept)."


class RotationOpen(RotationError):
    code = "E_ROTATION_OPEN"
    open_id: str
    asked: str
    problem = "rotation {open_id} is not finished, and {asked} was asked for"
    remedy = "Run again without O(id) to resume {open_id}, or roll it back."


class RotationIdUsed(RotationError):
    code = "E_ROTATION_ID_USED"
    rotation_id: str | None
    problem = "rotation {rotation_id} was rolled back"
    remedy = "Choose another O(id), or leave it out."


class RotationRolledBack(RotationError):
    code = "E_ROLLED_BACK"
    rotation_id: str
    earlier: str
    problem = "the last rotation, {rotation_id}, was rolled back already"
    remedy = (
        "Services that are down still are started by the maintenance playbook and -e O(maintenance)=off. To "
        "go back one more, name the rotation: -e O(id)={earlier}"
    )


class NotLastRotation(RotationError):
    code = "E_NOT_LAST_ROTATION"
    asked: str
    last: str
    problem = "rotation {asked} cannot be rolled back: the last rotation is {last}"
    remedy = "Only the last rotation can be rolled back: correct O(id), or leave it out."


class NothingToRollBack(RotationError):
    code = "E_NOTHING_TO_ROLL_BACK"
    found: str
    advice: str
    problem = "{found}"
    remedy = (
        "There is nothing to roll back. {advice}Services that are down still are started by the maintenance playbook "
        "and -e O(maintenance)=off. See the record folder for what was done."
    )


class RotationRunning(RotationError):
    code = "E_RUNNING"
    rotation_id: str
    user: str
    host: str
    since: str
    pid: int
    problem = "rotation {rotation_id} is being worked on by {user} on {host} since {since} (process {pid})"
    remedy = "Wait for it to end, then run the same command again."


class WorkersKilled(RotationError):
    code = "E_WORKER"
    count: int
    problem = "{count} worker processes were killed, one after another"
    remedy = "See the kernel's log: if memory was short, lower O(workers). Run the same command again."


class StoppedBySignal(RotationError):
    code = "E_STOPPED"
    problem = "the work was stopped by a signal"
    remedy = "Run the same command again to resume it."


class DebugSettingOn(RotationError):
    code = "E_DEBUG_SETTINGS"
    setting: str
    problem = "{setting} is on, and it prints or keeps module arguments, which hold keys"
    remedy = "Unset it, then run again."


class DiskFull(RotationError):
    code = "E_DISK_FULL"
    error: str | None
    place: str
    problem = "no room is left on a disk: {error} at {place}"
    remedy = "Make room, also where temporary files are, then run the same command again."


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
    problem = "{count:check|checks} failed, which the table above lists: {codes}"
    remedy = "{advice}"


class VersionCompromised(RotationError):
    code = "E_VERSION_COMPROMISED"
    key_id: str
    rotation_id: str
    problem = "version {key_id}, which rotation {rotation_id} replaces, is compromised, and nothing goes back under it"
    remedy = (
        "Run the rotate playbook: it finishes this rotation if it is open, and otherwise replaces its keys if the "
        "application does not work under them. To return to the compromised version still, "
        "add -e O(rollback_compromised)=accept, and rotate again as soon as you can."
    )
