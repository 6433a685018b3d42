# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error class, and the lookup of its texts in the files of this folder.

A message is filled with names, paths, numbers and key ids only. No caller ever passes a key, a plaintext or a password.
"""

from __future__ import annotations

import errno
import re

from . import (
    application,
    approval,
    backup,
    database,
    discovery,
    env_file,
    keys,
    monitoring,
    options,
    record,
    restore,
    run,
    services,
    store,
    values,
)

NOTHING_CHANGED = "Nothing was changed."
_WORD = re.compile(r"[a-z_]{1,30}")

DOMAINS = (
    application,
    approval,
    backup,
    database,
    discovery,
    env_file,
    keys,
    monitoring,
    options,
    record,
    restore,
    run,
    services,
    store,
    values,
)
# code: (what is wrong and where, what to do next)
CATALOGUE: dict[str, tuple[str, str]] = {code: text for domain in DOMAINS for code, text in domain.ERRORS.items()}


class RotationError(Exception):
    """An error of the catalogue.

    ``code`` is a key of CATALOGUE, ``where`` fills its text, ``changed`` is one sentence on what was changed so far.
    """

    def __init__(self, code: str, *, changed: str = NOTHING_CHANGED, **where: object) -> None:
        self.code = code
        self.where = where
        self.changed = changed
        what, todo = CATALOGUE[code]
        self.what = what.format(**where)
        self.todo = todo.format(**where)
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.code}: {self.what}. {self.changed} {self.todo}"

    def with_changed(self, changed: str) -> RotationError:
        """The same error, told by someone who knows what was already changed."""
        return RotationError(self.code, changed=changed, **self.where)

    def as_result(self) -> dict[str, object]:
        """The error as result fields of a module."""
        return {
            "msg": str(self),
            "error": {
                "code": self.code,
                "what": self.what,
                "changed": self.changed,
                "todo": self.todo,
                **({"alias": self.where["alias"]} if "alias" in self.where else {}),
            },
        }


def word(value: object) -> str:
    """What an operator wrote where one of a few words belongs, for a text: all but a plain word may be a key."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "(not shown)"


def internal(exc: BaseException) -> RotationError:
    """An unexpected exception by its type and place: its text could hold a value."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "unknown" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    changed = "See the record for what was done."
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return RotationError("E_DISK_FULL", error=exc.strerror, where=exc.filename or where, changed=changed)
    return RotationError("E_INTERNAL", error=type(exc).__name__, where=where, changed=changed)
