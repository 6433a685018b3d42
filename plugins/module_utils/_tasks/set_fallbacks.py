# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variable SECRET_KEY_FALLBACKS of the .env file: former values of SECRET_KEY that Django still accepts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors.application import FallbacksNotRead, SigningKeyUnknown
from .._errors.base import RotationError
from .host_task import HostTask, ModuleResult, TaskParams

NAME = "SECRET_KEY_FALLBACKS"  # of the setting, and of the variable
NO_LINE = f"the .env file has no line {NAME}="
COMMA = "SECRET_KEY has a comma, and cannot be in a comma-separated list"
UNREAD = f"no code of the project reads the variable {NAME}"
OTHER_LIST = f"its setting {NAME} does not have the comma-separated keys in the .env file"
NOT_SET = f"the application, as it starts now, does not have the old key in its setting {NAME}"


def set_fallbacks(task: HostTask) -> ModuleResult:
    """Put a key first in the list, or remove keys and put former ones back.

    ``removed`` in the result are the positions of the removed keys in the list. A fresh start of the application must
    have an added key. Otherwise the line gets its former value. A line that its settings cannot read would keep the
    application from starting under any keys.
    """
    params = task.params
    result: ModuleResult = {"changed": False, "path": params["env_file"]}
    if _has_line(params):
        result.update(_change_line(params, params["values"], is_dry=task.check_mode))
    elif params["state"] == "present":
        raise FallbacksNotRead(why=NO_LINE)
    if params["state"] == "absent" or task.check_mode:
        return result
    try:
        return {**result, **AFTERWARDS[params["state"]](params)}
    except RotationError as exc:
        values = params["values"]
        taken_out = [values["remove"][number] for number in result.get("removed", ())]
        if taken_out or values.get("add"):
            _change_line(params, {"add": taken_out, "remove": values.get("add", [])}, is_dry=False)
        raise exc.with_changed(f"{NAME} in {params['env_file']} is unchanged.") from None


def _change_line(params: TaskParams, wanted: Mapping[str, Sequence[str]], *, is_dry: bool) -> ModuleResult:
    """Rewrite the line with keys to ``add`` and to ``remove``."""
    from .._destinations import destination_interface, env_file_editor

    path, dialect = params["env_file"], params["dialect"]
    with env_file_editor.held([path]):
        env_file_editor.discard_leftover(path)
        text = env_file_editor.read_text(path)
        before = env_file_editor.read(path, [NAME], dialect=dialect)[NAME]
        after = _changed(before, wanted)
        if after != before and not is_dry:
            new_text = env_file_editor.rewritten(text, {NAME: after}, path, dialect)
            destination_interface.write([env_file_editor.FileChange(path, text, new_text)])
    listed = _keys_of(before)
    removed = [number for number, key in enumerate(wanted.get("remove", [])) if key in listed]
    return {"changed": after != before, "removed": removed}


def why_unread(params: TaskParams) -> str:
    """Return why no former key can be kept for the application; empty if the application reads the variable.

    Its code shows whether it does.
    """
    from .._destinations import env_file_editor
    from .._engine.application import django_project, key_uses

    if "," in str(django_project.setting("SECRET_KEY")):
        return COMMA
    if not _has_line(params):
        return NO_LINE
    line = env_file_editor.read(params["env_file"], [NAME], dialect=params["dialect"])[NAME]
    listed, in_use = (
        {str(key).strip() for key in keys} for keys in (_keys_of(line), django_project.setting(NAME) or ())
    )
    if not listed <= in_use:
        return OTHER_LIST
    uses = key_uses.scan(params["project_dir"], [NAME], key_uses.installed_folders()).uses.get(NAME, [])
    return "" if any(use.of_variable for use in uses) else UNREAD


def _has_line(params: TaskParams) -> bool:
    """Return whether the .env file sets the variable. An application with its keys elsewhere may have no such file."""
    from .._destinations import env_file_editor
    from .._errors.env_file import EnvMissing

    with contextlib.suppress(EnvMissing):
        return bool(params["env_file"]) and env_file_editor.looks_set(params["env_file"], NAME, params["dialect"])
    return False


def _keys_of(line: str) -> list[str]:
    return [key for key in line.split(",") if key]


def _changed(before: str, wanted: Mapping[str, Sequence[str]]) -> str:
    listed = _keys_of(before)
    added, removed = (wanted.get(name, []) for name in ("add", "remove"))
    return ",".join([*added, *(key for key in listed if key not in (*added, *removed))])


def _refuse_unread(params: TaskParams) -> ModuleResult:
    """Raise E_SIGNING_KEY unless the application signs with the new key, E_FALLBACKS_NOT_READ unless it has the old."""
    from .._engine.application import django_project
    from .._options.application_start import read_settings

    try:
        read_settings(params)
    except RotationError as exc:
        raise FallbacksNotRead(why=f"it does not start with that key in the line: {exc.what}") from None
    if django_project.setting("SECRET_KEY") not in params["values"]["signing"]:
        raise SigningKeyUnknown()
    fallbacks: Any = django_project.setting(NAME) or ()
    if not set(params["values"]["add"]) <= set(fallbacks):
        raise FallbacksNotRead(why=NOT_SET)
    return {}


def _still_valid(params: TaskParams) -> ModuleResult:
    """Return how many removed keys, and how many other keys, a fresh start of the application has in the list."""
    from .._engine.application import django_project
    from .._options.application_start import read_settings

    read_settings(params)
    fallbacks: Any = set(django_project.setting(NAME) or ())
    revoked = fallbacks & set(params["values"]["remove"])
    return {"fallbacks": {"revoked": len(revoked), "others": len(fallbacks - revoked)}}


AFTERWARDS = {"present": _refuse_unread, "revoked": _still_valid}
