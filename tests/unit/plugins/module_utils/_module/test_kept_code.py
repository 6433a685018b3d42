# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import json
import os
import zlib
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._module import kept_code
from ansible_collections.tetech.key_rotation.plugins.module_utils._module.kept_code import KeptCode, path_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "a.code"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled."""
    found: list[str] = []
    builtin = compile
    monkeypatch.setitem(
        vars(kept_code), "compile", lambda *args, **more: found.append(args[1]) or builtin(*args, **more)
    )
    return found


def packed(**texts: str) -> bytes:
    return zlib.compress(json.dumps({f"{name}.py": text for name, text in texts.items()}).encode())


def value_in(path: Path, sent: bytes = b"") -> int:
    """The VALUE of one.py, sent or else kept. -1 if it is neither."""
    files, names = KeptCode(str(path), sent), {"VALUE": -1}
    if files:
        exec(files.code_of("one.py"), names)
        files.save()
    return int(names["VALUE"])


SENT = packed(one="VALUE = 7", two="VALUE = 8")


def test_the_next_process_need_not_compile_it(path: Path, compiled: list[str]) -> None:
    assert (value_in(path, SENT), value_in(path)) == (7, 7)
    assert compiled == ["one.py"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["a.code"]


@pytest.mark.parametrize("damage", [b"", b"x", bytes(40)])
def test_what_is_not_whole_is_made_again(path: Path, compiled: list[str], damage: bytes) -> None:
    value_in(path, SENT)
    path.write_bytes(damage)
    assert value_in(path) == -1
    assert (value_in(path, SENT), value_in(path)) == (7, 7)
    assert compiled == ["one.py"] * 2


def test_a_file_that_another_user_could_write_or_own_is_not_run(
    path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    value_in(path, SENT)
    path.chmod(0o620)
    assert value_in(path) == -1
    path.chmod(0o600)
    other = path.with_name("b.code")
    other.symlink_to(path)
    assert value_in(other) == -1
    assert value_in(path) == 7
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert value_in(path) == -1


def test_a_file_of_another_release_under_this_name_is_not_run(path: Path) -> None:
    value_in(path.with_name("old.code"), SENT)
    path.with_name("old.code").rename(path)
    assert value_in(path) == -1


def test_a_full_disk_keeps_no_part_of_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", refuse)
    files = KeptCode(str(path), SENT)
    files.code_of("one.py")
    files.save()
    assert not files.is_kept
    assert os.listdir(path.parent) == []


def test_if_it_cannot_be_kept_it_is_sent_and_compiled_each_time(tmp_path: Path, compiled: list[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    files = KeptCode(str(blocked / "a.code"), SENT)
    files.save()
    assert not files.is_kept
    assert value_in(blocked / "a.code") == -1
    assert (value_in(blocked / "a.code", SENT), value_in(blocked / "a.code", SENT)) == (7, 7)
    assert compiled == ["one.py"] * 2


def test_a_file_that_was_not_used_before_is_compiled_from_the_kept_text(path: Path) -> None:
    value_in(path, SENT)
    files = KeptCode(str(path))
    assert files.is_kept
    assert (files.first_of("one.py"), files.first_of("no.py", "two.py"), files.first_of("no.py")) == (
        "one.py",
        "two.py",
        "",
    )
    names: dict[str, int] = {}
    exec(files.code_of("two.py"), names)
    assert (names["VALUE"], files.text_of("one.py")) == (8, "VALUE = 7")


def test_what_has_nothing_new_is_not_written_again(path: Path) -> None:
    value_in(path, SENT)
    before = path.stat()
    value_in(path)
    assert path.stat() == before
    value_in(path, SENT)
    assert path.stat() == before, "sent again, and kept already"


def test_other_files_and_another_python_have_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    here = path_of("packed")
    assert here == path_of("packed") != path_of("packed otherwise")
    monkeypatch.setattr(kept_code.importlib.util, "MAGIC_NUMBER", b"other")
    assert path_of("packed") != here
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert path_of("packed") == ""


def test_those_of_old_releases_go(path: Path) -> None:
    value_in(path.with_name("old.code"), SENT)
    value_in(path.with_name("used.code"), SENT)
    os.utime(path.with_name("old.code"), (0, 0))
    value_in(path, SENT)
    assert sorted(os.listdir(path.parent)) == ["a.code", "used.code"]
