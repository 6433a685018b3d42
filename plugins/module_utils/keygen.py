# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make new values for a key set.

Values use only ``[A-Za-z0-9_-]`` (and Fernet's ``=``): every .env reader gives them back unchanged (facts/dotenv.md).
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping, Sequence

from .errors import RotationError

TYPES: dict[str, Callable[[], str]] = {
    "token_urlsafe": lambda: secrets.token_urlsafe(64),  # 512 bits: more than any derivation here takes in
    "fernet": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "hex": lambda: secrets.token_hex(32),
}
DEFAULT_KEYS = (
    {"name": "SECRET_KEY", "type": "token_urlsafe"},
    {"name": "ENCRYPTION_SALT", "type": "token_urlsafe"},
)


def check_keys(keys: Sequence[Mapping[str, str]]) -> None:
    """Raise E_KEY_SPEC or E_KEY_TYPE where ``keys`` (each {name, type}) is not as the design says."""
    if not keys:
        raise RotationError("E_KEY_SPEC", index=0, found="is missing")
    for index, key in enumerate(keys):
        if not key.get("name"):
            raise RotationError("E_KEY_SPEC", index=index, found="has no name")
        if key.get("type", "token_urlsafe") not in TYPES:
            raise RotationError("E_KEY_TYPE", name=key["name"], type=key["type"], known=", ".join(TYPES))


def generate(keys: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """New values for ``keys``, by name."""
    check_keys(keys)
    return {key["name"]: TYPES[key.get("type", "token_urlsafe")]() for key in keys}
