# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run itself: its hosts, its checklist, its order, and bugs."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_PIPELINING": (
        "this connection writes modules to a file on the host, and they hold keys ({reason})",
        "Use a become method that pipelines, such as sudo without requiretty.",
    ),
    "E_MODULE_DIED": (
        "{module} ended without a result (exit code {rc}): it was killed, or the application ends the process",
        "See the host's log for the cause, then run the same command again.",
    ),
    "E_HOST_LOST": (
        "{host} cannot be reached any more",
        "Without it the rotation is rolled back, and its services may be stopped. Bring it back, then run the same "
        "command again: what was stopped there is started, and what was switched there is named.",
    ),
    "E_HOST_PYTHON": (
        "there is no Python at {python}",
        "Set key_rotation_python to the application's own Python, or correct key_rotation_project_dir.",
    ),
    "E_HALF_WAY": (
        "rotation {rotation_id} stands half way: values may be under both key sets, or others than the .env files, and "
        "the application could read only some of them",
        "Type {rotate} to go on, or {rollback} to go back: each starts the services at its end. To start them all the "
        "same, add -e key_rotation_maintenance_half=accept.",
    ),
    "E_CHECKLIST": (
        "{count} of {total} items of the checklist stop the rotation: {stops}",
        "Do what the checklist says below each of them, then run the same command again.",
    ),
    "E_WINDOW": (
        "the maintenance window does not hold what is left: {seen}",
        "{todo} Then run the same command again: it goes on here. Or put window into key_rotation_accept.",
    ),
    "E_ROTATION_OPEN": (
        "rotation {open_id} is not finished, and {asked} was asked for",
        "Run again without key_rotation_id to go on with {open_id}, or roll it back.",
    ),
    "E_ROTATION_ID_USED": (
        "rotation {rotation_id} was rolled back",
        "Choose another key_rotation_id, or leave it out.",
    ),
    "E_ROLLED_BACK": (
        "the last rotation, {rotation_id}, was rolled back already",
        "Services that are down still are started by the maintenance playbook and -e key_rotation_maintenance=off. To "
        "go back one more, name the rotation: -e key_rotation_id={earlier}",
    ),
    "E_NOTHING_TO_ROLL_BACK": (
        "the store {path} has neither a pending nor a previous version",
        "There is nothing to roll back. Services that are down still are started by the maintenance playbook and -e "
        "key_rotation_maintenance=off. See the record folder for what was done.",
    ),
    "E_RUNNING": (
        "rotation {rotation_id} is being worked on by {user} on {host} since {since} (process {pid})",
        "Wait for it to end, then run the same command again.",
    ),
    "E_WORKER": (
        "{count} worker processes were killed, one after another",
        "See the kernel's log: where memory was short, set key_rotation_workers to less. Run the same command again.",
    ),
    "E_STOPPED": ("the work was stopped by a signal", "Run the same command again: it goes on from there."),
    "E_DEBUG_SETTINGS": (
        "{setting} is on, and it prints or keeps module arguments, which hold keys",
        "Unset it, then run again.",
    ),
    "E_DISK_FULL": (
        "no room is left on a disk: {error} at {where}",
        "Make room, also where temporary files are, then run the same command again.",
    ),
    "E_INTERNAL": ("unexpected {error} at {where}", "This is a bug: report the code and the place."),
}
