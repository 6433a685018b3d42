# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the work of several modules in one process, one after another."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._engine.discovery.known_surveys import KnownSurveys
from .._errors.run import ModuleOptions
from .._module.runner import outcome
from .._system import ansible_payload
from .host_task import HostTask, ModuleResult, TaskParams
from .registry import ONLY_READING, WORK

UNDECIDED = "held"  # of a lease that another run holds: whether that run is alive is known on the control node


def run_tasks(batch: HostTask) -> ModuleResult:
    """The result of each task by its name, until one fails or is undecided, and when they began and ended by the host's
    clock."""
    began = time.time()
    results: dict[str, ModuleResult] = {}
    seconds: dict[str, float] = {}
    ran: list[tuple[str, ModuleResult]] = []  # by module
    surveys = KnownSurveys()
    with contextlib.ExitStack() as until_end:
        for asked in json.loads(batch.params["calls"]):
            started, work = time.monotonic(), WORK[asked["module"]]
            given = {**asked, "options": {**asked["options"], **work.taken(ran)}}
            do = functools.partial(_do, batch=batch, until_end=until_end, surveys=surveys)
            result = outcome(given, do, work.needs)
            results[asked["name"]], seconds[asked["name"]] = result, time.monotonic() - started
            ran.append((asked["module"], result))
            if asked["module"] not in ONLY_READING and not asked["check_mode"]:
                surveys.forget()
            if (result.get("failed") or UNDECIDED in result) and not batch.params["all"]:
                break
    changed = any(result.get("changed") for result in results.values())
    return {
        "changed": changed,
        "outcomes": results,
        "clock": {"began": began, "ended": time.time(), "seconds": seconds},
    }


def _do(
    asked: Mapping[str, Any], batch: HostTask, until_end: contextlib.ExitStack, surveys: KnownSurveys
) -> ModuleResult:
    return WORK[asked["module"]].do(_Task.of(asked, batch, until_end, surveys))


@dataclass
class _Task:
    """One of the tasks, in the role of an AnsibleModule.

    ``until_end`` closes what a task leaves open for later ones. ``surveys`` are what discovery found for earlier ones.
    """

    params: TaskParams
    check_mode: bool
    _diff: bool
    _name: str
    no_log_values: set[str]
    batch: HostTask
    until_end: contextlib.ExitStack
    surveys: KnownSurveys

    def warn(self, warning: str) -> None:
        with ansible_payload.in_place():
            self.batch.warn(warning)

    @classmethod
    def of(
        cls, asked: Mapping[str, Any], batch: HostTask, until_end: contextlib.ExitStack, surveys: KnownSurveys
    ) -> _Task:
        """Create a task. Raise E_MODULE_OPTIONS for options that the module does not have."""
        with ansible_payload.in_place():
            validated = ArgumentSpecValidator(WORK[asked["module"]].spec).validate(asked["options"])
        batch.no_log_values.update(validated._no_log_values)
        if validated.error_messages:
            raise ModuleOptions(module=asked["module"])
        given = validated.validated_parameters
        return cls(
            given, asked["check_mode"], asked["diff"], asked["module"], batch.no_log_values, batch, until_end, surveys
        )
