# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an application while it runs under keys that it does not have: none of them gets such a key.

An application may write its key back to the file from which it reads it, or keep a copy of it in another file. Under
keys that are thrown away, this would replace the only key that opens its data.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

SHORTEST = 8  # bytes of a key that is looked for in files
LARGEST = 1 << 20  # bytes of a file that is remembered
MOST = 500  # files that are remembered
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events that change what is at a path, and which of their arguments are such paths (PEP 578).
_CHANGES = {
    "os.link": (1,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.symlink": (1,),
    "os.truncate": (0,),
}


class FilesInMemory:
    """Files that this process reads, and may write, in memory instead of on disk. ``texts`` are their contents.

    Another path of the same file, such as a bind mount in a container, has the same content.
    """

    def __init__(self, texts: Mapping[str, bytes], *, written: bool) -> None:
        """``written`` is whether what is written to them stays in memory too."""
        self.texts = dict(texts)
        self._written = written
        self._paths: dict[tuple[int, int] | None, str] = {}

    def install(self) -> None:
        """Have every ``open`` of this process use them, and every file that replaces one of them."""
        self._paths = {identity: path for path in self.texts if (identity := _kept_identity(path))}
        builtins.open = io.open = self._instead_of(builtins.open)
        if self._written:
            os.replace, os.rename = self._replacing(os.replace), self._replacing(os.rename)

    def _instead_of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opened(
            file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, *rest: Any, **more: Any
        ) -> Any:
            path = self._path_of(file)
            writes = bool(set(mode) & set("wax+"))
            if path not in self.texts or (writes and not self._written):
                return real(file, mode, buffering, encoding, *rest, **more)
            raw = self._writable(path, mode) if writes else io.BytesIO(self.texts[path])
            return raw if "b" in mode else io.TextIOWrapper(raw, encoding or "utf-8")

        return opened

    def _path_of(self, file: Any) -> str | None:
        """Return the path by which ``texts`` has a file, or its own path."""
        path = real_path(file)
        if path is None or path in self.texts:
            return path
        return self._paths.get(_identity(path), path)

    def _writable(self, path: str, mode: str) -> io.BytesIO:
        if "x" in mode:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        raw = _WrittenInMemory(self.texts, path, b"" if "w" in mode else self.texts[path])
        raw.seek(0, os.SEEK_END if "a" in mode else os.SEEK_SET)
        return raw

    def _replacing(self, real: Callable[..., None]) -> Callable[..., None]:
        def replace(source: Any, target: Any, **options: Any) -> None:
            path = real_path(target)
            if path not in self.texts:
                real(source, target, **options)
                return
            self.texts[path] = Path(source).read_bytes()
            os.unlink(source)

        return replace


class _WrittenInMemory(io.BytesIO):
    """A file open for writing, whose content is kept when it is closed."""

    def __init__(self, texts: dict[str, bytes], path: str, content: bytes) -> None:
        super().__init__(content)
        self._texts, self._path = texts, path

    def close(self) -> None:
        if not self.closed:
            self._texts[self._path] = self.getvalue()
        super().close()


class KeyFileGuard:
    """Refuses to change key files, and puts back other files that the application writes such a key into."""

    def __init__(self, key_files: Collection[str], keys: Collection[str]) -> None:
        self._key_files = {os.path.realpath(path) for path in key_files}
        self._keys = [key.encode("utf-8") for key in keys if len(key) >= SHORTEST]
        self._before = {path: _content(path) for path in self._key_files}
        self._starts, self._restores = True, False

    def watch(self) -> None:
        """Watch this process until it ends. Python cannot remove an audit hook."""
        sys.addaudithook(self._hear)

    def put_back(self) -> list[str]:
        """Put back each file that was given one of these keys at the start, and key files that are gone. Return the key
        files among them: a program that the application started has changed them."""
        self._starts, self._restores = False, True
        try:
            restored = [path for path, before in self._before.items() if self._is_lost(path, before)]
            for path in restored:
                _restore(path, self._before[path])
        finally:
            self._restores = False
        return sorted(self._key_files.intersection(restored))

    def _is_lost(self, path: str, before: bytes | None) -> bool:
        now = _content(path)
        if now is None:
            return path in self._key_files and before is not None
        return any(key in now and key not in (before or b"") for key in self._keys)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            file, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES:
                self._change(file, whole=bool(flags & os.O_TRUNC))
        elif event in _CHANGES:
            for place in _CHANGES[event]:
                self._change(arguments[place], whole=True)

    def _change(self, file: Any, *, whole: bool) -> None:
        path = real_path(file)
        if path is None or self._restores:
            return
        if path in self._key_files:
            raise PermissionError(errno.EACCES, "a process under other keys changes no key file", path)
        # What is only added to a file, such as a log, other processes may add to as well.
        if not self._starts or path in self._before or len(self._before) >= MOST:
            return
        if not os.path.lexists(path):
            self._before[path] = None
        elif whole and (content := _content(path)) is not None:  # what is not remembered cannot be put back
            self._before[path] = content


def real_path(file: Any) -> str | None:
    """The path of a file without links; None for a file descriptor."""
    return os.path.realpath(os.fsdecode(file)) if isinstance(file, (str, bytes, os.PathLike)) else None


def _identity(file: str | int) -> tuple[int, int] | None:
    """Return what tells a file from all others, whatever its path. None if there is no file."""
    with contextlib.suppress(OSError, ValueError):
        status = os.stat(file)
        return status.st_dev, status.st_ino
    return None


def _kept_identity(path: str) -> tuple[int, int] | None:
    """Return the identity of a file. It is not closed, so that no other file gets its inode after it is replaced."""
    with contextlib.suppress(OSError):
        return _identity(os.open(path, os.O_PATH))
    return None


def _content(path: str) -> bytes | None:
    """What a file contains; None if there is none, or if it is too large or not a regular file."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > LARGEST:
            return None
        with io.FileIO(path) as file:
            return file.readall()
    except OSError:
        return None


def _restore(path: str, before: bytes | None) -> None:
    if before is None:
        os.unlink(path)
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(before)
