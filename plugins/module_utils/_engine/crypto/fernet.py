# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fernet (https://github.com/fernet/spec) and the formats with the same structure, many tokens at a time.

The library's own class spends most of its time in setting up each call (docs/design/concurrency.md). A release in which
it does not is faster than ours: which one works is measured.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hmac
import struct
from collections.abc import Sequence

from .aes_cbc import BLOCK, cbc_decrypt, cbc_encrypt, fastest_hmac
from .fastest_implementation import choose_fastest
from .tokens import BatchCipher, Cipher, Opened, SingleTokenCipher
from .wrappers import to_base64, unbase64

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.fernet import Fernet, InvalidToken
    from cryptography.hazmat.primitives.ciphers import algorithms

MAC = 32  # bytes of an HMAC-SHA256
VERSION = b"\x80"  # of https://github.com/fernet/spec
TIME = struct.Struct(">Q")
HEADER = len(VERSION) + TIME.size  # the IV follows, the ciphertext, the MAC
SHORTEST = HEADER + 2 * BLOCK + MAC


def is_fernet_frame(raw: bytes) -> bool:
    """Return whether raw bytes have the version and a length of a Fernet token (https://github.com/fernet/spec)."""
    return len(raw) >= SHORTEST and not (len(raw) - SHORTEST) % BLOCK and raw[:1] == VERSION


class AesCbcHmac(BatchCipher):
    """Fernet's frame in raw bytes, with an AES key and a signing key of any length, as django-cryptography has it
    (docs/design/django-encryption.md)."""

    def __init__(self, key: bytes, signing_key: bytes) -> None:
        self._algorithm = algorithms.AES(key)
        self._mac = fastest_hmac()(signing_key)

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        opened: list[Opened | None] = [None] * len(tokens)
        framed = [(place, token) for place, token in enumerate(tokens) if is_fernet_frame(token)]
        macs = self._mac.digests([token[:-MAC] for _, token in framed])
        # What is not ours is left out before anything is decrypted: it has no part in the stream.
        ours = [candidate for candidate, mac in zip(framed, macs) if hmac.compare_digest(mac, candidate[1][-MAC:])]
        texts = cbc_decrypt(self._algorithm, [token[HEADER:-MAC] for _, token in ours])
        for (place, token), text in zip(ours, texts):
            if text is not None:
                opened[place] = Opened(text, *TIME.unpack_from(token, len(VERSION)))
        return opened

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        texts = cbc_encrypt(self._algorithm, [inside.plaintext for inside in insides])
        frames = [VERSION + TIME.pack(inside.timestamp or 0) + text for inside, text in zip(insides, texts)]
        return [frame + mac for frame, mac in zip(frames, self._mac.digests(frames))]


class _InBase64(BatchCipher):
    """The frame in urlsafe base64; one key gives both: the first half signs, the second encrypts."""

    length = 0  # of the key, in bytes

    def __init__(self, key: bytes) -> None:
        if len(key) != self.length:
            raise ValueError(f"the key has {self.length} bytes")
        half = self.length // 2
        self._frame = AesCbcHmac(key[half:], key[:half])

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        return self._frame.open_all(list(map(unbase64, tokens)))

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        return list(map(to_base64, self._frame.seal_all(insides)))


class FernetToken(_InBase64):
    """A Fernet token (https://github.com/fernet/spec). It begins with gAAAAA until the year 2106."""

    length = 32


class LibraryFernet(SingleTokenCipher):
    """A cipher for Fernet tokens by ``cryptography``'s own class, which handles one token at a time."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def open(self, token: bytes) -> Opened | None:
        raw = unbase64(token)
        if not is_fernet_frame(raw):
            return None
        try:  # the library passes over foreign signs in base64, which unbase64 refuses
            return Opened(self._fernet.decrypt(to_base64(raw)), TIME.unpack_from(raw, len(VERSION))[0])
        except InvalidToken:
            return None

    def seal(self, inside: Opened) -> bytes:
        return self._fernet.encrypt_at_time(inside.plaintext, inside.timestamp or 0)


class Fernet256(_InBase64):
    """Fernet with AES-256, as ansible/eda-server has it."""

    length = 64


FERNETS: tuple[type[FernetToken | LibraryFernet], ...] = (FernetToken, LibraryFernet)
SAMPLE = [Opened(b"Ada Lovelace, 12 St James's Square, London")] * 32


def fastest_fernet(key: bytes) -> Cipher:
    """Fernet under this key, by the implementation that is faster in this process."""
    return _fastest()(key)


@functools.cache
def _fastest() -> type[FernetToken | LibraryFernet]:
    """Measured once in a process, in about 3 ms."""
    return choose_fastest(FERNETS, _reseal)


def _reseal(implementation: type[FernetToken | LibraryFernet]) -> None:
    cipher = implementation(bytes(32))
    cipher.open_all(cipher.seal_all(SAMPLE))
