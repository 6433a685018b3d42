# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What application_services decides before it asks a host, and the commands that it names."""

from __future__ import annotations

from ..module_utils._errors.base import NOTHING_CHANGED
from ..module_utils._errors.run import RotationInterrupted
from ..module_utils._services.maintenance import BY_HAND
from ._report.playbook_command import command
from ._task_types import TaskArguments

HOLD_RELEASED = "Nothing was started. The hold on operations is released."


def starts_by_hand(options: TaskArguments) -> bool:
    """Return whether a person starts the services, without accepting an interrupted rotation."""
    by_hand = (options.get("state"), options.get("rotation_id")) == ("started", BY_HAND)
    return by_hand and options.get("interrupted") != "accept"


def has_nothing_to_do(options: TaskArguments) -> bool:
    """Return whether there is neither a service nor a flag file, and no manual stop to end."""
    return options.get("services") == [] and not options.get("flag_file") and options.get("rotation_id") != BY_HAND


def release_command(options: TaskArguments) -> str:
    """Return the command that ends a manual stop; empty for a stop that a run makes."""
    by_hand = options["state"] == "stopped" and options.get("rotation_id") == BY_HAND
    return command("maintenance", ["-e", "key_rotation_maintenance=off"]) if by_hand else ""


def build_interrupted_error(rotation_id: str, *, dry: bool) -> RotationInterrupted:
    """Return the error that refuses to start services while values are under several versions."""
    commands = {playbook: command(playbook) for playbook in ("rotate", "rollback")}
    return RotationInterrupted(changed=NOTHING_CHANGED if dry else HOLD_RELEASED, rotation_id=rotation_id, **commands)
