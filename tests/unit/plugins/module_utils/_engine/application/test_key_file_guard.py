# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each case is a process of its own: what it does to ``open``, and its audit hook, last until it ends."""

from __future__ import annotations

import multiprocessing
import os
import subprocess

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_file_guard

OWN, THROWN_AWAY = b"the own key, 32 bytes long, here", b"a key that will be thrown away!!"


def in_process(work, folder):
    """What ``work`` returns in a process that runs under the key that is thrown away, and what was put back."""

    def run(connection):
        files = key_file_guard.FilesInMemory({str(folder / "key"): THROWN_AWAY}, written=True)
        files.install()
        guard = key_file_guard.KeyFileGuard([str(folder / "key")], [THROWN_AWAY.decode()])
        guard.watch()
        try:
            result = work(folder)
        except OSError as exc:
            result = type(exc)
        connection.send((result, guard.put_back()))

    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(theirs,))
    process.start()
    theirs.close()
    answer = ours.recv()
    process.join()
    return answer


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "key").write_bytes(OWN)
    (tmp_path / "other").write_bytes(b"before")
    os.link(tmp_path / "key", tmp_path / "same")
    return tmp_path


def written_back(folder):
    path = folder / "key"
    path.write_text(path.read_text() + "\n")
    return path.read_bytes()


def appended(folder):
    with open(folder / "key", "ab") as file:
        file.write(b"\n")
    return (folder / "key").read_bytes()


def replaced(folder):
    (folder / "new").write_bytes(THROWN_AWAY + b"\n")
    os.replace(folder / "new", folder / "key")
    return (folder / "key").read_bytes()


def through_a_link(folder):
    (folder / "link").symlink_to(folder / "key")
    (folder / "link").write_bytes(THROWN_AWAY + b"\n")
    return (folder / "key").read_bytes()


def by_another_path(folder):
    """As through a bind mount: it is the same file."""
    path = folder / "same"
    path.write_text(path.read_text() + "\n")
    return (folder / "key").read_bytes()


@pytest.mark.parametrize("write", [written_back, appended, replaced, through_a_link, by_another_path])
def test_an_application_writes_its_key_file_in_memory_only(folder, write):
    assert in_process(write, folder) == (THROWN_AWAY + b"\n", [])
    assert (folder / "key").read_bytes() == OWN


def by_descriptor(folder):
    os.close(os.open(folder / "key", os.O_WRONLY | os.O_TRUNC))


@pytest.mark.parametrize(
    "change",
    [
        by_descriptor,
        lambda folder: os.truncate(folder / "key", 0),
        lambda folder: os.unlink(folder / "key"),
        lambda folder: os.rename(folder / "key", folder / "away"),
        lambda folder: (folder / "key").open("x").close(),
    ],
    ids=["descriptor", "truncate", "unlink", "rename", "create"],
)
def test_other_ways_to_change_a_key_file_are_refused(folder, change):
    refused, restored = in_process(change, folder)
    assert issubclass(refused, (PermissionError, FileExistsError))
    assert (restored, (folder / "key").read_bytes()) == ([], OWN)


@pytest.mark.parametrize("words", [["cp", "/dev/stdin"], ["rm"]], ids=["written", "removed"])
def test_what_another_program_does_to_a_key_file_is_undone_and_reported(folder, words):
    def run(folder):
        subprocess.run([*words, folder / "key"], input=THROWN_AWAY, check=True)

    (folder / "key").chmod(0o600)
    assert in_process(run, folder) == (None, [str(folder / "key")])
    assert ((folder / "key").read_bytes(), (folder / "key").stat().st_mode & 0o777) == (OWN, 0o600)


def copied(folder):
    (folder / "other").write_bytes(b"key: " + THROWN_AWAY)


def created(folder):
    (folder / "created").write_bytes(THROWN_AWAY)


def moved(folder):
    (folder / "draft").write_bytes(THROWN_AWAY)
    os.replace(folder / "draft", folder / "other")


@pytest.mark.parametrize("write", [copied, created, moved])
def test_a_copy_of_the_key_elsewhere_is_undone(folder, write):
    assert in_process(write, folder) == (None, [])
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert left == {"key": OWN, "same": OWN, "other": b"before"}


def test_other_files_are_written_as_usual(folder):
    def write(folder):
        (folder / "other").write_bytes(b"after")
        with open(folder / "log", "a") as log:
            log.write("a line")
        return (folder / "key").read_bytes()

    assert in_process(write, folder) == (THROWN_AWAY, [])
    assert ((folder / "other").read_bytes(), (folder / "log").read_bytes()) == (b"after", b"a line")


def test_no_other_file_gets_the_inode_of_a_key_file_that_is_replaced(folder):
    def remove(folder):
        subprocess.run(["rm", folder / "key", folder / "same"], check=True)
        links = [entry.path for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path)]
        return f"{folder / 'key'} (deleted)" in map(os.readlink, links)

    assert in_process(remove, folder)[0] is True


def test_a_file_too_large_to_remember_is_not_removed(folder):
    def write(folder):
        (folder / "other").write_bytes(THROWN_AWAY)

    (folder / "other").write_bytes(b"x" * (key_file_guard.LARGEST + 1))
    assert in_process(write, folder) == (None, [])
    assert (folder / "other").exists()
