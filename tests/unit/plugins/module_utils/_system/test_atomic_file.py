# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_a_new_file_is_private(folder):
    atomic_file.replace(str(folder / "file"), b"new")
    assert (folder / "file").read_bytes() == b"new"
    assert mode(folder / "file") == 0o600


def test_a_new_file_gets_the_mode_asked_for_whatever_the_umask(folder):
    before = os.umask(0o077)
    try:
        atomic_file.replace(str(folder / "file"), b"new", mode=0o644)
    finally:
        os.umask(before)
    assert mode(folder / "file") == 0o644


def test_an_existing_file_keeps_its_mode(folder):
    path = folder / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    atomic_file.replace(str(path), b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_existing_file_keeps_its_owner_and_its_set_bits(folder):
    path = folder / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o2640)
    atomic_file.replace(str(path), b"new")
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (1234, 2345, 0o2640)


# acl(5) as the kernel keeps it: version 2, then tag, rights and id of each entry; user 1234 may read here.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in [(1, 6, 2**32 - 1), (2, 4, 1234), (4, 0, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)]
)


def test_a_folder_does_not_give_its_group_to_an_existing_file(folder):
    groups = [group for group in (os.getgroups() or [os.getegid()]) if group != os.getegid()]
    if os.geteuid() == 0:
        groups = [2345]
    elif not groups:
        pytest.skip("this user is in no second group")
    path = folder / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    before = path.stat()
    os.chown(folder, -1, groups[0])
    folder.chmod(0o2770)
    atomic_file.replace(str(path), b"new")
    after = path.stat()
    assert (after.st_uid, after.st_gid, mode(path)) == (before.st_uid, before.st_gid, 0o640)


def test_a_folder_does_not_give_its_default_acl_to_an_existing_file(folder):
    path = folder / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    try:
        os.setxattr(folder, "system.posix_acl_default", ACL)
    except (AttributeError, OSError) as exc:
        pytest.skip(f"a default ACL cannot be set here: {exc}")
    atomic_file.replace(str(path), b"new")
    assert atomic_file.ACL not in os.listxattr(path)
    assert mode(path) == 0o640


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        pytest.param("user.note", b"ours", id="own"),
        pytest.param("system.posix_acl_access", ACL, id="ACL"),
        pytest.param("security.selinux", b"system_u:object_r:httpd_config_t:s0\0", id="SELinux context"),
    ],
)
def test_an_existing_file_keeps_its_extended_attributes(folder, attribute, value):
    path = folder / "file"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, attribute, value)
    except (AttributeError, OSError) as exc:
        pytest.skip(f"{attribute} cannot be set here: {exc}")
    before = mode(path)
    atomic_file.replace(str(path), b"new")
    assert os.getxattr(path, attribute) == value
    assert mode(path) == before


def test_the_kernels_digests_of_the_old_content_are_not_carried_over(folder, monkeypatch):
    path = folder / "file"
    path.write_bytes(b"old")
    carried = []
    monkeypatch.setattr(os, "listxattr", lambda *args, **named: ["security.ima", "security.evm", "user.note"])
    monkeypatch.setattr(os, "getxattr", lambda *args, **named: b"")
    monkeypatch.setattr(os, "setxattr", lambda place, attribute, value: carried.append(attribute))
    atomic_file.replace(str(path), b"new")
    assert carried == ["user.note"]


def test_whoever_reads_meanwhile_reads_the_whole_old_file(folder):
    path = folder / "file"
    path.write_bytes(b"old")
    with path.open("rb", buffering=0) as reader:
        assert reader.read(1) == b"o"
        atomic_file.replace(str(path), b"NEW")
        assert reader.read() == b"ld"
    assert path.read_bytes() == b"NEW"


def test_what_a_killed_run_left_is_taken_away(folder):
    (folder / ".file.key_rotation.tmp").write_bytes(b"half")
    atomic_file.replace(str(folder / "file"), b"new")
    assert os.listdir(folder) == ["file"]


def test_of_writers_at_the_same_time_none_takes_the_file_of_another_away(folder):
    path = folder / "written"
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda number: atomic_file.replace(str(path), b"whole"), range(400)))
    assert os.listdir(folder) == ["written"]
    assert path.read_bytes() == b"whole"


def test_a_link_in_the_place_of_the_private_file_is_not_followed(folder):
    victim = folder / "victim"
    victim.write_bytes(b"theirs")
    (folder / ".file.key_rotation.tmp").symlink_to(victim)
    atomic_file.replace(str(folder / "file"), b"new")
    assert victim.read_bytes() == b"theirs"
    assert sorted(os.listdir(folder)) == ["file", "victim"]


def test_a_write_that_fails_leaves_the_old_file_alone(folder, full_disk):
    path = folder / "file"
    path.write_bytes(b"old")
    with full_disk(), pytest.raises(OSError, match="too large"):
        atomic_file.replace(str(path), b"new and far too long")
    assert path.read_bytes() == b"old"
    assert os.listdir(folder) == ["file"]


def test_a_rename_that_fails_leaves_no_private_file(folder):
    (folder / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        atomic_file.replace(str(folder / "taken"), b"new")
    assert os.listdir(folder) == ["taken"]


def test_a_file_in_the_working_directory_needs_no_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    atomic_file.replace("file", b"new")
    assert (folder / "file").read_bytes() == b"new"


def test_a_private_folder_is_made_for_its_user_alone(folder):
    atomic_file.private_folder(str(folder / "private"))
    assert mode(folder / "private") == 0o700


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_every_folder_that_is_missing_above_it_is_private_too(folder, umask):
    folder.chmod(0o755)
    before = os.umask(umask)
    try:
        atomic_file.private_folder(str(folder / "a" / "b" / "c"))
    finally:
        os.umask(before)
    assert [mode(path) for path in (folder / "a", folder / "a/b", folder / "a/b/c")] == [0o700] * 3
    assert mode(folder) == 0o755


def test_a_folder_that_is_there_is_left_as_it_is(folder):
    folder.chmod(0o755)
    atomic_file.private_folder(str(folder))
    assert mode(folder) == 0o755


def test_a_file_in_the_place_of_a_folder_is_an_error(folder):
    (folder / "taken").write_bytes(b"")
    for path in (folder / "taken", folder / "taken" / "private"):
        with pytest.raises(OSError, match=r"directory|exists"):
            atomic_file.private_folder(str(path))
    assert (folder / "taken").is_file()


def test_a_link_is_not_replaced_and_what_it_leads_to_left_behind(folder):
    (folder / "real").write_bytes(b"old")
    (folder / "file").symlink_to(folder / "real")
    with pytest.raises(OSError, match="symbolic links"):
        atomic_file.replace(str(folder / "file"), b"new")
    assert ((folder / "file").is_symlink(), (folder / "real").read_bytes()) == (True, b"old")
    assert sorted(os.listdir(folder)) == ["file", "real"]


def test_an_existing_file_keeps_no_more_of_its_mode_than_it_may(folder):
    path = folder / "file"
    path.write_bytes(b"old")
    path.chmod(0o664)
    atomic_file.replace(str(path), b"new", most=0o600)
    assert mode(path) == 0o600


def test_a_file_is_created_private_and_only_where_nothing_is(folder):
    path = folder / "file"
    atomic_file.create(str(path), b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    (folder / "link").symlink_to(folder / "nowhere")
    for taken in ("file", "link"):
        with pytest.raises(FileExistsError):
            atomic_file.create(str(folder / taken), b"other")
    assert path.read_bytes() == b"new"
    assert sorted(os.listdir(folder)) == ["file", "link"]


def test_a_folder_that_another_process_keeps_locked_is_no_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_file, "LOCK_SECONDS", 0.2)
    hold = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_EX); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "1\n"
        with pytest.raises(BlockingIOError) as refused, atomic_file.folder_lock(str(tmp_path)):
            pass
        assert refused.value.strerror == f"process {other.pid} keeps {tmp_path} locked"
        other.communicate("\n")
    with atomic_file.folder_lock(str(tmp_path)):
        pass
