# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the lines that tell of failed decryption in log files and in the journal, each line once over all looks.

A line's text never leaves this file: what comes out are counts. How far a log was read is remembered by the file's
device and inode and a digest of its first bytes, so that a rotated file is read to its end under its new name, and an
inode that the system has given to another file is not mistaken for it; in the journal by its cursor.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from ..errors import RotationError

LINE_BYTES = 65_536  # a longer line is taken in parts of so many
HEAD_BYTES = 256
CURSOR = b"-- cursor: "
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
# What journalctl says, with exit code 0, where it shows nothing of other users.
BLIND = (b"not seeing messages from other users", b"insufficient permissions")


class Watched:
    """The logs that are looked at. ``memory`` is what the last look left, and is changed for the next one.

    ``patterns`` are regular expressions; a line counts under the first one that it has. What was never looked at
    before is begun at its end: only what is written from then on counts.
    """

    def __init__(self, memory: dict[str, Any], patterns: Sequence[str]) -> None:
        self._memory = memory
        self._patterns = _compiled(patterns)
        self._positions: dict[str, dict[str, Any]] = memory.setdefault("positions", {})
        self._known: list[str] = memory.setdefault("known", [])
        self._totals: dict[str, dict[str, int]] = memory.setdefault("totals", {})
        self.problems: list[RotationError] = []
        self.notes: list[str] = []

    def look(self, files: Sequence[str], units: Sequence[str]) -> dict[str, dict[str, int]]:
        """Counts by source and pattern since the last look. ``files`` are paths or globs, ``units`` systemd units.

        What cannot be read is in ``problems`` as E_MONITOR_LOG, what may have been missed is in ``notes``.
        """
        new: dict[str, dict[str, int]] = {}
        for asked in files:
            for path in _logs(asked):
                self._count(new, path, self._file(path, fresh=asked not in self._known))
        for unit in units:
            self._count(new, f"unit {unit}", self._unit(unit))
        self._memory["known"] = sorted({*self._known, *files})
        self._memory["read"] = time.time()
        return new

    def totals(self) -> dict[str, dict[str, int]]:
        """Counts by source and pattern over all looks: they only grow, as Prometheus wants of a counter."""
        return {source: dict(counts) for source, counts in self._totals.items()}

    def _count(self, new: dict[str, dict[str, int]], source: str, found: Counter[str] | None) -> None:
        if found is None:
            return
        counts = {pattern: found[pattern] for pattern in self._patterns}
        new[source] = {pattern: new.get(source, {}).get(pattern, 0) + count for pattern, count in counts.items()}
        totals = self._totals.setdefault(source, {})
        for pattern, count in counts.items():
            totals[pattern] = totals.get(pattern, 0) + count

    def _file(self, path: str, *, fresh: bool) -> Counter[str] | None:
        """What was written to ``path`` since, also before it was rotated away."""
        known = self._positions.get(path)
        try:
            counted, missed = (Counter[str](), False) if fresh else self._rotated(path, known)
            with open(path, "rb") as handle:
                if known is not None:
                    offset = known["offset"] if _is_same(handle, known) else 0
                else:
                    offset = _end(handle) if fresh else 0
                found, offset = self._lines(handle, offset)
                self._positions[path] = _position(handle, offset)
        except OSError as exc:
            self.problems.append(RotationError("E_MONITOR_LOG", source=path, reason=exc.strerror))
            return None
        if missed:
            self.notes.append(
                f"{path} was cut, or compressed, before it was seen to be read to its end: look more often, or let"
                " logrotate compress one rotation later (delaycompress)"
            )
        return counted + found

    def _rotated(self, path: str, known: Mapping[str, Any] | None) -> tuple[Counter[str], bool]:
        """Counts of the rest of the file that was at ``path``, and of what came and went since; whether that rest is
        lost."""
        found: Counter[str] = Counter()
        if known is not None and _is_there(path, known):
            return found, False
        there = known is None
        for other in _siblings(path):
            with open(other, "rb") as handle:
                if known is not None and _continues(handle, known):
                    there = True
                    found += self._lines(handle, known["offset"])[0]
                elif os.fstat(handle.fileno()).st_mtime > self._memory.get("read", 0):
                    found += self._lines(handle, 0)[0]
        return found, not there

    def _lines(self, handle: BinaryIO, offset: int) -> tuple[Counter[str], int]:
        """Counts of the whole lines from ``offset`` on, and where the next look goes on."""
        found: Counter[str] = Counter()
        handle.seek(offset)
        while line := handle.readline(LINE_BYTES):
            if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                break  # it is being written
            offset += len(line)
            found.update(self._first(line))
        return found, offset

    def _first(self, line: bytes) -> Iterator[str]:
        for pattern, compiled in self._patterns.items():
            if compiled.search(line):
                yield pattern
                return

    def _unit(self, unit: str) -> Counter[str] | None:
        known = self._positions.get(f"unit {unit}")
        if known is None:
            self._positions[f"unit {unit}"] = {"since": time.time()}
            return Counter()
        after = f"--after-cursor={known['cursor']}" if "cursor" in known else f"--since=@{known['since']:.6f}"
        argv = ["journalctl", f"--unit={unit}", after, "--output=cat", "--all", "--no-pager", "--show-cursor"]
        try:
            # Of our environment nothing: it may hold what the application's settings put there.
            clean = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
            shown = subprocess.run(argv, capture_output=True, check=False, env=clean)
        except OSError as exc:
            self.problems.append(RotationError("E_MONITOR_LOG", source=f"unit {unit}", reason=exc.strerror))
            return None
        blind = any(words in shown.stderr for words in BLIND)
        if shown.returncode or blind:
            reason = "this user may not read the journal" if blind else f"journalctl ended with {shown.returncode}"
            self.problems.append(RotationError("E_MONITOR_LOG", source=f"unit {unit}", reason=reason))
            return None
        lines = shown.stdout.splitlines()
        if lines and lines[-1].startswith(CURSOR):
            self._positions[f"unit {unit}"] = {"cursor": lines.pop()[len(CURSOR) :].decode("ascii", "replace")}
        found: Counter[str] = Counter()
        for line in lines:
            found.update(self._first(line))
        return found


def _compiled(patterns: Sequence[str]) -> dict[str, re.Pattern[bytes]]:
    made = {}
    for pattern in patterns:
        try:
            made[pattern] = re.compile(pattern.encode("utf-8"))
        except re.error as exc:
            bad = f"{pattern} is no regular expression ({exc})"
            raise RotationError(
                "E_OPTION", name="key_rotation_log_patterns:", found=bad, advice="Correct it."
            ) from None
    return made


def _logs(asked: str) -> list[str]:
    """The logs of a path or glob, without what rotations made of them: that is read with the log itself."""
    paths = sorted(path for path in glob.glob(asked) if os.path.isfile(path) and not path.endswith(COMPRESSED))
    return [path for path in paths if not any(path != other and path.startswith(other) for other in paths)]


def _siblings(path: str) -> Iterator[str]:
    """Files that rotations made of ``path``, not compressed: beside it, their names beginning with its own."""
    for entry in sorted(glob.glob(f"{glob.escape(path)}?*")):
        if os.path.isfile(entry) and not entry.endswith(COMPRESSED):
            yield entry


def _is_there(path: str, known: Mapping[str, Any]) -> bool:
    try:
        with open(path, "rb") as handle:
            return _is_same(handle, known)
    except FileNotFoundError:
        return False


def _is_same(handle: BinaryIO, known: Mapping[str, Any]) -> bool:
    """Whether this is the file that was read, and not one that has its inode, or that was cut and begun anew."""
    at = os.fstat(handle.fileno())
    return (at.st_dev, at.st_ino) == (known["device"], known["inode"]) and _begins_as(handle, known)


def _continues(handle: BinaryIO, known: Mapping[str, Any]) -> bool:
    """Whether this is what was read under a new name, moved there or copied (logrotate's copytruncate)."""
    return _is_same(handle, known) or (known["offset"] > 0 and _begins_as(handle, known))


def _begins_as(handle: BinaryIO, known: Mapping[str, Any]) -> bool:
    length, digest = known["head"]
    return os.fstat(handle.fileno()).st_size >= known["offset"] and _head(handle, length) == digest


def _position(handle: BinaryIO, offset: int) -> dict[str, Any]:
    at = os.fstat(handle.fileno())
    length = min(offset, HEAD_BYTES)
    return {
        "device": at.st_dev,
        "inode": at.st_ino,
        "offset": offset,
        "head": [length, _head(handle, length)],
    }


def _head(handle: BinaryIO, length: int) -> str:
    handle.seek(0)
    return hashlib.sha256(handle.read(length)).hexdigest()


def _end(handle: BinaryIO) -> int:
    """Where the next line will begin."""
    size = handle.seek(0, os.SEEK_END)
    start = max(0, size - LINE_BYTES)
    handle.seek(start)
    return start + handle.read().rfind(b"\n") + 1
