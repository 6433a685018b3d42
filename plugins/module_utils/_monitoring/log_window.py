# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the log lines about failed decryption between two moments of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from .._errors.application import LogErrors, LogUnseen
from .._errors.base import RotationError
from .._result_types.monitoring_types import ErrorCounts
from .log_watch import LogMemory, Watched


@dataclass
class LogWindow:
    """The logs to check, as for ``Watched.look``, and the ``patterns``."""

    files: Sequence[str] | None
    units: Sequence[str]
    patterns: Sequence[str]
    usual: Sequence[str] = ()


class CountedErrors(TypedDict):
    """The errors by log and pattern.

    ``problems`` lists what could not be checked completely, ``notes`` what is worth knowing.
    """

    errors: ErrorCounts
    problems: Sequence[str]
    notes: Sequence[str]


def begun(asked: LogWindow) -> LogMemory:
    """Return how far each log has been written. Raise E_OPTION for an invalid regular expression."""
    memory: LogMemory = {}
    Watched(memory, asked.patterns).look(asked.files, asked.units, asked.usual)
    return memory


def counted(memory: LogMemory, asked: LogWindow) -> CountedErrors:
    """Return what was logged since then."""
    watched = Watched({**memory}, asked.patterns)
    new = watched.look(asked.files, asked.units, asked.usual)
    errors = {
        source: {pattern: count for pattern, count in counts.items() if count}
        for source, counts in new.items()
        if any(counts.values())
    }
    problems = [*(problem.what for problem in watched.problems), *watched.notes]
    return {"errors": errors, "problems": problems, "notes": [f"{glob} has no file" for glob in watched.empty]}


def refuse(counts: CountedErrors) -> None:
    """Raise E_LOG_ERRORS if something was counted, E_LOG_UNSEEN if that nothing was counted proves nothing."""
    if counts["errors"]:
        raise error(counts["errors"])
    if counts["problems"]:
        raise LogUnseen(problems="; ".join(counts["problems"]))


def error(errors: ErrorCounts) -> RotationError:
    """Return what was counted, as an error or for a warning."""
    count = sum(sum(counts.values()) for counts in errors.values())
    return LogErrors(count=count, sources="; ".join(_format_errors(errors)))


def _format_errors(errors: ErrorCounts) -> Iterator[str]:
    for source, counts in errors.items():
        yield f"{source}: {', '.join(f'{count:,} with {pattern}' for pattern, count in counts.items())}"
