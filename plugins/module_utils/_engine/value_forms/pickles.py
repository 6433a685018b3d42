# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts and bytes of a pickled object, as a JSON document. Nothing is unpickled: only its operations are read."""

from __future__ import annotations

import json
import pickletools
import re

_BEGINS = re.compile(rb"\x80[\x02-\x05]")
_LONGEST_NAME = 60  # characters of what may be the name of the next value


def document(data: bytes, is_cut: bool = False) -> str:
    """Return a JSON document with all texts and bytes of the object. Empty if it is not a pickled object.

    Bytes are in hex, and the name of each value is the text before it.
    """
    if not _BEGINS.match(data):
        return ""
    parts: list[str] = []
    name, reached, is_whole = "", 0, False
    try:
        for operation, value, place in pickletools.genops(data):
            reached, is_whole = place or 0, operation.name == "STOP" and place == len(data) - 1
            if isinstance(value, (bytes, bytearray)):
                value = written(bytes(value))
            elif not isinstance(value, str) or "UNICODE" not in operation.name:
                continue
            parts.append(f"{json.dumps(name)}: {json.dumps(value)}")
            name = value if len(value) <= _LONGEST_NAME else ""
    except Exception:  # the reader of operations raises errors of any class
        is_whole = False
    if not is_whole and not (is_cut and reached > len(data) // 2):
        return ""
    return f"{{{', '.join(parts)}}}"


def written(data: bytes) -> str:
    """Return bytes as a text, or in hex if they are not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.hex()
