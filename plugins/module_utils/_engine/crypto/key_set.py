# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key set: the named settings that together decrypt the data, and its ID."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from . import key_ids

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF


DIGEST_LABEL = b"tetech.key_rotation plaintext digest v1"


@dataclass(frozen=True)
class KeySet:
    """Settings by name. The values never show in a repr. ``named`` is the key ID, if a store has already named it."""

    values: Mapping[str, str] = field(repr=False)
    named: str = field(default="", compare=False)

    @cached_property
    def key_id(self) -> str:
        """16 hex digits: safe to print, useless to guess from."""
        return self.named or key_ids.of(self._canonical())

    @cached_property
    def digest_key(self) -> bytes:
        """32 bytes that key the digest over plaintexts: whoever holds this key set can take that digest again."""
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=DIGEST_LABEL).derive(self._canonical())

    def _canonical(self) -> bytes:
        return json.dumps(dict(self.values), sort_keys=True).encode("utf-8")


def split_list(value: str, *, blanks: bool = False) -> list[str]:
    """Return the members of a comma list, with the ``blanks`` around them if an application leaves them there."""
    parts = value.split(",")
    return parts if blanks else [part.strip() for part in parts if part.strip()]


def signing_name(values: Mapping[str, str]) -> str | None:
    """The name of the key that is Django's SECRET_KEY, such as DJANGO_SECRET_KEY; None if none or several may be it."""
    named = [name for name in values if name.endswith("SECRET_KEY")]
    return "SECRET_KEY" if "SECRET_KEY" in named else named[0] if len(named) == 1 else None
