# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fernet tokens that an application stores without base64: as bytes, or in hex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...crypto.fernet import is_fernet_frame
from ...crypto.keyring import Keyring
from ...crypto.tokens import as_bytes
from ...crypto.wrappers import to_base64
from ...value_forms.token_texts import writings

FORMATS = ("fernet", "fernet_256")
ADVICE = (
    "The engine writes no such value, and a rotation would leave it unreadable: describe the application's own "
    "functions in O(schemes) (application: decrypt, encrypt)."
)


class RawFrames(NamedTuple):
    """The number of values that are bare bytes of tokens, and the keys under which they open."""

    number: int
    keys: Sequence[str]

    @property
    def description(self) -> str:
        """Return what the values are, for a finding of a format."""
        return f"the bytes of Fernet tokens under {' and '.join(self.keys)}, without their own base64"


def find(keyring: Keyring, values: Sequence[Any]) -> RawFrames:
    """Find the values that are such tokens under keys that are rotated."""
    frames = [
        (place, to_base64(form))
        for place, value in enumerate(values)
        for form in writings(as_bytes(value))
        if is_fernet_frame(form)
    ]
    opened: set[int] = set()
    keys: set[str] = set()
    for scheme in keyring.schemes.values() if frames else ():
        if not scheme.functions and scheme.described["format"] in FORMATS:
            stages = keyring.stages_of(scheme.name, [token for _, token in frames])
            places = {place for (place, _), stage in zip(frames, stages) if stage is not None}
            opened |= places
            keys |= keyring.settings_of(scheme) - scheme.optional if places else set()
    return RawFrames(len(opened), sorted(keys))
