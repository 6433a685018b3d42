# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of all errors: code, what is wrong and where, what was changed so far, what to do next.

Messages contain only names, paths, numbers and key IDs. No caller ever passes a key, a plaintext or a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from .counts import fill
from .option_names import spell_options

if TYPE_CHECKING:
    from typing import dataclass_transform
else:  # Python 3.11 has it, application hosts may be older

    def dataclass_transform(**_options):
        return lambda cls: cls


NOTHING_CHANGED = "Nothing was changed."
BUT_STOPPED = "This step changed nothing. What this run has stopped is shown above."
BUT_THE_PLAN = "Nothing was changed but the plan."
PAGE = "docs/errors.md"
_WORD = re.compile(r"[a-z_]{1,30}")
_Error = TypeVar("_Error", bound="FilledError")


class ErrorParts(TypedDict, total=False):
    """An error as results and records have it.

    ``changed_nothing`` is whether the step changed nothing, which the reader of a record relies on. ``alias`` is the
    database that the error is about, ``sqlstate`` the code with which PostgreSQL refused a statement. ``command`` is
    the playbook that ``todo`` names, with its options, if it is not the one that failed.
    """

    code: str
    what: str
    changed: str
    todo: str
    changed_nothing: bool
    alias: str
    sqlstate: str
    command: str


@dataclass_transform(kw_only_default=True)
class FilledError(Exception):
    """An error whose texts are filled with its fields. Annotations of a subclass are its fields, which mypy checks."""

    code: str = ""
    prefix: str = ""  # what the message has before the problem; a finding has its column and leaves it out
    problem: str = ""  # what is wrong and where
    remedy: str = ""  # what to do next
    next_command: str = ""  # the playbook that the remedy names first, if it is not the one that failed

    def __init__(self, *, changed: str = NOTHING_CHANGED, **fields: Any) -> None:
        self.changed = changed
        self.__dict__.update(fields)
        self.where = fields
        self.what = spell_options(fill(self.whole_problem(), **fields))
        self.todo = spell_options(fill(self.remedy, **fields))
        super().__init__(str(self))

    @classmethod
    def whole_problem(cls) -> str:
        """Return the problem with its prefix, not filled yet."""
        return f"{cls.prefix}{cls.problem}"

    def __str__(self) -> str:
        return build_message(self.parts)

    def with_changed(self: _Error, changed: str) -> _Error:
        """Return the same error with what was changed, for a caller that knows."""
        return type(self)(changed=changed, **self.where)

    @property
    def changed_nothing(self) -> bool:
        return self.changed in (NOTHING_CHANGED, BUT_STOPPED)

    @property
    def parts(self) -> ErrorParts:
        parts: ErrorParts = {
            "code": self.code,
            "what": self.what,
            "changed": self.changed,
            "changed_nothing": self.changed_nothing,
            "todo": self.todo,
        }
        if "alias" in self.where:
            parts["alias"] = self.where["alias"]
        if "sqlstate" in self.where:
            parts["sqlstate"] = self.where["sqlstate"]
        if self.next_command:
            parts["command"] = spell_options(fill(self.next_command, **self.where))
        return parts

    def as_result(self) -> dict[str, object]:
        """The error as result fields of a module."""
        return build_result(self.parts)


class RotationError(FilledError):
    """The base of the errors of all domains. ``changed`` is one sentence about what was changed so far."""

    changed: str = NOTHING_CHANGED


def build_message(error: ErrorParts) -> str:
    """Return the message of an error: all its texts."""
    code, what, changed, todo = (error.get(name, "") for name in ("code", "what", "changed", "todo"))
    return f"{code}: {what}. {changed} {todo}"


def build_result(error: ErrorParts) -> dict[str, object]:
    """Return the result fields of a module that failed with this error."""
    return {"msg": build_message(error), "error": error}


def changed_nothing(error: ErrorParts) -> bool:
    """Return whether nothing was changed before this error. In earlier records, only the sentence says so."""
    return error.get("changed_nothing", error.get("changed") == NOTHING_CHANGED)


def find_codes(result: Mapping[str, Any]) -> set[str]:
    """The codes of the findings of a failed result, or that of its error if it has no findings. A failure without a
    code has an empty one."""
    codes = {str(finding["code"]) for finding in result.get("findings", ())}
    return codes or {(result.get("error") or {}).get("code", "")}


def address(code: str) -> str:
    """The entry of a code in the page of errors."""
    return f"{PAGE}#{code.lower()}"


def word(value: object) -> str:
    """Return an option for a message if it is a plain word. Any other value may be a key and is not shown."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "(not shown)"
