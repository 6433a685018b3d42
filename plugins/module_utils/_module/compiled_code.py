# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled files of this collection, kept on a host, so that one process of a run compiles them for all.

The file belongs to the user, like Python's own compiled files. Whoever can change it can change the application's code
too. It holds no keys and no values.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import marshal
import os
import pwd
import stat
import tempfile
import time
from types import CodeType

FOLDER = ".cache/key_rotation"
SUFFIX = ".code"
MOST_DAYS = 30  # after which a file of another release goes
DIGEST_BYTES = hashlib.sha256().digest_size


class CompiledCode:
    """Compiled code by the path of its source file.

    It is read from ``path`` if that file is intact and belongs to this user.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._codes = _read(path)
        self._known = len(self._codes)

    def code_of(self, path: str, text: str) -> CodeType:
        """The code of a file, compiled if that was not done before."""
        if path not in self._codes:
            self._codes[path] = marshal.dumps(compile(text, path, "exec", dont_inherit=True))
        code: CodeType = marshal.loads(self._codes[path])  # noqa: S302  # of a file that is our own, and whole
        return code

    def save(self) -> None:
        """Keep what was compiled. If that fails, the next process compiles again."""
        if len(self._codes) == self._known or not self._path:
            return
        body = marshal.dumps(self._codes)
        folder = os.path.dirname(self._path)
        with contextlib.suppress(OSError):
            os.makedirs(folder, 0o700, exist_ok=True)
            _remove_old(folder)
            handle, new_path = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(body).digest() + body)
            os.replace(new_path, self._path)


def path_of(packed: str) -> str:
    """Return where the compiled files are kept. Empty for a user without a home folder."""
    with contextlib.suppress(KeyError):
        home = pwd.getpwuid(os.geteuid()).pw_dir  # HOME may be another user's, after su or sudo
        name = hashlib.sha256(importlib.util.MAGIC_NUMBER + packed.encode()).hexdigest()
        return os.path.join(home, FOLDER, f"{name[:32]}{SUFFIX}")
    return ""


def _read(path: str) -> dict[str, bytes]:
    """Return what is kept at ``path``. Empty if it is damaged, or if another user could have written it."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            content = file.read() if ours and stat.S_ISREG(status.st_mode) else b""
        if hashlib.sha256(content[DIGEST_BYTES:]).digest() == content[:DIGEST_BYTES]:
            codes: dict[str, bytes] = marshal.loads(content[DIGEST_BYTES:])  # noqa: S302
            return codes
    return {}


def _remove_old(folder: str) -> None:
    for entry in os.scandir(folder):
        if entry.name.endswith(SUFFIX) and entry.stat().st_mtime < time.time() - MOST_DAYS * 86400:
            os.unlink(entry.path)
