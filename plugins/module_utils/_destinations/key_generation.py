# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate values for a key set, and check values from elsewhere.

Values use only characters that every .env reader returns unchanged (docs/design/env-files.md): ``[A-Za-z0-9_-]`` and
Fernet's ``=``. Django's own alphabet also has other characters. A value from it is drawn again until the file's reader
returns it unchanged.
"""

from __future__ import annotations

import base64
import math
import os
import re
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._engine.crypto import openpgp_pair
from .._engine.crypto.key_entry import KeyEntries, KeyEntry
from .._engine.crypto.key_length import BYTES, LEAST_BYTES, MOST_BYTES, TOKEN, base64_length, size_of, type_of
from .._errors.base import word
from .._errors.keys import KeyDialect, KeyNotGenerated, KeyWeak
from .._errors.options import InvalidKeySpec, UnknownKeyType
from . import destination_options, env_file_dialects, key_destinations, key_files

if TYPE_CHECKING:
    from .._result_types.key_types import GeneratedKey

# As django.core.management.utils.get_random_secret_key draws it: 50 of 50 characters, 282 bits.
DJANGO_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)"
DJANGO_LENGTH = 50
FERNET_BYTES = 32  # of a key, by the specification of Fernet


def _generate_base64(size: int) -> str:
    """Return random bytes in base64, without the characters in which its two alphabets differ.

    ``base64.b64decode`` drops those of the other alphabet without an error.
    """
    while True:
        value = base64.urlsafe_b64encode(os.urandom(size)).decode()
        if not {"-", "_"} & {*value}:
            return value


# Each takes the size by key_length.size_of.
TYPES: dict[str, Callable[[int], str]] = {
    "token_urlsafe": lambda size: secrets.token_urlsafe(size)[:size],  # more than size characters, of 6 bits each
    "fernet": lambda _: _generate_base64(FERNET_BYTES),
    "base64": _generate_base64,
    "hex": secrets.token_hex,
    "django_secret_key": lambda _: "".join(secrets.choice(DJANGO_ALPHABET) for _ in range(DJANGO_LENGTH)),
}
OPENPGP = "openpgp"  # one half of a key pair: comes from elsewhere, and is not in a .env file
BITS = {"fernet": 254, "django_secret_key": 282}  # of the types without a choice of length, by their alphabets
RNG = "os.urandom"  # which secrets draws from too
# A pattern that a value from elsewhere must match, and what is wrong if it does not.
# The three demands of other types are those of Django's check security.W009 (django/core/checks/security/base.py).
DEMANDS: dict[str, list[tuple[str, str]]] = {
    "fernet": [(r"[A-Za-z0-9_-]{43}=", "is not a Fernet key")],
    OPENPGP: [(key_files.ARMORED, "is not an OpenPGP key in ASCII armor, or has a comma in its Comment line")],
}
ANY_TYPE = [
    (r".{50,}", "is shorter than 50 characters"),
    (r"(?!django-insecure-).*", "begins with django-insecure-"),
    (rf"[A-Z{re.escape(DJANGO_ALPHABET)}]*", "has characters that some .env readers change"),
]
LEAST_UNIQUE = 5
STAND_IN = "0"  # for a value that a dry run does not make: every dialect carries it, in every quoting
NONE: Mapping[str, str] = MappingProxyType({})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX, Base Definitions 8.1


def check_keys(keys: KeyEntries) -> None:
    """Raise E_KEY_SPEC or E_KEY_TYPE if ``keys`` (each {name, type, bytes, keep}) is not as the design says."""
    if not keys:
        raise InvalidKeySpec(index=0, fault="is missing")
    for index, key in enumerate(keys):
        kind, size = type_of(key), key.get("bytes")
        if not _NAME.fullmatch(key.get("name") or ""):
            raise InvalidKeySpec(index=index, fault="has no name of letters, digits and _")
        if kind not in (*TYPES, OPENPGP):
            raise UnknownKeyType(name=key["name"], type=word(kind), known_types=", ".join((*TYPES, OPENPGP)))
        if kind == OPENPGP and (not isinstance(key.get("destination"), str) or key.get("keep")):
            fault = "has the type openpgp, which needs a key file as its destination, and no keep"
            raise InvalidKeySpec(index=index, fault=fault)
        if size is not None and kind not in BYTES:
            raise InvalidKeySpec(index=index, fault=f"has bytes, but the type {kind} has a fixed length")
        if size is not None and not LEAST_BYTES <= size <= MOST_BYTES[kind]:
            raise InvalidKeySpec(index=index, fault=f"must have {LEAST_BYTES} to {MOST_BYTES[kind]} bytes")
        if (key.get("keep") or 0) < 0:
            raise InvalidKeySpec(index=index, fault="has a negative keep")
        if wrong := destination_options.find_wrong(key.get("destination")):
            raise InvalidKeySpec(index=index, fault=f"has a destination {wrong}")
        if key["name"] in [other.get("name") for other in keys[:index]]:
            raise InvalidKeySpec(index=index, fault="has the name of an earlier one")
        if key.get("destination") and _place(key) in [_place(other) for other in keys[:index]]:
            raise InvalidKeySpec(index=index, fault="has the destination of an earlier one")


def _place(key: KeyEntry) -> Any:
    """Return what two keys may not have in common."""
    place = key.get("destination")
    if isinstance(place, Mapping) and not place.get("write"):
        path = place.get("credential") or place.get("entry") or destination_options.path_of(key["name"], place)
        return place.get("unit"), place.get("file"), place.get("secret"), place.get("namespace"), path
    return place


def generate(
    keys: KeyEntries,
    current: Mapping[str, str] = NONE,
    supplied: Mapping[str, str] = NONE,
    dialect: str = "dotenv",
    *,
    compromised: bool = False,
) -> dict[str, str]:
    """Return new values for ``keys`` by name: those ``supplied``, and generated ones for the others.

    A key with ``keep: N`` is a list with commas. The application encrypts with its first value and decrypts with all.
    The new value is put before the N newest of the ``current`` list, unless these are ``compromised``. It is as long
    as the newest, see ``key_length``. Keys that share one ``current`` value get one new value, since a stored value
    does not show which of them it is under. Raise E_KEY_SPEC, E_KEY_TYPE, E_KEY_NOT_MADE,
    and E_KEY_DIALECT if the reader of the .env file would change a value.
    """
    check_keys(keys)
    _refuse_unmade(keys, supplied)
    values: dict[str, str] = {}
    newest: dict[tuple[Any, ...], str] = {}  # by the properties that keys with one value share
    for key in keys:
        name, present = key["name"], current.get(key["name"], "")
        value = supplied.get(name) or newest.get(_likeness(key, current)) or _generate_value(key, present, dialect)
        if present:
            newest.setdefault(_likeness(key, current), value)
        old = [part for part in present.split(",") if part]
        values[name] = ",".join([value, *old[: 0 if compromised else key.get("keep") or 0]])
        if not _is_carried(key, dialect, values[name]):
            raise KeyDialect(name=name, dialect=dialect)
    return values


def _likeness(key: KeyEntry, current: Mapping[str, str]) -> tuple[Any, ...]:
    return current.get(key["name"]), type_of(key), key.get("bytes"), key.get("keep") or 0


def rehearsed(
    keys: KeyEntries, current: Mapping[str, str], supplied: Mapping[str, str], dialect: str
) -> dict[str, str]:
    """Raise as ``generate`` would, and make nothing. What it would give for the keys that are ``supplied``."""
    _refuse_unmade(keys, supplied)
    stand_ins = generate(keys, current, {key["name"]: STAND_IN for key in keys} | dict(supplied), dialect)
    return {name: stand_ins[name] for name in supplied}


def _refuse_unmade(keys: KeyEntries, supplied: Mapping[str, str]) -> None:
    """Raise E_KEY_NOT_MADE if a value that is not generated here is missing."""
    for key in keys:
        if type_of(key) == OPENPGP and key["name"] not in supplied:
            raise KeyNotGenerated(name=key["name"])


def _generate_value(key: KeyEntry, present: str, dialect: str) -> str:
    """Return a new value of the key's type.

    One in fifty values from Django's alphabet begins with $, which django-environ takes for the name of a variable.
    """
    make, size = TYPES[type_of(key)], size_of(key, present)
    while True:
        value = make(size)
        if env_file_dialects.can_carry(dialect, value) and destination_options.can_carry(key.get("destination"), value):
            return value


def _is_carried(key: KeyEntry, dialect: str, value: str) -> bool:
    """Return whether the place of a key returns this value unchanged."""
    if key.get("destination"):
        return destination_options.can_carry(key["destination"], value)
    return env_file_dialects.can_carry(dialect, value)


def described(
    keys: KeyEntries, current: Mapping[str, str] = NONE, supplied: Mapping[str, str] = NONE
) -> list[GeneratedKey]:
    """Return how ``generate`` creates each value, for the record (PCI DSS 3.7.1)."""
    return [
        {"name": key["name"], "rng": "supplied"}
        if key["name"] in supplied
        else {"name": key["name"], "rng": RNG, "type": type_of(key), "bits": _bits(key, current.get(key["name"], ""))}
        for key in keys
    ]


def _bits(key: KeyEntry, present: str) -> int:
    kind, size = type_of(key), size_of(key, present)
    if kind in BITS:
        return BITS[kind]
    if kind == TOKEN:
        return 6 * size
    left_out = base64_length(size) * math.log2(64 / 62) if kind == "base64" else 0  # for two of 64 characters
    return int(8 * size - left_out)


def check_supplied(keys: KeyEntries, supplied: Mapping[str, str], path: str, dialect: str = "dotenv") -> None:
    """Raise E_KEY_WEAK unless each value of the file ``path`` is as strong as a generated one. No value is shown."""
    entries = {key["name"]: key for key in keys}
    lines = key_destinations.names_of_env_file(keys)
    for number, (name, value) in enumerate(supplied.items(), start=1):
        if name not in entries:  # if names and values were swapped, it is a value
            entry = f"entry {number}"
            raise KeyWeak(name=entry, path=path, fault="is not for a key in key_rotation_keys")
        for pattern, fault in _demands(entries[name]) or ANY_TYPE:
            if not re.fullmatch(pattern, value, re.DOTALL):
                raise KeyWeak(name=name, path=path, fault=fault)
        if list(supplied.values()).count(value) > 1:
            raise KeyWeak(name=name, path=path, fault="is also the value of another key")
        if len(set(value)) < LEAST_UNIQUE:
            raise KeyWeak(name=name, path=path, fault="has fewer than 5 different characters")
        if name in lines and not env_file_dialects.can_carry(dialect, value):
            lost = f"cannot be read back from a file in the dialect {dialect}"
            raise KeyWeak(name=name, path=path, fault=lost)
    _check_pairs({name: value for name, value in supplied.items() if type_of(entries[name]) == OPENPGP}, path)


def _check_pairs(supplied: Mapping[str, str], path: str) -> None:
    """Raise E_KEY_WEAK unless each OpenPGP key is one half of a pair that pgcrypto can use, and the other is there."""
    halves = {}
    for name, value in supplied.items():
        try:
            halves[name] = openpgp_pair.half_of(value.encode("utf-8"))
        except ValueError as exc:
            raise KeyWeak(name=name, path=path, fault=f"is not a key for pgcrypto: {exc}") from None
    pairs = {(half.key_id, bool(half.private)) for half in halves.values()}
    for name, half in halves.items():
        if (half.key_id, not half.private) not in pairs:
            raise KeyWeak(name=name, path=path, fault="is one half of a pair without the other")


def _demands(key: KeyEntry, present: str = "") -> list[tuple[str, str]]:
    """Return what a value must be, if its type shows it. A key that is used as it is must have the length it had."""
    kind, size = type_of(key), size_of(key, present)
    if kind == "hex":
        is_known = present or key.get("bytes")
        number, length = (f"{{{size}}}", f"{size} bytes") if is_known else (f"{{{size},}}", f"{size} bytes or more")
        return [(f"([0-9a-f]{{2}}){number}", f"is not the hex of {length}")]
    if kind == "base64":
        characters = base64_length(size)
        return [(f"[A-Za-z0-9+/_-]{{{characters}}}{'=' * (-characters % 4)}", f"is not {size} bytes in base64")]
    return DEMANDS.get(kind, [])


def fits(key: KeyEntry, value: str, present: str = "") -> bool:
    """Return whether a value is of this key's type, if the value shows that. ``present`` is as in ``size_of``."""
    return all(re.fullmatch(pattern, value) for pattern, _ in _demands(key, present))
