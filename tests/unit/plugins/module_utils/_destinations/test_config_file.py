# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import compileall
import os
import py_compile
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import key_destinations
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks.set_env_file import set_env_file

OLD = "CANARY-old-value"


def module_in(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "settings.py"
    path.write_text(f"K = '{OLD}'\n")
    path.chmod(0o600)
    return path


def switch(path: Path) -> list[str]:
    """Set the constant, and return the warnings."""
    warnings: list[str] = []
    params: dict[str, Any] = {"state": "present", "path": None, "dialect": "dotenv", "values": {"K": "CANARY-new"}}
    params["key_id"] = KeySet(params["values"]).key_id
    params["keys"] = [{"name": "K", "destination": {"file": str(path)}}]
    task = SimpleNamespace(params=params, check_mode=False, _diff=False, no_log_values=set(), warn=warnings.append)
    assert set_env_file(task)["changed"] is True
    assert path.read_text() == "K = 'CANARY-new'\n"
    return warnings


def files_with_old_value(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and OLD.encode() in path.read_bytes()]


def test_no_compiled_file_keeps_the_previous_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, prefix = module_in(tmp_path / "project"), tmp_path / "cache"
    other = path.with_name("settings_local.py")
    other.write_text("O = 1\n")
    monkeypatch.setattr(sys, "pycache_prefix", None)  # whatever the tests themselves are compiled to
    compileall.compile_dir(path.parent, quiet=1)
    compileall.compile_dir(path.parent, quiet=1, legacy=True)
    monkeypatch.setattr(sys, "pycache_prefix", str(prefix))
    for level in (0, 2):
        py_compile.compile(str(path), optimize=level)
    assert len(files_with_old_value(tmp_path)) == 5
    assert switch(path) == []
    assert files_with_old_value(tmp_path) == []
    assert [each.name for each in path.parent.glob("*.pyc")] == ["settings_local.pyc"]


def test_a_compiled_file_that_stays_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = module_in(tmp_path / "project")
    stays = Path(py_compile.compile(str(path)) or "")
    unlink = os.unlink

    def refuse(name: str, **options: Any) -> None:
        if name == str(stays):
            raise PermissionError(13, "Permission denied")
        unlink(name, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    (warning,) = switch(path)
    assert f"{stays} is a compiled file with the previous value" in warning
    assert "CANARY" not in warning


SHARED = """x-application: &application
  environment: {FIELD_KEY: CANARY-old-value}
services:
  web: {<<: *application}
"""


def test_what_a_switch_could_not_write_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "compose.yml"
    path.write_text(SHARED, encoding="utf-8")
    path.chmod(0o600)
    place = {"file": str(path), "path": "x-application.environment.FIELD_KEY", "exported": True}
    keys: Any = [{"name": "FIELD_KEY", "destination": place}]
    with pytest.raises(RotationError, match="E_CONFIG_VALUE"):
        key_destinations.refuse_unwritable("", keys)
    path.write_text(SHARED.replace("  web: {<<: *application}\n", "  web: {}\n"), encoding="utf-8")
    key_destinations.refuse_unwritable("", keys)
    assert "CANARY-old-value" in path.read_text(encoding="utf-8")
