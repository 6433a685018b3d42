# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common base of the action plugins of this collection."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import lookup_loader

from ..module_utils._engine.postgres.lease import run_name
from ..module_utils._errors.base import BUT_STOPPED, ErrorParts, RotationError, build_result, changed_nothing, word
from ..module_utils._errors.options import InvalidOption
from ..module_utils._errors.run import HostLost
from ..module_utils._errors.unexpected import internal
from ..module_utils._options.option_spec import Spec
from ..module_utils._options.shared_options import KEYS, ROTATION
from ..module_utils._record.rotation_id import checked
from ..module_utils._record.run_lease import Lease, describe_holder
from ..module_utils._record.writer import Record
from ..module_utils._stores.store_interface import Store
from ._control_node.paths import path_from_inventory, state_folder
from ._control_node.task_process import end_with_parent, is_task_process, refuse_debug_settings
from ._failed_runs import error_parts, exit_code, interrupt_handler
from ._keys import listed_keys
from ._keys.ansible_vault import read_identity
from ._keys.configured_store import LOOKUP, open_store
from ._module_runner import HostCaller
from ._record_entry import RecordEntry
from ._screen import lines
from ._screen.result_sentences import sentence
from ._task_options import refuse_wrong, validated
from ._task_types import TaskArguments, TaskResult, Variables

# Ansible loads action plugins in its own process before it forks workers: what is done here is done once.
interrupt_handler.install()
lookup_loader.get(LOOKUP)
NOT_BY_THIS = "This step changed nothing. What earlier steps of this run changed is shown above."
KEYS_ADVICE = "List the keys there, or remove the line and run the plan playbook: it proposes the keys that it finds."
WRITES_VALUES = "django_reencrypt"
SHARED = {**KEYS, **ROTATION}  # what most tasks have


class RotationAction(HostCaller, abc.ABC):
    """The base of an action plugin, which works on the control node for a module.

    It refuses settings that print arguments, keeps keys off the disk, opens the store, and keeps the record.
    """

    _VALID_ARGS: frozenset[str] = frozenset()
    spec: ClassVar[Spec] = {}  # of the task's arguments; empty if only the host's side validates them
    recorded = True  # whether a task that names a rotation is recorded
    kept_here: ClassVar[Sequence[str]] = ("store", "record_dir")  # options that the host does not get
    took: float = 0.0  # seconds that it took of a process that it shared
    _entry: RecordEntry | None = None

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> TaskResult:
        result: TaskResult = super().run(tmp, task_vars)
        self.variables = task_vars or {}
        end_with_parent()
        failure: RotationError | None = None
        try:
            refuse_debug_settings()
            result.update(self._recorded(dict(self._task.args)))
        except RotationError as exc:
            failure = exc
        except AnsibleConnectionFailure as exc:  # an unreachable host must stay one: Ansible continues without it
            self._end_without_hosts()
            raise AnsibleConnectionFailure(f"{self._lost()} ({exc})") from None
        except AnsibleError:
            raise
        except Exception as exc:  # its text could hold a value
            failure = internal(exc)
        if failure is not None:
            result.update(failed=True, **failure.as_result())
        self.add_sentence(result)
        exit_code.ask_for(result)
        if result.get("failed"):
            error_parts.spell(result)
            if is_task_process() and not lines.by_steps and not self._is_judged_later():
                error_parts.fold(result)
        return result

    def _is_judged_later(self) -> bool:
        """Return whether the playbook continues after a failure, and so reads the error."""
        return bool(self._task.failed_when or self._task.ignore_errors)

    def add_sentence(self, result: TaskResult) -> None:
        """Put a sentence about the result into ``msg``."""
        text = sentence(self.module, str(self._task.args.get("state") or ""), result)
        if text and not result.get("failed"):
            result.setdefault("msg", text)

    @abc.abstractmethod
    def act(self, args: TaskArguments) -> TaskResult:
        """Do the work and return the result. ``args`` are the task's arguments, as ``spec`` describes them."""

    def host_options(self, options: TaskArguments) -> TaskArguments:
        """The options without those that stay on the control node."""
        return {name: value for name, value in options.items() if name not in self.kept_here}

    def options_for_backup(self, options: TaskArguments) -> TaskArguments:
        """Return the options for a module that opens a backup, with the key sets of the store and the age identity."""
        keys = self.store(options).load().for_host()
        identity = read_identity(options.get("identity_file"), self._loader)
        return {**self.host_options(options), **keys, "identity": identity}

    def _validated(self, args: TaskArguments) -> TaskArguments:
        """Return the task's arguments for ``act``. Raise E_OPTION or E_ARGUMENT for an invalid one.

        The host checks the others.
        """
        if "keys" in args and args["keys"] is None:
            raise InvalidOption(option="keys", fault="has no entry", advice=KEYS_ADVICE)
        if self.spec:
            return validated(self.spec, args, self._task.action)
        # Only the host's side knows which of them are required.
        shared: Spec = {name: {**option, "required": False} for name, option in SHARED.items() if name in args}
        refuse_wrong(shared, args, self._task.action)
        return args

    def _with_keys_of_store(self, args: TaskArguments) -> TaskArguments:
        """The task's arguments, with the keys that were rotated if it asks for them. Raise E_OPTION."""
        if not boolean(args.get("recorded_keys") or False):
            return args
        listed = self._validated(args)["keys"]
        return {**args, "keys": listed_keys.recorded(self.store(args).load(), listed)}

    def _recorded(self, args: TaskArguments) -> TaskResult:
        options = self.begin(args)
        try:
            result = self.in_rotation(lambda: self.act(options))
        except Exception as exc:
            self.failed(exc)
            raise
        return self.end(args, options, result)

    def begin(self, args: TaskArguments) -> TaskArguments:
        """Validate the arguments, record the intent, and return the options for ``act``. A dry run records nothing."""
        if self.is_recorded(args):
            checked(args["rotation_id"])
        options = self._validated(self._with_keys_of_store(args))
        if self.is_recorded(args) and not self._task.check_mode:
            self.refuse_other_run(args)
            record = self.record(args)
            about = {"host": self.variables.get("inventory_hostname"), "asked": self.select_recorded_arguments(args)}
            self._entry = RecordEntry(record, self.module, about)
            self._entry.intend(self.before(record, args))
        return options

    def is_recorded(self, args: TaskArguments) -> bool:
        """Return whether the step is recorded in the rotation that the task names."""
        return self.recorded and "rotation_id" in args

    def failed(self, exc: Exception) -> None:
        """Record that the step ended with this error."""
        if self._entry:
            lost = isinstance(exc, AnsibleConnectionFailure)
            self._entry.fail(self._lost() if lost else exc)

    def end(self, args: TaskArguments, options: TaskArguments, result: TaskResult) -> TaskResult:
        """Record the outcome; a dry run says what a real run would do."""
        if self._task.check_mode:
            self._tell_dry(options, result)
        if self._entry:
            self._entry.end(result, self.took)
        return self.after(args, result)

    def after(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        """Do what follows the recorded outcome, and return the result."""
        return result

    def in_rotation(self, work: Callable[[], TaskResult], *, after_writes: bool = False) -> TaskResult:
        """Do the work. If it fails and changed nothing itself, an earlier step of this run may have changed something.

        With ``after_writes``, an earlier part of the same task may have.
        """
        changed = "" if self._task.check_mode else self._changed_before(after_writes=after_writes)
        try:
            result = work()
        except RotationError as exc:
            raise exc.with_changed(changed) if changed and exc.changed_nothing else exc from None
        if changed:
            self.retell(result, changed)
        return result

    def _changed_before(self, *, after_writes: bool) -> str:
        """Return the sentence of an error that changed nothing itself, if earlier steps of this run did."""
        if after_writes or self.has_rotated:
            return NOT_BY_THIS
        stopped = self.variables.get("__maintenance_stopped") or {}
        return BUT_STOPPED if stopped.get("services") else ""

    @property
    def has_rotated(self) -> bool:
        """Return whether an earlier step of this run may have re-encrypted values. The outcome of a lost host is
        unknown."""
        registered = self.variables.get("rotation_reencrypted")
        return registered is not None and WRITES_VALUES in registered.get("outcomes", {WRITES_VALUES})

    @staticmethod
    def retell(result: TaskResult, changed: str) -> None:
        """Replace the claim in a failed result that nothing was changed by ``changed``, which says what was changed
        before."""
        error: ErrorParts = result.get("error") or {}
        if changed_nothing(error):
            result.update(build_result({**error, "changed": changed, "changed_nothing": changed == BUT_STOPPED}))
            result.pop("exception", None)  # ansible-core 2.19 and newer show its text, not msg

    def _lost(self) -> RotationError:
        only_looks = self._task.check_mode or self.module.endswith("_info")
        changed = "This step changes nothing." if only_looks else "It is unknown what this step changed there."
        host = self._task.delegate_to or self.variables.get("inventory_hostname")
        return HostLost(changed=changed, host=host)

    def _end_without_hosts(self) -> None:
        """Close the record now if no host is left. The playbook then ends here, without its last step, which would do
        that."""
        from ._failed_runs import unreachable_hosts  # it loads all that reads a rotation, and is rarely needed

        args = {name: self._task.args[name] for name in ("record_dir", "store") if self._task.args.get(name)}
        with contextlib.suppress(Exception):  # the host is lost, even if this fails
            rotation_id = self.lease(args).of_run(os.getppid())
            hosts, host = self.variables["ansible_play_hosts_all"], self.variables["inventory_hostname"]
            if rotation_id is None or self._task.ignore_unreachable:
                return
            if not unreachable_hosts.all_hosts_unreachable(
                self.record({**args, "rotation_id": rotation_id}), hosts, host
            ):
                return
            notify = self._templar.template(self.variables.get("key_rotation_notify") or [])
            run = {**args, "state": "failed", "rotation_id": rotation_id, "notify": notify}
            failure = {"failed_task": self._task.name, "error": self._lost().parts}
            task = self.task_of("rotation_record", {**run, **failure})
            task.check_mode = False
            self.action_of(task).run(task_vars=self.variables)

    def refuse_other_run(self, args: TaskArguments) -> None:
        """Raise E_RUNNING if another run works on this application."""
        self.lease(args).refuse_other(os.getppid())

    def _tell_dry(self, args: TaskArguments, result: TaskResult) -> None:
        if not result.get("changed"):
            return
        result["would"] = f"would {self.would(args, result)}"
        if self._task.changed_when != [False]:  # otherwise it is a check of what a later step will do
            result["msg"] = result["would"]
            lines.detail([f"  {result['msg']}"], "Dry run")

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        """Return what a real run would do here, for a person who reads a dry run."""
        return "change something"

    def select_recorded_arguments(self, args: TaskArguments) -> TaskArguments:
        """Return the arguments that go into the record."""
        words = ("state", "stage", "destination", "expect_stage")
        spelled = {name: word(args[name]) for name in words if name in args}
        serving = {"serving": True} if args.get("serving") else {}
        return {
            **spelled,
            **serving,
            **{name: args[name] for name in ("key_id", "path", "env_file", "alias") if name in args},
        }

    def before(self, record: Record, args: TaskArguments) -> TaskArguments:
        """Return more fields for the record's line about the intent. Raise an error if the step may not begin."""
        return {}

    def record(self, args: TaskArguments) -> Record:
        """The record of the rotation that ``args`` name."""
        return Record(self._records(args), str(args["rotation_id"]))

    def lease(self, args: TaskArguments) -> Lease:
        """Return the lease of this application. Our parent, the process of ansible-playbook, holds it."""
        return Lease(self._records(args))

    def interrupted_rotation(self, args: TaskArguments) -> str | None:
        """Return the rotation of a run that died between two versions; None if there is none."""
        from ._report.read_rotation import reduce  # it loads all that reads a rotation, and is rarely needed

        left_over = self.lease(args).left_over()
        if left_over and reduce(left_over, self.record({**args, "rotation_id": left_over}).decoded()).is_interrupted:
            return left_over
        return None

    def run_name(self) -> str:
        """Return the name of this run in the leases and locks of databases. It is one process of ansible-playbook."""
        return run_name(describe_holder("", os.getppid()))

    def step_of_run(self) -> TaskArguments:
        """Return the options by which locks know this run and this step.

        One run is one process of ansible-playbook, one step of it one task, on however many hosts.
        """
        return {"run": self.run_name(), "step": str(self._task._uuid)}

    def _records(self, args: TaskArguments) -> str:
        folder = args.get("record_dir") or f"{state_folder(self.variables, self._loader)}/records"
        return path_from_inventory(folder, self.variables)

    def store(self, args: TaskArguments) -> Store:
        """The store that ``args`` describe."""
        return open_store(args.get("store") or {}, self.variables, self._loader)
