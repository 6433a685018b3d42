# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in the application's configuration, which no rotation changes: settings, .env variables, small text files.

Findings name each place and never show its value. A variable may also hold an ID that is computed from a key. A setting
does not count for that, because the application may compute it at its start.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from ...._errors.counts import join_first
from ...._errors.discovery import KeyFingerprintStored, OutOfReach
from ...application import key_uses
from ...crypto.key_fingerprints import KeyFingerprints
from ...crypto.key_set import split_list
from ...crypto.keyring import Keyring
from ...value_forms.token_look import SHORTEST
from ..columns.nesting import holding
from ..findings.finding_facts import ConfiguredCutOff
from ..findings.findings import Finding

MOST_FILES = 5000  # that are opened
MOST_SECONDS = 5.0  # the last look before the first write is in the downtime
LARGEST = 1 << 18  # bytes of a file
MOST_PARTS = 20_000  # of all settings
DEPTH = 8  # of values in values of a setting
SHOWN = 5  # lines of a file
SETTING, VARIABLE, FILE = "setting ", "variable ", "file "
# Files of a project that are data or logs.
_NO_CONFIGURATION = re.compile(r"(?:^|/)logs?/|\.(?:log|sql|dump|dat|sqlite3?|mo|py[co])(?:[.-]|$)")
_NAME = re.compile(r"[\w./@ -]{1,40}")  # the key of an entry: any other text may be a value
WHY = "{place}holds a token under a key that is rotated, and no rotation changes it"
ADVICE = (
    "Decrypt it with the application's own code before the rotation, and replace it right after the rotation by a "
    "token under the new keys. Or let the application read the plain value from another place before the rotation. To "
    "accept that the old token cannot be read until it is replaced: O(settlements): {{{quoted}: {{unreadable: "
    '"why"}}}}.'
)


class Configured(NamedTuple):
    """A text of the configuration, with the name of its place."""

    name: str
    text: bytes


Holders = Callable[[Sequence[bytes]], Collection[int]]  # the places of those texts that hold a token


def find(
    keyring: Keyring, schemes: Collection[str], env: Mapping[str, str], project_dir: str, env_file: str | None
) -> list[Finding]:
    """Return findings about the places with a token that a rotated key opens, and about a search that was cut off.

    ``schemes`` are those of the targets.
    """
    holders = functools.partial(holding, keyring, schemes)
    others = sorted(env.keys() - keyring.names)
    variables = _holding(holders, [Configured(VARIABLE + name, env[name].encode()) for name in others])
    settings = [
        setting
        for setting in _holding(holders, _of_settings(keyring.names))
        if not any(setting.text in variable.text for variable in variables)  # it is read from there
    ]
    findings = {variable.name: _finding(variable.name, "in the .env file, it ") for variable in variables}
    findings.update((setting.name, _finding(setting.name, "it ")) for setting in settings)
    files = ProjectFiles(project_dir, env_file)
    literals = [each.text for each in settings]
    for path, text in files.texts():
        lines = _lines(holders, text, literals if path.endswith(".py") else ())
        if lines is not None:
            findings[FILE + path] = _finding(FILE + path, _place(lines))
    return [*_ids(keyring, schemes, {name: env[name] for name in others}), *findings.values(), *files.cut_off()]


def _ids(keyring: Keyring, schemes: Collection[str], env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield findings about the variables with an ID of a key. A copy of the key is not an ID."""
    fingerprints = KeyFingerprints(keyring, schemes)
    copies = [
        part for stage in keyring.stages.values() for value in stage.values.values() for part in split_list(value)
    ]
    for name, value in env.items():
        for copy in filter(None, copies):
            value = value.replace(copy, "")
        if computed := [what for word, what in fingerprints.of_text(value) if not word.isdigit()]:
            place = VARIABLE + name
            yield Finding.of(place, KeyFingerprintStored(column=place, fingerprint=computed[0]))


def places(settled: Iterable[str]) -> set[str]:
    """Return the settlements about one of these places. Another host of the application may have it alone."""
    return {name for name in settled if name.startswith((SETTING, VARIABLE, FILE))}


def _holding(holders: Holders, texts: Iterable[Configured]) -> list[Configured]:
    long = [text for text in texts if len(text.text) >= SHORTEST]
    return [long[place] for place in sorted(holders([each.text for each in long]))]


def _finding(name: str, place: str) -> Finding:
    error = OutOfReach(column=name, why=WHY.format(place=place), advice=ADVICE.format(quoted=json.dumps(name)))
    return Finding.of(name, error, kind="configured")


# ---- Settings --------------------------------------------------------------------------------------------------------


def _of_settings(but: Collection[str]) -> Iterator[Configured]:
    """Yield the texts of all settings, including nested ones, each with its path."""
    from django.conf import settings

    names = [name for name in dir(settings) if name.isupper() and name not in but]
    parts = (part for name in names for part in _parts(SETTING + name, _value(settings, name), DEPTH))
    return islice(parts, MOST_PARTS)


def _value(settings: Any, name: str) -> Any:
    with contextlib.suppress(Exception):  # a setting that is computed on use, by code that may raise anything
        return getattr(settings, name)
    return None


def _parts(name: str, value: Any, depth: int) -> Iterator[Configured]:
    if isinstance(value, str):
        yield Configured(name, value.encode("utf-8", "replace"))
    elif isinstance(value, (bytes, bytearray)):
        yield Configured(name, bytes(value))
    elif depth:
        for inner, part in _members(name, value):
            yield from _parts(inner, part, depth - 1)


def _members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value with their paths. Members of a set and keys of entries have the path of the value."""
    if isinstance(value, Mapping):
        for number, (key, part) in enumerate(value.items()):
            yield name, key
            yield f"{name}.{key if isinstance(key, str) and _NAME.fullmatch(key) else number}", part
    elif isinstance(value, (list, tuple)):
        yield from ((f"{name}.{number}", part) for number, part in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((name, part) for part in value)


# ---- Files -----------------------------------------------------------------------------------------------------------


class ProjectFiles:
    """The small text files of a project, without its .env file, whose variables are checked by name. An application
    without a project has none."""

    def __init__(self, project_dir: str, env_file: str | None) -> None:
        self._project_dir = project_dir
        self._env_file = os.path.realpath(env_file) if env_file else ""
        self._is_cut_off = False

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Yield each text with its path in the project, up to a limit."""
        opened, end = 0, time.monotonic() + MOST_SECONDS
        for path in key_uses.walk(self._project_dir, but=_served_folders()) if self._project_dir else ():
            if opened >= MOST_FILES or time.monotonic() > end:
                self._is_cut_off = True
                return
            shown = os.path.relpath(path, self._project_dir)
            if _NO_CONFIGURATION.search(shown) or os.path.realpath(path) == self._env_file:
                continue
            if text := _text(path):
                opened += 1
                yield shown, text

    def cut_off(self) -> list[Finding]:
        limits = ConfiguredCutOff(MOST_FILES, int(MOST_SECONDS))
        return [Finding.of("the project's files", limits)] if self._is_cut_off else []


def _served_folders() -> set[str]:
    """Return the folders of uploads, and those that a web server serves."""
    from django.conf import settings

    roots = [getattr(settings, name, None) for name in ("MEDIA_ROOT", "STATIC_ROOT")]
    return {os.path.realpath(str(root)) for root in roots if root}


def _text(path: str) -> bytes:
    """Return the content of a small text file. Empty if it is another file, or cannot be read."""
    with contextlib.suppress(OSError):
        if SHORTEST <= os.stat(path).st_size <= LARGEST:  # pipes and devices, which may block, have no size
            with open(path, "rb") as handle:
                text = handle.read(LARGEST)
            return b"" if b"\0" in text else text
    return b""


def _lines(holders: Holders, text: bytes, known: Collection[bytes]) -> list[int] | None:
    """Return the lines of a file that hold a token, except those with a ``known`` text.

    Empty if a token is on several lines, or the file has no token.
    """
    if not holders([text]):
        return None
    lines = text.splitlines()
    places = sorted(holders(lines))
    left = [place + 1 for place in places if not any(each in lines[place] for each in known)]
    return left if left or not places else None


def _place(lines: Sequence[int]) -> str:
    if not lines:
        return "it "
    return f"in line {join_first(list(map(str, lines)), SHOWN)}, it "
