# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action plugin that runs modules of this collection on the host, and keeps their options off its disk."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shlex
import time
from collections.abc import Iterator, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader

from ..module_utils._errors.base import NOTHING_CHANGED, RotationError
from ..module_utils._errors.run import (
    ContainerNotRunning,
    ContainerNotStarted,
    HostPythonMissing,
    ModuleDied,
    PipeliningRequired,
)
from ..module_utils._module import code_bundle
from ._control_node import code_on_hosts
from ._host_tasks_messages import CallTimes, HostCall, HostResults
from ._progress import ProgressLine
from ._task_types import TaskArguments, TaskResult, Variables

COLLECTION = "tetech.key_rotation"
# Exit codes of a shell, and of podman and docker (podman-run(1)), for a program that they cannot start.
CONTAINER = 125
NOT_STARTED = (CONTAINER, 126, 127)
# What podman exec, docker exec and docker compose exec say if the container does not run, or is not there.
NOT_RUNNING = re.compile(
    r"exec sessions on running containers|[Nn]o such container|(?:container|service) \S+ is not running"
)
# Connection plugins that enter a container, by the last part of their names.
ENTERING = frozenset({"docker", "docker_api", "podman"})
ENTERED = "to which Ansible connects,"
# Every process of Python has its own hash of a text (manual, PYTHONHASHSEED), and an attribute may read it.
# The other one is STARTED_BY of module_utils/_system/container_layer.py.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "KEY_ROTATION_STARTED_BY": "ansible"}
OWN_PYTHON = "Set key_rotation_python to the application's own Python, or correct key_rotation_project_dir."
OF_SCRIPT = (
    "Run {python} -c pass on the host: it shows the cause. If the script starts a container of an image without "
    "Python, derive an image with Python and the packages of the application."
)
OUTPUTS = ("module_stderr", "module_stdout")
IN_IMAGE = "If the container's image has no Python, derive one with Python and the packages of the application."
KILLED = "it was killed, or the application ended the process"
UNKNOWN = "It is unknown what this step changed."
IN_RECORD = "See the record for what was done."
DISCOVERED = "Set ansible_python_interpreter of this host to a Python that it has."


class HostCaller(ActionBase):
    variables: Variables
    times: CallTimes | None = None  # of the last call of the host

    @property
    def module(self) -> str:
        """The name of the module, without the collection. A task may have a former one (meta/runtime.yml)."""
        return type(self).__module__.rpartition(".")[2]

    def on_host(self, module: str, args: TaskArguments) -> TaskResult:
        """Run one of our modules on the host, and return its result."""
        ran = self.run_tasks([HostCall(module, module, args, bool(self._task.check_mode))])
        return {**ran.results[module], **ran.said}

    def watched(self, module: str, asked: TaskArguments, host: str = "") -> TaskResult:
        """Run one of our modules on the host, and show its progress. Name the ``host`` if several work at once."""
        with self.progress_line(host) as path:
            return self.on_host(module, {**asked, "progress": path})

    def run_tasks(self, calls: Sequence[HostCall], *, all_of_them: bool = False) -> HostResults:
        """Run modules in one process on the host, until one fails or ``all_of_them``.

        Their options, which hold keys, are passed through a pipe. Ansible sees one module, which it builds once for a
        playbook.
        """
        with contextlib.suppress(KeyError, AnsibleError):
            self._connection.set_option("pipelining", True)
        self._connection._play_context.pipelining = True  # for a connection that can, and has no such option
        if not self._connection.is_pipelining_enabled():
            raise PipeliningRequired(reason=f"{self._connection.transport}, {self._play_context.become_method}")
        self._task.environment = [*(self._task.environment or []), ENVIRONMENT]
        calls_made = [{**call.as_argument(), "diff": bool(self._task.diff)} for call in calls]
        result, called = self._run_host_tasks({"calls": json.dumps(calls_made), "all": all_of_them})
        if "outcomes" in result:
            ran = HostResults.of(result, called)
            self.times = ran.times
            return ran
        if result.get("failed") and "error" not in result and "rc" in result:
            if result["rc"] in NOT_STARTED or NOT_RUNNING.search(_output(result)):
                raise self._not_started(result)
            raise self._died(result, calls)
        return HostResults({call.name: result for call in calls}, {})

    def _run_host_tasks(self, options: TaskArguments) -> tuple[TaskResult, float]:
        """Run the module, with its code if the host has not kept it. Return its result, and when it was called."""
        host = str(self._task.delegate_to or self.variables.get("inventory_hostname"))
        user = str(self.get_become_option("become_user", ""))
        result, called = self._with_code(options, code_on_hosts.code_for(host, user))
        if "code_wanted" in result:
            result, called = self._with_code(options, code_bundle.pack())
        if "code_kept" in result:
            code_on_hosts.note(host, user, kept=result["code_kept"])
        return result, called

    def _with_code(self, options: TaskArguments, code: str) -> tuple[TaskResult, float]:
        called = time.time()
        result = self._execute_module(
            module_name=f"{COLLECTION}.host_tasks",
            module_args={**options, "tasks": [], "code": code, "code_digest": code_on_hosts.DIGEST},
            task_vars=self.variables,
        )
        return result, called

    def _died(self, result: TaskResult, calls: Sequence[HostCall]) -> RotationError:
        """The error of a process that ended without a result."""
        from ..module_utils._tasks.registry import ONLY_READING  # rarely needed
        from ._control_node.traceback_text import find_exception

        outputs = (str(result.get(name) or "") for name in OUTPUTS)
        cause = next(filter(None, map(find_exception, outputs)), KILLED)
        changing = [call for call in calls if not call.check_mode and call.module not in ONLY_READING]
        changed = UNKNOWN if changing else NOTHING_CHANGED
        if any("rotation_id" in call.options for call in changing):
            changed = IN_RECORD
        step = str(self._task.name or self.module).rpartition(" | ")[2]
        return ModuleDied(step=step, rc=result["rc"], cause=cause, changed=changed)

    def _not_started(self, result: TaskResult) -> RotationError:
        """The error of a Python that does not start: that of the task, or the one that Ansible discovered."""
        python = str(self._templar.template(self.variables.get("ansible_python_interpreter")) or "auto")
        advice = OWN_PYTHON
        if python.startswith("auto"):
            facts = self.variables.get("ansible_facts") or {}
            discovered = self._discovered_interpreter or facts.get("discovered_interpreter_python")
            python = f"{discovered}, which Ansible discovered" if discovered else "the path that Ansible discovered"
            advice = DISCOVERED
        if NOT_RUNNING.search(_output(result)):
            entered = f"{self._play_context.remote_addr}, {ENTERED}"
            return ContainerNotRunning(container=entered if self._enters_container else f"that {python} enters")
        if result["rc"] == CONTAINER:
            return ContainerNotStarted(python=python)
        if self._is_script(python):
            place = f"in what the script {python} starts"
            return HostPythonMissing(place=place, advice=OF_SCRIPT.format(python=python))
        if self._enters_container:
            advice = f"{advice} {IN_IMAGE}"
        return HostPythonMissing(place=f"at {python}", advice=advice)

    @property
    def _enters_container(self) -> bool:
        """Return whether the connection plugin itself enters a container."""
        return str(self._connection.transport).rpartition(".")[2] in ENTERING

    def _is_script(self, path: str) -> bool:
        """Return whether the host has such a script, as one that starts a container."""
        quoted = shlex.quote(path)
        with contextlib.suppress(AnsibleError):
            shown = self._low_level_execute_command(f"test -x {quoted} && head -c 2 {quoted}")
            return str(shown.get("stdout", "")).startswith("#!")
        return False

    @contextlib.contextmanager
    def progress_line(self, host: str = "") -> Iterator[str]:
        """The file of numbers that a module writes and that is shown while it works."""
        path = f"/tmp/key_rotation-{secrets.token_hex(8)}.json"  # noqa: S108  # numbers, by a new name
        with ProgressLine(self._connection, path, host):
            yield path

    def task_of(self, module: str, args: TaskArguments) -> Any:
        """Return a copy of this task that runs another of our modules."""
        task = self._task.copy()
        task.action, task.args = f"{COLLECTION}.{module}", args
        return task

    def action_of(self, task: Any) -> Any:
        """The action plugin of another task, with the connection of this one."""
        return action_loader.get(
            task.action,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )


def _output(result: TaskResult) -> str:
    """What a program said that ended without a result."""
    return "\n".join(str(result.get(name) or "") for name in OUTPUTS)
