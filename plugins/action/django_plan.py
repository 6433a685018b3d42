# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_plan on the controller: write the plan, or hold it against the one that was approved."""

from __future__ import annotations

import os
from typing import Any

import yaml
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display

from ..module_utils._engine import plan
from ..module_utils._errors.discovery import PlanChanged, PlanFile, PlanNotReady
from ..module_utils._system import atomic_file
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._report import plan_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._services import other_keys, plan_approval
from ..plugin_utils._services.key_store import beside, state_folder

display = Display()
HEAD = "# What a key rotation would re-encrypt. Made by tetech.key_rotation; rotate.yml keeps to it.\n"


WRITTEN = "Nothing was changed but the plan."
OWN = ("store", "path", "require_approval", "environment")  # what the host has no use for


class ActionModule(HostAction):
    changes = False
    judged_here = True
    shows_progress = True

    def ask(self, args: dict[str, Any]) -> dict[str, Any] | Answered:
        if _is_matched(args):
            path = self._path(args)
            approved = _read(path)
            if approved is None:
                message = "No plan was approved: the application is taken as it is found."
                return Answered({"changed": False, "path": path, "msg": message})
            if not approved.get("ready", True):
                raise PlanNotReady(path=path, count=len(plan.stops(approved)))
        asked = {name: value for name, value in args.items() if name not in OWN}
        return {**asked, **self.store(args).load().for_host()}

    def _path(self, args: dict[str, Any]) -> str:
        return beside(args.get("path") or f"{state_folder(self.variables, self._loader)}/plan.yml", self.variables)

    def judge(self, args: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        if result.get("failed"):
            return result
        if "other_keys" in result:
            history = self.store(args).load()
            other_keys.refuse(history, result["other_keys"], str(args.get("env_file") or "the key file"))
        path, made = self._path(args), result["plan"]
        if _is_matched(args):
            _refuse_other(path, _read(path) or {}, made)
            return {"changed": False, "path": path, "plan": made}
        written = {**self._write(path, made), "plan": made, "path": path}
        lines.show(plan_lines.plan(made, path, self.variables), "Plan")
        if stopping := plan.stops(made):
            error = PlanNotReady(changed=WRITTEN, path=path, count=len(stopping))
            written.pop("plan")  # the screen and the file have it: Ansible prints what a failed task returns
            return {**written, "failed": True, **error.as_result(), "findings": stopping}
        if boolean(args.get("require_approval", False)):
            for line in plan_approval.commands(path, made["hash"], str(args.get("environment", "production"))):
                display.display(f"  {line}")
        return written

    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        return f"write the plan {result['path']}"

    def _write(self, path: str, made: dict[str, Any]) -> dict[str, Any]:
        text = HEAD + yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120)
        before = _text(path)
        if before != text and not self._task.check_mode:
            try:
                atomic_file.private_folder(os.path.dirname(path))
                atomic_file.replace(path, text.encode("utf-8"), mode=0o644)
            except OSError as exc:
                raise PlanFile(path=path, found=f"cannot be written: {exc.strerror}") from None
        result: dict[str, Any] = {"changed": before != text}
        if self._task.diff:
            result["diff"] = {"before": before, "after": text, "before_header": path, "after_header": path}
        return result


def _is_matched(args: dict[str, Any]) -> bool:
    return bool(args.get("state", "written") == "matched")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise PlanFile(path=path, found="cannot be read") from None


def _read(path: str) -> dict[str, Any] | None:
    """The approved plan; None where there is no file."""
    if not os.path.exists(path):
        return None
    try:
        found = yaml.safe_load(_text(path))
        plan.check(found)
    except (yaml.YAMLError, ValueError):
        raise PlanFile(path=path, found="is no plan of this collection") from None
    return dict(found)


def _refuse_other(path: str, approved: dict[str, Any], made: dict[str, Any]) -> None:
    lines = plan.difference(approved, made)
    if not approved.get("hash") == plan.plan_hash(approved) == made["hash"]:
        lines = lines or ["its hash is not that of its text"]
    if lines:
        raise PlanChanged(path=path, difference="; ".join(lines))
