# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AES-CBC and HMAC-SHA256 over many short values, in few calls.

``cryptography`` and ``hmac`` spend most of their time in setting up a call (docs/design/concurrency.md). So all values
are one CBC stream. In it, each value is one block, the IV, followed by the blocks that depend on it.

Decryption: in CBC, P[i] = D(C[i]) xor C[i-1] (NIST SP 800-38A, 6.2). A block needs only the block before it, so ``IV |
ciphertext`` of all values can be joined. Only the block in the place of each IV depends on the previous value, and it
is dropped.

Encryption: the stream is ``16 random bytes | padded text`` of all values. The random bytes R are encrypted to IV = E(R
xor C), where C is the block before. SP 800-38A requires an IV that cannot be predicted (appendix C). This is its first
method: the forward cipher under the same key, applied to a nonce.

The nonce is R xor C. The operating system makes R for this value only, after C is settled. So the nonce is uniform and
independent of all that is known before, and so is its image under a permutation. IVs are therefore as unpredictable as
random ones, and repeat as rarely. The blocks after the IV are CBC of the text under that IV, and depend on nothing
else.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Sequence

from .fastest_implementation import choose_fastest

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.hmac import HMAC


BLOCK = 16  # bytes of an AES block
_PADDING = [bytes([length]) * length for length in range(BLOCK + 1)]  # by its length, PKCS #7 (RFC 5652, 6.3)


class HashlibHmac:
    """HMAC-SHA256 (RFC 2104) under one key: two hash states that are copied for each message."""

    def __init__(self, key: bytes) -> None:
        key = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key)).copy
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy

    def digests(self, messages: Sequence[bytes]) -> list[bytes]:
        """The 32 bytes of each message."""
        digests, new_inner, new_outer = [], self._inner, self._outer
        for message in messages:
            inner, outer = new_inner(), new_outer()
            inner.update(message)
            outer.update(inner.digest())
            digests.append(outer.digest())
        return digests


class LibraryHmac:
    """HMAC-SHA256 by ``cryptography``, whose hash state is copied for each message.

    It is far slower than ``HashlibHmac`` before version 42 of the library, and faster since.
    """

    def __init__(self, key: bytes) -> None:
        self._new = HMAC(key, SHA256()).copy

    def digests(self, messages: Sequence[bytes]) -> list[bytes]:
        """The 32 bytes of each message."""
        digests, new = [], self._new
        for message in messages:
            mac = new()
            mac.update(message)
            digests.append(mac.finalize())
        return digests


Hmac = HashlibHmac | LibraryHmac
HMACS: tuple[type[Hmac], ...] = (HashlibHmac, LibraryHmac)


@functools.cache
def fastest_hmac() -> type[Hmac]:
    """Measured once in a process, in less than a millisecond."""
    return choose_fastest(HMACS, lambda implementation: implementation(bytes(16)).digests([bytes(100)] * 100))


def cbc_decrypt(algorithm: algorithms.AES, sealed: Sequence[bytes]) -> list[bytes | None]:
    """The text in each ``IV | ciphertext``; None if its padding is wrong. Each is two or more whole blocks."""
    decryptor = Cipher(algorithm, modes.CBC(bytes(BLOCK))).decryptor()  # whose IV only meets a block that is dropped
    stream = decryptor.update(b"".join(sealed))
    texts, end = [], 0
    for ciphertext in sealed:
        begin, end = end + BLOCK, end + len(ciphertext)
        texts.append(unpad(stream[begin:end]))
    return texts


def cbc_encrypt(algorithm: algorithms.AES, texts: Sequence[bytes]) -> list[bytes]:
    """``IV | ciphertext`` of each text, with an IV of its own."""
    random = os.urandom(BLOCK * len(texts))
    starts = range(0, len(random), BLOCK)
    parts = [random[at : at + BLOCK] + text + _PADDING[BLOCK - len(text) % BLOCK] for at, text in zip(starts, texts)]
    encryptor = Cipher(algorithm, modes.CBC(os.urandom(BLOCK))).encryptor()
    stream = encryptor.update(b"".join(parts))
    sealed, end = [], 0
    for part in parts:
        begin, end = end, end + len(part)
        sealed.append(stream[begin:end])
    return sealed


def pad(text: bytes) -> bytes:
    """PKCS #7 (RFC 5652, 6.3)."""
    return text + _PADDING[BLOCK - len(text) % BLOCK]


def unpad(blocks: bytes) -> bytes | None:
    """The text without its padding; None if that is wrong."""
    length = blocks[-1]
    return blocks[:-length] if 1 <= length <= BLOCK and blocks.endswith(_PADDING[length]) else None
