# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPGP messages under a key pair (RFC 4880), as pgp_pub_encrypt of PostgreSQL's pgcrypto writes them.

A key is taken as pgcrypto takes it (pgp-pubkey.c): version 4, with exactly one subkey that encrypts, by RSA or ElGamal.
A private key has no passphrase: django-pgcrypto-fields has no setting for one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field

from .openpgp import DATA, KEY_BYTES, open_data, packet, packets, seal_data
from .tokens import Opened, SingleTokenCipher
from .wrappers import unarmored

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

PAIR_SESSION_KEY, PRIVATE_SUBKEY, PUBLIC_SUBKEY = 1, 7, 14  # packet tags, section 4.3
PAIR_BEGIN = b"\xc1"  # how pgcrypto begins such a message
USUAL = b"\7"  # the cipher that pgcrypto chooses by itself, AES-128
RSA, RSA_ENCRYPT, ELGAMAL = 1, 2, 16  # section 9.1
NUMBERS = {RSA: (2, 4), RSA_ENCRYPT: (2, 4), ELGAMAL: (3, 1)}  # how many are public, and private: section 5.5
KEY_ID = 8


@dataclass(frozen=True)
class EncryptionSubkey:
    """The encryption subkey of a public or a private key. ``private`` is empty in a public one."""

    key_id: bytes
    algorithm: int
    public: tuple[int, ...]
    private: tuple[int, ...] = field(repr=False)


def half_of(armored: bytes) -> EncryptionSubkey:
    """The subkey that encrypts in a key in ASCII armor. Raise ValueError if pgcrypto could not use the key."""
    parts = list(packets(unarmored(armored) or b""))
    subkeys = [(tag, body) for tag, body in parts if tag in (PRIVATE_SUBKEY, PUBLIC_SUBKEY) and body[:1] == b"\4"]
    bodies = [(tag, body) for tag, body in subkeys if len(body) > 5 and body[5] in NUMBERS]
    if len(bodies) != 1 or 0 in dict(parts):
        raise ValueError("it has not exactly one subkey that encrypts, by RSA or ElGamal")
    tag, body = bodies[0]
    counts = NUMBERS[body[5]]
    public, end = _numbers(body, 6, counts[0])
    private: tuple[int, ...] = ()
    if tag == PRIVATE_SUBKEY:
        if body[end : end + 1] != b"\0":
            raise ValueError("it is under a passphrase")
        private, last = _numbers(body, end + 1, counts[1])
        if body[last:] != _check(body[end + 1 : last]):
            raise ValueError("it is damaged")
    digest = hashlib.sha1(b"\x99" + end.to_bytes(2, "big") + body[:end], usedforsecurity=False).digest()  # 12.2
    return EncryptionSubkey(digest[-KEY_ID:], body[5], public, private)


class OpenPgpPair(SingleTokenCipher):
    """Version 3 session key packet for one public key, version 1 integrity protected data.

    The frame that is kept is the number of the cipher.
    """

    def __init__(self, private: bytes, public: bytes) -> None:
        half, other = half_of(private), half_of(public)
        if not half.private or other.private or half.key_id != other.key_id:
            raise ValueError("not the two halves of one pair")
        self._head = b"\3" + half.key_id + bytes([half.algorithm])
        self._key = ElGamal(half) if half.algorithm == ELGAMAL else Rsa(half)

    def open(self, token: bytes) -> Opened | None:
        if not is_under_key_pair(token):
            return None
        (_, key_packet), *rest = packets(token)
        # With more than one reader, the others would lose the value.
        if len(rest) != 1 or not key_packet.startswith(self._head):
            return None
        try:
            session = self._key.decrypt(_numbers(key_packet, len(self._head), self._key.count)[0])
        except ValueError:
            return None
        cipher, key, check = session[:1], session[1:-2], session[-2:]
        if len(key) != KEY_BYTES.get(session[0] if session else 0) or check != _check(key):
            return None
        plaintext = open_data(key, rest[0][1])
        return None if plaintext is None else Opened(plaintext, frame=cipher)

    def seal(self, inside: Opened) -> bytes:
        cipher = inside.frame or USUAL
        key = os.urandom(KEY_BYTES[cipher[0]])
        numbers = self._key.encrypt(cipher + key + _check(key))
        session = self._head + b"".join(map(_as_number, numbers))
        return packet(PAIR_SESSION_KEY, session) + packet(DATA, seal_data(key, inside.plaintext))


class Rsa:
    """RSA with the padding of PKCS #1 version 1.5 (section 13.1)."""

    count = 1  # of numbers in a session key packet

    def __init__(self, half: EncryptionSubkey) -> None:
        (modulus, exponent), (d, p, q, _) = half.public, half.private
        crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
        numbers = rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(exponent, modulus))
        self._private = numbers.private_key()
        self._public = self._private.public_key()
        self._size = _size(modulus)

    def decrypt(self, numbers: tuple[int, ...]) -> bytes:
        """Return what was encrypted, or other bytes. Raise ValueError."""
        if numbers[0].bit_length() > 8 * self._size:
            raise ValueError("longer than the key")
        return self._private.decrypt(numbers[0].to_bytes(self._size, "big"), PKCS1v15())

    def encrypt(self, message: bytes) -> tuple[int, ...]:
        return (int.from_bytes(self._public.encrypt(message, PKCS1v15()), "big"),)


class ElGamal:
    """ElGamal with the same padding; ``cryptography`` has it not."""

    count = 2

    def __init__(self, half: EncryptionSubkey) -> None:
        (self._prime, self._base, self._public), (self._secret,) = half.public, half.private
        self._size = _size(self._prime)

    def decrypt(self, numbers: tuple[int, ...]) -> bytes:
        """Return what was encrypted, or other bytes. Raise ValueError."""
        shared = pow(pow(numbers[0], self._secret, self._prime), -1, self._prime)
        block = (numbers[1] * shared % self._prime).to_bytes(self._size, "big")
        padding, zero, message = block[2:].partition(b"\0")
        if block[:2] != b"\0\2" or not zero or len(padding) < 8:
            raise ValueError("not under this key")
        return message

    def encrypt(self, message: bytes) -> tuple[int, ...]:
        padding = b""
        while len(padding) < self._size - 3 - len(message):
            padding += os.urandom(1).strip(b"\0")
        block = int.from_bytes(b"\0\2" + padding + b"\0" + message, "big")
        bits = self._prime.bit_length() // 10 + 160  # as pgcrypto has it (pgp-mpi-openssl.c)
        once = int.from_bytes(os.urandom(bits // 8 + 1), "big")
        return pow(self._base, once, self._prime), block * pow(self._public, once, self._prime) % self._prime


def is_under_key_pair(token: bytes) -> bool:
    """Return whether a message was encrypted with public keys (section 5.1): no passphrase opens it."""
    if not token.startswith(PAIR_BEGIN):
        return False
    tags = [tag for tag, _ in packets(token)]
    return tags[-1:] == [DATA] and set(tags[:-1]) == {PAIR_SESSION_KEY}


def _check(secret: bytes) -> bytes:
    """The checksum of a session key (section 5.1), or of private numbers (5.5.3)."""
    return (sum(secret) % 65536).to_bytes(2, "big")


def _size(number: int) -> int:
    return (number.bit_length() + 7) // 8


def _as_number(number: int) -> bytes:
    """A multiprecision integer, section 3.2."""
    return number.bit_length().to_bytes(2, "big") + number.to_bytes(_size(number), "big")


def _numbers(body: bytes, at: int, count: int) -> tuple[tuple[int, ...], int]:
    """Return so many numbers from a position on, and the next position. Raise ValueError if the body is shorter."""
    numbers = []
    for _ in range(count):
        begin = at + 2
        at = begin + (int.from_bytes(body[at:begin], "big") + 7) // 8
        if len(body) < at:
            raise ValueError("it is cut short")
        numbers.append(int.from_bytes(body[begin:at], "big"))
    return tuple(numbers), at
