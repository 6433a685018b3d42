# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AES-CBC and HMAC-SHA256 over many short values, in few calls.

``cryptography`` and ``hmac`` spend most of their time in setting up a call (docs/design/concurrency.md). CBC decryption
is one AES-ECB call over all blocks of all values and one XOR (NIST SP 800-38A, 6.2: P = D(C) xor the block before);
encryption is one such call for all first blocks, one for all second blocks, and so on.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Sequence

with contextlib.suppress(ImportError):  # module.run tells it
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


BLOCK = 16  # bytes of an AES block


class HmacSha256:
    """HMAC-SHA256 (RFC 2104) under one key: two hash states that are copied for each message."""

    def __init__(self, key: bytes) -> None:
        key = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key)).copy
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy

    def digests(self, messages: Sequence[bytes]) -> list[bytes]:
        """The 32 bytes of each message."""
        made, new_inner, new_outer = [], self._inner, self._outer
        for message in messages:
            inner, outer = new_inner(), new_outer()
            inner.update(message)
            outer.update(inner.digest())
            made.append(outer.digest())
        return made


def xor(one: bytes, other: bytes) -> bytes:
    """Of two runs of the same length."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def cbc_decrypt(algorithm: algorithms.AES, ivs: Sequence[bytes], ciphertexts: Sequence[bytes]) -> list[bytes]:
    """The blocks of each ciphertext in clear, padding included. Each is one or more whole blocks."""
    before = b"".join([iv + text[:-BLOCK] for iv, text in zip(ivs, ciphertexts)])
    decryptor = Cipher(algorithm, modes.ECB()).decryptor()  # noqa: S305  # a part of CBC
    clear = xor(decryptor.update(b"".join(ciphertexts)), before)
    blocks, begin = [], 0
    for text in ciphertexts:
        end = begin + len(text)
        blocks.append(clear[begin:end])
        begin = end
    return blocks


def cbc_encrypt(algorithm: algorithms.AES, ivs: Sequence[bytes], texts: Sequence[bytes]) -> list[bytes]:
    """The ciphertext of each text. Each is one or more whole blocks, padding included."""
    encryptor = Cipher(algorithm, modes.ECB()).encryptor()  # noqa: S305  # a part of CBC
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        by_length[len(text)].append(place)
    found = [b""] * len(texts)
    for length, places in by_length.items():
        joined = b"".join([texts[place] for place in places])
        last = b"".join([ivs[place] for place in places])
        columns = []
        for start in range(0, length, BLOCK):
            column = b"".join([joined[at : at + BLOCK] for at in range(start, len(joined), length)])
            last = encryptor.update(xor(column, last))
            columns.append(last)
        for number, place in enumerate(places):
            at = number * BLOCK
            found[place] = b"".join([column[at : at + BLOCK] for column in columns])
    return found


def pad(text: bytes) -> bytes:
    """PKCS #7 (RFC 5652, 6.3)."""
    length = BLOCK - len(text) % BLOCK
    return text + bytes([length]) * length


def unpad(blocks: bytes) -> bytes | None:
    """The text without its padding; None where that is wrong."""
    length = blocks[-1]
    return blocks[:-length] if 1 <= length <= BLOCK and blocks.endswith(bytes([length]) * length) else None
