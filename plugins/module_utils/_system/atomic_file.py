# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace a file in one step, so that neither a reader nor a crash ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator

SUFFIX = ".tmp"
LOCK_SECONDS, LOCK_POLL = 60.0, 0.05
ACL = "system.posix_acl_access"
OF_THE_CONTENT = ("security.ima", "security.evm")  # the kernel's own digests: those of the old bytes are wrong


EVERY_MODE = 0o7777


class LeftBehindError(OSError):
    """The private file ``filename`` cannot be removed. It holds what was to be written."""


class OwnerNotKeptError(OSError):
    """The new file cannot have the owner and group of the old one, ``filename``."""


def is_path(text: str) -> bool:
    """Return whether the text can be a path: it has no NUL and no half of a character."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def replace(path: str, data: bytes, *, mode: int = 0o600, most: int = EVERY_MODE) -> None:
    """Write ``data`` to ``path`` by a private file next to it, fsync and rename.

    An existing file keeps its owner, its group and its extended attributes, such as POSIX ACLs and SELinux contexts. It
    keeps its mode, too, without the bits beyond ``most``. A new file gets ``mode``. Raise OSError, with ELOOP for a
    symbolic link, whose target would be left behind. Raise OwnerNotKeptError if this user cannot give a file to that
    owner and group.
    """
    with prepared(path, data, mode=mode, most=most) as private:
        os.rename(private, path)
    sync_folder(os.path.dirname(path))


def read(path: str) -> bytes:
    """Return the content of a regular file, or of the one that a link leads to. Raise OSError for other files: a FIFO
    might never answer."""
    place = os.path.realpath(path)
    if not stat.S_ISREG(os.lstat(place).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    with open(place, "rb") as handle:
        return handle.read()


def create(path: str, data: bytes) -> None:
    """Write ``data`` to a new file, 0600, in one step. Raise FileExistsError if anything is there, even a link."""
    folder, name = os.path.split(path)
    with tempfile.NamedTemporaryFile(dir=folder or ".", prefix=f".{name}.") as private:
        private.write(data)
        private.flush()
        os.fsync(private.fileno())
        os.link(private.name, path)
    sync_folder(folder)


@contextlib.contextmanager
def prepared(path: str, data: bytes, *, mode: int = 0o600, most: int = EVERY_MODE) -> Iterator[str]:
    """Yield a private file next to ``path`` that durably holds ``data``, with the attributes of ``path`` or those that
    it will have.

    The block renames or removes it; an error removes it too. No other writer has this name, so a writer renames only
    what it wrote itself. The next run removes what a killed one left. Raise OSError, and LeftBehindError if an error
    leaves the file there.
    """
    discard_leftover(path)
    descriptor, private = _make_private(path)
    try:
        with os.fdopen(descriptor, "wb") as handle:  # open, and so locked, until the block is done with the file
            _copy_attributes(path, handle.fileno(), mode, most)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
            yield private
    except BaseException:
        _take_away(private)
        raise


def discard_leftover(path: str) -> None:
    """Remove every private file next to ``path`` that a killed writer left. A writer that works has a lock on its own.

    Raise OSError, LeftBehindError."""
    folder, prefix = _private(path)
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.startswith(prefix) and name.endswith(SUFFIX):
                _discard(os.path.join(folder, name))


def _make_private(path: str) -> tuple[int, str]:
    """Create a private file, and lock it until it is closed. Another writer may take it away before it is locked."""
    folder, prefix = _private(path)
    while True:
        descriptor, private = tempfile.mkstemp(SUFFIX, prefix, folder)
        with contextlib.ExitStack() as otherwise:
            otherwise.callback(os.close, descriptor)
            otherwise.callback(_take_away, private)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                otherwise.pop_all()
                return descriptor, private


def _discard(private: str) -> None:
    """Take a private file away, unless its writer has it locked. It stays locked until it is gone."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # not ours to read, or on a file system without locks
            descriptor = os.open(private, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            held.callback(os.close, descriptor)
            if not _locked(descriptor):
                return
        _take_away(private)


def _take_away(private: str) -> None:
    try:
        os.unlink(private)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise LeftBehindError(exc.errno, exc.strerror, private) from None


def _private(path: str) -> tuple[str, str]:
    """The folder of the private files of ``path``, and how their names begin."""
    folder, name = os.path.split(path)
    return folder or os.curdir, f".{name}.key_rotation."


def _copy_attributes(path: str, descriptor: int, mode: int, most: int) -> None:
    try:
        old = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        os.fchmod(descriptor, mode)
        return
    if stat.S_ISLNK(old.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    new = os.fstat(descriptor)  # a folder with the set-group-ID bit gives its group
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError as exc:
            raise OwnerNotKeptError(exc.errno, exc.strerror, path) from None
    if hasattr(os, "listxattr"):
        _copy_extended_attributes(path, descriptor)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & most)  # last: it is the mask of an ACL too


def _copy_extended_attributes(path: str, descriptor: int) -> None:
    kept = [name for name in os.listxattr(path, follow_symlinks=False) if name not in OF_THE_CONTENT]
    if ACL in os.listxattr(descriptor) and ACL not in kept:  # by the default ACL of the folder (acl(5))
        os.removexattr(descriptor, ACL)
    for name in kept:
        os.setxattr(descriptor, name, os.getxattr(path, name, follow_symlinks=False))


def sync_folder(folder: str) -> None:
    """Make a rename or a new name in ``folder`` durable."""
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def folder_lock(folder: str) -> Iterator[None]:
    """Hold the folder against other holders of this lock on this machine; the system frees it with the process.

    Raise OSError: a BlockingIOError if another process holds the lock for longer than any of ours does.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    end = time.monotonic() + LOCK_SECONDS
    try:
        while not _locked(descriptor):
            if time.monotonic() > end:
                raise BlockingIOError(
                    errno.EWOULDBLOCK, f"process {_find_lock_holder(descriptor)} keeps {folder} locked", folder
                )
            time.sleep(LOCK_POLL)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _find_lock_holder(descriptor: int) -> str:
    """Return which process holds the lock of a file, from proc_locks(5)."""
    inode = f":{os.fstat(descriptor).st_ino}"
    with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii") as locks:
        for words in map(str.split, locks):
            if words[1] == "FLOCK" and words[5].endswith(inode):
                return words[4]
    return "(unknown)"


def private_folder(path: str) -> None:
    """Create ``path`` and all missing folders above it with mode 0700. Raise OSError."""
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        private_folder(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):  # another process may be making it too
            os.mkdir(path, mode=0o700)
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        sync_folder(os.path.dirname(path))
