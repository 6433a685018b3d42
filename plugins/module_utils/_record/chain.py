# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a record: every line holds its own SHA-256 and that of the previous line.

``hash`` is over the line's canonical JSON (members sorted, no blanks, UTF-8) without ``hash`` itself. ``prev_hash`` is
the hash of the previous line. In the first line that has one, it is the SHA-256 of everything before it. That is
nothing, or lines that an earlier version of the collection wrote without a chain.

A chain shows edited and reordered lines. A head that is kept elsewhere shows that the end was cut off or the whole was
rewritten. So does the key that each line names for the next one (``line_signing``). docs/design/record-format.md
describes the format.
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
    """The last line of a record at one time, as it is anchored elsewhere, in one line of text.

    ``host`` is the control node that wrote it. It is empty in heads of earlier versions, and in syslog. ``place`` is
    the user there and the folder, ``USER:FOLDER``. It is empty, too, if that is not one word, or too long.
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
        """Parse a head. Raise ValueError."""
        match = _HEAD.fullmatch(str(text))
        if not match:
            raise ValueError("no head")
        return cls(match[1], int(match[2]), match[3], match[4] or "", match[5] or "")


@dataclass(frozen=True)
class Problem:
    """A fault of a record, or a check that was impossible. ``kind`` is a key of verifier.EXIT_CODES."""

    kind: str
    found: str


@dataclass(frozen=True)
class RecordLine:
    """One line of a record. ``raw`` is the stored form, ``content`` its members or None.

    ``before`` is the hash that it must follow, ``end`` the hash that the next line must follow.
    """

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
    """Return ``content`` as the next line of the record, with the signature that ``sign`` returns for it.

    ``before`` is the record so far. If it is chained (``chained``), its last line is enough.
    """
    seq, end = _end(before)
    line = {**content, "seq": seq + 1, "prev_hash": end}
    line |= {SIGNATURE: sign(signed_part(line))} if sign else {}
    return canonical({**line, "hash": _hash(line)}) + b"\n"


def signed_part(line: LineContent) -> bytes:
    """Return the part of a line that its signature covers."""
    return canonical({name: line[name] for name in line if name not in (SIGNATURE, "hash")})


def head(rotation_id: str, text: bytes, host: str = "") -> Head:
    """Return the head of the record with these complete lines. If it is chained, its last line is enough."""
    return Head(rotation_id, *_end(text), host)


def lines(text: bytes) -> list[RecordLine]:
    """The lines of a record, in one pass."""
    record_lines: list[RecordLine] = []
    so_far = hashlib.sha256()
    end = so_far.hexdigest()
    for number, raw in enumerate(io.BytesIO(text), 1):
        so_far.update(raw)
        content, before = read(raw), end
        end = str((content or {}).get("hash") or so_far.hexdigest())
        record_lines.append(RecordLine(number, raw, content, before, end))
    return record_lines


def problems(record: Iterable[RecordLine]) -> Iterator[Problem]:
    """Yield each place at which the chain of a record is broken."""
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
    """Yield a problem if the record has a line of another rotation's record.

    The signature of a whole record stays valid even if all of it is moved to another rotation.
    """
    for line in record:
        if line.members.get("rotation_id", rotation_id) != rotation_id:
            yield Problem("rewritten", f"line {line.number} belongs to another rotation")
            return


def chained(record: Iterable[RecordLine]) -> bool:
    """Return whether any line has a hash. Records of earlier versions have no hashes."""
    return any("hash" in line.members for line in record)


def missing(record: Sequence[RecordLine], kept: Head, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a record, compared with a head that was kept elsewhere."""
    if len(record) < kept.seq:
        yield Problem("cut", f"it ends at line {len(record)}, but {where} has seen line {kept.seq}")
    elif record[kept.seq - 1].end != kept.hash:
        yield Problem("rewritten", f"line {kept.seq} is not the one that {where} has seen")


def _end(text: bytes) -> tuple[int, str]:
    """Return the number of the last line, and the hash that the next one must follow."""
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
