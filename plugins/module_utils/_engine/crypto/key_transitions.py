# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application that reads every key of a list has on its way from one version to the next.

It first still encrypts with the old key, then with the new one. Both are computed, and no store keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping

from .key_set import KeySet

TRANSITIONS = READABLE, PRIMARY = "readable", "primary"


def transitions(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, KeySet]:
    """Return the key sets between two versions by their stage, each with a list of both keys. Empty if they have no key
    in common."""
    both = [(name, before[name], after[name].split(",")[0]) for name in after if name in before]
    if not both:
        return {}
    return {
        READABLE: KeySet({name: f"{old},{new}" for name, old, new in both}),
        PRIMARY: KeySet({name: f"{new},{old}" for name, old, new in both}),
    }


def of_stages(stages: Mapping[str, Mapping[str, str]]) -> dict[str, KeySet]:
    """Return the key sets between the versions before and after the last rotation. Empty without two versions."""
    before, after = last_change(stages)
    return transitions(stages.get(before, {}), stages.get(after, {}))


def last_change(stages: Mapping[str, object]) -> tuple[str, str]:
    """Return the stages of the versions before and after the last rotation."""
    return ("current", "pending") if "pending" in stages else ("previous", "current")
