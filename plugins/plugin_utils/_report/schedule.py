# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The due date of the next rotation, and the first day on which the previous version can be retired."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...module_utils._errors.counts import counted
from ...module_utils._record.events import ROTATE, RunEvent, is_compromise
from .event_time import moment, moment_of
from .key_stages import KeyStages
from .run import Run
from .run_status import COMPLETED

if TYPE_CHECKING:
    from ...module_utils._result_types.key_types import VersionDescription

DAY = datetime.timedelta(days=1)
Moment = datetime.datetime


@dataclass(frozen=True)
class Due:
    """The due date of the next rotation. Compromised versions, and those of unknown age, must be rotated now."""

    due: Moment | None = None
    due_now: bool = False
    due_why: str = ""
    compromised: bool = False


@dataclass(frozen=True)
class Schedule:
    """The dates that follow from a rotation. ``retire`` is the first day on which the previous version can be retired.

    ``not_to_retire`` is an announced day that no longer applies, and ``retired`` the run that retired it. ``changed``
    is when any of these last changed.
    """

    next: Due
    cryptoperiod_days: int = 0
    hold_days: int | None = None
    retired: Run | None = None
    retire: Moment | None = None
    not_to_retire: Moment | None = None
    changed: Moment | None = None


@dataclass(frozen=True)
class Facts:
    """The facts of a rotation that decide its dates. ``all_runs`` are its ``runs`` and the retirements."""

    status: str
    ended: Moment | None
    runs: Sequence[Run]
    all_runs: Sequence[Run]
    keys: KeyStages
    versions: Sequence[VersionDescription]


def schedule(facts: Facts) -> Schedule:
    rotations = [run.first for run in facts.runs if run.direction == ROTATE]
    rotated = rotations[-1] if rotations and isinstance(rotations[-1], RunEvent) else RunEvent()
    ended, hold = facts.ended, rotated.hold_days
    gone = {run.key_id: run for run in facts.all_runs if run.direction == "retire" and run.outcome == "done"}
    retired = gone.get(facts.keys.old or "")
    held = facts.status == COMPLETED and not retired
    done = next((run.last for run in reversed(facts.runs) if run.direction == ROTATE and run.outcome == "done"), None)
    promised = moment(done) if done else None
    return Schedule(
        next=_due(facts, rotated.cryptoperiod_days),
        cryptoperiod_days=rotated.cryptoperiod_days,
        hold_days=hold,
        retired=retired,
        retire=ended + hold * DAY if ended and hold is not None and held else None,
        not_to_retire=promised + hold * DAY if promised and hold is not None and not held else None,
        changed=max(ended, retired.began) if ended and retired and retired.began else ended,
    )


def _due(facts: Facts, period: int) -> Due:
    completed, ended = facts.status == COMPLETED, facts.ended
    versions = [version for version in facts.versions if isinstance(version, Mapping)]
    current = next((version for version in versions if version.get("stage") == "current"), None)
    created = moment_of(current.get("created")) if current else None
    leaks = [run.reason for run in facts.runs if run.direction == ROTATE and is_compromise(run.reason)]
    in_use = bool(facts.keys.new) and facts.keys.current == facts.keys.new
    if not completed and leaks:
        stays = "it has not ended, though new keys are in use," if in_use else "the previous keys are still in use,"
        return Due(ended, True, f"{stays} and the reason was {leaks[-1]}", compromised=True)
    if current and period and created and current.get("origin") == "adopted":
        why = (
            f"the age of the keys in use is unknown, since they were created by hand and adopted on {created:%Y-%m-%d}"
        )
        return Due(ended, True, why)
    since = created or (ended if completed else None)
    not_new = "" if completed or in_use else ", which this rotation did not renew"
    why = f"{counted(period, 'day')} after the keys in use were created{not_new}"
    return Due(since + period * DAY if since and period else None, False, why)
