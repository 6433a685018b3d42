# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan file on the control node: written, read, and compared with what a rotation would re-encrypt now."""

from __future__ import annotations

import os
from dataclasses import dataclass

import yaml
from ansible.parsing.dataloader import DataLoader

from ...module_utils._engine.plan import plan_document
from ...module_utils._engine.plan.plan_document import PlanDocument
from ...module_utils._errors.discovery import PlanChanged, PlanFile, PlanNotReady
from ...module_utils._system import atomic_file
from .._control_node.paths import path_from_inventory, state_folder
from .._task_types import TaskResult, Variables

HEAD = "# What a key rotation would re-encrypt. Written by tetech.key_rotation; rotate.yml follows it.\n"
FORMER = "an earlier version of this collection wrote it, and its hash is no longer valid"


@dataclass(frozen=True)
class PlanWrite:
    """The text of the file before and after."""

    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def as_result(self, path: str, *, diff: bool) -> TaskResult:
        """Return the result of the task that wrote it to ``path``, with the ``diff`` for Ansible."""
        result: TaskResult = {"changed": self.changed, "path": path}
        headers = {"before_header": path, "after_header": path}
        return {**result, "diff": {"before": self.before, "after": self.after, **headers}} if diff else result


def place(asked: str | None, variables: Variables, loader: DataLoader) -> str:
    """Return the plan file that the operator names, or the default one in the state folder."""
    return path_from_inventory(asked or f"{state_folder(variables, loader)}/plan.yml", variables)


def write(path: str, content: PlanDocument, *, dry: bool) -> PlanWrite:
    """Write the plan, unless the file is the same already. Raise E_PLAN_FILE if it cannot be written."""
    text = HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    done = PlanWrite(_text(path), text)
    if done.changed and not dry:
        try:
            atomic_file.private_folder(os.path.dirname(path))
            atomic_file.replace(path, text.encode("utf-8"), mode=0o644)
        except OSError as exc:
            raise PlanFile(path=path, fault=f"cannot be written: {exc.strerror}") from None
    return done


def read(path: str) -> PlanDocument | None:
    """Return the plan, or None if there is no file. Raise E_PLAN_FILE if it cannot be read or is not a plan, and
    E_PLAN_CHANGED if an earlier version of this collection wrote it."""
    if not os.path.exists(path):
        return None
    try:
        content = yaml.safe_load(_text(path))
        plan_document.check(content)
    except plan_document.FormerPlan:
        raise PlanChanged(path=path, difference=FORMER) from None
    except (yaml.YAMLError, ValueError):
        raise PlanFile(path=path, fault="is not a plan of this collection") from None
    return dict(content)


def refuse_unready(path: str, approved: PlanDocument) -> None:
    """Raise E_PLAN_NOT_READY if a finding of the plan stops a rotation."""
    if not approved.get("ready", True):
        raise build_unready_error(path, approved)


def build_unready_error(path: str, plan: PlanDocument) -> PlanNotReady:
    """Return the error that names the findings of the plan that stop a rotation."""
    return PlanNotReady(path=path, count=len(plan_document.stops(plan)), findings=plan_document.format_stops(plan))


def refuse_other(path: str, approved: PlanDocument, present: PlanDocument) -> None:
    """Raise E_PLAN_CHANGED if the application differs from the plan, or if the plan was edited.

    Counts and findings are not compared, because a rotation searches again for what stops it.
    """
    differences = plan_document.difference(approved, present)
    is_same = plan_document.content_hash(approved) == plan_document.content_hash(present)
    if approved.get("hash") != plan_document.plan_hash(approved) or not is_same:
        differences = differences or ["its hash does not match its text"]
    if differences:
        raise PlanChanged(path=path, difference="; ".join(differences))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise PlanFile(path=path, fault="cannot be read") from None
