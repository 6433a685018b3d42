# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an error in the result of a failed task, and the web address at the end of its message.

Ansible prints the message of a failed task, and then its whole result. Not to print the same texts twice, the result
keeps only the parts that cannot be found in the message.
"""

from __future__ import annotations

from typing import cast

from ...module_utils._errors.base import ErrorParts, address
from .._report.typed_commands import spell_playbooks
from .._task_types import TaskResult

TEXTS = ("what", "changed", "todo")
KEPT = ("code", "changed", "alias", "sqlstate")


def spell(result: TaskResult) -> None:
    """Write playbooks in a failed result as they can be typed here, and end it with the address of its error."""
    if "msg" in result:
        result["msg"] = spell_playbooks(str(result["msg"]))
    if error := result.get("error"):
        spelled = {name: spell_playbooks(str(error[name])) for name in TEXTS if name in error}
        result["error"] = {**error, **spelled}
        _end_with_address(result, str(error.get("code") or ""))


def _end_with_address(result: TaskResult, code: str) -> None:
    message, ending = str(result.get("msg")), _ending(code)
    if code and message.startswith(f"{code}: ") and not message.endswith(ending):
        result["msg"] = f"{message}{ending}"
        result.pop("exception", None)  # ansible-core 2.19 and newer show its text, not msg


def _ending(code: str) -> str:
    return f" ({address(code)})"


def fold(result: TaskResult) -> None:
    """Remove the parts of the error that ``unfold`` can find in the message."""
    error, message = result.get("error") or {}, str(result.get("msg"))
    kept = cast(ErrorParts, {name: error[name] for name in KEPT if name in error})
    if "what" in error and unfold(kept, message) == error:
        result["error"] = kept


def unfold(error: ErrorParts, message: str) -> ErrorParts:
    """Restore the whole error from what ``fold`` left of it. Any other error is returned unchanged."""
    begin, end = f"{error.get('code')}: ", f". {error.get('changed')} "
    if "what" in error or not message.startswith(begin) or end not in message:
        return error
    what, _, todo = message.removeprefix(begin).removesuffix(_ending(str(error["code"]))).partition(end)
    return {**error, "what": what, "todo": todo}
