# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an error in the result of a failed task, and the web address at the end of its message.

Ansible prints the message of a failed task, and then its whole result. To avoid repetition, the error in the result has
no text that the message has. A rescue finds the whole error under WHOLE, which Ansible does not print.
"""

from __future__ import annotations

from typing import cast

from ...module_utils._errors.base import ErrorParts, address, build_message
from .._report.playbook_command import spell_playbooks
from .._task_types import TaskResult

TEXTS = ("what", "changed", "todo")
KEPT = ("code", "changed", "alias", "sqlstate")
WHOLE = "_ansible_key_rotation_error"  # callbacks do not get members with this prefix, ansible_failed_result has them


def spell(result: TaskResult) -> None:
    """Write playbooks in a failed result as they can be typed here, and end it with the address of its error."""
    if "msg" in result:
        result["msg"] = spell_playbooks(str(result["msg"]))
    if error := result.get("error"):
        spelled = {name: spell_playbooks(str(error[name])) for name in TEXTS if name in error}
        result["error"] = {**error, **spelled}
        _end_with_address(result)


def _end_with_address(result: TaskResult) -> None:
    message = build_message(result["error"])
    if result.get("msg") == message:
        result["msg"] = f"{message} ({address(result['error']['code'])})"
        result.pop("exception", None)  # ansible-core 2.19 and newer show its text, not msg


def fold(result: TaskResult) -> None:
    """Keep the error where Ansible does not print it, and remove from the printed one what the message says."""
    error: dict[str, object] = result.get("error") or {}
    message = build_message(cast(ErrorParts, error))
    if error and message in str(result.get("msg")):  # after the name of a host, before the address
        result[WHOLE] = error
        result["error"] = {name: error[name] for name in KEPT if name in error}
