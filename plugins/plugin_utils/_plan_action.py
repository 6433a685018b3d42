# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part of django_plan and django_plan_info: the host reports what a rotation would re-encrypt."""

from __future__ import annotations

import abc

from ..module_utils._destinations import key_destinations
from ..module_utils._engine.crypto.key_entry import KeyEntries
from ..module_utils._engine.plan.plan_document import PlanDocument
from ..module_utils._options.shared_options import KEYS
from ._keys import listed_keys, other_keys
from ._plans import plan_file
from ._single_module_action import Answered, HostAction
from ._task_types import TaskArguments, TaskResult


class PlanAction(HostAction, abc.ABC):
    changes = False
    judged_here = True
    shows_progress = True
    kept_here = ("store", "path", "require_approval", "environment", "recorded_keys", "former_keys")

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        history = self.store(args).load()
        listed_keys.refuse_unlisted(history, self._listed(args), args.get("former_keys") or ())
        return {**self.host_options(args), **history.for_host()}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        if "other_keys" in result:
            places = key_destinations.described(args.get("env_file"), self._listed(args))
            other_keys.refuse(self.store(args).load(), result["other_keys"], places)
        return self.judge_plan(args, result["plan"])

    def list_rows(self, options: TaskArguments, result: TaskResult) -> None:
        """Do nothing: the rows are listed next to the plan."""

    @staticmethod
    def _listed(args: TaskArguments) -> KeyEntries:
        """The keys as the operator lists them."""
        listed: KeyEntries = args.get("keys") or KEYS["keys"]["default"]
        return listed

    @abc.abstractmethod
    def judge_plan(self, args: TaskArguments, plan: PlanDocument) -> TaskResult:
        """The result of the task, from the plan of the application as it is now."""

    def path(self, args: TaskArguments) -> str:
        return plan_file.place(args.get("path"), self.variables, self._loader)
