# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A write of destinations that dies or fails at any point leaves the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_interface,
    env_file_editor,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import NOTHING_CHANGED, RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file

from ....crash import crashes

OLD = "# ours\nSECRET_KEY=old-CANARY\nA=1\n"
NEW = "# ours\nSECRET_KEY=new-CANARY\nA=1\n"
CALLS = ("open", "fdopen", "stat", "fstat", "fchown", "fchmod", "listxattr", "getxattr", "setxattr", "fsync", "rename")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "folder" / ".env"
    made.parent.mkdir()
    made.touch(mode=0o640)
    made.write_text(OLD)
    if os.geteuid() == 0:
        os.chown(made, 1234, 2345)
    if hasattr(os, "setxattr"):
        os.setxattr(made, "user.note", b"ours")
    return made


def attributes(path: Path) -> tuple[object, ...]:
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, os.getxattr(path, "user.note")


def replace(path: Path) -> None:
    atomic_file.replace(str(path), NEW.encode())


def write(path: Path) -> None:
    destination_interface.write([env_file_editor.FileChange(str(path), OLD, NEW)])


@pytest.mark.parametrize("act", [replace, write])
def test_a_crash_at_any_system_call_leaves_the_old_file_or_the_new_one(path, act):
    was = attributes(path)
    outcomes = []
    for stop in crashes(lambda: act(path)):
        outcomes.append(path.read_text())
        assert outcomes[-1] in (OLD, NEW), stop
        assert attributes(path) == was, stop
        beside = [entry for entry in path.parent.iterdir() if entry != path]
        assert len(beside) <= 1, stop
        assert all(stat.S_IMODE(entry.stat().st_mode) in (0o600, 0o640) for entry in beside), stop
        if outcomes[-1] == NEW:
            path.write_text(OLD)  # in place: the same attributes
    assert len(outcomes) > 30
    assert outcomes == sorted(outcomes, reverse=True), "from some call on it is the new one"
    assert {OLD, NEW} == set(outcomes)
    assert path.read_text() == NEW
    assert os.listdir(path.parent) == [".env"], "the next run takes away what a killed one left"


def test_a_crash_in_a_rehearsal_leaves_the_old_file(path):
    for _stop in crashes(lambda: destination_interface.rehearse([env_file_editor.FileChange(str(path), OLD, NEW)])):
        assert path.read_text() == OLD
    assert os.listdir(path.parent) == [".env"]


def failing(monkeypatch: pytest.MonkeyPatch, call: int) -> list[str]:
    """Let the given call to the system among those of CALLS fail, counted from 0. The names of the calls made."""
    made: list[str] = []

    def faulty(name: str):
        def function(*args, **named):
            made.append(name)
            if len(made) == call + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return getattr(os, name)(*args, **named)

        return function

    broken = SimpleNamespace(**{**vars(os), **{name: faulty(name) for name in CALLS if hasattr(os, name)}})
    monkeypatch.setattr(env_file_editor, "os", broken)
    monkeypatch.setattr(atomic_file, "os", broken)
    return made


@pytest.mark.parametrize("act", [destination_interface.write, destination_interface.rehearse])
def test_an_error_at_any_system_call_is_reported_with_what_was_changed(path, monkeypatch, act):
    was, failed = attributes(path), []
    monkeypatch.setattr(env_file_editor, "_flags", lambda place: 0)  # whose failure is no error
    for call in range(200):
        made = failing(monkeypatch, call)
        try:
            act([env_file_editor.FileChange(str(path), OLD, NEW)])
        except RotationError as exc:
            error = exc
        except OSError as exc:
            pytest.fail(f"{made[-1]}: {exc} is no error of the catalog")
        else:
            break
        failed.append(made[-1])
        written = path.read_text() == NEW
        assert path.read_text() == (NEW if written else OLD), made
        assert (error.changed == NOTHING_CHANGED) is not written, made
        assert attributes(path) == was
        assert os.listdir(path.parent) == [".env"], made
        assert "CANARY" not in str(error)
        path.write_text(OLD)
    assert {"open", "fdopen", "fstat", "fchmod", "setxattr", "fsync"} <= set(failed)
    assert ("rename" in failed) is (act is destination_interface.write)
    assert path.read_text() == (NEW if act is destination_interface.write else OLD)


def test_the_file_is_durable_before_the_switch_and_the_switch_after_it(path, monkeypatch):
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda fd, real=os.fsync: done.append(os.readlink(f"/proc/self/fd/{fd}")) or real(fd)
    )
    monkeypatch.setattr(os, "rename", lambda *names, real=os.rename: done.append("rename") or real(*names))
    write(path)
    private, *rest = done
    assert private.startswith(str(path.with_name("..env.key_rotation.")))
    assert rest == ["rename", str(path.parent)]
