# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key set: the named settings that together open the data, and the id by which it is spoken of."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

with contextlib.suppress(ImportError):  # module.run tells it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF


KEY_ID_LABEL = b"tetech.key_rotation key id v1"
# PBKDF2 is iterated HMAC: guessing a weak key by its printed id costs more than guessing it by a stored token.
# The count is OWASP's for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet).
KEY_ID_ITERATIONS = 600_000
DIGEST_LABEL = b"tetech.key_rotation plaintext digest v1"


@dataclass(frozen=True)
class KeySet:
    """Settings by name. The values never show in a repr. ``named`` is the key id, where a store has said it already."""

    values: Mapping[str, str] = field(repr=False)
    named: str = field(default="", compare=False)

    @cached_property
    def key_id(self) -> str:
        """16 hex digits: safe to print, useless to guess from."""
        return self.named or _key_id(self._canonical())

    @cached_property
    def digest_key(self) -> bytes:
        """32 bytes that key the digest over plaintexts: whoever holds this key set can take that digest again."""
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=DIGEST_LABEL).derive(self._canonical())

    def _canonical(self) -> bytes:
        return json.dumps(dict(self.values), sort_keys=True).encode("utf-8")


def listed(value: str, *, blanks: bool = False) -> list[str]:
    """The members of a comma list; with the ``blanks`` about them where an application leaves them there."""
    parts = value.split(",")
    return parts if blanks else [part.strip() for part in parts if part.strip()]


@lru_cache  # an env file and a store mostly hold the same key sets
def _key_id(canonical: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", canonical, KEY_ID_LABEL, KEY_ID_ITERATIONS, 8).hex()
