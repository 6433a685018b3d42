# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Base64 as people and programs store it: in either alphabet, in lines or not, with or without its padding."""

from __future__ import annotations

from ..crypto.tokens import as_bytes
from ..crypto.wrappers import unbase64


def decode_base64(text: str | bytes) -> bytes:
    """Return the bytes of a text that is base64 to its end. Empty if it is not."""
    return _decode(_remove_padding(text))


def decode_cut_base64(text: str | bytes) -> bytes:
    """Return the bytes of a text in base64 that may be cut off after any character. Empty if it is not base64."""
    bare = _remove_padding(text)
    return _decode(bare[: len(bare) - (len(bare) % 4 == 1)])


def _remove_padding(text: str | bytes) -> bytes:
    return b"".join(as_bytes(text).split()).rstrip(b"=")


def _decode(bare: bytes) -> bytes:
    return unbase64(bare + b"=" * (-len(bare) % 4))
