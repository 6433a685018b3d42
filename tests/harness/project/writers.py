# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of stale writers: what each reads if it cannot decrypt, and what it saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ERROR_TEXT = "[Decryption Error]"


def refuse(stored: Any) -> Any:
    raise ValueError("cannot decrypt")


def as_stored(stored: Any) -> Any:
    """As text if that is what it is, such as a Fernet token in a bytea."""
    if isinstance(stored, str):
        return stored
    try:
        return bytes(stored).decode("ascii")
    except UnicodeDecodeError:
        return bytes(stored)


def all_fields(model: Any, pk: int, kept: Any) -> tuple[Any, dict[str, Any]]:
    """As a form: every value is set to what it reads."""
    from safe.models import SECRETS

    row = model.objects.get(pk=pk)
    for name in SECRETS:
        setattr(row, name, getattr(row, name))
    return row, {}


def one_field(model: Any, pk: int, kept: Any) -> tuple[Any, dict[str, Any]]:
    from safe.models import column_of

    return model.objects.only("pk").get(pk=pk), {"update_fields": [column_of(model, "secret")]}


def from_memory(model: Any, pk: int, kept: Any) -> tuple[Any, dict[str, Any]]:
    """The object that was read before the rotation, with the key of then."""
    return kept[pk], {}


@dataclass(frozen=True)
class Kind:
    """One kind of writer. Without an ``answer`` the library itself decides what is read. A writer that is ``quiet``
    changes the notes most of the time, and saves the encrypted values as it has read them."""

    name: str
    answer: Callable[[Any], Any] | None
    load: Callable[[Any, int, Any], tuple[Any, dict[str, Any]]]
    quiet: bool = True


KINDS = (
    Kind("raises", refuse, all_fields),
    Kind("ciphertext", as_stored, all_fields),
    Kind("fixed_text", lambda stored: ERROR_TEXT, all_fields),
    Kind("none", lambda stored: None, all_fields),
    Kind("caches", None, from_memory, quiet=False),
    Kind("saves_all", None, all_fields),
    Kind("saves_one", None, one_field, quiet=False),
)
