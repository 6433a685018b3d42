# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources of the credentials of systemd units: a file of ``LoadCredential=``, or a line with ``SetCredential=``.

The last line of a name counts, and an existing file takes precedence over ``SetCredential=`` (systemd.exec(5)).
systemctl does not show them, so they are read from the files of the unit.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .._errors.base import RotationError
from .._errors.destinations import UnitCredential
from .._system import users
from . import systemd_creds, unit_files, unit_lines
from .unit_files import UnitFiles
from .unit_lines import CredentialLine

FOLDER = "/run/credentials"  # of each unit that runs
# Where a file without a folder is searched for, and an encrypted one.
STORES = (f"{FOLDER}/@system", "/etc/credstore", "/run/credstore", "/usr/local/lib/credstore", "/usr/lib/credstore")
ENCRYPTED_STORES = (f"{FOLDER}/@encrypted", *(f"{store}.encrypted" for store in STORES[1:]))
SPECIFIERS = {"%": "%", "E": "/etc", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "t": "/run"}
_SPECIFIER = re.compile(r"%(.?)")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "\\": "\\", '"': '"', "'": "'"}


class InvalidLine(Exception):
    """A line with a credential that cannot be read. ``fault`` completes a sentence about it."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True)
class CredentialSource:
    """The place of a credential: all of ``file``, or a line of it.

    ``options`` are those of systemd-creds that create it, as the operator wrote them.
    """

    name: str
    file: str
    option: str
    options: Sequence[str] = ()

    @property
    def is_line(self) -> bool:
        """Return whether the file is one of the unit."""
        return self.option.startswith("Set")

    @property
    def is_encrypted(self) -> bool:
        """Return whether systemd-creds created it."""
        return self.option.endswith("Encrypted")

    def find(self, text: str) -> str:
        """Return the credential as it is written in the text of its file. Raise InvalidLine."""
        if not self.is_line:
            return text
        line = self._line(text)
        written = text[line.start : line.end]
        return "".join(written.split()).replace("\\", "") if self.is_encrypted else _unescaped(written)

    def replaced(self, text: str, written: str) -> str:
        """Return the text with another credential. Raise InvalidLine."""
        if not self.is_line:
            return written
        line = self._line(text)
        new = "".join(written.split()) if self.is_encrypted else _escaped(written)
        return f"{text[: line.start]}{new}{text[line.end :]}"

    def _line(self, text: str) -> CredentialLine:
        last: CredentialLine | None = None
        for line in unit_lines.credentials(text):
            if line.name == self.name and line.option == self.option:
                last = line
        if last is None:
            raise InvalidLine("is no longer set in it")
        return last


def _unescaped(written: str) -> str:
    """Resolve C escapes. A line ending would need a backslash before it, which joins it to the next line."""
    if "\n" in written or not all(escape[1] in ESCAPES for escape in _ESCAPE.finditer(written)):
        raise InvalidLine("is written over several lines, or with escapes other than \\n, \\r, \\t and \\\\")
    return _ESCAPE.sub(lambda escape: ESCAPES[escape[1]], written.rstrip())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def find(units: Sequence[str], credential: str, options: Sequence[str] = ()) -> CredentialSource:
    """Return the one source from which all of these units take the credential.

    Raise E_SYSTEMCTL, E_UNIT_NOT_LOADED, E_QUADLET, E_UNIT_CREDENTIAL or E_UNIT_SHARED.
    """
    loaded = [unit_files.show(unit) for unit in units]
    places = [_source(unit, credential, options) for unit in loaded]
    for unit, place in zip(loaded[1:], places[1:]):
        if place != places[0]:
            other = f"is in {place.file}, but for {loaded[0].id} in {places[0].file}"
            raise UnitCredential(unit=unit.id, credential=credential, fault=other)
    unit_files.refuse_shared(loaded, places[0].file, _files)
    return places[0]


def _source(unit: UnitFiles, credential: str, options: Sequence[str]) -> CredentialSource:
    fault = unit.why_not_ours
    try:
        sources = {} if fault else _sources(unit)
        those = sources.get(credential, [])
        if len(those) == 1:
            return CredentialSource(credential, those[0].file, those[0].option, options)
        files = ", and overridden in ".join(source.file for source in those)
        fault = fault or (f"is in {files}" if files else "is not set for it in a readable file")
    except OSError as exc:
        fault = f"may be set in {exc.filename}, which {users.own_name()} cannot read"
    except InvalidLine as exc:
        fault = exc.fault
    raise UnitCredential(unit=unit.id, credential=credential, fault=fault)


def _sources(unit: UnitFiles) -> dict[str, list[CredentialSource]]:
    """Return by name the sources of each credential; the one that counts is last. Raise OSError or InvalidLine."""
    kinds: Mapping[str, dict[str, list[CredentialSource]]] = {"Set": {}, "Load": {}}
    for file, text in unit.texts.items():
        for line in unit_lines.credentials(text):
            kind = kinds[line.option.removesuffix("Encrypted").removesuffix("Credential")]
            if not line.name:
                kind.clear()
                continue
            source = CredentialSource(line.name, file, line.option)
            if not source.is_line:
                path = _expanded(text[line.start : line.end].strip() or line.name, unit.id)
                source = CredentialSource(line.name, _stored(path, source), line.option)
            kind.setdefault(line.name, []).append(source)
    names = {*kinds["Set"], *kinds["Load"]}
    return {name: [*kinds["Set"].get(name, []), *kinds["Load"].get(name, [])] for name in names}


def _expanded(path: str, unit: str) -> str:
    """Return the path with its specifiers resolved (systemd.unit(5)). Raise InvalidLine for an unknown one."""
    name = unit.rpartition(".")[0]
    prefix, _, instance = name.partition("@")
    known = {**SPECIFIERS, "n": unit, "N": name, "p": prefix, "i": instance}

    def value(specifier: re.Match[str]) -> str:
        if specifier[1] not in known:
            raise InvalidLine(f"is loaded from {path}, in which %{specifier[1]} cannot be expanded here")
        return known[specifier[1]]

    return _SPECIFIER.sub(value, path)


def _stored(path: str, source: CredentialSource) -> str:
    """Return the path of a source. Without a folder, it is that of the first store that has the file."""
    if os.path.isabs(path):
        return path
    places = [os.path.join(store, path) for store in (ENCRYPTED_STORES if source.is_encrypted else STORES)]
    return next(filter(os.path.exists, places), places[1])


def _files(unit: UnitFiles) -> list[str]:
    """Return every file with a variable or a credential of the unit that this user can read."""
    with contextlib.suppress(OSError, InvalidLine):
        return [*unit.files, *(source.file for sources in _sources(unit).values() for source in sources)]
    return unit.files


def contents(unit: str) -> dict[str, bytes]:
    """The credentials of a unit that this user can read; the application may need no others."""
    credentials: dict[str, bytes] = {}
    with contextlib.suppress(OSError, InvalidLine, RotationError):
        for name, sources in _sources(unit_files.show(unit)).items():
            for source in sources:
                with contextlib.suppress(OSError, InvalidLine, RotationError):
                    credentials[name] = _content(source)
    return credentials


def _content(source: CredentialSource) -> bytes:
    with open(source.file, "rb") as handle:
        raw = handle.read()
    if source.is_line:
        raw = source.find(raw.decode("utf-8")).encode("utf-8")
    return systemd_creds.decrypt(source.name, raw) if source.is_encrypted else raw
