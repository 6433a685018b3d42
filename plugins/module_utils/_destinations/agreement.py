# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the keys of the .env file and the key files with those of the key store.

A plan only reads. By these functions, it reaches the same decisions as the next rotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._engine.crypto.key_entry import KeyEntries
from .._engine.crypto.key_transitions import of_stages
from . import key_destinations

KeySets = Mapping[str, Mapping[str, str]]  # the values of each stage


def agrees(file_values: Mapping[str, str], key_sets: KeySets, keys: KeyEntries, base: str) -> bool:
    """Return whether the files hold the current values of all keys that both the store and ``file_values`` have.

    While a rotation is open, each file may hold the values of any stage, or those between two of them.
    """
    current = key_sets.get("current", {})
    if not file_values or not current:
        return True
    is_open = "pending" in key_sets or base != "current"
    stages = [key_sets[stage] for stage in ("current", "pending", "previous") if stage in key_sets]
    stages += [both.values for both in of_stages(key_sets).values()]
    staged = stages if is_open else [current]
    return bool(file_values.keys() & current.keys()) and each_file_is_staged(file_values, staged, keys)


def each_file_is_staged(file_values: Mapping[str, str], staged: Sequence[Mapping[str, str]], keys: KeyEntries) -> bool:
    """Return whether each file holds the values of one of these versions. Keys in several files are switched file by
    file."""
    return all(any(_same(file_values, values, names) for values in staged) for names in key_destinations.together(keys))


def completed(file_values: Mapping[str, str], key_sets: KeySets) -> KeySets:
    """The key sets, the current one with the keys that only the files have: the next rotation adopts them."""
    return {**key_sets, "current": {**file_values, **key_sets["current"]}} if "current" in key_sets else key_sets


def _same(file_values: Mapping[str, str], values: Mapping[str, str], names: Sequence[str]) -> bool:
    return all(file_values[name] == values[name] for name in names if name in file_values and name in values)
