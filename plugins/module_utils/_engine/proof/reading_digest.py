# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keyed digest of what an attribute reads in all rows, and in the rows that it can read.

A rotation may heal a row that the application could not read before, such as one that a stale process wrote. So unread
rows are named by keyed digests of their keys, and a later reading leaves out the same rows.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from .reading_types import RowDigests

NAMED = 1000  # rows: with more, only the digest of all rows is compared
NAME_DIGITS = 16
READ, FAILED, TOKEN = "", "failed", "token"
NOBODY: Mapping[str, str] = {}


class ReadingDigest:
    """``before`` has the rows that an earlier reading did not read, and what became of each.

    A row of these is left out as long as it is not worse than then: it is read, or just as little.
    """

    def __init__(self, key: bytes, before: Mapping[str, str] = NOBODY) -> None:
        self._key, self._before = key, before
        self._all = hmac.new(key, digestmod=hashlib.sha256)
        self._read: hmac.HMAC | None = None  # the same as of all rows until one is not read
        self._read_before = hmac.new(key, digestmod=hashlib.sha256) if before else None
        self._unread: dict[str, str] = {}

    def add(self, row: str, text: str, outcome: str) -> None:
        entry = f"{row}\0{text}\0".encode("utf-8", "surrogatepass")
        name = self._name(row) if outcome or self._before else ""
        if outcome:
            self._read = self._read or self._all.copy()
            if len(self._unread) <= NAMED:
                self._unread[name] = outcome
        elif self._read:
            self._read.update(entry)
        if self._read_before and not (name in self._before and outcome in (READ, self._before[name])):
            self._read_before.update(entry)
        self._all.update(entry)

    def add_to(self, reading: RowDigests) -> None:
        reading["digest"] = self._all.hexdigest()
        if self._read and len(self._unread) <= NAMED:
            reading["unread_rows"], reading["read_digest"] = self._unread, self._read.hexdigest()
        if self._read_before:
            reading["read_before_digest"] = self._read_before.hexdigest()

    def _name(self, row: str) -> str:
        # Not the digest of what is read of a row: that one ends with a zero byte.
        return hmac.digest(self._key, row.encode("utf-8", "surrogatepass"), "sha256").hex()[:NAME_DIGITS]
