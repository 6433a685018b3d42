# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what ended a module from the output of its process, without the text of the exception: it could be a value."""

from __future__ import annotations

import re

_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line (?P<line>\d{1,7})')
# Only what looks like a path of code and a name of an exception: an application may have a traceback in a text.
_PATH = re.compile(r"[\w./+@-]+\.py|<(?:stdin|string|frozen [\w.]+)>")
_TYPE = re.compile(
    r"(?:\w+\.)*(?P<name>[A-Za-z_]*(?:Error|Exception|Exit|Interrupt|DoesNotExist|ImproperlyConfigured|InvalidToken))"
)


def find_exception(output: str) -> str:
    """Return the type and the place of the exception of the last traceback. Empty without a traceback."""
    _, header, text = output.rpartition(_TRACEBACK)
    place = ""
    for line in text.splitlines()[1:] if header else ():
        if frame := _FRAME.match(line):
            path = frame["path"] if _PATH.fullmatch(frame["path"]) else "unknown"
            place = f" at {path}:{frame['line']}"
        elif not line.startswith(" "):
            known = _TYPE.fullmatch(line.partition(":")[0])
            return f"{known['name'] if known else 'an exception'}{place}"
    return ""
