# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version on the controller: create, stage and roll back versions in the store."""

from __future__ import annotations

import functools

from ansible.utils.display import Display

from ..module_utils._engine.crypto.key_set import KeySet
from ..module_utils._env_file import key_generation
from ..module_utils._options.key_options import KEY_VERSION
from ..module_utils._record.writer import Record
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._keys import key_versions
from ..plugin_utils._keys.host_keys import SealedKeys
from ..plugin_utils._keys.key_versions import Move, VersionRequest, move
from ..plugin_utils._keys.pending_version import NewVersion, supplied_values
from ..plugin_utils._plans.plan_approval import refuse_unauthorized
from ..plugin_utils._report.accounts import as_plain
from ..plugin_utils._rotation_record.record_signing import follows, refuse_changed, refuse_gone, seal, try_to_seal
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()
STEPS = {
    "current": key_versions.promote,
    "rolled_back": key_versions.roll_back,
    "discarded": key_versions.discard,
}
WOULD = {
    "adopted": "adopt the keys of the .env file, {key_id}, as the current version in {store}",
    "pending": "make new keys and put them into {store}",
    "current": "make the new keys current in {store}",
    "rolled_back": "make the version before current again in {store}",
    "discarded": "take the pending version {key_id} back in {store}",
    "destroyed": "destroy the values of the version {key_id} in {store}",
}


class ActionModule(HostAction):
    changes = False
    judged_here = True
    spec = KEY_VERSION

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        key_generation.check_keys(options["keys"])
        if options["state"] == "adopted":
            self._sealed = SealedKeys(self._request(options).files)
            return self._of_host(options, self._sealed)
        answer = {"pending": self._pending, "destroyed": self._destroyed}.get(options["state"], self._moved)
        return Answered(answer(options))

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        request, keys = self._request(options), self._sealed.open(result)
        adopt = functools.partial(key_versions.adopt, request=request, keys=keys)
        return _result(move(self.store(options), adopt, dry=request.dry))

    def _moved(self, options: TaskArguments) -> TaskResult:
        request = self._request(options)
        step = functools.partial(STEPS[options["state"]], request=request)
        return _result(move(self.store(options), step, dry=request.dry))

    def _pending(self, options: TaskArguments) -> TaskResult:
        request = self._request(options)
        supplied = supplied_values(request, options["values_file"], self._loader)
        new = NewVersion(request, supplied, self.record(options), lambda: self._keys_in_use(options))
        created = new.create(self.store(options))
        generated = {"generated": key_generation.described(request.keys, supplied)} if created.changed else {}
        return {**_result(created), **generated}

    def _keys_in_use(self, options: TaskArguments) -> KeySet | None:
        """The keys in the host's files, if these are known and can be read."""
        if not options["env_file"]:
            return None
        sealed = SealedKeys(self._request(options).files)
        result = self.on_host(self.module, self._of_host(options, sealed))
        return None if result.get("failed") else sealed.open(result)

    def _destroyed(self, options: TaskArguments) -> TaskResult:
        done = key_versions.destroy(self.store(options), self._request(options), self._records(options))
        if done.kept_by:
            names = ", ".join(done.kept_by)
            display.warning(
                f"The list of {names}, which has no stage, keeps a value of {done.key_id}: destroy that too."
            )
        return {**_result(done), "kept_by": list(done.kept_by)}

    def _request(self, options: TaskArguments) -> VersionRequest:
        return VersionRequest.of(options, dry=bool(self._task.check_mode))

    @staticmethod
    def _of_host(options: TaskArguments, sealed: SealedKeys) -> TaskArguments:
        return {"state": options["state"], "rotation_id": options["rotation_id"], **sealed.request()}

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return WOULD[args["state"]].format(**result)

    def asked(self, args: TaskArguments) -> TaskArguments:
        """What goes into the record: of a destruction, which is an act of its own, also why and who approved it."""
        words = {name: args.get(name) for name in ("reason", "authorization", "operator")}
        return {**super().asked(args), **as_plain(words)}

    def before(self, record: Record, args: TaskArguments) -> TaskArguments:
        """A destruction is a run of its own, and looks at its record as every run does."""
        if args["state"] != "destroyed":
            return {}
        refuse_unauthorized(args)
        store = self.store(args)
        refuse_gone(self._records(args), store)
        return refuse_changed(record, store)

    def after(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        """What changes the versions is sealed with all that the record holds until then.

        From the first version on there is a key to sign with; the destruction of one is the end of a record.
        """
        again = args["state"] == "destroyed" and not result.get("failed")  # which ends a record each time
        if not (result.get("changed") or again) or self._task.check_mode:
            return result
        record, store = self.record(args), self.store(args)
        if args["state"] == "destroyed":
            record.append("retire", "done", key_id=result["key_id"], **follows(store))
        sealing = seal if args["state"] in ("adopted", "destroyed") else try_to_seal
        sealing(record, store)
        return result


def _result(step: Move) -> TaskResult:
    stages, store = dict(step.history.stages), step.history.path
    return {"changed": step.changed, "key_id": step.key_id, "stages": stages, "store": store}
