# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the lines that report failed decryption, from any source and of any length. Their text is never returned."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from .._errors.options import InvalidOption

PIECE = 65_536  # bytes of a line that are read at once
OVERLAP = 1024  # bytes of the piece before, so that a pattern that goes across is found


class Patterns:
    """Regular expressions. A line counts once, under the first one that it matches. Raise E_OPTION."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._compiled = {pattern: _compiled(pattern) for pattern in patterns}

    def counts(self, matches: Counter[str]) -> dict[str, int]:
        """Return the number of lines for each pattern, including 0."""
        return {pattern: matches[pattern] for pattern in self._compiled}

    def first(self, text: bytes) -> str | None:
        """Return the first pattern that matches the text, or None."""
        return next((pattern for pattern, compiled in self._compiled.items() if compiled.search(text)), None)


class Lines:
    """A counter of matching lines that arrive in pieces: ``found`` counts by pattern. A newline ends a line."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._told, self._tail = False, b""
        self.found: Counter[str] = Counter()

    def add(self, piece: bytes) -> None:
        """Search one more piece. It is at most one line, as ``readline`` returns it."""
        if not self._told:
            pattern = self._patterns.first(self._tail + piece)
            self._told = pattern is not None
            self.found.update([pattern] if pattern is not None else [])
        ends = piece.endswith(b"\n")
        self._told, self._tail = self._told and not ends, b"" if ends else piece[-OVERLAP:]

    def take(self, stream: BinaryIO, size: int) -> None:
        """Search the next ``size`` bytes of the stream. They are whole lines, except for the newline of the last
        one."""
        while size > 0 and (piece := stream.readline(min(size, PIECE))):
            size -= len(piece)
            self.add(piece)
        self.add(b"\n")


def _compiled(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode("utf-8"))
    except re.error as exc:
        bad = f"has {pattern}, which is not a regular expression ({exc})"
        raise InvalidOption(option="log_patterns", fault=bad, advice="Correct it.") from None
