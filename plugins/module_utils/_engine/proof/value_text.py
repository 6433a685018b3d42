# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any value that an application reads, as text: the same for the same value in any process, for a digest.

An object is what it holds, not its ``repr``: that may be its address, or another text each time.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import re
import uuid
from collections.abc import Callable
from typing import Any

from ..application.application_values import as_python
from .row_tokens import NO_TOKENS, RowTokens

DEPTH = 6  # of objects within objects; what is deeper is only named by its type
_PLAIN = (
    *(str, int, float, complex, bool, type(None), type, range),
    *(decimal.Decimal, uuid.UUID, datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo),
)
_ADDRESS = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)


def is_scalar(value: Any) -> bool:
    """Return whether a value is one text, number or date: it holds no others, which may come in another order."""
    return isinstance(value, (*_PLAIN, bytes, bytearray, memoryview))


def text_of(value: Any, tokens: RowTokens = NO_TOKENS) -> str:
    """A value with its type, and with a constant instead of the ``tokens`` of its row. An object that keeps one as an
    attribute may decrypt it later: its own text says more."""
    return _text(value, tokens, DEPTH)


def _text(value: Any, tokens: RowTokens, depth: int) -> str:
    value = bytes(value) if isinstance(value, (memoryview, bytearray)) else value
    name = type(value).__name__
    value = value if isinstance(value, (str, bytes)) else as_python(value)  # a long array shows only its ends

    def inner(member: Any) -> str:
        return _text(member, tokens, depth - 1)

    if isinstance(value, enum.Enum):
        return f"{name} {value.name}"
    if isinstance(value, str):
        return f"{name} {tokens.hide_text(str.__str__(value))!r}"
    if isinstance(value, bytes):
        return f"{name} {tokens.hide(bytes(value))!r}"
    if isinstance(value, _PLAIN):
        return f"{name} {value!r}"
    if depth <= 0:
        return name
    if isinstance(value, (set, frozenset)):
        return f"{name} {sorted(map(inner, value))}"
    if isinstance(value, (list, tuple)):
        return f"{name} {[inner(member) for member in value]}"
    if isinstance(value, dict):
        # By what is read: PostgreSQL orders the members of a jsonb by their names, which may be tokens.
        return f"{name} {sorted((inner(key), inner(member)) for key, member in value.items())}"
    return f"{name} {_object(value, tokens, inner)}"


def _object(value: Any, tokens: RowTokens, inner: Callable[[Any], str]) -> str:
    """Return what an object holds; its own text if it holds nothing, or a token; nothing if that text is its
    address."""
    if hasattr(value, "_meta") and hasattr(value, "pk"):  # an instance of a model
        return f"{value._meta.label} {inner(value.pk)}"
    state = _state(value)
    if state and not any(map(tokens.is_kept_as, state.values())):
        return str(sorted((key, inner(member)) for key, member in state.items()))
    kind: Any = type(value)
    own = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
    text = str(value) if own else ""
    return "" if _ADDRESS.search(text) else repr(tokens.hide_text(text))


def _state(value: object) -> dict[str, object]:
    """The attributes of an object; not those of a file of Django, which has its model and its storage among them."""
    if hasattr(value, "storage") and hasattr(value, "name"):
        return {"name": value.name}
    slots = [name for cls in type(value).__mro__ for name in _list_slots(vars(cls).get("__slots__", ()))]
    slot_values = {name: getattr(value, name) for name in slots if not name.startswith("__") and hasattr(value, name)}
    return {**slot_values, **getattr(value, "__dict__", {})}


def _list_slots(slots: Any) -> list[str]:
    return [slots] if isinstance(slots, str) else list(slots)
