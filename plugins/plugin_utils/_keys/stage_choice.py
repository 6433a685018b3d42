# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of a stage whose values an environment file gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...module_utils._errors.options import InvalidOption
from ...module_utils._stores.history import ROLLED_BACK, History

PLAN = "plan"  # what a plan has in place of a rotation


@dataclass(frozen=True)
class StageChoice:
    """The stage that a rotation sets: the version that it created, or for its rollback the previous one."""

    stage: str
    rotation_id: str

    def values(self, history: History, names: Sequence[str], *, dry: bool) -> dict[str, str]:
        """The values of these settings. Empty where a dry run has none yet. Raises E_OPTION and E_STORE_*."""
        if dry and (self.rotation_id == PLAN or self._is_unmade(history)):
            return {}
        self._refuse_other_rotation(history)
        version = history.stage(self.stage)
        version.refuse_damaged(history.path)
        if missing := [name for name in names if name not in version.values]:
            raise InvalidOption(
                name="key_rotation_keys",
                found=f"lists {missing[0]}, which the store's {self.stage} version has not",
                advice="List the settings the store was made with.",
            )
        return {name: version.values[name] for name in names}

    def _is_unmade(self, history: History) -> bool:
        """Whether a real run would have made the version of that stage by now: a dry run has not."""
        unmade = not history.open_rotation and not history.made_by(self.rotation_id)
        return not history.versions or (self.stage == "pending" and unmade)

    def _refuse_other_rotation(self, history: History) -> None:
        """Raise E_OPTION if the version is of another rotation.

        Only the last rotation has versions with stages, so that its name is all there is to ask for; once it was
        rolled back, what is current is what it takes back to.
        """
        version, last = history.stage(self.stage), history.last.rotation_id
        newest = history.versions[-1]
        if newest.outcome == ROLLED_BACK and (self.rotation_id, self.stage) == (newest.rotation_id, "current"):
            return
        back = "previous" if "pending" not in history.stages else "current"
        if self.rotation_id == last and (version.rotation_id == last or self.stage == back):
            return
        advice = f"Name the last rotation, {last}, and its pending, current or previous version."
        if newest.outcome == ROLLED_BACK:
            advice = f"Name the last rotation, {newest.rotation_id}, and the current version."
        elif history.last.origin == "adopted":
            advice = "No rotation was made yet: run the rotate playbook."
        is_other = f"the {self.stage} version is neither its own nor the one that it takes back to"
        raise InvalidOption(name="rotation_id", found=f"is {self.rotation_id}, and {is_other}", advice=advice)
