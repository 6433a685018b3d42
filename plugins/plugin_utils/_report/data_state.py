# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is where: the values by version, the .env file of each host, the key store, and the services.

It is known from a record alone: the last census, and the last look at each host. What neither shows is not known.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...module_utils._engine.proof.census_result import ColumnCounts
from ...module_utils._stores.history import STAGES

OLDER = "older-"  # before the key ID, the name of a version without a stage (History.for_host)
EMPTY = "empty"
PLAINTEXT = "plaintext"
NEVER = "no census was taken"
SINCE = "values may have been written since the last census"


@dataclass(frozen=True)
class Values:
    """What a census counted. ``under`` holds counts by key ID, ``odd`` by the class of values that no version opens
    well, ``left_alone`` those that were left alone as asked, ``plain`` those that stay plain text as settled.
    ``proved`` is whether a process that has only one version opened the others, ``meanwhile`` whether other processes
    wrote some since the rotation began, ``unwrapped`` how many were encrypted twice before, and are one token now,
    ``more_plain`` by column how many more are plain text than before."""

    under: Mapping[str, int] = field(default_factory=dict)
    odd: Mapping[str, int] = field(default_factory=dict)
    proved: bool = False
    meanwhile: bool = False
    left_alone: int = 0
    plain: int = 0
    unwrapped: int = 0
    more_plain: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many values there are, without the empty ones and those that stay plain text."""
        return sum(self.under.values()) + sum(self.odd.values()) + self.left_alone


@dataclass(frozen=True)
class Host:
    """The version that one host has, as a key ID; empty if not known. ``reached`` is whether the last run could still
    look. ``place`` is where its keys are; empty until they were written."""

    key_id: str = ""
    reached: bool = True
    place: str = ""

    @property
    def has_env_file(self) -> bool:
        """Whether the keys are in a .env file, as far as is known."""
        return not self.place or os.path.basename(self.place).startswith(".env") or self.place.endswith(".env")


@dataclass(frozen=True)
class DataState:
    """``values`` is None if the last census does not show them, and ``unknown`` says why. With ``written`` a value or
    an .env file was written, or may have been. ``base`` is the key ID that everything was under before the rotation,
    ``current`` and ``pending`` are those of the key store. ``stopped`` are the services by host that nothing has
    started since. ``doubt`` is the code of the error by which a proof found that values differ, ``same`` whether what a
    rollback began with was compared, row by row, with what was before the rotation, ``restored`` whether values were
    taken from a backup."""

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
        """Whether the last census counted values that no version opens well."""
        return bool(self.values and self.values.odd)

    @property
    def known(self) -> bool:
        """Whether everything is known."""
        return self.values is not None and all(host.key_id and host.reached for host in self.hosts.values())

    @property
    def as_before(self) -> bool:
        """Whether every value, the keys of every host and the store are as before the rotation."""
        return self.under_base and self.same and not self.restored and not self.doubt

    @property
    def under_base(self) -> bool:
        """Whether every value, the keys of every host and the store are under the version from before the rotation."""
        if self.values is None or self.pending or not self.base or not self.hosts or not self.known:
            return False
        held = {self.current, *(host.key_id for host in self.hosts.values()), *self.values.under}
        written = self.values.meanwhile or self.values.unwrapped or self.values.more_plain
        return held == {self.base} and not self.values.odd and not written


def is_version(value_class: str) -> bool:
    """Whether a class of the census is a version: every other one, but for empty values, was not opened by it."""
    return value_class in STAGES or value_class.startswith(OLDER)


def count_opened(classes: Mapping[str, int]) -> int:
    """How many values of one target were opened by the process that took the census."""
    return sum(count for name, count in classes.items() if is_version(name))


def odd(classes: Mapping[str, int]) -> dict[str, int]:
    """The counts of the classes that are neither a version nor empty."""
    return {name: count for name, count in classes.items() if count and name != EMPTY and not is_version(name)}


def count_plain(targets: Iterable[ColumnCounts]) -> dict[str, int]:
    """By column, as table.column, how many values are plain text, be that settled or not."""
    return {
        f"{target.get('table')}.{target.get('column')}": (target.get("plain") or 0)
        + ((target.get("classes") or {}).get(PLAINTEXT) or 0)
        for target in targets
    }


def count_more(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """By column, how many more there are ``after``. Of a column that was not counted before nothing is known."""
    return {name: count - before[name] for name, count in sorted(after.items()) if count > before.get(name, count)}


def read_census(targets: Iterable[ColumnCounts], key_ids: Mapping[str, str]) -> Values:
    """The result of a census. ``key_ids`` names the version of each stage that it tried."""
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
