# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoding of a token as text: hex in small or capital letters, or base64 in either alphabet (RFC 4648), with or
without padding."""

from __future__ import annotations

import base64
import re

SHORTEST = 38  # characters of a nonce and a tag in base64 without padding
_FORMS = {
    b"hex": re.compile(rb"(?:[\da-f]{2})+"),
    b"HEX": re.compile(rb"(?:[\dA-F]{2})+"),
    b"base64": re.compile(rb"[A-Za-z\d]+={0,2}"),  # of either alphabet
    b"base64 standard": re.compile(rb"[A-Za-z\d+/]+={0,2}"),
    b"base64 urlsafe": re.compile(rb"[A-Za-z\d_-]+={0,2}"),
}
_BARE = b" bare"  # padding that it needs is left out
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
URLSAFE = b"base64 urlsafe"


def of(token: bytes) -> bytes:
    """Return the name of the encoding of a token. Empty if it has none of them."""
    if len(token) < SHORTEST:
        return b""
    form = next((name for name, form in _FORMS.items() if form.fullmatch(token)), b"")
    if not form.startswith(b"base64"):
        return form
    if len(token) % 4 == 0:
        return form
    return b"" if token.endswith(b"=") or len(token) % 4 == 1 else form + _BARE


def decode(token: bytes, encoding: bytes) -> bytes:
    """Return the bytes of a token whose encoding has this name."""
    if encoding in (b"hex", b"HEX"):
        return bytes.fromhex(token.decode("ascii"))
    return base64.urlsafe_b64decode(token.translate(_TO_URLSAFE) + b"=" * (-len(token) % 4))


def encode(raw: bytes, encoding: bytes) -> bytes:
    """Return bytes in an encoding. Without a name, in urlsafe base64."""
    if encoding in (b"hex", b"HEX"):
        text = raw.hex().encode("ascii")
        return text.upper() if encoding == b"HEX" else text
    standard = encoding.startswith(b"base64 standard")
    text = base64.b64encode(raw) if standard else base64.urlsafe_b64encode(raw)
    return text.rstrip(b"=") if encoding.endswith(_BARE) else text


def is_utf8(text: bytes) -> bool:
    """Return whether bytes are text in UTF-8."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether two encodings are the same, but for padding, which depends on the length too."""
    return one.removesuffix(_BARE) == other.removesuffix(_BARE)
