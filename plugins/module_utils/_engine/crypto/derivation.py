# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The derivation of keys: a source names settings, and a derivation turns them into the bytes of a key."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scheme_description import CompositeSource, DerivationNumber, Group, KeyDescription, KeySource, SourceRole


NOTHING = ""  # instead of a setting's name: a digest without a key


with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF


ARMOR = b"-----BEGIN PGP "
GROUPS: tuple[Group, ...] = ("first", "all", "join")  # sources made of sources
# A setting as the application has it, by name; None if it has none.
Settings = Callable[[str], object]


def values(source: KeySource, settings: Settings) -> list[bytes]:
    """Return the values of a source, in order. A list setting has several: the first one encrypts, all decrypt.

    A source is one of these: the name of a setting; ``{text: ...}``, a constant; ``{bytes: ...}``, a constant in the
    code; ``{setting: NAME, default: ...}``; ``{first: [...]}``, the first source with a value; ``{all: [...]}``, the
    values of every source; ``{join: [...]}``, their first values as one.

    ``{entries: [KEYS, ACTIVE]}`` has the entries ID:VALUE of a setting that is a mapping. The entry of the ID in the
    setting ACTIVE is first.
    """
    if isinstance(source, str):
        return members(settings(source))
    if "entries" in source:
        return _entries(*map(settings, source["entries"]))
    if "bytes" in source:
        return [source["bytes"]]
    if "text" in source:
        return [str(source["text"]).encode()]
    if "setting" in source:
        return members(settings(source["setting"])) or [str(source["default"]).encode()]
    value_lists = [values(member, settings) for member in _parts(source)]
    if "first" in source:
        return next((member for member in value_lists if member), [])
    if "join" in source:
        return [b"".join(member[0] for member in value_lists)] if all(value_lists) else []
    return [value for member in value_lists for value in member]


def _entries(mapping: object, active: object) -> list[bytes]:
    """The entries ID:VALUE of a mapping, the active one first; nothing if it has none of that ID."""
    if not isinstance(mapping, Mapping) or active not in mapping:
        return []
    names = sorted(mapping, key=lambda name: name != active)
    return [f"{name}:".encode() + value for name in names for value in members(mapping[name])[:1]]


def members(value: object) -> list[bytes]:
    """Return the values of a setting as bytes: several of a list, none if it is not set.

    A key in ASCII armor may have been read from its file with or without the end of its last line.
    """
    several = value if isinstance(value, (list, tuple)) else [value]
    encoded = [member if isinstance(member, bytes) else str(member).encode("utf-8") for member in several if member]
    return [member.strip() if member.startswith(ARMOR) else member for member in encoded]


def names(source: KeySource, settings: Settings | None = None) -> set[str]:
    """Return the settings that a source names. With ``settings``, a ``first`` has only those of its source with a
    value."""
    if isinstance(source, str):
        return {source}
    if "setting" in source:
        return {source["setting"]}
    if "entries" in source:
        return {*source["entries"]}
    parts = _parts(source)
    if settings and "first" in source:
        parts = [member for member in parts if values(member, settings)][:1] or parts
    return {name for member in parts for name in names(member, settings)}


def optional(source: KeySource) -> set[str]:
    """The settings of a source that have a default."""
    if isinstance(source, str):
        return set()
    if "setting" in source:
        return {source["setting"]}
    return {name for member in _parts(source) for name in optional(member)}


def _parts(source: CompositeSource) -> Sequence[KeySource]:
    return next((source[name] for name in GROUPS if name in source), ())


def direct(secret: bytes) -> bytes:
    """The setting is the key itself in urlsafe base64, as Fernet keys are."""
    raw = base64.urlsafe_b64decode(secret)
    if base64.urlsafe_b64encode(raw) != secret:
        raise ValueError("not urlsafe base64 alone")
    return raw


def standard_base64(secret: bytes) -> bytes:
    """The setting is the key itself in standard base64, as ``openssl rand -base64`` writes it."""
    return base64.b64decode(secret, validate=True)


def from_hex(secret: bytes) -> bytes:
    """The setting is the key itself in hex digits."""
    return bytes.fromhex(secret.decode("ascii"))


def raw(secret: bytes) -> bytes:
    """The setting's own bytes are the key."""
    return secret


def padded(secret: bytes) -> bytes:
    """The setting's own bytes, filled up with zeros to the next length of an AES key, or cut at the longest."""
    first = secret[:LONGEST_AES]
    return first.ljust(next(length for length in (16, 24, LONGEST_AES) if len(first) <= length), b"\0")


def base64_first_bytes(secret: bytes, *, length: int) -> bytes:
    """The first ``length`` characters of the setting in urlsafe base64."""
    return base64.urlsafe_b64encode(secret)[:length]


def sha256(secret: bytes) -> bytes:
    """The SHA-256 of the setting."""
    return hashlib.sha256(secret).digest()


def sha512(secret: bytes) -> bytes:
    """The SHA-512 of the setting: 64 bytes, as fernet_256 takes them."""
    return hashlib.sha512(secret).digest()


def sha256_hex(secret: bytes, *, length: int = 64) -> bytes:
    """The first ``length`` hex digits of the SHA-256 of the setting, as text."""
    return hashlib.sha256(secret).hexdigest().encode()[:length]


def base85(secret: bytes) -> bytes:
    """The setting is the key itself in base85, as base64.b85decode reads it."""
    return base64.b85decode(secret)


def field_encryption(secret: bytes) -> bytes:
    """An entry ID:KEY of django-field-encryption 0.2.3 as ID:KEY, the key of 32 bytes being the one of its tokens."""
    key_id = secret.partition(b":")[0]
    return key_id + b":" + data_protection(secret, b"field")


def data_protection(secret: bytes, use: bytes) -> bytes:
    """The key that django-field-encryption 0.2.3 makes for one use of an entry ID:KEY. Raise ValueError on another."""
    key_id, colon, master = secret.partition(b":")
    if not colon:
        raise ValueError("no entry of a mapping")
    salt, info = hashlib.sha256(key_id).digest(), b"data-protection-" + use + b"-" + key_id
    return hkdf_sha256(base64.urlsafe_b64decode(master), salt, info)


@functools.lru_cache(maxsize=1024)  # slow on purpose, and a process makes several keyrings of the same keys
def pbkdf2_sha256(secret: bytes, salt: bytes, *, iterations: int, length: int = 32) -> bytes:
    """PBKDF2-HMAC-SHA256 (RFC 8018)."""
    return hashlib.pbkdf2_hmac("sha256", secret, salt, iterations, length)


def hkdf_sha256(secret: bytes, salt: bytes = b"", info: bytes = b"", *, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt or None, info=info).derive(secret)


def _split_lists(derive: str, key_values: list[bytes]) -> list[bytes]:
    """A comma list of keys that are in base64 or hex: the application takes it apart itself."""
    if derive not in ("direct", "standard_base64", "hex"):
        return key_values
    return [part.strip() for value in key_values for part in value.split(b",") if part.strip()]


LONGEST_AES = 32  # bytes of a key
KEY_ITSELF = ("direct", "standard_base64", "hex", "raw")  # the setting is the key, in some form
# name in a scheme: (function, sources it takes, of these the ones it may do without, numbers it takes)
DERIVATIONS: dict[
    str, tuple[Callable[..., bytes], tuple[SourceRole, ...], tuple[SourceRole, ...], tuple[DerivationNumber, ...]]
] = {
    "direct": (direct, ("secret",), (), ()),
    "standard_base64": (standard_base64, ("secret",), (), ()),
    "hex": (from_hex, ("secret",), (), ()),
    "raw": (raw, ("secret",), (), ()),
    "padded": (padded, ("secret",), (), ()),
    "base64_first_bytes": (base64_first_bytes, ("secret",), (), ("length",)),
    "sha256": (sha256, ("secret",), (), ()),
    "sha256_hex": (sha256_hex, ("secret",), (), ("length",)),
    "sha512": (sha512, ("secret",), (), ()),
    "base85": (base85, ("secret",), (), ()),
    "field_encryption": (field_encryption, ("secret",), (), ()),
    "pbkdf2_sha256": (pbkdf2_sha256, ("secret", "salt"), (), ("iterations", "length")),
    "hkdf_sha256": (hkdf_sha256, ("secret", "salt", "info"), ("salt", "info"), ("length",)),
}


def keys(described: KeyDescription, settings: Settings) -> list[bytes]:
    """The keys that ``described`` makes of the settings; the first one writes. Raise ValueError on a bad setting."""
    function, _, _, numbers = DERIVATIONS[described["derive"]]
    options = {name: described[name] for name in numbers if name in described}
    given = _read_sources(described, settings)
    return [function(**dict(zip(given, choice)), **options) for choice in product(*given.values())]


def several(described: KeyDescription, settings: Settings) -> bool:
    """Return whether ``keys`` would make more than one. Nothing is derived for it."""
    return any(len(source_values) > 1 for source_values in _read_sources(described, settings).values())


def _read_sources(described: KeyDescription, settings: Settings) -> dict[str, list[bytes]]:
    """The values of each source that ``described`` names."""
    sources = [name for name in DERIVATIONS[described["derive"]][1] if name in described]
    return {name: _split_lists(described["derive"], values(described[name], settings)) for name in sources}
