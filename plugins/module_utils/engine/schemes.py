# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemes: how a token is made from a key set, as data. A format, a key derivation, a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import RotationError
from .derivation import DERIVATIONS
from .formats import FORMATS, MARKERS, Cipher, Opened
from .keysets import KeySet

# What ``auto`` tries. Source: the runbook's application, facts/django-encryption.md section 1.1.
KNOWN_SCHEMES: dict[str, dict[str, object]] = {
    "encryption_manager": {
        "format": "fernet",
        "key": {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": "ENCRYPTION_SALT", "iterations": 100_000},
    },
}
MEMBERS = {"format", "key", "prefix"}


@dataclass(frozen=True)
class Scheme:
    """One scheme, checked. ``settings`` are the names of the key set it needs."""

    name: str
    format: str
    derive: str
    params: Mapping[str, object]
    settings: tuple[str, ...]
    prefix: str = ""

    @property
    def marker(self) -> str:
        """What every token of this scheme begins with."""
        return self.prefix + MARKERS[self.format]

    def cipher(self, keys: KeySet) -> Cipher:
        """The scheme under one key set. Derives the key: call once per key set, never per row."""
        function = DERIVATIONS[self.derive][0]
        try:
            key = function(self.params, keys.values)
        except KeyError:
            missing = next(name for name in self.settings if name not in keys.values)
            raise RotationError(
                "E_SCHEME", scheme=self.name, found=f"needs {missing}, which key_rotation_keys does not list"
            ) from None
        except ValueError:
            raise RotationError(
                "E_SCHEME", scheme=self.name, found=f"cannot make a key from {self.settings[0]}"
            ) from None
        bare = FORMATS[self.format](key)
        return _Prefixed(bare, self.prefix) if self.prefix else bare


@dataclass(frozen=True)
class _Prefixed:
    inner: Cipher = field(repr=False)
    prefix: str

    def open(self, token: str) -> Opened | None:
        return self.inner.open(token[len(self.prefix) :]) if token.startswith(self.prefix) else None

    def seal(self, inside: Opened) -> str:
        return self.prefix + self.inner.seal(inside)


def parse(described: str | Mapping[str, Mapping[str, object]]) -> dict[str, Scheme]:
    """Schemes by name from ``key_rotation_schemes``: ``auto``, or the mapping the design shows. Raises E_SCHEME."""
    if described == "auto":
        described = KNOWN_SCHEMES
    if not isinstance(described, Mapping) or not described:
        raise RotationError("E_SCHEME", scheme="(all)", found="is neither 'auto' nor a mapping of schemes")
    return {name: _scheme(name, members) for name, members in described.items()}


def _scheme(name: str, members: Mapping[str, object]) -> Scheme:
    def refuse(found: str) -> RotationError:
        return RotationError("E_SCHEME", scheme=name, found=found)

    if not isinstance(members, Mapping):
        raise refuse("is not a mapping")
    for member in members:
        if member not in MEMBERS:
            raise refuse(f"has the unknown member {member}")
    if members.get("format") not in FORMATS:
        raise refuse(f"has no format of: {', '.join(FORMATS)}")
    key = members.get("key")
    if not isinstance(key, Mapping) or key.get("derive") not in DERIVATIONS:
        raise refuse(f"has no key.derive of: {', '.join(DERIVATIONS)}")
    derive = str(key["derive"])
    _, needed, names = DERIVATIONS[derive]
    params = {member: value for member, value in key.items() if member != "derive"}
    if set(params) != set(needed):
        raise refuse(f"wants for {derive} exactly: {', '.join(needed)}")
    if "iterations" in params and not (isinstance(params["iterations"], int) and params["iterations"] > 0):
        raise refuse("has iterations that are no positive number")
    settings = tuple(str(params[member]) for member in names)
    return Scheme(name, str(members["format"]), derive, params, settings, str(members.get("prefix") or ""))
