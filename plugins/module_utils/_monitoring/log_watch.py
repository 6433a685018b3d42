# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the lines that report failed decryption in log files and in the journal, each line once over all checks.

Only counts are returned, never a line's text. The position in each log is stored between checks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from .._errors.base import RotationError
from .._errors.monitoring import MonitorLog
from . import systemd_journal
from .log_files import Files, LogPlace
from .log_lines import Patterns

SECONDS = 120.0  # for the journal of one unit
CLOCK = 2.0  # seconds by which a file's time may be behind ours


class LogMemory(TypedDict, total=False):
    """The position in each log after a check. The next check continues there."""

    units: dict[str, str]
    totals: dict[str, dict[str, int]]
    asked: list[str]
    files: Sequence[LogPlace]
    looked: float


class Watched:
    """The logs that are checked. ``memory`` is what the last check left, and is updated for the next one.

    ``patterns`` are regular expressions, and a line counts under the first one that it matches. A new log begins at its
    end: only later lines count.
    """

    def __init__(self, memory: LogMemory, patterns: Sequence[str]) -> None:
        self._memory = memory
        self._patterns = Patterns(patterns)
        self._units: dict[str, str] = memory.setdefault("units", {})
        self._totals: dict[str, dict[str, int]] = memory.setdefault("totals", {})
        self.problems: list[RotationError] = []
        self.notes: list[str] = []
        self.empty: list[str] = []

    def look(
        self, files: Sequence[str] | None, units: Sequence[str], usual: Sequence[str] = ()
    ) -> dict[str, dict[str, int]]:
        """Return counts by source and pattern since the last check. ``files`` are paths or globs, ``units`` systemd
        units.

        If ``files`` is None, the ``usual`` ones are checked, if there are any. ``problems`` has unreadable logs as
        E_MONITOR_LOG, ``notes`` what may have been missed, ``empty`` the globs without a file.
        """
        new: dict[str, dict[str, int]] = {}
        began = time.time()
        asked_before = self._memory.get("asked", [])
        followed = Files(self._memory.get("files", []), self._memory.get("looked", 0.0), self._patterns)
        named = usual if files is None else files
        for asked in named:
            for source, matches in followed.look(asked, fresh=asked not in asked_before, expected=files is not None):
                self._count(new, source, matches)
        self._note_files(followed)
        for unit in units:
            self._unit(new, unit)
        self._memory["files"] = followed.places()
        self._memory["asked"] = sorted({*asked_before, *named})
        self._memory["looked"] = began - CLOCK
        return new

    def totals(self) -> dict[str, dict[str, int]]:
        """Return counts by source and pattern over all checks. They only grow, as Prometheus requires of a counter."""
        return {source: dict(counts) for source, counts in self._totals.items()}

    def _count(self, new: dict[str, dict[str, int]], source: str, matches: Counter[str]) -> None:
        for counts in (new.setdefault(source, {}), self._totals.setdefault(source, {})):
            for pattern, count in self._patterns.counts(matches).items():
                counts[pattern] = counts.get(pattern, 0) + count

    def _note_files(self, followed: Files) -> None:
        self.problems += [MonitorLog(source=path, reason=reason) for path, reason in followed.unreadable.items()]
        self.notes += [
            f"{path} was truncated, or rotated away, before it was read to its end: run the monitoring more often"
            for path in followed.missed
        ]
        self.empty = followed.empty

    def _unit(self, new: dict[str, dict[str, int]], unit: str) -> None:
        after = self._units.setdefault(unit, f"--since=@{time.time():.6f}")
        try:
            done = systemd_journal.read(unit, after, self._patterns, SECONDS)
        except OSError as exc:
            done = systemd_journal.JournalReading(refused=exc.strerror or "")
        if not done.refused and not done.cursor and systemd_journal.unknown(unit):
            done.refused = "systemd does not know this unit"
        if done.refused:
            self.problems.append(MonitorLog(source=f"unit {unit}", reason=done.refused))
            return
        if done.cursor:
            self._units[unit] = f"--after-cursor={done.cursor}"
        if done.cut_off:
            self.notes.append(
                f"unit {unit} logged more than could be read in {SECONDS:g} seconds: the next check continues"
            )
        self._count(new, f"unit {unit}", done.matches)
