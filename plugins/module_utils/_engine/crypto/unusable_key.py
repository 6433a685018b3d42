# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a key version that a scheme cannot use early, on a sample of each type of values."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from ..._errors.keys import KeyUnusable
from .key_entry import KeyEntry
from .key_length import size_of, type_of
from .tokens import Opened, SingleTokenCipher

# As _destinations/key_generation.py generates them, but always the same value.
SAMPLES: Mapping[str, Callable[[int], str]] = {
    "token_urlsafe": lambda size: "A" * size,
    "fernet": lambda _: base64.urlsafe_b64encode(bytes(32)).decode(),
    "base64": lambda size: base64.urlsafe_b64encode(b"\xa6" * size).decode(),  # not hex as well
    "hex": lambda size: bytes(size).hex(),
    "django_secret_key": lambda _: "(" * 50,
}


def sample_value(entry: KeyEntry, present: str) -> str | None:
    """A value of the type of a key that is ``present``; None if values of the type are not generated here."""
    make = SAMPLES.get(type_of(entry))
    return make(size_of(entry, present)) if make else None


class UnusableKey(SingleTokenCipher):
    """Opens nothing, and seals nothing."""

    def __init__(self, scheme: str, key_id: str) -> None:
        self._scheme, self._key_id = scheme, key_id

    def open(self, token: bytes) -> Opened | None:
        return None

    def seal(self, inside: Opened) -> bytes:
        """Raise E_KEY_UNUSABLE."""
        raise self.error

    @property
    def error(self) -> KeyUnusable:
        return KeyUnusable(scheme=self._scheme, key_id=self._key_id)
