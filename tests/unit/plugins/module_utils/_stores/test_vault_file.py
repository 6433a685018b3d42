# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import Version
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.store_interface import UNKNOWN
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.vault_file import VaultFile
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.timestamps import now
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.ansible_vault import AnsibleVault
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error


def opened(path: str, loader: DataLoader) -> VaultFile:
    return open_store({"path": path}, {}, loader)


def code(call, *args) -> str:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value.code


def encrypted(plaintext: bytes) -> bytes:
    """A file that opens with the password Ansible was started with."""
    return VaultLib([]).encrypt(plaintext, VaultSecret(b"the vault password"))


def test_what_was_changed_is_there_for_the_next_one(stored, loader, old_keys, new_keys):
    history = opened(stored, loader).load()
    assert history.stage("current").values == old_keys.values
    assert history.stage("pending").values == new_keys.values
    assert history.path == stored


def test_without_a_file_the_history_is_empty_and_none_is_made(store_path, loader):
    assert opened(store_path, loader).load().versions == []
    assert not os.path.exists(store_path)


def test_what_is_no_regular_file_is_refused_and_nobody_waits_for_it(store_path, loader, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for path in (tmp_path / "fifo", tmp_path / "link", tmp_path, "/dev/zero"):
        with expect_error("E_STORE_READ", path=str(path), reason=Containing("not a regular file")):
            opened(str(path), loader).load()
    assert os.listdir(tmp_path).count("fifo") == 1


def test_the_file_holds_nothing_unencrypted_and_is_for_its_user_alone(stored, old_keys):
    text = Path(stored).read_bytes()
    assert text.startswith(b"$ANSIBLE_VAULT;1.1;AES256\n")
    assert old_keys.values["SECRET_KEY"].encode() not in text
    assert stat.S_IMODE(os.stat(stored).st_mode) == 0o600


def test_another_password_does_not_open_it_and_does_not_overwrite_it(stored, third_keys):
    before = Path(stored).read_bytes()
    other = DataLoader()
    other.set_vault_secrets([("default", VaultSecret(b"another password"))])
    assert code(opened(stored, other).load) == "E_STORE_PASSWORD"
    with pytest.raises(RotationError), opened(stored, other).change() as history:
        history.adopt(third_keys)
    assert Path(stored).read_bytes() == before


@pytest.mark.parametrize("text", [b"", b"SECRET_KEY: CANARY\n", b"# a comment\n$ANSIBLE_VAULT;1.1;AES256\n"])
def test_a_file_that_is_not_encrypted_is_refused(store_path, loader, text):
    Path(store_path).write_bytes(text)
    with pytest.raises(RotationError) as refused:
        opened(store_path, loader).load()
    assert (refused.value.code, refused.value.where["reason"]) == ("E_STORE_FORMAT", "not encrypted by Ansible Vault")
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(
    ("plaintext", "found"),
    [
        (b'{\n"format": 1,\nCANARY\n}', "invalid JSON at decrypted line 3"),
        (b"SECRET_KEY: CANARY", "invalid JSON at decrypted line 1"),
        (b'"CANARY\xff"', "invalid JSON at decrypted line 1"),
        (b'{"SECRET_KEY": "CANARY"}', "members missing"),
    ],
)
def test_content_of_another_form_is_refused_without_showing_it(store_path, loader, plaintext, found):
    Path(store_path).write_bytes(encrypted(plaintext))
    with pytest.raises(RotationError) as refused:
        opened(store_path, loader).load()
    assert (refused.value.code, refused.value.where["reason"]) == ("E_STORE_FORMAT", found)
    assert "CANARY" not in str(refused.value)


def test_a_place_that_cannot_be_read_or_written_is_reported(tmp_path, loader):
    (tmp_path / "taken").write_text("")
    store = opened(str(tmp_path / "taken" / "keys.vault.yml"), loader)
    assert code(store.load) == "E_STORE_READ"
    assert code(store.change().__enter__) == "E_STORE_WRITE"


def test_nothing_is_written_if_nothing_changes(stored, loader):
    before = os.stat(stored)
    with opened(stored, loader).change() as history:
        assert history.versions
    after = os.stat(stored)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_nothing_is_written_if_the_change_is_given_up(stored, loader):
    before = Path(stored).read_bytes()

    def give_up() -> None:
        with opened(stored, loader).change() as history:
            history.promote()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert Path(stored).read_bytes() == before


def test_a_full_disk_leaves_the_store_as_it_was(stored, loader, full_disk, tmp_path):
    before = Path(stored).read_bytes()
    with full_disk(), pytest.raises(RotationError) as refused, opened(stored, loader).change() as history:
        history.promote()
    assert refused.value.code == "E_STORE_WRITE"
    assert Path(stored).read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["keys.vault.yml"]


def test_a_store_that_does_not_read_back_is_reported(store_path, loader, old_keys):
    class Forgetful(AnsibleVault):
        """A disk that gives back something else."""

        def encrypt(self, plaintext: bytes, before: bytes | None) -> bytes:
            document = json.loads(plaintext)
            document["versions"] = []
            return super().encrypt(json.dumps(document).encode(), before)

    store = VaultFile(store_path, Forgetful(loader, None, None))
    with pytest.raises(RotationError) as refused, store.change() as history:
        history.adopt(old_keys)
    assert (refused.value.code, refused.value.changed) == ("E_STORE_READBACK", UNKNOWN)
    assert os.path.exists(store_path)


def test_the_store_is_held_by_one_changer_at_a_time(stored, loader, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with opened(stored, loader).change(), pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go of at the end
    finally:
        os.close(folder)


def test_of_many_changes_at_once_none_is_lost(store_path, loader):
    def add(name: str) -> None:
        with opened(store_path, loader).change() as history:
            history.versions.append(Version(name, name, "generated", "active", now(), "completed", {}, listed=[]))

    names = [f"r{number}" for number in range(16)]
    with ThreadPoolExecutor(len(names)) as changers:
        list(changers.map(add, names))
    assert sorted(version.key_id for version in opened(store_path, loader).load().versions) == sorted(names)


def test_a_store_behind_a_link_is_changed_where_it_is(stored, loader, tmp_path):
    real = tmp_path / "elsewhere" / "real.yml"
    real.parent.mkdir()
    Path(stored).rename(real)
    Path(stored).symlink_to(real)
    with opened(stored, loader).change() as history:
        history.promote()
    assert Path(stored).is_symlink()
    assert stat.S_IMODE(os.lstat(real).st_mode) == 0o600
    assert "pending" not in VaultFile(str(real), AnsibleVault(loader, None, None)).load().stages


def test_a_store_that_others_could_read_is_for_its_user_alone_from_the_next_change_on(stored, loader):
    os.chmod(stored, 0o644)
    with opened(stored, loader).change() as history:
        history.promote()
    assert stat.S_IMODE(os.stat(stored).st_mode) == 0o600
