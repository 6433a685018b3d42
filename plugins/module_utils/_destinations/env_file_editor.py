# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and set variables in the .env file of an application, without changing any other byte.

What the readers of a dialect would interpret differently or change is refused and never guessed (measurements:
docs/design/env-files.md).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._errors.base import RotationError
from .._errors.env_file import (
    EnvBindmount,
    EnvChanged,
    EnvDuplicate,
    EnvEncoding,
    EnvFolder,
    EnvInImage,
    EnvKeyEmpty,
    EnvKeyMissing,
    EnvMissing,
    EnvMode,
    EnvPath,
    EnvRead,
    EnvReadback,
    EnvReader,
    EnvSyntax,
    EnvUnsafe,
    EnvWrite,
    listed_by,
)
from .._errors.option_names import variable_of
from .._system import atomic_file, container_layer, users
from . import env_file_dialects
from .destination_interface import DestinationChange
from .env_file_dialects import DIALECTS, Dialect

MAX_BYTES = 1 << 20
MAX_LINES = 10_000
RIGHT = "Give {user} write permission for the file and its folder."
ROOM = "Free space on its file system, or raise the quota, then run the same command again."
FIX = "Fix the cause, then run the same command again."
ADVICE = {
    errno.EPERM: RIGHT,
    errno.EACCES: RIGHT,
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EROFS: "Mount its file system writable, then run the same command again.",
}
LEFT = "{private} contains the keys that should have been written, and could not be removed: delete it."
FS_IOC_GETFLAGS = 0x80086601  # linux/fs.h, as the flags are: that of a file and the letter that chattr(1) has for it
FLAGS = {0x10: ("immutable", "i"), 0x20: ("append-only", "a")}
# The values say which of its names encrypt, and the file does not.
PROPOSED = f"{variable_of('keys')}: [...], which the plan playbook proposes"
MAY_BE_EMPTY = {"SECRET_KEY_FALLBACKS"}  # a list of keys that are in use no more
HIDDEN_BY = (
    "it is hidden by 'export', an indent, quotes or spaces around the name, a missing '=' or a backslash at the end of "
    "the previous line"
)
_SETS = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=", re.ASCII | re.MULTILINE)
OTHERS = stat.S_IRWXO | stat.S_IWGRP  # the rights that make a mode too loose: more than 0640 gives


@dataclass(frozen=True)
class Assignment:
    """One line that sets a name: the place of its value and its quotes. ``value`` never shows in a repr."""

    name: str
    line: int
    start: int  # offsets of the value with its quotes, in characters of the text
    end: int
    quote: str
    value: str

    def __repr__(self) -> str:
        return f"Assignment({self.name}, line {self.line})"


def read_text(path: str, *, is_secret: bool = True) -> str:
    """Return the whole file as text. A file without secrets, such as an encrypted key, may be open to readers.

    Raise E_ENV_* if the path is not absolute or not a plain private file. Raise it for bytes that are not UTF-8, too:
    every reader fails on those.
    """
    refuse_path(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise EnvMissing(path=path) from None
    except OSError as exc:
        if os.path.islink(path):
            raise EnvUnsafe(path=path, kind="a symbolic link") from None
        raise EnvRead(path=path, reason=exc.strerror, user=users.own_name()) from None
    try:
        _refuse_unsafe(path, os.fstat(descriptor), OTHERS if is_secret else OTHERS & ~stat.S_IROTH)
        with os.fdopen(os.dup(descriptor), "rb") as handle:
            raw = handle.read()
    except OSError as exc:
        raise EnvRead(path=path, reason=exc.strerror, user=users.own_name()) from None
    finally:
        os.close(descriptor)
    return _decoded(raw, path)


def refuse_path(path: str) -> None:
    """Raise E_ENV_PATH unless it is absolute, without '..', and of characters that a path can have."""
    if not atomic_file.is_path(path) or not os.path.isabs(path) or path.startswith("//") or ".." in path.split(os.sep):
        raise EnvPath(path=path.replace("\0", "?").encode("utf-8", "replace").decode())


def _refuse_unsafe(path: str, status: os.stat_result, loose: int) -> None:
    if container_layer.is_lost(path):
        raise EnvInImage(path=path)
    if not stat.S_ISREG(status.st_mode):
        raise EnvUnsafe(path=path, kind="not a regular file")
    if status.st_nlink > 1:
        raise EnvUnsafe(path=path, kind=f"one of {status.st_nlink} hard links")
    if status.st_size > MAX_BYTES:
        raise EnvUnsafe(path=path, kind=f"larger than {MAX_BYTES} bytes")
    if status.st_mode & loose:
        raise EnvMode(path=path, mode=f"{stat.S_IMODE(status.st_mode):04o}")
    folder = os.path.dirname(path)
    mode = os.stat(folder).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise EnvFolder(path=path, folder=folder, mode=f"{stat.S_IMODE(mode):04o}")


def _decoded(raw: bytes, path: str) -> str:
    """Return the bytes as text. An error names line and column, never the byte: it may be part of a key."""
    if raw.count(b"\n") > MAX_LINES:
        raise EnvUnsafe(path=path, kind=f"longer than {MAX_LINES} lines")
    fault, place = "a byte that is not UTF-8", raw.find(b"\0")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        place = exc.start
    else:
        fault = "a NUL"
        if place < 0:
            return text
    line, column = raw[:place].count(b"\n") + 1, place - raw.rfind(b"\n", 0, place)
    raise EnvEncoding(path=path, line=line, fault=f"{fault} (column {column})")


def assignments(text: str, names: Sequence[str], path: str, dialect: str = "dotenv") -> dict[str, Assignment]:
    """Return the one line of each name.

    Raise E_ENV_DUPLICATE, E_ENV_SYNTAX, E_ENV_ENCODING, E_ENV_KEY_MISSING or E_ENV_KEY_EMPTY.
    """
    model = DIALECTS[dialect]
    if text.startswith(env_file_dialects.BOM) and not model.takes_bom:
        hides = f"a byte order mark, which hides the first variable from {model.reader}"
        raise EnvEncoding(path=path, line=1, fault=hides)
    command = env_file_dialects.first_command(model, text)
    if command and names:
        may = f"may be set or hidden by this line: it is not a plain assignment, and {model.reader} runs it"
        raise EnvSyntax(path=path, line=command, name=", ".join(names), fault=may)
    assigned: dict[str, Assignment] = {}
    for line in env_file_dialects.lines(model, text, names):
        if line.rest is None:
            skipped = f"is set by this line, but not for {model.reader}: {HIDDEN_BY}"
            raise EnvSyntax(path=path, line=line.number, name=line.name, fault=skipped)
        if line.name in assigned:
            raise EnvDuplicate(path=path, line=line.number, name=line.name, first=assigned[line.name].line)
        assigned[line.name] = _assignment(model, line, line.rest, path)
    for name in names:
        if name not in assigned:
            raise EnvKeyMissing(path=path, name=name, line=PROPOSED, listed=listed_by(names))
        if not assigned[name].value and name not in MAY_BE_EMPTY:
            raise EnvKeyEmpty(path=path, line=assigned[name].line, name=name)
    return assigned


def _assignment(model: Dialect, line: env_file_dialects.EnvLine, rest: str, path: str) -> Assignment:
    quote = rest[:1] if rest[:1] in ("'", '"') else ""
    match = model.styles[quote].match(rest)
    if match is None:
        fault = f"has a value that {model.reader} changes or that its versions disagree on"
        raise EnvSyntax(path=path, line=line.number, name=line.name, fault=fault)
    end = line.start + match.start("tail")
    return Assignment(name=line.name, line=line.number, start=line.start, end=end, quote=quote, value=match["value"])


def read(path: str, names: Sequence[str], *, every: bool = True, dialect: str = "dotenv") -> dict[str, str]:
    """Return the values of ``names`` in the file. If this Python has the dialect's real reader, it must agree.

    Without ``every``, names that are not set are left out.
    """
    text = read_text(path)
    if not every:
        there = {line.name for line in env_file_dialects.lines(DIALECTS[dialect], text, names)}
        names = [name for name in names if name in there]
    values = {name: assignment.value for name, assignment in assignments(text, names, path, dialect).items()}
    _compare_with_reader(text, values, path, dialect)
    return values


def everything(path: str, dialect: str = "dotenv") -> dict[str, str]:
    """Return the value of each name that the file sets, without those whose lines would be refused."""
    values = {}
    for name in dict.fromkeys(_SETS.findall(read_text(path))):
        with contextlib.suppress(RotationError):
            values.update(read(path, [name], dialect=dialect))
    return values


def variables(path: str, dialect: str) -> dict[str, str]:
    """Return what the reader of the file sets, whoever may read the file.

    The last line of a name counts. A value on which versions of the reader disagree is left out. Raise E_ENV_MISSING,
    E_ENV_READ or E_ENV_ENCODING.
    """
    text = _read_any(path)
    model, values = DIALECTS[dialect], {}
    for line in env_file_dialects.lines(model, text, _SETS.findall(text)):
        if line.rest is not None:
            with contextlib.suppress(EnvSyntax):
                values[line.name] = _assignment(model, line, line.rest, path).value
    return values


def looks_set(path: str, name: str, dialect: str) -> bool:
    """Return whether a line sets ``name``, or seems to, whoever may read the file. Raise the errors of
    ``variables``."""
    return any(True for _ in env_file_dialects.lines(DIALECTS[dialect], _read_any(path), [name]))


def _read_any(path: str) -> str:
    """Read a file that will not be changed, so that it may be a link and open to others."""
    try:
        with open(path, "rb") as handle:
            return _decoded(handle.read(), path)
    except FileNotFoundError:
        raise EnvMissing(path=path) from None
    except OSError as exc:
        raise EnvRead(path=path, reason=exc.strerror, user=users.own_name()) from None


def rewritten(text: str, values: Mapping[str, str], path: str, dialect: str = "dotenv") -> str:
    """Return ``text`` with each name set to its value, in the line's own quoting or in one that the reader returns
    unchanged.

    Raise E_ENV_SYNTAX if there is no such quoting, and E_ENV_READER if the new text is read differently.
    """
    lines = assignments(text, list(values), path, dialect)
    for name, line in sorted(lines.items(), key=lambda item: -item[1].start):
        text = text[: line.start] + _quoted(DIALECTS[dialect], values[name], line, path) + text[line.end :]
    reread = {name: line.value for name, line in assignments(text, list(values), path, dialect).items()}
    for name, value in values.items():
        if reread[name] != value:
            raise EnvReader(path=path, name=name, reader=f"our model of {DIALECTS[dialect].reader}")
    _compare_with_reader(text, values, path, dialect)
    return text


def _quoted(model: Dialect, value: str, line: Assignment, path: str) -> str:
    for quote in dict.fromkeys([line.quote, "'", '"', ""]):
        written = env_file_dialects.literal(model, quote, value)
        if written is not None:
            return written
    cannot = f"cannot be written so that {model.reader} returns it unchanged"
    raise EnvSyntax(path=path, line=line.line, name=line.name, fault=cannot)


def _compare_with_reader(text: str, values: Mapping[str, str], path: str, dialect: str) -> None:
    """Raise an error unless the real reader agrees with our model. If this Python does not have it, the model
    decides."""
    real_values = env_file_dialects.read_for_real(dialect, text, list(values))
    for name, value in values.items():
        if real_values is not None and real_values.get(name) != value:
            raise EnvReader(path=path, name=name, reader=DIALECTS[dialect].reader)


@contextlib.contextmanager
def held(paths: Iterable[str]) -> Iterator[None]:
    """Lock the folders of the files against other runs on this machine, from the reading of a file to its switch.

    Raise E_ENV_WRITE.
    """
    with contextlib.ExitStack() as folders:
        for folder in sorted({os.path.realpath(os.path.dirname(path)) for path in paths}):  # one order: no deadlock
            try:
                folders.enter_context(atomic_file.folder_lock(folder))
            except FileNotFoundError:
                continue  # reading the file reports that it is missing
            except OSError as exc:
                raise _refused(folder, exc) from None
        yield


@dataclass(frozen=True, repr=False)
class FileChange(DestinationChange):
    """A new text for a file, which replaces the old one in one durable step.

    Raise E_ENV_CHANGED if the file no longer has its old text, E_ENV_BINDMOUNT or E_ENV_WRITE if it cannot be replaced.
    """

    path: str
    old_text: str
    new_text: str
    is_secret: bool = True

    @property
    def place(self) -> str:
        return self.path

    def rehearse(self) -> None:
        with self._prepared_file() as private:
            _run_file_act(self.path, os.unlink, private)

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable[[], None]]:
        with self._prepared_file() as private:
            yield lambda: _run_file_act(self.path, os.rename, private, self.path)

    def refuse_difference(self) -> None:
        _run_file_act(self.path, atomic_file.sync_folder, os.path.dirname(self.path))
        if read_text(self.path, is_secret=self.is_secret) != self.new_text:
            raise EnvChanged(path=self.path)

    @contextlib.contextmanager
    def _prepared_file(self) -> Iterator[str]:
        """The new file, whole and durable next to the old one and read back, for the block to rename or remove."""
        _refuse_mount(self.path)
        _refuse_flags(self.path)
        try:
            with atomic_file.prepared(self.path, self.new_text.encode("utf-8")) as private:
                if read_text(self.path, is_secret=self.is_secret) != self.old_text:
                    raise EnvChanged(path=self.path)
                if read_text(private, is_secret=self.is_secret) != self.new_text:
                    raise EnvReadback(path=self.path)
                yield private
        except OSError as exc:
            raise _refused(self.path, exc) from None


def _run_file_act(path: str, act: Callable[..., object], *args: str) -> None:
    """Run a file operation; convert OSError to a catalog error about ``path``."""
    try:
        act(*args)
    except OSError as exc:
        raise _refused(path, exc) from None


def _refused(path: str, exc: OSError) -> RotationError:
    if exc.errno == errno.EBUSY:
        return EnvBindmount(path=path)
    if isinstance(exc, atomic_file.OwnerNotKeptError):
        return _build_owner_error(path, os.stat(path, follow_symlinks=False))
    refusal = _unwritable(path, exc.errno, exc.strerror)
    if isinstance(exc, atomic_file.LeftBehindError):
        return refusal.with_changed(LEFT.format(private=exc.filename))
    return refusal


def _unwritable(path: str, number: int | None, reason: str | None) -> RotationError:
    """Return E_ENV_WRITE with what helps against an error of that number."""
    advice = ADVICE.get(number or 0, FIX).format(user=users.own_name())
    return EnvWrite(path=path, reason=reason, advice=advice)


def discard_leftover(path: str) -> None:
    """Remove what a killed run left next to the file, while it is ``held``. Raise E_ENV_WRITE."""
    _run_file_act(path, atomic_file.discard_leftover, path)


def refuse_unwritable(path: str) -> None:
    """Raise E_ENV_BINDMOUNT or E_ENV_WRITE if ``write`` would fail: asked before anything else is changed."""
    _refuse_mount(path)
    _refuse_flags(path)
    folder = os.path.dirname(path)
    for place, right in ((path, os.W_OK), (folder, os.W_OK | os.X_OK)):
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            raise _unwritable(path, errno.EROFS, f"{place} is on a read-only file system")
        if not os.access(place, right):
            raise _unwritable(path, errno.EACCES, f"no write permission on {place}")
    status = os.stat(path, follow_symlinks=False)
    if os.geteuid() != 0 and (os.geteuid() != status.st_uid or not _can_keep_group(status.st_gid, os.stat(folder))):
        raise _build_owner_error(path, status)


def _can_keep_group(gid: int, folder: os.stat_result) -> bool:
    """Return whether a new file in the folder has this group, or can be assigned to it (chown(2))."""
    given = folder.st_gid if folder.st_mode & stat.S_ISGID else os.getegid()
    return gid in (given, os.getegid(), *os.getgroups())


def _build_owner_error(path: str, status: os.stat_result) -> EnvWrite:
    """E_ENV_WRITE for a file whose replacement would have another owner or group."""
    user, owner, group = users.own_name(), users.name_of(status.st_uid), users.group_name_of(status.st_gid)
    if os.geteuid() not in (0, status.st_uid):
        advice = f"Let {user} own the file, or set {variable_of('user')} to {owner}."
        return EnvWrite(path=path, reason="only its owner and root can keep its owner", advice=advice)
    reason = f"a new file of {user} cannot keep its owner {owner} and its group {group}"
    return EnvWrite(path=path, reason=reason, advice=f"Add {user} to the group {group}, or change that of the file.")


def _refuse_flags(path: str) -> None:
    """Raise an error if a flag of the file or its folder keeps even root from replacing it."""
    for place in (path, os.path.dirname(path)):
        for flag, (name, letter) in FLAGS.items():
            if _flags(place) & flag:
                advice = f"Remove the flag, then run the same command again: chattr -{letter} {shlex.quote(place)}"
                raise EnvWrite(path=path, reason=f"{place} is {name}", advice=advice)


def _flags(place: str) -> int:
    """Return the flags of a file or folder (ioctl_iflags(2)). None if its file system does not support them."""
    flags = bytearray(8)  # the kernel writes four bytes, the number of the request says eight
    with contextlib.suppress(OSError):
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, flags)
        finally:
            os.close(descriptor)
    return int.from_bytes(flags[:4], sys.byteorder)


def _refuse_mount(path: str) -> None:
    """Raise E_ENV_BINDMOUNT if the file itself is a mount point.

    It cannot be replaced, and the file below it would stay unchanged.
    """
    place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    with contextlib.suppress(FileNotFoundError), open("/proc/self/mountinfo", "rb") as handle:
        for mount in handle:
            # proc_pid_mountinfo(5): the fifth field, with blanks and backslashes in octal
            if re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), mount.split()[4]) == os.fsencode(place):
                raise EnvBindmount(path=path)
