# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which programs read .env files, as data: no single quoting suits all of them.

A dialect accepts only lines whose value the program reads literally: nothing is cut, expanded or unescaped. Everything
else is refused and never guessed (measurements: docs/design/env-files.md).
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from re import Pattern
from typing import Any, cast

BOM = "\ufeff"
_NAME = r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
_BLANK = r"[^\S\r\n]"
_LINE_END = r"(?P<end>\r\n|\n|\r|\Z)"
_BREAKS = "\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"  # the line breaks of str.splitlines(), and so of django-environ
_NO_CONTROLS = r"\x00-\x1f\x7f"  # systemd drops a variable that has one
_QUOTED = r"""(?:'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*")"""
_END = r"(?P<tail>[ \t]*(?:#.*)?)\Z"
_SPACED_END = r"(?P<tail>[ \t]*|[ \t]+#.*)\Z"
_TO_CLOSING = r"""(?:'[^']*(?:'|\Z)|"(?:\\(?:[\s\S]|\Z)|[^"\\])*(?:"|\Z))"""  # or to the end of the file
_LOOKS_SET = re.compile(rf"\s*(?:export\s+)?(?P<quote>['\"]?){_NAME}(?P=quote)\s*=")  # to a person
# One word of sh that only sets its variable: a command substitution, `${x:=y}` or $((x=1)) could set another one.
_PLAIN_WORD = (
    r"""(?:'[^']*'|"(?:\\[\s\S]|\$[A-Za-z_]\w*|\$\{\w+\}|[^"\\`$])*"|\\[\s\S]|[^\s;&|()<>'"`$\\]|[^\S \t\n])"""
)
_ANY_WORD = rf"(?:{_PLAIN_WORD}|\$[A-Za-z_]\w*|\$\{{\w+\}})"  # dash splits it after export
_ANY_NAME = r"[A-Za-z_][A-Za-z0-9_]*"


@dataclass(frozen=True)
class Dialect:
    """The rules of one program that reads .env files."""

    reader: str
    statement: Pattern[str]  # from the start of a line to its ``end``, over all the lines of a quoted value
    prefix: Pattern[str]  # the text before a value
    styles: Mapping[str, Pattern[str]]  # by quote: the rest of a line whose ``value`` is read literally
    only: Pattern[str] | None = None  # the allowed statements, if others are commands
    without_value: Pattern[str] | None = None  # a line that takes the value away again
    hides_next: Pattern[str] | None = None  # a line after which some versions of the reader skip the next one
    read_by_application: bool = True  # others are read by what starts it, into its environment
    takes_bom: bool = False  # others lose the first variable to it
    hash_cuts: bool = False  # a variant of the reader cuts at '#' outside single quotes: so it is read, never written


@dataclass(frozen=True)
class EnvLine:
    """A statement that sets ``name``.

    If ``rest`` is None, it only looks like one to a person or to an older version of the reader.
    """

    name: str
    number: int
    start: int  # of the rest, in characters of the text
    rest: str | None


def _dotenv_like(assign: str) -> Pattern[str]:
    """Return the pattern of a statement for a reader like python-dotenv.

    ``assign`` are the characters that end a name. All others except blanks, quotes and # can be in one.
    """
    lead = rf"{_BLANK}*(?:export{_BLANK}+)?"
    # a quoted value may span lines
    value = rf"(?:'[^']+'|[^{assign}#\s'][^{assign}#\s]*){_BLANK}*[{assign}]{_BLANK}*{_QUOTED}"
    return re.compile(rf"(?:{lead}(?:{value}|'[^']+'))?[^\r\n]*{_LINE_END}")


_NO_VALUE = re.compile(rf"{_BLANK}*(?:export{_BLANK}+)?(?P<quote>'?){_NAME}(?P=quote){_BLANK}*(?:#.*)?\Z")


def _styles(single: str, double: str, bare: str) -> dict[str, Pattern[str]]:
    return {"'": re.compile(single), '"': re.compile(double), "": re.compile(bare)}


DIALECTS: dict[str, Dialect] = {
    "dotenv": Dialect(
        reader="python-dotenv",
        statement=_dotenv_like("="),
        prefix=re.compile(rf"{_BLANK}*(?:export{_BLANK}+)?{_NAME}{_BLANK}*={_BLANK}*"),
        # ${x} is expanded even in single quotes
        styles=_styles(
            r"'(?P<value>(?:(?!\$\{)[^'\\\r\n])*)'" + _END,
            r'"(?P<value>(?:(?!\$\{)[^"\\\r\n])*)"' + _END,
            r"(?P<value>(?!['\"#\s])(?:(?!\$\{)[^\r\n])*?)(?P<tail>\s*|\s+#.*)\Z",
        ),
        without_value=_NO_VALUE,
        takes_bom=True,
    ),
    "django-environ": Dialect(
        reader="django-environ",
        statement=re.compile(rf"[^{_BREAKS}]*(?P<end>\r\n|[{_BREAKS}]|\Z)"),
        prefix=re.compile(rf"(?:export )?{_NAME}="),
        # a leading $ names another variable, in any quotes; what is in both quotes loses both
        styles=_styles(
            rf"'(?P<value>(?!\$|\".*\"'\Z)[^{_BREAKS}]*)'(?P<tail>)\Z",
            rf'"(?P<value>(?!\$)[^\\{_BREAKS}]*)"(?P<tail>)\Z',
            rf"(?P<value>(?!['\"$]|.*\s#)[^{_BREAKS}]*)(?P<tail>)\Z",
        ),
        hash_cuts=True,
    ),
    "systemd": Dialect(
        reader="systemd",
        read_by_application=False,
        statement=re.compile(
            rf"(?:[ \t]*[^ \t\r\n;#][^=\r\n]*=[ \t]*(?:{_TO_CLOSING}[ \t]*)*"
            rf"(?:\\(?:[\s\S]|\Z)|[^\\\r\n])*|[^\r\n]*){_LINE_END}"
        ),
        prefix=re.compile(rf"[ \t]*{_NAME}[ \t]*=[ \t]*"),
        hides_next=re.compile(r"[ \t]*[;#].*\\\Z"),  # before 255 a comment went on after a backslash
        styles=_styles(
            rf"'(?P<value>[^'{_NO_CONTROLS}]*)'(?P<tail>[ \t]*)\Z",
            rf'"(?P<value>[^"\\{_NO_CONTROLS}]*)"(?P<tail>[ \t]*)\Z',
            rf"(?P<value>(?:(?!['\"\s])[^\\{_NO_CONTROLS}]*(?<!\s))?)(?P<tail>[ \t]*)\Z",
        ),
    ),
    "shell": Dialect(
        reader="sh",
        read_by_application=False,
        statement=re.compile(rf"""(?:{_TO_CLOSING}|\\(?:[\s\S]|\Z)|(?<![^\s;&|()])#[^\n]*|[^\n'"\\])*(?P<end>\n|\Z)"""),
        prefix=re.compile(rf"[ \t]*(?:export[ \t]+)?{_NAME}="),
        only=re.compile(
            rf"[ \t]*(?:(?:{_ANY_NAME}={_ANY_WORD}*|export[ \t]+{_ANY_NAME}={_PLAIN_WORD}*"
            rf"|export(?:[ \t]+{_ANY_NAME})+)(?=[ \t]|\Z))?[ \t]*(?:(?<![^ \t])#[^\n]*)?\Z"
        ),
        styles=_styles(
            r"'(?P<value>[^'\r\n]*)'" + _SPACED_END,
            r'"(?P<value>[^"\\$`\r\n]*)"' + _SPACED_END,
            r"(?P<value>[A-Za-z0-9_@%+=:,./^!#-]*)" + _SPACED_END,
        ),
    ),
    "compose": Dialect(
        reader="docker compose",
        read_by_application=False,
        statement=_dotenv_like("=:"),
        prefix=re.compile(rf"{_BLANK}*(?:export{_BLANK}+)?{_NAME}{_BLANK}*[=:]{_BLANK}*"),
        styles=_styles(
            r"'(?P<value>[^'\\\r\n]*)'" + _SPACED_END,
            r'"(?P<value>[^"\\$\r\n]*)"' + _SPACED_END,
            r"(?P<value>(?!['\"#\s])(?:[^\r\n$#]|(?<!\s)#)*?)(?P<tail> *| +#.*)\Z",
        ),
        without_value=_NO_VALUE,
        takes_bom=True,
        hash_cuts=True,
    ),
    "python-decouple": Dialect(
        reader="python-decouple",
        statement=re.compile(rf"[^\r\n]*{_LINE_END}"),
        prefix=re.compile(rf"{_BLANK}*{_NAME}{_BLANK}*={_BLANK}*"),
        # one pair of quotes is taken off, before 3.5 as many as there are
        styles=_styles(
            r"'(?P<value>(?!['\"])[^\r\n]*(?<!['\"]))'(?P<tail>\s*)\Z",
            r'"(?P<value>(?![\'"])[^\r\n]*(?<![\'"]))"(?P<tail>\s*)\Z',
            r"(?P<value>(?![\s'\"])[^\r\n]*?(?<!['\"\s]))(?P<tail>\s*)\Z",
        ),
    ),
}


def _statement(dialect: Dialect, text: str, place: int) -> re.Match[str]:
    """Return the statement that begins there. It may be empty, so there always is one."""
    return cast("re.Match[str]", dialect.statement.match(text, place))


def first_command(dialect: Dialect, text: str) -> int | None:
    """Return the line of the first statement that does more than set one variable, if the reader would run it.

    It is unknown what such a statement sets, hides or ends. Everything before it is known.
    """
    place, number = 0, 1
    while dialect.only and place < len(text):
        statement = _statement(dialect, text, place)
        if not dialect.only.match(text[place : statement.start("end")]):
            return number
        number += statement.group().count("\n")
        place = statement.end()
    return None


def lines(dialect: Dialect, text: str, names: Sequence[str]) -> Iterator[EnvLine]:
    """Yield every statement of ``text`` that sets one of ``names``, and every one that only looks as if it did."""
    place = len(BOM) if text.startswith(BOM) else 0
    number, hidden = 1, False
    while place < len(text):
        statement = _statement(dialect, text, place)
        body = text[place : statement.start("end")]
        prefix = dialect.prefix.match(body)
        unset = dialect.without_value and dialect.without_value.match(body)
        looks = prefix or unset or _LOOKS_SET.match(body)
        if looks and looks["name"] in names:
            rest = body[looks.end() :] if prefix and not hidden else None
            yield EnvLine(looks["name"], number, place + looks.end(), rest)
        hidden = bool(dialect.hides_next and dialect.hides_next.match(body))
        number += statement.group().count("\n")
        place = statement.end()


def literal(dialect: Dialect, quote: str, value: str) -> str | None:
    """Return ``value`` in this quoting as it is written to a file, or None if a reader might return another value."""
    written = f"{quote}{value}{quote}"
    match = dialect.styles[quote].match(written)
    if not match or match["value"] != value or match["tail"] or (quote != "'" and dialect.hash_cuts and "#" in value):
        return None
    return written


def can_carry(dialect: str, value: str) -> bool:
    """Return whether every variant of the dialect's reader returns ``value`` unchanged, with some quoting."""
    return value != "" and any(literal(DIALECTS[dialect], quote, value) is not None for quote in ("", "'", '"'))


def _python_dotenv(text: str, names: Sequence[str]) -> Mapping[str, str | None]:
    from dotenv import dotenv_values

    return dotenv_values(stream=io.StringIO(text))


def _django_environ(text: str, names: Sequence[str]) -> Mapping[str, str | None]:
    from environ import Env, ImproperlyConfigured

    Reader: Any = type("Reader", (Env,), {"ENVIRON": {}})  # instead of os.environ
    log = logging.getLogger("environ.environ")
    before, log.disabled = log.disabled, True  # it prints the lines that it does not take, values and all
    values: dict[str, str | None] = {}
    try:
        Reader.read_env(io.StringIO(text))
        for name in names:
            values[name] = Reader().str(name)
    except ImproperlyConfigured:  # its text may hold the value
        return {}
    finally:
        log.disabled = before
    return values


def _python_decouple(text: str, names: Sequence[str]) -> Mapping[str, str | None]:
    from decouple import RepositoryEnv

    with open(os.memfd_create("env"), "w+b") as memory:  # it takes a path alone, and no value is to touch a disk
        memory.write(text.encode("utf-8"))
        memory.flush()
        return cast("Mapping[str, str | None]", RepositoryEnv(f"/proc/self/fd/{memory.fileno()}").data)


# The dialects whose reader is a Python library. Nothing here ever runs a file through a shell.
READERS: dict[str, Callable[[str, Sequence[str]], Mapping[str, str | None]]] = {
    "dotenv": _python_dotenv,
    "django-environ": _django_environ,
    "python-decouple": _python_decouple,
}


def read_for_real(dialect: str, text: str, names: Sequence[str]) -> Mapping[str, str | None] | None:
    """Return how the real reader interprets ``text``. None if this Python does not have it."""
    from .._system import library_warnings

    try:
        with library_warnings.ignored():
            return READERS[dialect](text, names) if dialect in READERS else None
    except ImportError:
        return None
