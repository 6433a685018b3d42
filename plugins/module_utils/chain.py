# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a record: every line holds its own SHA-256 and that of the line before it.

``hash`` is over the line's canonical JSON (members sorted, no blanks, UTF-8) without ``hash`` itself. ``prev_hash`` is
the hash of the line before; of the first line that has one, the SHA-256 of everything before it: nothing, or the lines
that an earlier version of the collection wrote without a chain. A chain finds an edit and a reordering. That its tail
was cut, or the whole rewritten, is found by a head that is kept elsewhere (facts/audit.md, 4.1).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_HEAD = re.compile(r"(\S+) ([1-9][0-9]{0,9}) (\S+)", re.ASCII)


@dataclass(frozen=True)
class Head:
    """The last line of a record at one time, as it is anchored elsewhere: one line of text."""

    rotation_id: str
    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.rotation_id} {self.seq} {self.hash}"

    @classmethod
    def read(cls, text: object) -> Head:
        """The head that ``text`` is. Raises ValueError."""
        found = _HEAD.fullmatch(str(text))
        if not found:
            raise ValueError("no head")
        return cls(found[1], int(found[2]), found[3])


@dataclass(frozen=True)
class Problem:
    """What is wrong with a record. ``kind`` is edited, reordered, cut, rewritten or signature."""

    kind: str
    found: str


def canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def link(before: bytes, content: Mapping[str, Any]) -> bytes:
    """``content`` as the next line of the record that is ``before`` so far."""
    line = {**content, "seq": before.count(b"\n") + 1, "prev_hash": _end(before)}
    return canonical({**line, "hash": _hash(line)}) + b"\n"


def head(rotation_id: str, text: bytes) -> Head:
    """The head of the record whose whole lines are ``text``."""
    return Head(rotation_id, text.count(b"\n"), _end(text))


def prefixes(text: bytes) -> Iterator[bytes]:
    """The record after each of its lines, the first one first."""
    end = text.find(b"\n") + 1
    while end:
        yield text[:end]
        end = text.find(b"\n", end) + 1


def problems(text: bytes) -> Iterator[Problem]:
    """Where the chain of a record is broken."""
    before, chained = b"", False
    for number, until in enumerate(prefixes(text), 1):
        raw = until[len(before) :]
        line = _read(raw)
        if line is None:
            yield Problem("edited", f"line {number} is no JSON")
        elif "hash" in line:
            chained = True
            if raw != canonical(line) + b"\n" or line["hash"] != _hash(line):
                yield Problem("edited", f"line {number} is not as it was written")
            if line.get("prev_hash") != _end(before) or line.get("seq") != number:
                yield Problem("reordered", f"line {number} does not follow the line before it")
        elif chained:
            yield Problem("edited", f"line {number} has no hash")
        before = until


def foreign(text: bytes, rotation_id: str) -> Iterator[Problem]:
    """Lines of another rotation's record: a signature of the whole stays right, wherever the whole was carried."""
    for number, raw in enumerate(text.splitlines(), 1):
        if (_read(raw) or {}).get("rotation_id", rotation_id) != rotation_id:
            yield Problem("rewritten", f"line {number} is of another rotation")
            return


def chained(text: bytes) -> bool:
    """Whether any line has a hash: records of earlier versions have none."""
    return any("hash" in (_read(line) or {}) for line in text.split(b"\n"))


def missing(text: bytes, kept: Head, where: str) -> Iterator[Problem]:
    """What a head that was kept elsewhere says against a record."""
    lines = text.count(b"\n")
    if lines < kept.seq:
        yield Problem("cut", f"it ends at line {lines}, and {where} has seen line {kept.seq}")
        return
    until = next(prefix for number, prefix in enumerate(prefixes(text), 1) if number == kept.seq)
    if _end(until) != kept.hash:
        yield Problem("rewritten", f"line {kept.seq} is not the one that {where} has seen")


def _end(text: bytes) -> str:
    """The hash that the next line is to follow."""
    last = _read(text.rstrip(b"\n").rpartition(b"\n")[2]) or {}
    return str(last.get("hash") or hashlib.sha256(text).hexdigest())


def _hash(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical({name: line[name] for name in line if name != "hash"})).hexdigest()


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw)
        canonical(line)
    except (ValueError, RecursionError):  # such as half a surrogate, or brackets without end
        return None
    return line if isinstance(line, dict) else None
