# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version on the controller: make, stage and take back versions in the store."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from ansible.utils.display import Display

from ..module_utils._engine.crypto.key_set import KeySet
from ..module_utils._engine.proof.census import under
from ..module_utils._env_file import agreement, key_files
from ..module_utils._errors.base import RotationError
from ..module_utils._errors.env_file import EnvNotSwitched
from ..module_utils._errors.keys import (
    KeysNotProved,
    VersionHeld,
    VersionNeeded,
    VersionUsed,
)
from ..module_utils._errors.options import InvalidOption
from ..module_utils._errors.run import RotationIdUsed, RotationOpen
from ..module_utils._module.sealed_result import Envelope
from ..module_utils._options.key_options import KEY_VERSION
from ..module_utils._record.writer import Record
from ..module_utils._stores.history import ROLLED_BACK, History
from ..module_utils._stores.store import Store
from ..module_utils._system.timestamps import now
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._report import step_lines
from ..plugin_utils._report.accounts import said
from ..plugin_utils._screen import lines
from ..plugin_utils._services import key_generation, other_keys
from ..plugin_utils._services.key_store import expand, read_vaulted
from ..plugin_utils._services.plan_approval import refuse_unauthorized, used_in
from ..plugin_utils._services.record_signing import follows, refuse_changed, refuse_gone, seal, try_to_seal

with contextlib.suppress(ImportError):  # ansible-core itself needs it
    from cryptography.exceptions import InvalidTag

display = Display()
WOULD = {
    "adopted": "adopt the keys of the .env file, {key_id}, as the current version in {store}",
    "pending": "make new keys and put them into {store}",
    "current": "make the new keys current in {store}",
    "rolled_back": "make the version before current again in {store}",
    "discarded": "take the pending version {key_id} back in {store}",
    "destroyed": "destroy the values of the version {key_id} in {store}",
}

UNMADE = "(made by a real run)"  # the key id that a dry run has not got

OF_CENSUS = "Give the result of django_census, taken with every stage."


class ActionModule(HostAction):
    changes = False
    judged_here = True
    spec = KEY_VERSION

    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        return WOULD[args["state"]].format(**result)

    def asked(self, args: dict[str, Any]) -> dict[str, Any]:
        """What goes into the record: of a destruction, which is an act of its own, also why and who approved it."""
        words = {name: args.get(name) for name in ("reason", "authorization", "operator")}
        return {**super().asked(args), **said(words)}

    def ask(self, options: dict[str, Any]) -> dict[str, Any] | Answered:
        key_generation.check_keys(options["keys"])
        if options["state"] in self._of_file:
            return self._sealed_request(options)
        steps = {
            "pending": self._pending,
            "current": self._current,
            "rolled_back": self._rolled_back,
            "discarded": self._discarded,
            "destroyed": self._destroyed,
            "listed": self._listed,
        }
        return Answered(steps[options["state"]](options))

    def judge(self, options: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        if result.get("failed"):
            return result
        return self._of_file[options["state"]](options, self._opened(options, result))

    @property
    def _of_file(self) -> Mapping[str, Callable[[dict[str, Any], KeySet], dict[str, Any]]]:
        """The states that look at the keys in the files of the host."""
        return {"agreed": self._agreed, "seen": self._seen, "adopted": self._adopted}

    def before(self, record: Record, args: dict[str, Any]) -> dict[str, Any]:
        """A destruction is a run of its own, and looks at its record as every run does."""
        if args["state"] != "destroyed":
            return {}
        refuse_unauthorized(args)
        store = self.store(args)
        refuse_gone(self._records(args), store)
        return refuse_changed(record, store)

    def after(self, args: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        """What changes the versions is sealed with all that the record holds until then.

        From the first version on there is a key to sign with; the destruction of one is the end of a record.
        """
        again = args["state"] == "destroyed" and not result.get("failed")  # which ends a record each time
        if args["state"] not in WOULD or not (result.get("changed") or again) or self._task.check_mode:
            return result
        record, store = self.record(args), self.store(args)
        if args["state"] == "destroyed":
            record.append("retire", "done", key_id=result["key_id"], **follows(store))
        sealing = seal if args["state"] in ("adopted", "destroyed") else try_to_seal
        sealing(record, store)
        return result

    def _agreed(self, options: dict[str, Any], keys: KeySet) -> dict[str, Any]:
        """The env file of this host holds the current version, where the store has one."""
        history = self.store(options).load()
        history.refuse_damaged()
        if history.versions and history.stage("current").key_id != keys.key_id:
            expected = history.stage("current").key_id
            raise EnvNotSwitched(path=options["env_file"], found=keys.key_id, expected=expected)
        return self._result(history, changed=False, key_id=keys.key_id)

    def _listed(self, options: dict[str, Any]) -> dict[str, Any]:
        """Every version without its values, and which one may be asked to be destroyed: that named, or the previous."""
        history = self.store(options).load()
        stages = {key_id: stage for stage, key_id in history.stages.items()}
        found = [{**version.described(), "stage": stages.get(version.key_id)} for version in history.versions]
        lines.show(step_lines.versions(found), "Key versions")
        chosen = options["key_id"] or history.stages.get("previous", "")
        return self._result(history, changed=False, key_id=chosen, versions=found)

    def _seen(self, options: dict[str, Any], keys: KeySet) -> dict[str, Any]:
        """Which stage's version the env file of this host holds."""
        history = self.store(options).load()
        history.refuse_damaged()
        stages = {key_id: stage for stage, key_id in history.stages.items()}
        taken_back = history.taken_back(keys.key_id) and "rolled back"
        holds = stages.get(keys.key_id) or taken_back or ("several" if _switching(history, keys, options) else "other")
        return self._result(history, changed=False, key_id=keys.key_id, holds=holds)

    def _sealed_request(self, options: dict[str, Any]) -> dict[str, Any]:
        self._envelope = Envelope()
        return {**_plain(options), "seal_to": self._envelope.address}

    def _opened(self, options: dict[str, Any], result: dict[str, Any]) -> KeySet:
        """The keys of the host's files, which came sealed in the result."""
        try:
            return KeySet(self._envelope.open(result["sealed"]))
        except (InvalidTag, ValueError):
            raise KeysNotProved(env_file=options["env_file"], found="?", proved="?") from None

    def _adopted(self, options: dict[str, Any], keys: KeySet) -> dict[str, Any]:
        """The application's own keys are the current version, or belong to the rotation that is open."""
        proved, env_file = options["key_id"], options["env_file"]

        def adopted(history: History) -> str:
            listed_anew = bool(history.versions) and history.other_list(keys)
            if not history.versions or listed_anew:
                if proved not in (None, keys.key_id, listed_anew and history.stages["current"]):
                    raise KeysNotProved(env_file=env_file, found=keys.key_id, proved=proved)
                history.adopt(keys)
            _refuse_other_keys(history, keys, options)
            return keys.key_id

        return self._stepped(self.store(options), adopted)

    def _pending(self, options: dict[str, Any]) -> dict[str, Any]:
        """The one new version of this rotation: made once, found again ever after."""
        rotation_id, supplied = options["rotation_id"], self._supplied(options)
        store = self.store(options)

        def made(history: History) -> str:
            found = history.made_by(rotation_id)
            if found:
                _refuse_rolled_back(history, rotation_id)
                if not found.destroyed:
                    _refuse_another_request(found.values, supplied, options)
                return found.key_id
            if history.open_rotation:
                raise RotationOpen(open_id=history.open_rotation, asked=rotation_id)
            left = store.read_values(rotation_id)  # what an interrupted run of this rotation put aside
            if left is not None:
                _refuse_another_request(left, supplied, options)
            if self._task.check_mode:
                self._adopt_unseen(history, options)
                history.refuse_reused(KeySet(left or _rehearsed(history, supplied, options)))
                return UNMADE
            current = history.stage("current").values
            values = left or key_generation.generate(options["keys"], current, supplied, options["dialect"])
            for each in used_in(self.record(options).events()):
                history.use_approval(each, rotation_id)
            return history.add_pending(KeySet(values), rotation_id).key_id

        result = self._stepped(store, made)
        return (
            {**result, "generated": key_generation.described(options["keys"], supplied)}
            if result["changed"]
            else result
        )

    def _adopt_unseen(self, history: History, options: dict[str, Any]) -> None:
        """In a dry run on an empty store, take what a real run would have adopted before."""
        if not history.versions and options["env_file"]:
            found = self.on_host(self.module, self._sealed_request(options))
            if not found.get("failed"):
                history.adopt(self._opened(options, found))

    def _supplied(self, options: dict[str, Any]) -> dict[str, str]:
        """The values that the operator has from elsewhere. Raises E_KEY_FILE, E_KEY_WEAK."""
        if not options["values_file"]:
            return {}
        names = [key["name"] for key in options["keys"]]
        read = read_vaulted(expand(options["values_file"]), names, self._loader)
        supplied = {name: key_files.bare(value) for name, value in read.items()}
        key_generation.check_supplied(options["keys"], supplied, options["values_file"], options["dialect"])
        return supplied

    def _current(self, options: dict[str, Any]) -> dict[str, Any]:
        """The pending version of this rotation is current."""
        rotation_id = options["rotation_id"]

        def promoted(history: History) -> str:
            if self._task.check_mode and not history.open_rotation and not history.made_by(rotation_id):
                return UNMADE
            if "current" not in history.stages or history.stage("current").rotation_id != rotation_id:
                pending = history.stage("pending")
                if pending.rotation_id != rotation_id:
                    raise RotationOpen(open_id=pending.rotation_id, asked=rotation_id)
                history.promote()
            return history.stage("current").key_id

        return self._stepped(self.store(options), promoted)

    def _rolled_back(self, options: dict[str, Any]) -> dict[str, Any]:
        """The version before this rotation's is current again."""
        rotation_id = options["rotation_id"]

        def rolled_back(history: History) -> str:
            if history.outcome(rotation_id) != ROLLED_BACK:
                if history.last.rotation_id != rotation_id:
                    raise RotationOpen(open_id=history.last.rotation_id, asked=rotation_id)
                history.roll_back()
            return history.stage("current").key_id

        return self._stepped(self.store(options), rolled_back)

    def _discarded(self, options: dict[str, Any]) -> dict[str, Any]:
        """The pending version of this rotation, which no value is under, is taken back."""
        rotation_id = options["rotation_id"]

        def discarded(history: History) -> str:
            found = history.made_by(rotation_id)
            if found and found.outcome == ROLLED_BACK:
                return found.key_id
            pending = history.stage("pending")
            if pending.rotation_id != rotation_id:
                raise RotationOpen(open_id=pending.rotation_id, asked=rotation_id)
            _refuse_used(options["census"], pending.key_id)
            history.roll_back()
            return pending.key_id

        return self._stepped(self.store(options), discarded)

    def _destroyed(self, options: dict[str, Any]) -> dict[str, Any]:
        """The values of a version that nothing needs are gone; that it was there is remembered."""
        store, key_id = self.store(options), options["key_id"]
        if not key_id:
            raise InvalidOption(name="key_id", found="is not set", advice="Name the version to destroy.")

        def destroyed(history: History) -> str:
            if not history.version(key_id).destroyed:
                _refuse_used(options["census"], key_id)
                if key_id in options["needed_by_backups"]:
                    raise VersionNeeded(key_id=key_id, reason="a backup needs it")
                _refuse_kept_aside(options["census"], key_id)
                self._refuse_held(history, options)
            kept_by.update(holder.key_id for _, holder in history.listed_by(key_id))
            places.append(history.destroy(key_id, compromised=options["compromised"]).rotation_id)
            return str(key_id)

        places: list[str] = []
        kept_by: set[str] = set()
        result = self._stepped(store, destroyed)
        if not self._task.check_mode:
            try:
                store.destroy_values(places[-1])  # again, where a run died before it
            except RotationError as exc:
                raise exc.with_changed(f"The history calls {key_id} destroyed; its values are still there.") from None
        if kept_by:
            names = ", ".join(sorted(kept_by))
            display.warning(f"The list of {names}, which has no stage, keeps a value of {key_id}: destroy that too.")
        return {**result, "kept_by": sorted(kept_by)}

    def _refuse_held(self, history: History, options: dict[str, Any]) -> None:
        """Raise E_VERSION_HELD for so many days after it was last in use."""
        until = self.held_until(history, options["key_id"], options)
        if options["hold_days"] and now() < until:
            raise VersionHeld(key_id=options["key_id"], until=until, days=options["hold_days"])

    def _stepped(self, store: Store, step: Callable[[History], str]) -> dict[str, Any]:
        """Look and act in one hold of the store, so that no other host comes between. ``step`` gives a key id.

        A dry run takes the step too, and keeps nothing of it.
        """
        with contextlib.nullcontext(store.load()) if self._task.check_mode else store.change() as history:
            history.refuse_damaged()
            before = history.as_document()
            key_id = step(history)
            changed = key_id == UNMADE or history.as_document() != before
        return self._result(history, changed=changed, key_id=key_id)

    def _result(self, history: History, **fields: Any) -> dict[str, Any]:
        return {**fields, "stages": dict(history.stages), "store": history.path}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """What the host's side needs: never the store."""
    return {name: options[name] for name in ("state", "keys", "env_file", "dialect", "rotation_id")}


def _switching(history: History, keys: KeySet, options: dict[str, Any]) -> bool:
    """Whether each file holds a version of a switch, so that some may hold the current and some the pending one."""
    staged = [history.stage(stage).values for stage in history.stages]
    staged = [values for values in staged if set(values) == set(keys.values)]
    return agreement.each_file_is_staged(keys.values, staged, options["keys"])


def _refuse_other_keys(history: History, keys: KeySet, options: dict[str, Any]) -> None:
    """The files must hold the current version, or each one a version of a switch that was interrupted."""
    if keys.key_id == history.stage("current").key_id:
        return
    switching = _switching(history, keys, options)
    if switching and history.open_rotation:
        return
    other_keys.refuse(history, keys.key_id, options["env_file"], switching=switching)


def _rehearsed(history: History, supplied: Mapping[str, str], options: dict[str, Any]) -> dict[str, str]:
    """What a real run would store of the supplied values. Where the store is empty, it would have adopted before."""
    current = history.stage("current").values if history.versions else key_generation.NONE
    return key_generation.rehearsed(options["keys"], current, supplied, options["dialect"])


def _refuse_rolled_back(history: History, rotation_id: str) -> None:
    if history.outcome(rotation_id) == ROLLED_BACK:
        raise RotationIdUsed(rotation_id=rotation_id)


def _refuse_another_request(made: Mapping[str, str], supplied: Mapping[str, str], options: dict[str, Any]) -> None:
    """Raise E_OPTION where the rotation has made its version, and for other keys or other supplied values."""
    advice = "Ask for the same again, or choose another key_rotation_id."
    if set(made) != {key["name"] for key in options["keys"]}:
        found = f"lists other keys than those that rotation {options['rotation_id']} made"
        raise InvalidOption(name="key_rotation_keys", found=found, advice=advice)
    for key in options["keys"]:
        if key["name"] not in supplied and not key_generation.fits(key, made[key["name"]].split(",")[0]):
            found = f"asks for another {key['name']} than rotation {options['rotation_id']} made: its type differs"
            raise InvalidOption(name="key_rotation_keys", found=found, advice=advice)
    if any(made[name].split(",")[0] != value for name, value in supplied.items()):
        found = f"has other values than the version of rotation {options['rotation_id']}"
        raise InvalidOption(name="values_file", found=found, advice=advice)


def _refuse_used(census: Mapping[str, Any] | None, key_id: str) -> None:
    """Raise E_VERSION_USED where a value is under that version, E_OPTION where the census did not look."""
    tried = {found: stage for stage, found in ((census or {}).get("key_ids") or {}).items()}
    if key_id not in tried or "targets" not in (census or {}):
        raise InvalidOption(
            name="census",
            found=f"does not say how many values are under the version {key_id}",
            advice=OF_CENSUS,
        )
    for target in (census or {})["targets"]:
        count = under(tried[key_id], target)
        if count:
            column = f"{target['table']}.{target['column']}"
            raise VersionUsed(column=column, count=count, key_id=key_id)


def _refuse_kept_aside(census: Mapping[str, Any], key_id: str) -> None:
    """Raise E_VERSION_NEEDED where a database that a restore has kept aside may need that version, E_OPTION where the
    census did not look."""
    if "kept_aside" not in census:
        found = "does not say which databases a restore has kept aside"
        raise InvalidOption(name="census", found=found, advice=OF_CENSUS)
    for name, key_ids in census["kept_aside"].items():
        if key_id in key_ids:
            alias = "and -e key_rotation_restore_alias=... where it is of another database than the default one"
            drop = f"restore.yml with -e key_rotation_id=... (see its name) -e key_rotation_restore_drop=true, {alias}"
            reason = f"the database {name}, which a restore kept aside, may need it; {drop}, drops it"
            raise VersionNeeded(key_id=key_id, reason=reason)
