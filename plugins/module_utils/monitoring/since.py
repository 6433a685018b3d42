# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the logs tell of failed decryption from one moment to another, both within one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import RotationError
from .logs import Watched


def begun(files: Sequence[str], units: Sequence[str], patterns: Sequence[str]) -> dict[str, Any]:
    """How far each log has been written. Raises E_OPTION for a pattern that is none."""
    memory: dict[str, Any] = {}
    Watched(memory, patterns).look(files, units)
    return memory


def counted(
    memory: Mapping[str, Any], files: Sequence[str], units: Sequence[str], patterns: Sequence[str]
) -> dict[str, Any]:
    """The counts by source and pattern since then, as ``errors``, and what could not be looked at, as ``problems``."""
    watched = Watched(dict(memory), patterns)
    new = watched.look(files, units)
    errors = {
        source: {pattern: count for pattern, count in counts.items() if count}
        for source, counts in new.items()
        if any(counts.values())
    }
    return {"errors": errors, "problems": [*(problem.what for problem in watched.problems), *watched.notes]}


def refuse(found: Mapping[str, Any]) -> None:
    """Raise E_LOG_ERRORS where something was counted."""
    if found["errors"]:
        raise error(found["errors"])


def error(errors: Mapping[str, Mapping[str, int]]) -> RotationError:
    """What was counted, as an error or for a warning."""
    count = sum(sum(counts.values()) for counts in errors.values())
    return RotationError("E_LOG_ERRORS", count=count, sources="; ".join(_told(errors)))


def _told(errors: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for source, counts in errors.items():
        yield f"{source}: {', '.join(f'{count:,} with {pattern}' for pattern, count in counts.items())}"
