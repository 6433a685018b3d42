# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the version whose values are written to a .env file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._engine.crypto.key_transitions import TRANSITIONS
from ...module_utils._errors.options import InvalidOption
from ...module_utils._errors.run import StageOfOtherRotation
from ...module_utils._stores.history import ROLLED_BACK, History
from .._task_types import TaskArguments

PLAN = "plan"  # the rotation ID while a plan is created


def with_values(options: TaskArguments, history: History, *, dry: bool) -> TaskArguments:
    """Return the options for the host, with the values of the stage and their key ID. Raise E_OPTION and E_STORE_*."""
    choice = StageChoice(options["stage"], options["rotation_id"])
    values = choice.values(history, [key["name"] for key in options["keys"]], dry=dry)
    asked = {name: options[name] for name in ("dialect", "path", "stage", "rotation_id")}
    places = [{"name": key["name"], "destination": key["destination"]} for key in options["keys"]]
    return {**asked, "keys": places, "values": values, "key_id": KeySet(values).key_id if values else None}


@dataclass(frozen=True)
class StageChoice:
    """The stage to write: the version that the rotation created, or for a rollback the previous one."""

    stage: str
    rotation_id: str

    def values(self, history: History, names: Sequence[str], *, dry: bool) -> dict[str, str]:
        """The values of these settings. Empty in a dry run before the version exists.

        Raise E_OPTION, E_STAGE_OF_OTHER_ROTATION and E_STORE_*.
        """
        if dry and (self.rotation_id == PLAN or self._is_unmade(history)):
            return {}
        values = self._values(history)
        if missing := [name for name in names if name not in values]:
            raise InvalidOption(
                option="keys",
                fault=f"lists {missing[0]}, which is not in the store's {self.stage} version",
                advice="List the settings with which the store was created.",
            )
        return {name: values[name] for name in names}

    def _values(self, history: History) -> Mapping[str, str]:
        if self.stage in TRANSITIONS:
            for version in history.last_change:
                version.refuse_damaged(history.path)
            if history.last.rotation_id != self.rotation_id:
                raise self._of_other_rotation(history)
            return history.transitions[self.stage].values
        self._refuse_other_rotation(history)
        version = history.stage(self.stage)
        version.refuse_damaged(history.path)
        return version.values

    def _is_unmade(self, history: History) -> bool:
        """Return whether a real run would have created the version of this stage by now."""
        unmade = not history.open_rotation and not history.made_by(self.rotation_id)
        return not history.versions or (self.stage in ("pending", *TRANSITIONS) and unmade)

    def _refuse_other_rotation(self, history: History) -> None:
        """Raise E_STAGE_OF_OTHER_ROTATION if the version belongs to another rotation.

        Only the versions of the last rotation have stages, so only its name is accepted. After its rollback, that is
        the current version.
        """
        version, last = history.stage(self.stage), history.last.rotation_id
        newest = history.versions[-1]
        if newest.outcome == ROLLED_BACK and (self.rotation_id, self.stage) == (newest.rotation_id, "current"):
            return
        back = "previous" if "pending" not in history.stages else "current"
        if self.rotation_id == last and (version.rotation_id == last or self.stage == back):
            return
        raise self._of_other_rotation(history)

    def _of_other_rotation(self, history: History) -> StageOfOtherRotation:
        last, newest = history.last.rotation_id, history.versions[-1]
        advice = f"Use the last rotation, {last}, and its pending, current or previous version."
        if newest.outcome == ROLLED_BACK:
            advice = f"Use the last rotation, {newest.rotation_id}, and the current version."
        elif history.last.origin == "adopted":
            advice = "There was no rotation yet: run the rotate playbook."
        return StageOfOtherRotation(stage=self.stage, rotation_id=self.rotation_id, advice=advice)
