# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a long step."""

from __future__ import annotations

from collections.abc import Iterator

from ...module_utils._errors.counts import counted
from ...module_utils._system.progress_file import ColumnNumbers, Numbers, RewriteNumbers, StepNumbers


def moving(numbers: Numbers) -> str:
    """Return the progress of a long step in one line. A re-encryption shows its total, then the target that is under
    way."""
    if "doing" in numbers:
        return f"  {_step(numbers)}"
    in_hand = [target for target in numbers["targets"] if 0 < target["done"] < target["total"]][:1]
    parts = [f"  {_share(numbers)}, {_pace(numbers)}", *(f"{target['column']} {_share(target)}" for target in in_hand)]
    return "; ".join(parts)


def progress(numbers: Numbers) -> Iterator[str]:
    """Yield the progress of a long step. A re-encryption has a line for each target that is under way, then its
    total."""
    if "doing" in numbers:
        yield f"  {_step(numbers)}"
        return
    for target in numbers["targets"]:
        if 0 < target["done"] < target["total"]:
            yield f"  {target['column']}: {_share(target)}, {_pace(target)}"
    yield f"  in all {_share(numbers)}, {_pace(numbers)}"


def _step(numbers: StepNumbers) -> str:
    doing, done, most, seconds = numbers["doing"], numbers["done"], numbers["most"], numbers["seconds"]
    if done is None:
        return f"{doing}, {_minutes(seconds)}" if seconds else doing
    rate = done / max(seconds, 1)
    if numbers["unit"] == "bytes" and most is not None:
        return f"{doing}: {done / 1e6:,.1f} MB of at most about {most / 1e6:,.1f} MB, {rate / 1e6:,.1f} MB/s"
    if not most or most < done or not rate or not seconds:
        return f"{doing}: {counted(done, 'row')}, {rate:,.0f}/s"
    return f"{doing}: {done:,} of about {most:,} rows, {rate:,.0f}/s, {_minutes(round((most - done) / rate))} left"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02} min"


def _share(numbers: ColumnNumbers | RewriteNumbers) -> str:
    done, total = numbers["done"], numbers["total"]
    return f"{done:,} of {total:,} values ({100 * done / total if total else 100:.1f} %)"


def _pace(numbers: ColumnNumbers | RewriteNumbers) -> str:
    left, waits_for = numbers["seconds_left"], numbers.get("waits_for")
    remaining = "time left unknown" if left is None else f"{_minutes(left)} left"
    if waits_for:
        remaining = f"waits for {waits_for}"
    return f"{numbers['values_per_second']:,}/s, {remaining}, {counted(numbers['retries'], 'retry', 'retries')}"
