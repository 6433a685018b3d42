# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the data and the keys: values by version, the .env file of each host, the key store, the services.

It comes from the record alone: the last census, and the last check of each host. Anything else counts as unknown.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...module_utils._engine.proof.census_result import ColumnCounts
from ...module_utils._stores.history import STAGES

OLDER = "older-"  # with the key ID after it, the name of a version without a stage (History.for_host)
EMPTY = "empty"
PLAINTEXT = "plaintext"
NEVER = "no census was taken"
SINCE = "values may have been written since the last census"


@dataclass(frozen=True)
class Values:
    """The counts of a census.

    ``under`` counts values by key ID, and ``odd`` by class those that no version opens properly. ``left_alone`` counts
    those left alone on request, ``plain`` those that stay plain text by a settlement. ``proved``: a process with only
    one version opened all others. ``others_wrote``: other processes wrote some since the rotation began. ``unwrapped``
    counts those that were encrypted twice and are now one token. ``more_plain`` counts by column how many more are
    plain text than before.
    """

    under: Mapping[str, int] = field(default_factory=dict)
    odd: Mapping[str, int] = field(default_factory=dict)
    proved: bool = False
    others_wrote: bool = False
    left_alone: int = 0
    plain: int = 0
    unwrapped: int = 0
    more_plain: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of values, not counting empty ones and those that stay plain text."""
        return sum(self.under.values()) + sum(self.odd.values()) + self.left_alone


@dataclass(frozen=True)
class Host:
    """The keys of a host: ``key_id`` is its version, empty if unknown, and ``place`` is the location of its keys.

    ``reached`` is whether the last run could reach the host. ``place`` is empty until the keys are written.
    """

    key_id: str = ""
    reached: bool = True
    place: str = ""

    @property
    def has_env_file(self) -> bool:
        """Return whether the keys are in a .env file. True if the place is unknown."""
        return not self.place or os.path.basename(self.place).startswith(".env") or self.place.endswith(".env")


@dataclass(frozen=True)
class DataState:
    """The state of the data after a run.

    ``values`` is None if the last census does not show them; ``unknown`` says why. ``written``: a value or an .env file
    was written, or may have been. ``base`` is the key ID of everything before the rotation; ``current`` and ``pending``
    are the key IDs of those stages in the key store. ``stopped`` lists by host the services that are still down.
    ``doubt`` is the code of the error with which a proof found different values. ``same``: each rollback found every
    row as it was before the rotation. ``restored``: values were taken from a backup.
    """

    values: Values | None = None
    unknown: str = NEVER
    written: bool = False
    hosts: Mapping[str, Host] = field(default_factory=dict)
    current: str = ""
    pending: str = ""
    base: str = ""
    stopped: Mapping[str, Sequence[str]] = field(default_factory=dict)
    doubt: str = ""
    same: bool = True
    restored: bool = False

    @property
    def odd(self) -> bool:
        """Return whether the last census counted values that no version opens properly."""
        return bool(self.values and self.values.odd)

    @property
    def is_known(self) -> bool:
        """Return whether everything is known."""
        return self.values is not None and all(host.key_id and host.reached for host in self.hosts.values())

    @property
    def as_before(self) -> bool:
        """Return whether every value, the keys of every host and the store are as before the rotation."""
        return self.under_base and self.same and not self.restored and not self.doubt

    @property
    def under_base(self) -> bool:
        """Return whether every value, the keys of every host and the store are under the version from before the
        rotation."""
        if self.values is None or self.pending or not self.base or not self.hosts or not self.is_known:
            return False
        held = {self.current, *(host.key_id for host in self.hosts.values()), *self.values.under}
        written = self.values.others_wrote or self.values.unwrapped or self.values.more_plain
        return held == {self.base} and not self.values.odd and not written


def is_version(value_class: str) -> bool:
    """Return whether a census class is a key version. All other classes hold values that were not opened, or are
    empty."""
    return value_class in STAGES or value_class.startswith(OLDER)


def count_opened(classes: Mapping[str, int]) -> int:
    """Return how many values of a target the census opened."""
    return sum(count for name, count in classes.items() if is_version(name))


def odd(classes: Mapping[str, int]) -> dict[str, int]:
    """The counts of the classes that are neither a version nor empty."""
    return {name: count for name, count in classes.items() if count and name != EMPTY and not is_version(name)}


def count_plain(targets: Iterable[ColumnCounts]) -> dict[str, int]:
    """Return how many values are plain text, settled or not, by ``table.column``."""
    return {
        f"{target.get('table')}.{target.get('column')}": (target.get("plain") or 0)
        + ((target.get("classes") or {}).get(PLAINTEXT) or 0)
        for target in targets
    }


def count_more(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return how many more there are ``after``, by column. Columns that were not counted before are left out."""
    return {name: count - before[name] for name, count in sorted(after.items()) if count > before.get(name, count)}


def read_census(targets: Iterable[ColumnCounts], key_ids: Mapping[str, str]) -> Values:
    """Add up the result of a census. ``key_ids`` names the version of each stage that it tried."""
    under: Counter[str] = Counter()
    others: Counter[str] = Counter()
    left_alone = plain = 0
    for target in targets:
        classes = target.get("classes") or {}
        others.update(odd(classes))
        left_alone += target.get("left_alone") or 0
        plain += target.get("plain") or 0
        for name, count in classes.items():
            if count and is_version(name):
                under[key_ids.get(name, name.removeprefix(OLDER))] += count
    return Values(dict(under), dict(others), left_alone=left_alone, plain=plain)
