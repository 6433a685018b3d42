# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of keys that fits the application, to paste into an inventory: names and types, never a value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import cast

from ..._errors.option_names import variable_of
from ..crypto.key_entry import KeyEntries, KeyEntry, without_unset
from ..crypto.token_formats import AesGcmNonceFirst

# The type of a key that generates another value like a given one. Any other type is the default one.
_TYPES = (
    ("fernet", re.compile(rb"(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9+/]{43})=")),
    ("hex", re.compile(rb"(?:[0-9a-f]{2}){32,}")),
    ("openpgp", re.compile(rb"-----BEGIN PGP .*", re.DOTALL)),
)


def entry(name: str, values: Sequence[bytes]) -> KeyEntry:
    """Return the entry for a key with these values. The application writes with the first one."""
    key_entry: KeyEntry = {"name": name}
    for kind, pattern in _TYPES:
        if values and all(map(pattern.fullmatch, values)):
            key_entry["type"] = kind
    if key_entry.get("type") == "hex" and len(values[0]) != 64:
        key_entry["bytes"] = len(values[0]) // 2
    if len(values) > 1:
        key_entry["keep"] = len(values) - 1
    return key_entry


def fitting(name: str, values: Sequence[bytes]) -> Iterator[KeyEntry]:
    """Yield entries for a key with these values that is used as it is: the likely one, one of a text, and those of
    each AES key."""
    likely = entry(name, values)
    yield likely
    yield {"name": name}
    for kind, size in product(("base64", "hex"), AesGcmNonceFirst.SIZES):  # the hex of 16 bytes is also base64 of 24
        yield {**likely, "type": kind, "bytes": size}


def line(entries: Iterable[KeyEntry]) -> str:
    """Format the entries as one line of YAML."""
    shown = ["{" + ", ".join(f"{name}: {value}" for name, value in each.items()) + "}" for each in entries]
    return f"{variable_of('keys')}: [{', '.join(shown) or '{name: ...}'}]"


def propose(settings: Mapping[str, Sequence[bytes]], env: Mapping[str, str]) -> list[KeyEntry]:
    """Entries for ``settings`` (each with its values in the application), by the names that the ``env`` file uses."""
    entries: dict[str, KeyEntry] = {}
    for name, values in sorted(settings.items()):
        for source in [name] if name in env else _sources(values, env) or [name]:
            parts = [part.strip().encode() for part in env.get(source, "").split(",") if part.strip()]
            entries[source] = entry(source, parts if set(parts) <= {*values} and parts else list(values))
    return list(entries.values())


_DEFAULTS = {"type": "token_urlsafe", "keep": 0, "use": "encryption"}


def signs_only(entry: KeyEntry) -> bool:
    """Return whether a listed key is declared to encrypt nothing."""
    return entry.get("use") == "signing"


def as_listed(entry: KeyEntry) -> KeyEntry:
    """An entry as a person writes it: without what is not set, or is the default."""
    given = without_unset(entry)
    return cast("KeyEntry", {member: value for member, value in given.items() if _DEFAULTS.get(member, "") != value})


def with_listed(proposed: KeyEntries, listed: KeyEntries, used: Collection[str]) -> list[KeyEntry]:
    """Return the proposal, completed by what a person has ``listed``.

    The entries of listed keys keep their members. Listed keys that the proposal lacks are added if they are ``used`` or
    only sign: the application may know such a key under another name, or only in its own functions.
    """
    names = {entry["name"] for entry in proposed}
    kept = [entry for entry in listed if entry["name"] in used or (proposed and signs_only(entry))]
    given = {entry["name"]: as_listed(entry) for entry in listed}
    completed = [cast("KeyEntry", {**given.get(entry["name"], {}), **entry}) for entry in proposed]
    return [*completed, *(as_listed(entry) for entry in kept if entry["name"] not in names)]


def _sources(values: Sequence[bytes], env: Mapping[str, str]) -> list[str]:
    """The names of the .env file whose values, or parts of a comma list, are all among these."""
    parts = {name: {part.strip().encode() for part in value.split(",") if part.strip()} for name, value in env.items()}
    return [name for name, own in sorted(parts.items()) if own and own <= {*values}]
