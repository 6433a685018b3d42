# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version on the controller: create, stage and roll back versions in the store."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._destinations import key_generation
from ..module_utils._engine.crypto.key_set import KeySet
from ..module_utils._options.key_options import KEY_VERSION
from ..module_utils._record.writer import Record
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._keys.host_keys import SealedKeys
from ..plugin_utils._keys.key_versions import VersionRequest
from ..plugin_utils._keys.pending_version import supplied_values
from ..plugin_utils._keys.version_task import WOULD, VersionTask
from ..plugin_utils._report.accounts import as_plain
from ..plugin_utils._rotation_record.version_record import begin_destruction, seal_versions
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(HostAction):
    changes = False
    judged_here = True
    spec = KEY_VERSION

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        key_generation.check_keys(options["keys"])
        if options["state"] == "adopted":
            return self._ask_for_keys(options)
        result = self._version_task(options).bring(options["state"])
        if kept_by := result.get("kept_by"):
            names = ", ".join(kept_by)
            display.warning(
                f"The list of {names}, which has no stage, keeps a value of {result['key_id']}: destroy that too."
            )
        return Answered(result)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        return result if result.get("failed") else self._version_task(options).adopt(self._sealed.open(result))

    def _version_task(self, options: TaskArguments) -> VersionTask:
        request, values_file = self._request(options), options["values_file"]
        supplied = supplied_values(request, values_file, self._loader) if options["state"] == "pending" else {}
        records = self._records(options)
        return VersionTask(
            request,
            self.store(options),
            self.record(options),
            records,
            supplied,
            lambda: self._keys_in_use(options),
        )

    def _keys_in_use(self, options: TaskArguments) -> KeySet | None:
        """The keys in the host's files, if these are known and can be read."""
        if not options["env_file"]:
            return None
        result = self.on_host(self.module, self._ask_for_keys(options))
        return None if result.get("failed") else self._sealed.open(result)

    def _ask_for_keys(self, options: TaskArguments) -> TaskArguments:
        """The options of the module, whose result only ``self._sealed`` opens."""
        self._sealed = SealedKeys(self._request(options).files)
        return {"state": options["state"], "rotation_id": options["rotation_id"], **self._sealed.request()}

    def _request(self, options: TaskArguments) -> VersionRequest:
        return VersionRequest.of(options, dry=bool(self._task.check_mode))

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return WOULD[args["state"]].format(**result)

    def asked(self, args: TaskArguments) -> TaskArguments:
        """What goes into the record: of a destruction, which is an act of its own, also why and who approved it."""
        words = {name: args.get(name) for name in ("reason", "authorization", "operator")}
        return {**super().asked(args), **as_plain(words)}

    def before(self, record: Record, args: TaskArguments) -> TaskArguments:
        if args["state"] != "destroyed":
            return {}
        return begin_destruction(args, record, self._records(args), self.store(args))

    def after(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if not self._task.check_mode:
            seal_versions(args["state"], result, self.record(args), self.store(args))
        return result
