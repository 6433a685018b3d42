# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a record: every line holds its own SHA-256 and that of the line before it.

``hash`` is over the line's canonical JSON (members sorted, no blanks, UTF-8) without ``hash`` itself. ``prev_hash`` is
the hash of the line before; of the first line that has one, the SHA-256 of everything before it: nothing, or the lines
that an earlier version of the collection wrote without a chain. A chain finds an edit and a reordering. That its tail
was cut, or the whole rewritten, is found by a head that is kept elsewhere, and by the key that each line names for the
next one (``line_signing``). The format is described in docs/design/record-format.md.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .events import Event, LineContent, decode

NEXT_KEY, SIGNATURE = "next_key", "signature"  # of the line, by the key that the line before it names
_HEAD = re.compile(r"(\S+) ([1-9][0-9]{0,9}) (\S+)(?: (\S+)(?: (\S+))?)?", re.ASCII)


@dataclass(frozen=True)
class Head:
    """The last line of a record at one time, as it is anchored elsewhere: one line of text.

    ``host`` is the control node that wrote it; empty in heads of earlier versions, and in syslog. ``place`` is the user
    there and the folder, ``USER:FOLDER``; empty too where that is no one word, or too long.
    """

    rotation_id: str
    seq: int
    hash: str
    host: str = ""
    place: str = ""

    def __str__(self) -> str:
        return " ".join([self.rotation_id, str(self.seq), self.hash, *filter(None, [self.host, self.place])])

    @classmethod
    def read(cls, text: object) -> Head:
        """The head that ``text`` is. Raises ValueError."""
        found = _HEAD.fullmatch(str(text))
        if not found:
            raise ValueError("no head")
        return cls(found[1], int(found[2]), found[3], found[4] or "", found[5] or "")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a record, or was not to be checked. ``kind`` is one that verifier.EXIT_CODES has."""

    kind: str
    found: str


@dataclass(frozen=True)
class RecordLine:
    """One line of a record. ``raw`` is how it is stored, ``content`` its members, None if it has none. ``before`` is
    the hash that it is to follow, ``end`` the one that the next line is to follow."""

    number: int
    raw: bytes
    content: LineContent | None
    before: str
    end: str

    @property
    def members(self) -> LineContent:
        return self.content or {}

    @functools.cached_property
    def event(self) -> Event:
        return decode(self.members)


def canonical(document: LineContent) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def link(before: bytes, content: LineContent, sign: Callable[[bytes], str] | None = None) -> bytes:
    """``content`` as the next line of the record that is ``before`` so far, with what ``sign`` makes of it. The last
    line alone does for the whole where it is chained (``chained``)."""
    seq, end = _end(before)
    line = {**content, "seq": seq + 1, "prev_hash": end}
    line |= {SIGNATURE: sign(signed_part(line))} if sign else {}
    return canonical({**line, "hash": _hash(line)}) + b"\n"


def signed_part(line: LineContent) -> bytes:
    """What the signature of a line is of."""
    return canonical({name: line[name] for name in line if name not in (SIGNATURE, "hash")})


def head(rotation_id: str, text: bytes, host: str = "") -> Head:
    """The head of the record whose whole lines are ``text``; a chained last line alone does too."""
    return Head(rotation_id, *_end(text), host)


def lines(text: bytes) -> list[RecordLine]:
    """The lines of a record, in one pass."""
    found: list[RecordLine] = []
    so_far = hashlib.sha256()
    end = so_far.hexdigest()
    for number, raw in enumerate(io.BytesIO(text), 1):
        so_far.update(raw)
        content, before = read(raw), end
        end = str((content or {}).get("hash") or so_far.hexdigest())
        found.append(RecordLine(number, raw, content, before, end))
    return found


def problems(record: Iterable[RecordLine]) -> Iterator[Problem]:
    """Where the chain of a record is broken."""
    linked = False
    for line in record:
        if line.content is None:
            yield Problem("edited", f"line {line.number} is not valid JSON")
        elif "hash" in line.content:
            linked = True
            if line.raw != canonical(line.content) + b"\n" or line.content["hash"] != _hash(line.content):
                yield Problem("edited", f"line {line.number} was changed after it was written")
            if line.content.get("prev_hash") != line.before or line.content.get("seq") != line.number:
                yield Problem("reordered", f"line {line.number} does not follow the line before it")
        elif linked:
            yield Problem("edited", f"line {line.number} has no hash")


def foreign(record: Iterable[RecordLine], rotation_id: str) -> Iterator[Problem]:
    """Lines of another rotation's record: a signature of the whole stays right, wherever the whole was carried."""
    for line in record:
        if line.members.get("rotation_id", rotation_id) != rotation_id:
            yield Problem("rewritten", f"line {line.number} belongs to another rotation")
            return


def chained(record: Iterable[RecordLine]) -> bool:
    """Whether any line has a hash: records of earlier versions have none."""
    return any("hash" in line.members for line in record)


def missing(record: Sequence[RecordLine], kept: Head, where: str) -> Iterator[Problem]:
    """What a head that was kept elsewhere says against a record."""
    if len(record) < kept.seq:
        yield Problem("cut", f"it ends at line {len(record)}, but {where} has seen line {kept.seq}")
    elif record[kept.seq - 1].end != kept.hash:
        yield Problem("rewritten", f"line {kept.seq} is not the one that {where} has seen")


def _end(text: bytes) -> tuple[int, str]:
    """The number of the last line, and the hash that the next one is to follow."""
    last = read(text[text.rfind(b"\n", 0, -1) + 1 :]) or {}
    if isinstance(last.get("seq"), int) and last.get("hash"):
        return last["seq"], str(last["hash"])
    return text.count(b"\n"), str(last.get("hash") or hashlib.sha256(text).hexdigest())


def _hash(line: LineContent) -> str:
    return hashlib.sha256(canonical({name: line[name] for name in line if name != "hash"})).hexdigest()


def read(raw: bytes) -> LineContent | None:
    """The event of a line, or None."""
    try:
        line = json.loads(raw)
        canonical(line)
    except (ValueError, RecursionError):  # such as half a surrogate, or brackets without end
        return None
    return line if isinstance(line, dict) else None
