# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose when the values are re-encrypted if the operator leaves it to the checklist (key_rotation_mode: auto)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from ...module_utils._errors.counts import counted, join_first
from .._rotation_record.recorded_mode import AUTO, PREPARED, WINDOW
from .database_capacity import free_bytes, rewriting_bytes
from .item import STOP, Observations, count
from .window import window

# Of those that can be prepared. With fewer, the stop is as long in both modes, and the run longer (docs/capacity.md).
LEAST_VALUES = 10_000
SHOWN = 3  # tables that cannot be prepared, in one reason


class ModeChoice(NamedTuple):
    """The mode, and why ``auto`` is not ``prepared``; empty if it is, or if the operator named the mode."""

    mode: str
    reason: str = ""


def choose_mode(observations: Observations) -> ModeChoice:
    """Choose the mode of a rotation: the one that the operator named, or ``prepared`` unless a rule is against it."""
    mode = observations.options["mode"]
    if mode != AUTO:
        return ModeChoice(mode)
    prepared = observations.with_mode(PREPARED)
    reason = next((reason for rule in AGAINST_PREPARING if (reason := rule(prepared))), "")
    return ModeChoice(WINDOW, reason) if reason else ModeChoice(PREPARED)


def _by_command(observations: Observations) -> str:
    return "key_rotation_command cannot prepare" if observations.options["method"] == "command" else ""


def _stops_nothing(observations: Observations) -> str:
    return "" if observations.options["services"] else "key_rotation_services is empty, so there is no stop to shorten"


def _unseen(observations: Observations) -> str:
    return "" if observations.unprepared is not None else "nothing shows what can be prepared"


def _excluded(observations: Observations) -> str:
    """Why none of the tables with values can be prepared."""
    unprepared = observations.unprepared or {}
    tables = {target["table"] for target in observations.census.get("targets", ())}
    if not tables or tables - unprepared.keys():
        return ""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for table in sorted(tables):
        by_reason[unprepared[table]].append(table)
    reasons = (f"{join_first(names, SHOWN)}: {why}" for why, names in by_reason.items())
    return f"no table can be prepared ({'; '.join(reasons)})"


def _small(observations: Observations) -> str:
    unprepared = observations.unprepared or {}
    targets = [each for each in observations.census.get("targets", ()) if each["table"] not in unprepared]
    values = sum(count(target) for target in targets)
    if values >= LEAST_VALUES:
        return ""
    return f"{counted(values, 'value')} can be prepared, and with fewer than {LEAST_VALUES:,} the stop is not shorter"


def _lacks_space(observations: Observations) -> str:
    """Why there is too little space. If its size is not known, the prepared values may need what every mode writes."""
    prepared, writing = observations.prepared_bytes, rewriting_bytes(observations)
    free = free_bytes(observations)
    if free is None:
        large = f"the prepared values need {prepared / 1e6:,.0f} MB, and the free space of the database is not known"
        return large if prepared > writing else ""
    if free > prepared + writing:
        return ""
    folder = observations.options["database_dir"]
    needed = f"{(prepared + writing) / 1e6:,.0f} MB are needed with the prepared values"
    return f"{free / 1e6:,.0f} MB are free for {folder}, and {needed}"


def _exceeds_window(observations: Observations) -> str:
    """Why the preparation does not fit the maintenance window, if the rotation without it does."""
    if window(observations).status != STOP or window(observations.with_mode(WINDOW)).status == STOP:
        return ""
    return "key_rotation_window is long enough only without the preparation"


# Each returns why a rotation cannot be prepared, or why that is of no use. The first reason counts.
AGAINST_PREPARING: tuple[Callable[[Observations], str], ...] = (
    _by_command,
    _stops_nothing,
    _unseen,
    _excluded,
    _small,
    _lacks_space,
    _exceeds_window,
)
