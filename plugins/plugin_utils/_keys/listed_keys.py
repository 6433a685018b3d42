# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the keys that an operator lists with those in the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...module_utils._engine.crypto.key_entry import KeyEntries
from ...module_utils._errors.keys import KeyUnlisted
from ...module_utils._stores.history import History


def recorded(history: History, keys: KeyEntries) -> KeyEntries:
    """The keys of the current version, no matter what is listed now; for an empty store the listed ones.

    Each has its entry from ``keys``, otherwise the one with which it was rotated.
    """
    if "current" not in history.stages:
        return keys
    current = history.stage("current")
    listed = {entry["name"]: entry for entry in (*current.listed, *keys)}
    return [listed.get(name, {"name": name}) for name in current.values]


def refuse_unlisted(history: History, keys: KeyEntries, former: Collection[str]) -> None:
    """Raise E_KEY_UNLISTED if a key was rotated, and now is neither listed nor among the ``former`` ones.

    While a rotation is open, ``former`` has no effect.
    """
    if "current" not in history.stages:
        return
    listed = {entry["name"] for entry in keys} | set(() if history.open_rotation else former)
    missing = {name: history.rotated_by(name) for name in history.stage("current").values if name not in listed}
    rotations = sorted({rotation for rotation in missing.values() if rotation})
    if not rotations:
        return
    names = [name for name, rotation in missing.items() if rotation]
    raise KeyUnlisted(
        names=" and ".join(names), rotations=" and ".join(rotations), advice=_advice(names, history.open_rotation)
    )


def _advice(names: Sequence[str], open_rotation: str | None) -> str:
    again = f"List {' and '.join(names)} again"
    if open_rotation:
        return f"Rotation {open_rotation} is open. {again} to finish it, or roll it back with the rollback playbook."
    return (
        f"{again}. Or stop rotating it: O(former_keys): [{', '.join(names)}]. Its value then stays unchanged: "
        "leave it in the application as long as a value is under it. After the next rotation, the last one cannot be "
        "rolled back."
    )
