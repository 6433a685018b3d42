# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IDs that an application computes from its keys: a digest of a key, or a part of the key, next to its tokens.

An application that chooses the key of a value by such an ID finds no key after a rotation, since the ID stays. Which
texts could be one is computed, as search hashes are. What is found is described, and never shown.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from .derivation import members
from .key_set import split_list
from .keyring import Keyring

LEAST = 6  # characters of an ID that counts: random hex has one of these by chance once in 100,000 values
LONGEST = 140  # of any: SHA-512 in hex has 128
LEAST_OF_TEXT = 20  # the same of the first characters of a key that is not random bytes, such as django-insecure-...
RANDOM = 16  # bytes that a key must have to be random ones in base64 or hex
_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512")
_BLAKE2B, _BLAKE2S = (4, 8, 16, 20, 32, 64), (8, 16, 32)  # bytes: each size is another digest
# Words of a text in which an ID may be: in base64, and between any other signs.
_WORDS = (
    re.compile(rf"(?<![A-Za-z0-9])(?=([\w+/-]{{{LEAST},{LONGEST}}}))", re.ASCII),
    re.compile(rf"[A-Za-z0-9]{{{LEAST},}}"),
)


@dataclass(frozen=True)
class Fingerprint:
    """A text that is computed from a key: ``what`` says how, and of which setting."""

    what: str
    text: str
    least: int = LEAST

    def describe(self, word: str) -> str:
        """Return a description of how a word of a value is computed."""
        if len(word) == len(self.text):
            return self.what
        end = "first" if self.text.startswith(word) else "last"
        return f"the {end} {len(word)} characters of {self.what}"


class KeyFingerprints:
    """All fingerprints of the available keys, of every stage, and of those that some ``schemes`` make of them."""

    def __init__(self, keyring: Keyring, schemes: Iterable[str] = ()) -> None:
        self._ends: dict[str, list[Fingerprint]] = {}
        for stage in keyring.stages.values():
            for name, value in stage.values.items():
                for text in {*members(value), *(part.encode() for part in split_list(value))}:
                    self._add(_of_setting(name, text))
        for names, key in dict.fromkeys(each for scheme in schemes for each in keyring.raw_keys(scheme)):
            title = f"the key derived from {names}"
            self._add(chain(_of(title, key), _of(title, base64.urlsafe_b64encode(key))))

    def _add(self, fingerprints: Iterator[Fingerprint]) -> None:
        for fingerprint in fingerprints:
            for end in {fingerprint.text[:LEAST], fingerprint.text[-LEAST:]}:
                self._ends.setdefault(end, []).append(fingerprint)

    def of_word(self, word: str) -> str:
        """Return a description of how a word is computed from a key. Empty if it is not computed from one."""
        for end in {word[:LEAST], word[-LEAST:]}:
            for fingerprint in self._ends.get(end, ()):
                if len(word) >= fingerprint.least and (
                    fingerprint.text.startswith(word) or fingerprint.text.endswith(word)
                ):
                    return fingerprint.describe(word)
        return ""

    def of_text(self, text: str) -> Iterator[tuple[str, str]]:
        """The words of a text that are computed from a key, each with how."""
        words = chain([text.strip()], *(pattern.findall(text) for pattern in _WORDS))
        for word in dict.fromkeys(word.rstrip("=") for word in words):
            if not _is_plain_word(word) and (what := self.of_word(word)):
                yield word, what

    def without_ids(self, text: str) -> str:
        """A text with how they are computed, instead of such words."""
        for word, what in self.of_text(text):
            text = text.replace(word, f"({what})")
        return text


def _is_plain_word(word: str) -> bool:
    """Return whether it has only letters of one case, as one in 100 random texts of hex or base64, and the start of
    some keys."""
    return word.isalpha() and (word.islower() or word.isupper() or word.istitle())


def _of_setting(name: str, text: bytes) -> Iterator[Fingerprint]:
    """Yield the fingerprints of one value of a setting: of its text, and of the bytes that it encodes."""
    of_bytes = set(decoded(text))
    yield from _of(name, text)
    shown = text.decode("utf-8", "replace").rstrip("=")
    yield Fingerprint(name, shown, LEAST if of_bytes else LEAST_OF_TEXT)
    for data in of_bytes:
        yield from _of(f"the bytes of {name}", data)
        yield from written(f"the bytes of {name}", data)


def decoded(text: bytes) -> Iterator[bytes]:
    """The random bytes that a key's text may be, in base64 or hex."""
    for decode in (base64.urlsafe_b64decode, base64.b64decode, bytes.fromhex):
        with contextlib.suppress(ValueError, binascii.Error):
            data = decode(text.decode("ascii"))
            if len(data) >= RANDOM and text.rstrip(b"=") in {each.text.encode() for each in written("", data)}:
                yield data


def _of(name: str, data: bytes) -> Iterator[Fingerprint]:
    """Every digest of some bytes in every writing."""
    for title, digest in _digests(data):
        yield from written(f"the {title} of {name}", digest)


def _digests(data: bytes) -> Iterator[tuple[str, bytes]]:
    for name in _DIGESTS:
        with contextlib.suppress(ValueError):  # FIPS mode has no MD5
            yield name.upper(), hashlib.new(name, data, usedforsecurity=False).digest()
    for size in _BLAKE2B:
        yield "BLAKE2b", hashlib.blake2b(data, digest_size=size).digest()
    for size in _BLAKE2S:
        yield "BLAKE2s", hashlib.blake2s(data, digest_size=size).digest()
    yield "CRC32", zlib.crc32(data).to_bytes(4, "big")


def written(what: str, data: bytes) -> Iterator[Fingerprint]:
    """Some bytes in every writing that a person or a program may give them."""
    texts = {
        "hex": data.hex(),
        "capital hex": data.hex().upper(),
        "base64": base64.b64encode(data).decode().rstrip("="),
        "urlsafe base64": base64.urlsafe_b64encode(data).decode().rstrip("="),
    }
    if len(data) >= 16:
        texts["the form of a UUID"] = str(uuid.UUID(bytes=data[:16]))
    if len(data) == 4:
        decimal = str(int.from_bytes(data, "big"))
        yield Fingerprint(f"{what} in decimal", decimal, len(decimal))
    for writing, text in texts.items():
        if len(text) >= LEAST:
            yield Fingerprint(f"{what} in {writing}", text)
