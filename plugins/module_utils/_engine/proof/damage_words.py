# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words about values that another process wrote or damaged, for errors and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..._errors.base import RotationError
from ..._errors.values import SAVE_AGAIN, TAKE_FROM_BACKUP, ValuesDamaged, ValuesOverwritten
from .repair_option import format_repair
from .value_list import format_values

RAISES, TOKEN, TEXT, NOTHING = "an error", "a token", "the text of a failed decryption", "nothing"
DAMAGED = (RAISES, TOKEN, TEXT)
# By the class of the census, what is said of values that another process wrote.
WRITTEN = {
    "plaintext": "not encrypted",
    "unreadable": "under no known version",
    "other_scheme": "in another format",
    "token_in_text": "not tokens, and have one in them",
    "kept_key": "under a key that is not rotated",
    "nested_unreadable": "encrypted twice",
    "two_layers": "encrypted twice",
    "token_inside": "a token between other text",
}


def build_overwritten_error(values: Iterable[tuple[str, str]]) -> RotationError:
    """The error of values that another process wrote, and that stop the rotation: the class of the census,
    and the value as table.column:key."""
    listed = list(values)
    kinds = Counter(WRITTEN.get(value_class, value_class) for value_class, _ in listed)
    outcome = ", ".join(f"{count} are {kind}" for kind, count in kinds.items())
    return ValuesOverwritten(
        count=len(listed),
        outcome=outcome,
        rows=format_values([value for _, value in listed]),
        advice=" ".join(_advice(listed)),
    )


def build_damaged_error(read: Iterable[Sequence[str]]) -> RotationError | None:
    """The error of values that another process wrote, each with what the application reads in its place; None if it
    reads all of them."""
    ways = {value: reads for value, reads in read if reads in DAMAGED}
    if not ways:
        return None
    counts = Counter(ways.values())
    return ValuesDamaged(
        count=len(ways),
        reads=", ".join(f"{count} as {reads}" for reads, count in counts.items()),
        rows=format_values([*ways]),
        repair=format_repair([*ways]),
    )


def _advice(values: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield what to do: a value that is not encrypted is lost if an older one takes its place."""
    readable = [value for value_class, value in values if value_class == "plaintext"]
    lost = [value for value_class, value in values if value_class != "plaintext"]
    if readable:
        yield SAVE_AGAIN.format(rows=format_values(readable))
    if lost:
        yield TAKE_FROM_BACKUP.format(repair=format_repair(lost))
