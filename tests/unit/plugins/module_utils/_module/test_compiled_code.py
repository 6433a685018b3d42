# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._module import compiled_code
from ansible_collections.tetech.key_rotation.plugins.module_utils._module.compiled_code import CompiledCode, path_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "a.code"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled."""
    found: list[str] = []
    builtin = compile
    monkeypatch.setitem(
        vars(compiled_code), "compile", lambda *args, **more: found.append(args[1]) or builtin(*args, **more)
    )
    return found


def value_in(path: Path, text: str = "VALUE = 7") -> int:
    code, found = CompiledCode(str(path)), {}
    exec(code.code_of("one.py", text), found)
    code.save()
    return int(found["VALUE"])


def test_the_next_process_need_not_compile_it(path: Path, compiled: list[str]) -> None:
    assert (value_in(path), value_in(path)) == (7, 7)
    assert compiled == ["one.py"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["a.code"]


@pytest.mark.parametrize("damage", [b"", b"x", bytes(40)])
def test_what_is_not_whole_is_made_again(path: Path, compiled: list[str], damage: bytes) -> None:
    value_in(path)
    path.write_bytes(damage)
    assert (value_in(path), value_in(path)) == (7, 7)
    assert compiled == ["one.py"] * 2


def test_a_file_that_another_user_could_write_or_own_is_not_run(
    path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    value_in(path)
    path.chmod(0o620)
    assert value_in(path) == 7
    assert compiled == ["one.py"] * 2
    other = path.with_name("b.code")
    other.symlink_to(path)
    assert value_in(other) == 7
    assert compiled == ["one.py"] * 3
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert value_in(path) == 7
    assert compiled == ["one.py"] * 4


def test_if_it_cannot_be_kept_it_is_compiled_each_time(tmp_path: Path, compiled: list[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert (value_in(blocked / "a.code"), value_in(blocked / "a.code")) == (7, 7)
    assert compiled == ["one.py"] * 2


def test_other_files_and_another_python_have_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    here = path_of("packed")
    assert here == path_of("packed") != path_of("packed otherwise")
    monkeypatch.setattr(compiled_code.importlib.util, "MAGIC_NUMBER", b"other")
    assert path_of("packed") != here
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert path_of("packed") == ""


def test_those_of_old_releases_go(path: Path) -> None:
    value_in(path.with_name("old.code"))
    value_in(path.with_name("used.code"))
    os.utime(path.with_name("old.code"), (0, 0))
    value_in(path)
    assert sorted(os.listdir(path.parent)) == ["a.code", "used.code"]
