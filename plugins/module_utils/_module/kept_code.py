# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of this collection, kept on a host, so that it is sent them once, and one process compiles them for all.

The file belongs to the user, like Python's own compiled files. Whoever can change it can change the application's code
too. It holds no keys and no values.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import marshal
import os
import pwd
import stat
import tempfile
import time
import zlib
from types import CodeType

FOLDER = ".cache/key_rotation"
SUFFIX = ".code"
MOST_DAYS = 30  # after which a file of another release goes
DIGEST_BYTES = hashlib.sha256().digest_size


class KeptCode:
    """The texts of files, by their path, and their compiled code. Empty if there are neither.

    They are read from ``path`` if that file is intact and belongs to this user. ``packed`` are the texts, as compressed
    JSON, if they came with the task.
    """

    def __init__(self, path: str, packed: bytes = b"") -> None:
        self._path = path
        kept, self._codes = _read(path)
        self._packed = packed or kept
        self.is_kept = bool(kept)
        self._known = len(self._codes) if kept else -1

    def __bool__(self) -> bool:
        return bool(self._packed)

    def first_of(self, *paths: str) -> str:
        """The first of these paths that has a file. Empty if no path has one."""
        compiled = (path for path in paths if path in self._codes)
        return next(compiled, None) or next((path for path in paths if path in self._texts), "")

    def text_of(self, path: str) -> str:
        return self._texts[path]

    def code_of(self, path: str) -> CodeType:
        """The code of a file, compiled if that was not done before."""
        if path not in self._codes:
            self._codes[path] = marshal.dumps(compile(self._texts[path], path, "exec", dont_inherit=True))
        code: CodeType = marshal.loads(self._codes[path])  # noqa: S302  # of a file that is our own, and whole
        return code

    def save(self) -> None:
        """Keep the texts, and what was compiled. If that fails, ``is_kept`` stays as it is."""
        if len(self._codes) == self._known or not self._path:
            return
        body = marshal.dumps((self._packed, self._codes))
        folder = os.path.dirname(self._path)
        with contextlib.suppress(OSError):
            os.makedirs(folder, 0o700, exist_ok=True)
            _remove_old(folder)
            # The file that a killed process leaves is removed as an old one.
            handle, new_path = tempfile.mkstemp(SUFFIX, dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_digest(self._path, body) + body)
                os.replace(new_path, self._path)
            except OSError:  # a full disk is not to fill with the beginnings of files
                os.unlink(new_path)
                raise
            self.is_kept = True

    @functools.cached_property
    def _texts(self) -> dict[str, str]:
        texts: dict[str, str] = json.loads(zlib.decompress(self._packed))
        return texts


def path_of(digest: str) -> str:
    """Return where the files with this digest are kept. Empty for a user without a home folder."""
    with contextlib.suppress(KeyError):
        home = pwd.getpwuid(os.geteuid()).pw_dir  # HOME may be another user's, after su or sudo
        name = hashlib.sha256(importlib.util.MAGIC_NUMBER + digest.encode()).hexdigest()
        return os.path.join(home, FOLDER, f"{name[:32]}{SUFFIX}")
    return ""


def _read(path: str) -> tuple[bytes, dict[str, bytes]]:
    """Return what is kept at ``path``. Empty if it is damaged, or if another user could have written it."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            content = file.read() if ours and stat.S_ISREG(status.st_mode) else b""
        if _digest(path, content[DIGEST_BYTES:]) == content[:DIGEST_BYTES]:
            packed, codes = marshal.loads(content[DIGEST_BYTES:])  # noqa: S302
            return packed, codes
    return b"", {}


def _digest(path: str, body: bytes) -> bytes:
    """Return the digest of a file with its name. Whoever may write to the folder could rename another one."""
    return hashlib.sha256(os.path.basename(path).encode() + body).digest()


def _remove_old(folder: str) -> None:
    for entry in os.scandir(folder):
        if entry.name.endswith(SUFFIX) and entry.stat().st_mtime < time.time() - MOST_DAYS * 86400:
            os.unlink(entry.path)
