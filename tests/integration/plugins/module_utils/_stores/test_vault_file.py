# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in a file, beyond the contract of every store: as ansible-vault opens it, and what a crash leaves of it."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultSecret
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.store_interface import UNKNOWN
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file

from ....servers import BIN, clean_environment
from .store_contract import BEGUN, NEW, OLD, PROMOTED, change, refused

# Every call of the system by which atomic_file changes something; a write is torn in two.
CALLS = ["open", "close", "fsync", "rename", "unlink", "mkdir", "fchmod", "fchown", "stat", "listxattr", "setxattr"]


class Fault:
    """Strikes at the call of the system of one number: by the end of the process, or by an error of the disk."""

    def __init__(self, number: int, strike: Callable[[], Any]) -> None:
        self.number, self.strike, self.calls = number, strike, 0

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.number:
            self.strike()

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            self.count()
            return call(*args, **kwargs)

        return counting

    def torn(self, descriptor: int, mode: str) -> io.FileIO:
        fault = self

        class Torn(io.FileIO):
            def write(self, data: Any) -> int:
                fault.count()
                half = len(data) // 2
                super().write(data[:half])
                fault.count()
                return half + int(super().write(data[half:]) or 0)

        return Torn(descriptor, mode)

    def set(self, patch: pytest.MonkeyPatch) -> None:
        for name in CALLS:
            patch.setattr(atomic_file.os, name, self.counted(getattr(os, name)))
        patch.setattr(atomic_file.os, "fdopen", self.torn)


def disk_error() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_ansible_vault_shows_it(stored, tmp_path, python, old_keys):
    (tmp_path / "password").write_text("the vault password\n")
    argv = [python, "-m", "ansible.cli.vault", "view", "--vault-password-file", str(tmp_path / "password"), stored]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert json.loads(shown)["stages"]["current"] == old_keys.key_id
    assert json.loads(shown)["versions"][0]["values"] == old_keys.values


def test_of_two_vault_ids_the_one_asked_for_encrypts_and_ansible_vault_shows_it(vault_file, begin, tmp_path):
    begin(vault_file)
    path = vault_file.options["path"]
    assert Path(path).read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod\n")
    (tmp_path / "prod").write_text("CANARY-prod\n")
    (tmp_path / "dev").write_text("CANARY-dev\n")

    def view(*ids: str) -> subprocess.CompletedProcess[str]:
        given = [f"--vault-id={name}@{tmp_path / name}" for name in ids]
        argv = [str(BIN / "ansible-vault"), "view", *given, path]
        return subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)

    for ids in (("prod",), ("dev", "prod")):
        shown = json.loads(view(*ids).stdout)
        assert [version["values"] for version in shown["versions"]] == [OLD.values, NEW.values]
    assert view("dev").returncode != 0
    vault_file.loader.set_vault_secrets([("dev", VaultSecret(b"CANARY-dev"))])
    before = Path(path).read_bytes()
    assert refused(change, vault_file.open(), History.promote).code == "E_STORE_PASSWORD"
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("first", [True, False], ids=["first write", "later write"])
def test_a_crash_at_any_call_of_the_system_leaves_the_old_file_or_the_new_one(vault_file, begin, monkeypatch, first):
    folder = Path(vault_file.options["path"]).parent
    act = functools.partial(History.adopt, keys=OLD) if first else History.promote
    old, new = ({}, {"current": OLD.key_id}) if first else (BEGUN, PROMOTED)
    seen, ended = [], None
    while ended != 0:
        shutil.rmtree(folder, ignore_errors=True)
        if not first:
            begin(vault_file)
        store = vault_file.open()
        child = os.fork()
        if child == 0:
            try:
                Fault(len(seen) + 1, lambda: os._exit(9)).set(monkeypatch)
                change(store, act)
            finally:
                os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (0, 9)
        seen.append(vault_file.open().load().stages)
        if seen[-1] == old:
            change(vault_file.open(), act)  # which takes away what the crash left
            assert [path.name for path in folder.iterdir()] == ["keys.vault.yml"]
        assert vault_file.open().load().stages == new
    before = seen.index(new)
    assert seen == [old] * before + [new] * (len(seen) - before)
    assert before >= 7  # lock, open, mode, two halves, fsync, rename
    assert len(seen) - before >= 3


def test_a_disk_error_at_any_call_of_the_system_is_reported_as_it_is(vault_file, begin, monkeypatch):
    told, number, struck = [], 0, True
    while struck:
        number += 1
        shutil.rmtree(Path(vault_file.options["path"]).parent, ignore_errors=True)
        store = begin(vault_file).open()
        fault = Fault(number, disk_error)
        code = said = None
        with monkeypatch.context() as patch:
            fault.set(patch)
            with contextlib.suppress(OSError):  # at the end, when the lock is let go
                try:
                    change(store, History.promote)
                except RotationError as exc:
                    code, said = exc.code, exc.changed
        struck = fault.calls >= number
        stages = vault_file.open().load().stages
        assert stages in (BEGUN, PROMOTED)
        if code:
            told.append(said)
            assert (code, said == "Nothing was changed.") == ("E_STORE_WRITE", stages == BEGUN)
        assert code or stages == PROMOTED
    assert told.count("Nothing was changed.") >= 7
    assert told.count(UNKNOWN) >= 1
