# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and set variables in the .env file of an application, and leave every other byte of it alone.

The dialect is python-dotenv's. What its readers would tell apart or change is refused, never guessed
(measurements: facts/dotenv.md).
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import atomic_file
from .errors import RotationError

MAX_BYTES = 1 << 20
_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(?P<rest>.*)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # not splitlines(), which splits at characters that readers take for text
_SINGLE = re.compile(r"'(?P<value>[^'\\\r\n]*)'(?P<tail>[ \t]*(?:#.*)?)$")
_DOUBLE = re.compile(r'"(?P<value>[^"\\\r\n]*)"(?P<tail>[ \t]*(?:#.*)?)$')
_BARE = re.compile(r"(?P<value>[^'\"\s][^\r\n]*?|)(?P<tail>[ \t]*|[ \t]+#.*)$")
_STYLES = {"'": _SINGLE, '"': _DOUBLE, "": _BARE}


@dataclass(frozen=True)
class Assignment:
    """One ``NAME=value`` line: where its value lies and how it is quoted. ``value`` never shows in a repr."""

    name: str
    line: int
    start: int  # offsets of the value with its quotes, in characters of the text
    end: int
    quote: str
    value: str

    def __repr__(self) -> str:
        return f"Assignment({self.name}, line {self.line})"


def read_text(path: str) -> str:
    """The whole file as text.

    Raises RotationError E_ENV_* when the path is not absolute or is no plain private file, and on bytes that are not
    UTF-8: every reader fails on those.
    """
    if not os.path.isabs(path) or ".." in path.split(os.sep):
        raise RotationError("E_ENV_PATH", path=path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise RotationError("E_ENV_MISSING", path=path) from None
    except OSError as exc:
        if os.path.islink(path):
            raise RotationError("E_ENV_UNSAFE", path=path, found="a symbolic link") from None
        raise RotationError("E_ENV_READ", path=path, reason=exc.strerror, user=_user()) from None
    try:
        _refuse_unsafe(path, os.fstat(descriptor))
        with os.fdopen(os.dup(descriptor), "rb") as handle:
            raw = handle.read()
    finally:
        os.close(descriptor)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise RotationError("E_ENV_ENCODING", path=path, line=raw[: exc.start].count(b"\n") + 1) from None
    if "\0" in text:
        raise RotationError("E_ENV_ENCODING", path=path, line=text[: text.index("\0")].count("\n") + 1)
    return text


def _refuse_unsafe(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise RotationError("E_ENV_UNSAFE", path=path, found="not a regular file")
    if found.st_nlink > 1:
        raise RotationError("E_ENV_UNSAFE", path=path, found=f"one of {found.st_nlink} hard links")
    if found.st_size > MAX_BYTES:
        raise RotationError("E_ENV_UNSAFE", path=path, found=f"larger than {MAX_BYTES} bytes")
    if found.st_mode & stat.S_IWOTH:
        raise RotationError("E_ENV_MODE", path=path, mode=f"{stat.S_IMODE(found.st_mode):04o}")


def assignments(text: str, names: Sequence[str], path: str) -> dict[str, Assignment]:
    """The one line of each name. Raises E_ENV_DUPLICATE, E_ENV_SYNTAX, E_ENV_KEY_MISSING or E_ENV_KEY_EMPTY."""
    found: dict[str, Assignment] = {}
    offset = 0
    inside = ""  # the quote of a value that goes on over lines
    for number, line in enumerate(_LINE.findall(text), start=1):
        match = None if inside else _ASSIGNMENT.match(line.lstrip("\ufeff").rstrip("\r\n"))
        if match and match["name"] in names:
            name = match["name"]
            if name in found:
                raise RotationError("E_ENV_DUPLICATE", path=path, line=number, name=name, first=found[name].line)
            start = offset + (len(line) - len(line.lstrip("\ufeff"))) + match.start("rest")
            found[name] = _assignment(name, match["rest"], number, start, path)
        elif match and match["rest"][:1] in ("'", '"') and match["rest"].count(match["rest"][0]) == 1:
            closes = (
                match["rest"][0] in text[offset + len(line) :]
            )  # readers take an unclosed quote for one broken line
            inside = match["rest"][0] if closes else ""
        elif inside and inside in line:
            inside = ""
        offset += len(line)
    for name in names:
        if name not in found:
            raise RotationError("E_ENV_KEY_MISSING", path=path, name=name)
        if not found[name].value:
            raise RotationError("E_ENV_KEY_EMPTY", path=path, line=found[name].line, name=name)
    return found


def _assignment(name: str, rest: str, number: int, start: int, path: str) -> Assignment:
    quote = rest[:1] if rest[:1] in ("'", '"') else ""
    match = _STYLES[quote].match(rest)
    if match is None or (not quote and match["value"].startswith("#")):
        raise RotationError(
            "E_ENV_SYNTAX", path=path, line=number, name=name, found="has a value that readers disagree on"
        )
    if "${" in match["value"]:
        raise RotationError(
            "E_ENV_SYNTAX", path=path, line=number, name=name, found="holds '${', which python-dotenv expands"
        )
    return Assignment(name, number, start, start + match.start("tail"), quote, match["value"])


def read(path: str, names: Sequence[str], *, every: bool = True) -> dict[str, str]:
    """The values of ``names`` in the file, checked against python-dotenv where the application has it.

    Without ``every``, names that are not set are left out, as long as one is.
    """
    text = read_text(path)
    if not every:
        names = [
            name for name in names if re.search(rf"^\ufeff?[ \t]*(export[ \t]+)?{re.escape(name)}[ \t]*=", text, re.M)
        ] or names
    values = {name: found.value for name, found in assignments(text, names, path).items()}
    _compare_with_reader(text, values, path)
    return values


def rewritten(text: str, values: Mapping[str, str], path: str) -> str:
    """``text`` with each name set to its value in the quoting its line has, or in one that reads back right."""
    found = assignments(text, list(values), path)
    for name, line in sorted(found.items(), key=lambda item: -item[1].start):
        text = text[: line.start] + _quoted(name, values[name], line, path) + text[line.end :]
    _compare_with_reader(text, values, path)
    return text


def _quoted(name: str, value: str, line: Assignment, path: str) -> str:
    for quote in dict.fromkeys([line.quote, "'", '"']):
        literal = f"{quote}{value}{quote}"
        match = _STYLES[quote].match(literal)
        if (
            match
            and match["value"] == value
            and not match["tail"]
            and "${" not in value
            and not literal.startswith("#")
        ):
            return literal
    raise RotationError(
        "E_ENV_SYNTAX", path=path, line=line.line, name=name, found="cannot be written so that it reads back"
    )


def _compare_with_reader(text: str, values: Mapping[str, str], path: str) -> None:
    """The real reader must agree with our model of it. Without python-dotenv the model stands alone."""
    try:
        from dotenv import dotenv_values
    except ImportError:
        return
    import io

    seen = dotenv_values(stream=io.StringIO(text))
    for name, value in values.items():
        if seen.get(name) != value:
            raise RotationError("E_ENV_READER", path=path, name=name)


def write(path: str, old_text: str, new_text: str) -> None:
    """Put ``new_text`` in place of ``old_text`` in one durable step, and read it back.

    Raises E_ENV_CHANGED when the file is no longer ``old_text``, E_ENV_WRITE when the system refuses.
    """
    if read_text(path) != old_text:
        raise RotationError("E_ENV_CHANGED", path=path)
    try:
        atomic_file.replace(path, new_text.encode("utf-8"))
    except OSError as exc:
        raise RotationError("E_ENV_WRITE", path=path, reason=exc.strerror, user=_user()) from None
    if read_text(path) != new_text:
        raise RotationError("E_ENV_CHANGED", path=path, changed="The file was written.")


def refuse_unwritable(path: str) -> None:
    """Raise E_ENV_WRITE where ``write`` would not be allowed: asked before anything else is changed."""
    folder = os.path.dirname(path)
    for place, right in ((path, os.W_OK), (folder, os.W_OK | os.X_OK)):
        if not os.access(place, right):
            raise RotationError("E_ENV_WRITE", path=path, reason=f"no write permission on {place}", user=_user())


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
