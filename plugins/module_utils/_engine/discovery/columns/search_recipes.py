# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes for search hashes and blind indexes of a plaintext. Each way is data.

A recipe that computes the stored hash is proved, as a scheme is by a token that authenticates.
"""

from __future__ import annotations

import abc
import base64
import contextlib
import hashlib
import hmac
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import TYPE_CHECKING

from ...crypto.derivation import data_protection, direct, from_hex

if TYPE_CHECKING:
    from ...crypto.keyring import Keyring

BLOCK = 64  # bytes of SHA-256
MAY_BE = "^[!-~]{22,}$"  # from MD5 in base64 on


def _algorithms() -> Iterator[str]:
    """Yield the algorithms that are available here. With FIPS, MD5 is not."""
    for name in ("sha256", "sha512", "sha1", "md5"):
        with contextlib.suppress(ValueError):
            hmac.digest(b"key", b"", name)
            yield name


def _hash(name: str, text: bytes) -> bytes:
    return hashlib.new(name, text, usedforsecurity=False).digest()


# What is hashed with which key.
WAYS: dict[str, Callable[[str, bytes, bytes], bytes]] = {
    "{}_value_salt": lambda name, value, key: _hash(name, value + key),
    "{}_salt_value": lambda name, value, key: _hash(name, key + value),
    "hmac_{}": lambda name, value, key: hmac.digest(key, value, name),
}
HASHES: dict[str, Callable[[bytes, bytes], bytes]] = {
    way.format(name): partial(WAYS[way], name) for name, way in product(_algorithms(), WAYS)
}
# How the key is derived from the setting.
KEYS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda secret: secret,
    "sha256": lambda secret: hashlib.sha256(secret).digest(),
    "direct": direct,
    "hex": from_hex,
    "field_encryption": lambda secret: data_protection(secret, b"hash"),  # BlindIndexField of django-field-encryption
}
# What an application does to a text before it hashes it, so that a search finds other ways of writing it too.
NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "stripped": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "casefold": str.casefold,
    "nfkc": partial(unicodedata.normalize, "NFKC"),
    "joined": partial(re.compile(r"[\s-]+").sub, ""),
    "digits": partial(re.compile(r"\D+").sub, ""),
    "digits_and_plus": partial(re.compile(r"[^\d+]+").sub, ""),
}
# Which of these it does, one after the other.
NORMALIZED = (
    ("lower",),
    ("stripped", "lower"),
    ("upper",),
    ("stripped", "upper"),
    ("casefold",),
    ("stripped", "casefold"),
    ("nfkc",),
    ("nfkc", "stripped"),
    ("nfkc", "stripped", "lower"),
    ("nfkc", "stripped", "casefold"),
    ("joined",),
    ("joined", "lower"),
    ("joined", "upper"),
    ("digits",),
    ("digits_and_plus",),
)
# Those that change a text of ASCII in a way that the others do not.
NORMALIZED_ASCII = tuple(how for how in NORMALIZED if not {"casefold", "nfkc"} & {*how})
# How the digest is written. A bytea reads as hex after a prefix, \x.
WRITTEN: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "upper_hex": lambda digest: digest.hex().upper(),
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64_bare": lambda digest: base64.b64encode(digest).decode().rstrip("="),
    "urlsafe_base64": lambda digest: base64.urlsafe_b64encode(digest).decode(),
    "urlsafe_base64_bare": lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
    "uuid": lambda digest: str(uuid.UUID(bytes=digest[:16])),
    "uuid_version_4": lambda digest: str(uuid.UUID(bytes=digest[:16], version=4)),
    "uuid_version_5": lambda digest: str(uuid.UUID(bytes=digest[:16], version=5)),
}
# In these types a digest is written in some of them alone; PostgreSQL takes no text for them without a cast.
WRITTEN_IN = {"bytea": ("hex",), "uuid": ("uuid", "uuid_version_4", "uuid_version_5")}
# The characters of each.
ALPHABETS = {
    "hex": "[0-9a-f]",
    "upper_hex": "[0-9A-F]",
    "base64": "[A-Za-z0-9+/=]",
    "base64_bare": "[A-Za-z0-9+/]",
    "urlsafe_base64": "[A-Za-z0-9_=-]",
    "urlsafe_base64_bare": "[A-Za-z0-9_-]",
    **dict.fromkeys(WRITTEN_IN["uuid"], "[0-9a-f-]"),
}
# How many characters each is.
LENGTHS = {(name, written): len(WRITTEN[written](HASHES[name](b"", b""))) for name, written in product(HASHES, WRITTEN)}


@dataclass(frozen=True)
class RowValue:
    """A plaintext, and those columns of its row that are hashed with it, as text."""

    plaintext: bytes = field(repr=False)
    columns: Mapping[str, str | None] = field(default_factory=dict, repr=False)

    @cached_property
    def texts(self) -> list[bytes]:
        """Return the texts that an application may hash, as ``texts_of``."""
        return texts_of(self.plaintext)


DigestMaker = Callable[[RowValue], Sequence[str]]


class DigestRecipe(abc.ABC):
    """The recipe of a search column, which was found or given."""

    column: str
    type: str
    is_given = False  # whether a person described it, and nothing proves it
    needs_process = False  # whether a process of the application computes it

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the row that are hashed with the value."""
        return ()

    @property
    @abc.abstractmethod
    def settings(self) -> frozenset[str]:
        """The settings that are its secrets, as far as they are known."""

    @property
    @abc.abstractmethod
    def looks(self) -> str:
        """The pattern of the values that it computes."""

    @abc.abstractmethod
    def is_rotated(self, keyring: Keyring) -> bool:
        """Return whether a rotation changes what it computes."""

    @abc.abstractmethod
    def maker(self, keyring: Keyring, stage: str) -> DigestMaker:
        """Return what makes the possible digests of a value under one stage. Raise ValueError without a valid key.

        Under all stages there are as many of a value, in the same order; none if its row lacks what is hashed.
        """

    @abc.abstractmethod
    def obstacle(self, keyring: Keyring, before: str, after: str) -> tuple[str, str] | None:
        """Return why its setting cannot change from one stage to another and back, and which could. None if it can."""

    def of_nothing(self, keyring: Keyring, stage: str) -> Sequence[str]:
        """Return the digests of an empty value. Raise ValueError as ``maker``."""
        return self.maker(keyring, stage)(RowValue(b""))


@dataclass(frozen=True)
class SearchColumnRecipe(DigestRecipe):
    """The recipe of a search column that was found: ``prefix`` and a digest of a text under the setting ``secret``.

    The row determines which text is hashed.
    """

    column: str
    prefix: str
    secret: str
    hash: str = "sha256_value_salt"
    key: str = "raw"
    written: str = "hex"
    type: str = "text"
    length: int = 0  # of the digest as it is written, if that is cut

    @property
    def settings(self) -> frozenset[str]:
        return frozenset({self.secret})

    def is_rotated(self, keyring: Keyring) -> bool:
        return self.secret in keyring.names

    def of(self, text: bytes, secret: bytes) -> str:
        """Return what the column holds for a text. Raise ValueError if the secret is not a key."""
        return self._of(text, KEYS[self.key](secret))

    def _of(self, text: bytes, key: bytes) -> str:
        digest = HASHES[self.hash](text, key)
        return self.prefix + WRITTEN[self.written](digest)[: self.length or None]

    def maker(self, keyring: Keyring, stage: str) -> DigestMaker:
        key = KEYS[self.key](keyring.secret(stage, self.secret))
        return lambda value: [self._of(text, key) for text in value.texts]

    def obstacle(self, keyring: Keyring, before: str, after: str) -> tuple[str, str] | None:
        return self.tied(*(keyring.secret(stage, self.secret) for stage in (before, after)))

    def tied(self, before: bytes, after: bytes) -> tuple[str, str] | None:
        """Return why its setting cannot change to another value and back, and which could. None if it can."""
        try:
            self.of(b"", after)
        except ValueError:
            reason = f"a key that is {self.key} of {self.secret}, and the new value is not a valid key"
            return reason, "a type that produces a valid key"
        unclear = self.is_ambiguous(before), self.is_ambiguous(after)
        if unclear == (True, False):
            reason = f"{self.secret} or its SHA-256: a value over {BLOCK} bytes does not show which"
            return reason, f"a type and bytes that make it longer than {BLOCK}"
        if unclear == (False, True) and self.key != "raw":
            reason = f"the SHA-256 of {self.secret}: a rollback could not tell for values over {BLOCK} bytes"
            return reason, f"a type and bytes that make it no longer than {BLOCK}, such as token_urlsafe of 48 bytes,"
        return None

    def asks(self, before: bytes) -> tuple[str, str] | None:
        """Return what the next value of its setting has to be and why, as far as the present value shows."""
        if self.is_ambiguous(before):
            why = "like the present value, which does not show whether its SHA-256 is the key"
            return f"longer than {BLOCK} bytes", why
        if self.hash == "hmac_sha256" and self.key == "sha256":
            why = "because its SHA-256 is the key. By default it is, since it is as long as the present one"
            return f"of {BLOCK} bytes at most", why
        return None

    def is_ambiguous(self, secret: bytes) -> bool:
        """Return whether the setting and its SHA-256 are the same key: HMAC hashes a long key."""
        return self.hash == "hmac_sha256" and self.key in ("raw", "sha256") and len(secret) > BLOCK

    @property
    def looks(self) -> str:
        """Return the pattern of the values that it computes."""
        length = self.length or LENGTHS[self.hash, self.written]
        return f"^{re.escape(self.prefix)}{ALPHABETS[self.written]}{{{length}}}$"

    def __str__(self) -> str:
        """Return the recipe without the alphabet of base64: which one fits depends on the sampled rows."""
        words = [f"{self.column} as {self.hash} under {self.secret}"]
        words += [f"key {self.key}"] * (self.key != "raw")
        words += [f"cut to {self.length} characters"] * (self.length > 0)
        return ", ".join([*words, self.written.removeprefix("urlsafe_")])


def texts_of(plaintext: bytes) -> list[bytes]:
    """Return the texts of a plaintext that an application may hash, each once, the plaintext itself first."""
    text = plaintext.decode("utf-8", "replace")
    normalized = NORMALIZED_ASCII if text.isascii() else NORMALIZED
    return list(dict.fromkeys([plaintext, plaintext.strip(), *(_normalized(text, how) for how in normalized)]))


def _normalized(text: str, how: Sequence[str]) -> bytes:
    for name in how:
        text = NORMALIZATIONS[name](text)
    return text.encode("utf-8")


def possible_keys(secrets: Mapping[str, bytes]) -> list[tuple[str, str, bytes]]:
    """Return every key that may be derived from a setting, each as the setting, the way and the key."""
    keys = []
    for secret, key in product(secrets, KEYS):
        with contextlib.suppress(ValueError):  # the setting is not base64, or not hex
            keys.append((secret, key, KEYS[key](secrets[secret])))
    return keys
