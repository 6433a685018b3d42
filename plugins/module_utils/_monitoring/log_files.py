# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the new lines of log files, each line once, even if a file was renamed, copied and truncated, or compressed.

A file is recognized by its device, inode and a digest of its first bytes. A copy is recognized by the digest alone.
Names are not used for that, since each log rotation names files in its own way. The name only says which log a new file
was rotated from.
"""

from __future__ import annotations

import bz2
import contextlib
import fnmatch
import glob
import gzip
import hashlib
import lzma
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, TypedDict, cast

from .log_lines import PIECE, Lines, Patterns

HEAD_BYTES = 256
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
NOT_IN_PYTHON = ".zst"
COMPRESSED = (*OPENERS, NOT_IN_PYTHON)
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError)
# What rotations add: `.1`, `-20261126`, `.2026-11-26_10`, `.old`; after the name or before its extension.
MARK = re.compile(r"(?:[._-]\d[\dTZ._:+-]*|\.old)")


class LogPlace(TypedDict):
    """A ``LogPosition`` as it is stored between checks."""

    path: str
    source: str
    device: int
    inode: int
    offset: int
    head: tuple[int, str]


@dataclass
class LogPosition:
    """The position up to which one file was read. ``source`` is the log that it is, or was before its rotation."""

    path: str
    source: str
    device: int
    inode: int
    offset: int  # of compressed ones, in what they hold
    head: tuple[int, str]  # bytes, and their digest

    def is_at(self, path: str) -> bool:
        """Return whether this very file is at ``path``, and not another with its inode, or the file after a
        truncation."""
        try:
            at = os.stat(path)
            same = (at.st_dev, at.st_ino) == (self.device, self.inode)
            whole = path.endswith(COMPRESSED) or at.st_size >= self.offset
            return same and whole and self.has_head(path)
        except UNREADABLE:
            return False

    def has_head(self, path: str) -> bool:
        """Return whether that file begins like this one, so that it may be a copy."""
        with open_log(path) as handle:
            return _head(handle, self.head[0]) == tuple(self.head)


class Files:
    """The log files of this host. ``known`` has the ``places`` after the last check, at ``looked`` (Unix time)."""

    def __init__(self, known: Iterable[LogPlace], looked: float, patterns: Patterns) -> None:
        self._places = [LogPosition(**position) for position in known]
        self._looked = looked
        self._patterns = patterns
        self.unreadable: dict[str, str] = {}  # reason by path
        self.missed: list[str] = []  # logs whose last lines may be lost
        self.empty: list[str] = []  # globs that have no file

    def places(self) -> Sequence[LogPlace]:
        """Return the positions that the next check continues from."""
        return [cast(LogPlace, asdict(place)) for place in self._places]

    def look(self, asked: str, *, fresh: bool, expected: bool = True) -> Iterator[tuple[str, Counter[str]]]:
        """Yield the matching lines, by log, of a path or glob since the last check.

        A ``fresh`` one, which was never checked before, begins at the end of its files. A missing log is a problem only
        if it is ``expected``.
        """
        present = _present(asked, {place.source for place in self._places})
        self._absent(asked, bool(present), expected=expected)
        gone = [
            place
            for place in self._places
            if place.source in present.values() and not any(place.is_at(path) for path in present)
        ]
        for path, log in present.items():
            try:
                yield self._file(path, log, gone, fresh=fresh)
            except FileNotFoundError:
                continue  # it was rotated away just now, and is found at the next look
            except UNREADABLE as exc:
                self._refused(path, log, exc)
        for place in gone:
            if place.path in self.unreadable:
                continue
            if place.path == place.source and place.source in present:
                self.missed.append(place.path)
            if place.path != place.source or place.source in present:
                self._places.remove(place)

    def _absent(self, asked: str, has_files: bool, *, expected: bool) -> None:
        """Report what ``glob`` hides: a path that does not exist, or a folder that cannot be listed."""
        try:
            if glob.has_magic(asked):
                for folder in _folders(asked):
                    os.listdir(folder)
                    os.stat(os.path.join(folder, "."))  # what may be listed may still not be entered
                self.empty += [asked] if expected and not has_files else []
            elif not has_files:
                os.stat(asked)
                self.unreadable[asked] = "it is not a log file"
        except OSError as exc:
            if expected or not isinstance(exc, (FileNotFoundError, NotADirectoryError)):
                self.unreadable[asked] = exc.strerror or "it cannot be found"

    def _refused(self, path: str, log: str, reason: Exception) -> None:
        """Report a file that cannot be read, unless log rotations have finished with it before the last check."""
        with contextlib.suppress(FileNotFoundError):
            if path == log or os.stat(path).st_mtime > self._looked:
                self.unreadable[path] = getattr(reason, "strerror", None) or "it is damaged"

    def _file(self, path: str, log: str, gone: list[LogPosition], *, fresh: bool) -> tuple[str, Counter[str]]:
        """Return what is new in one file, and the log that it is or was."""
        at = os.stat(path)
        place = next((place for place in self._places if place not in gone and place.is_at(path)), None)
        if place and path.endswith(COMPRESSED):
            return place.source, Counter()
        source = place.source if place else log
        offset = place.offset if place else self._begin(path, log, gone, at.st_mtime, fresh=fresh)
        if offset is None:
            return source, Counter()
        counts = Counter[str]()
        with open_log(path) as handle:
            if not (fresh and path.endswith(COMPRESSED)):
                counts, offset = _read(handle, offset, self._patterns, ended=path != source)
            now = LogPosition(
                path=path,
                source=source,
                device=at.st_dev,
                inode=at.st_ino,
                offset=offset,
                head=_head(handle, min(offset, HEAD_BYTES)),
            )
        self._places = [other for other in self._places if other is not place] + [now]
        return source, counts

    def _begin(self, path: str, log: str, gone: list[LogPosition], written: float, *, fresh: bool) -> int | None:
        """Return where to begin a file without a known position. None if it is not ours to read."""
        new = written > self._looked
        if path == log:
            return _end(path) if fresh else 0
        for place in [place for place in gone if place.source == log]:
            if (place.offset or new) and place.has_head(path):
                gone.remove(place)
                self._places.remove(place)
                return place.offset
        if fresh:
            return HEAD_BYTES if path.endswith(COMPRESSED) else os.path.getsize(path)
        return 0 if new and _made_of(path, log) and not self._is_copy(path, log) else None

    def _is_copy(self, path: str, log: str) -> bool:
        """Return whether it is a copy of a file that is still read."""
        return any(place.source == log and place.offset and place.has_head(path) for place in self._places)


def open_log(path: str) -> BinaryIO:
    """The file's bytes, decompressed."""
    return cast(BinaryIO, OPENERS.get(os.path.splitext(path)[1], open)(path, "rb"))


def _folders(asked: str) -> list[str]:
    """Return the folder from which a glob searches, and those in which its files would be."""
    fixed = os.path.dirname(asked) or os.curdir
    folder = asked if os.path.basename(asked) == "**" else fixed
    while glob.has_magic(fixed):
        fixed = os.path.dirname(fixed) or os.curdir
    return [fixed, *(path for path in glob.glob(folder, recursive=True) if os.path.isdir(path))]


def _present(asked: str, known: set[str]) -> dict[str, str]:
    """Return the files of a path or glob, and those that log rotations may have created from them, each with its
    log."""
    paths = [path for path in sorted(glob.glob(asked, recursive=True)) if os.path.isfile(path)]
    # A log that was moved away and not begun again is still one. Here a star is for slashes too.
    gone = {path for pattern in (asked, asked.replace("/**/", "/")) for path in fnmatch.filter(known, pattern)}
    names = {*(path for path in paths if not path.endswith(COMPRESSED)), *gone}
    logs = [log for log in sorted(names) if not any(_made_of(log, other) for other in names)]
    log_of = {path: path for path in logs if path in paths}
    for log in logs:
        stem, extension = os.path.splitext(log)
        dated = glob.glob(f"{glob.escape(stem)}?*{glob.escape(extension)}*")
        rotated = {*glob.glob(f"{glob.escape(log)}?*"), *(path for path in dated if _made_of(path, log))}
        for path in sorted(rotated - set(logs)):
            if os.path.isfile(path) and not path.endswith(NOT_IN_PYTHON):
                log_of.setdefault(path, log)
    return log_of


def _made_of(path: str, log: str) -> bool:
    """Return whether a log rotation by number or date has created this file from that log."""
    name = path[: -len(os.path.splitext(path)[1])] if path.endswith(COMPRESSED) else path
    stem, extension = os.path.splitext(log)
    after = name[len(log) :] if name.startswith(log) else ""
    around = name.startswith(stem) and name.endswith(extension)
    before = name[len(stem) : len(name) - len(extension)] if around else ""
    return path != log and (name == log or any(MARK.fullmatch(mark) for mark in (after, before)))


def _read(handle: BinaryIO, offset: int, patterns: Patterns, *, ended: bool) -> tuple[Counter[str], int]:
    """Return the counts of the complete lines from ``offset`` on, and where to continue next time.

    In a rotated file that has ``ended``, a last line without a newline is complete.
    """
    lines = Lines(patterns)
    handle.seek(offset)
    while line := handle.readline(PIECE):
        if not (ended or line.endswith(b"\n")) and len(line) < PIECE:
            break  # it is being written
        offset += len(line)
        lines.add(line)
    return lines.found, offset


def _head(handle: BinaryIO, length: int) -> tuple[int, str]:
    handle.seek(0)
    return length, hashlib.sha256(handle.read(length)).hexdigest()


def _end(path: str) -> int:
    """Return where the next line of a log will begin."""
    with open(path, "rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        start = max(0, size - PIECE)
        handle.seek(start)
        return start + handle.read().rfind(b"\n") + 1
