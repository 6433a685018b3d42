# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that application code returned, compared so that no class of the application can raise.

A value object may refuse to be compared, and NumPy compares arrays member by member.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .application_errors import APPLICATION_ERRORS

EMPTY = (None, "", b"")  # what a column without a value stores


def are_equal(value: Any, other: Any) -> bool:
    """Return whether two values are equal.

    If their classes do not answer that with True or False, the values are compared as Python's own types.
    """
    if value is other:
        return True
    answer = _answer(value, other)
    if answer is None:
        answer = _answer(as_python(value), as_python(other))
    return answer is True


def is_one_of(value: Any, others: Iterable[Any]) -> bool:
    """Return whether a value is equal to one of the others."""
    return any(are_equal(value, other) for other in others)


def as_python(value: Any) -> Any:
    """Return a text or bytes without the class of the application, and an array or a number of NumPy as a list or a
    number of Python. Any other value is returned unchanged."""
    try:
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, bytes):
            return bytes(memoryview(value))
        has_members = hasattr(type(value), "tolist") and not isinstance(value, memoryview)
        return value.tolist() if has_members else value
    except APPLICATION_ERRORS:
        return value


def _answer(value: Any, other: Any) -> bool | None:
    """Return what two values answer. None if they raise, or answer neither True nor False."""
    try:
        answer = value == other
    except APPLICATION_ERRORS:
        return None
    return answer if isinstance(answer, bool) else None
