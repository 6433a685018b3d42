# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""env_file on the controller: take the values of a stage from the store, and hand them to the host."""

from __future__ import annotations

from ..module_utils._engine.crypto.key_set import KeySet
from ..module_utils._errors.options import InvalidOption
from ..module_utils._options.key_options import ENV_FILE
from ..module_utils._stores.history import ROLLED_BACK, History
from ..plugin_utils._host_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    spec = ENV_FILE

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"set {', '.join(result['settings'])} in {result['path']}, and nothing else in it"

    def ask(self, options: TaskArguments) -> TaskArguments:
        history = self.store(options).load()
        stage = options["stage"]
        if self._task.check_mode and _made_before(history, stage, options["rotation_id"]):
            values: dict[str, str] = {}
        else:
            _refuse_other_rotation(history, stage, options["rotation_id"])
            history.stage(stage).refuse_damaged(history.path)
            values = dict(history.stage(stage).values)
        names = [key["name"] for key in options["keys"]]
        missing = [name for name in names if values and name not in values]
        if missing:
            raise InvalidOption(
                name="key_rotation_keys",
                found=f"lists {missing[0]}, which the store's {stage} version has not",
                advice="List the settings the store was made with.",
            )
        asked = {name: options[name] for name in ("state", "dialect", "path", "stage", "rotation_id")}
        chosen = {name: values[name] for name in names} if values else {}
        places = [{"name": key["name"], "destination": key["destination"]} for key in options["keys"]]
        return {**asked, "keys": places, "values": chosen, "key_id": KeySet(chosen).key_id if chosen else None}


def _made_before(history: History, stage: str, rotation_id: str) -> bool:
    """Whether a real run would have made the version of that stage by now: a dry run has not."""
    unmade = not history.open_rotation and not history.made_by(rotation_id)
    return not history.versions or (stage == "pending" and unmade)


def _refuse_other_rotation(history: History, stage: str, rotation_id: str) -> None:
    """A rotation sets the version that it created, or for its rollback the previous one: never another rotation's.

    Only the last rotation has versions with stages, so that its name is all there is to ask for; once it was rolled
    back, what is current is what it takes back to.
    """
    version, last = history.stage(stage), history.last.rotation_id
    newest = history.versions[-1]
    if newest.outcome == ROLLED_BACK and (rotation_id, stage) == (newest.rotation_id, "current"):
        return
    back = "previous" if "pending" not in history.stages else "current"
    if rotation_id != last or (version.rotation_id != last and stage != back):
        advice = f"Name the last rotation, {last}, and its pending, current or previous version."
        if newest.outcome == ROLLED_BACK:
            advice = f"Name the last rotation, {newest.rotation_id}, and the current version."
        elif history.last.origin == "adopted":
            advice = "No rotation was made yet: run the rotate playbook."
        raise InvalidOption(
            name="rotation_id",
            found=f"is {rotation_id}, and the {stage} version is neither its own nor the one that it takes back to",
            advice=advice,
        )
