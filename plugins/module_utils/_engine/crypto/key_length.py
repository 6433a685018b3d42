# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a new value of a key is: as long as the present one, unless the entry says how many ``bytes``.

Code that uses a part of a key, such as ``KEY[:32]``, or fills it up, would make another key of a longer value. No
stored value shows that.
"""

from __future__ import annotations

import base64
import binascii
import contextlib

from .key_entry import KeyEntry

TOKEN = "token_urlsafe"
# Random bytes of the types that have a choice: without a present value, at least, and at most. 64 are more than any
# derivation here takes in. An AES key has 16, 24 or 32. Of 64 bytes in base64, one value in fifteen has none of the
# characters that are left out.
BYTES = {TOKEN: 64, "hex": 32, "base64": 32}
LEAST_BYTES = 16
MOST_BYTES = {TOKEN: 512, "hex": 512, "base64": 64}
LEAST_CHARACTERS = 22  # of 6 bits each, more than the 128 bits of strength that NIST SP 800-57 part 1 names until 2031
LONGER_CHARACTERS = 32  # for a shorter value: the most common number that code uses of a key


def type_of(entry: KeyEntry) -> str:
    """Return the type of an entry's new values."""
    return entry.get("type") or TOKEN


def size_of(entry: KeyEntry, present: str = "") -> int:
    """Return the characters of a new token_urlsafe, the random bytes of a new hex or base64, 0 for any other type.

    ``present`` is the value of the key, which may be a list; empty if there is none.
    """
    kind, given, present = type_of(entry), entry.get("bytes"), newest_of(entry, present)
    if kind == TOKEN:
        return _characters(present) if present and not given else base64_length(given or BYTES[TOKEN])
    return given or _bytes_of(kind, present) or BYTES.get(kind, 0)


def newest_of(entry: KeyEntry, present: str) -> str:
    """Return the value that encrypts. Without ``keep``, a text with commas is a list only if its parts are of one
    length."""
    parts = present.split(",")
    return parts[0] if entry.get("keep") or len({len(part) for part in parts}) == 1 else present


def base64_length(size: int) -> int:
    """Return the characters of so many bytes in base64, without padding."""
    return -(-4 * size // 3)


def _characters(present: str) -> int:
    size = len(present.encode("utf-8"))  # code may take the bytes for a key
    return min(size if size >= LEAST_CHARACTERS else LONGER_CHARACTERS, base64_length(MOST_BYTES[TOKEN]))


def _bytes_of(kind: str, present: str) -> int:
    """Return the bytes of a present value of that type, 0 if it is not one or a new value cannot have as many."""
    size = 0
    with contextlib.suppress(ValueError, binascii.Error):
        if kind == "hex":
            size = len(bytes.fromhex(present))
        elif kind == "base64":
            size = len(base64.b64decode(present.replace("-", "+").replace("_", "/"), validate=True))
    return size if size and LEAST_BYTES <= size <= MOST_BYTES[kind] else 0
