# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPGP messages under a passphrase (RFC 4880), as PostgreSQL's pgcrypto writes them, and the packets of all OpenPGP.

pgcrypto itself is not used. A passphrase in an SQL statement ends in the server's log at the first error, and psycopg2
cannot pass it in another way. The inside of the encryption is one run of bytes here: a literal packet with its type and
time, compressed or not. It goes unchanged into the new message.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from collections.abc import Iterator

from .aes_cbc import BLOCK
from .tokens import Opened, SingleTokenCipher

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
    from cryptography.hazmat.primitives.ciphers import algorithms

    try:  # CFB moved there in cryptography 45
        from cryptography.hazmat.decrepit.ciphers.modes import CFB
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.modes import CFB

SESSION_KEY, DATA = 3, 18  # packet tags, RFC 4880 section 4.3
KEY_BYTES = {7: 16, 8: 24, 9: 32}  # AES by its number, section 9.2
DIGESTS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}  # section 9.4
SIMPLE, SALTED, ITERATED = 0, 1, 3  # string-to-key, section 3.7.1
SALT = 8
USUAL = b"\4\7\3\2\x60"  # the frame that pgcrypto chooses by itself
MDC = b"\xd3\x14"  # header of the packet with the SHA-1 that authenticates the rest, section 5.14
CHECKED = len(MDC) + hashlib.sha1(usedforsecurity=False).digest_size


class OpenPgp(SingleTokenCipher):
    """Version 4 session key packet without a session key of its own, version 1 integrity protected data.

    The frame that is kept is ``version, cipher, string-to-key type, digest[, count]``: all that was chosen for a
    message but its salt.
    """

    def __init__(self, passphrase: bytes) -> None:
        self._passphrase = passphrase

    def open(self, token: bytes) -> Opened | None:
        parts = list(packets(token))
        if [tag for tag, _ in parts] != [SESSION_KEY, DATA]:
            return None
        key_packet, data = parts[0][1], parts[1][1]
        salted = len(key_packet) > 4 and key_packet[2] != SIMPLE
        frame, salt = key_packet[:4], b""
        if salted:
            salt, frame = key_packet[4 : 4 + SALT], frame + key_packet[4 + SALT :]
        key = self._key(frame, salt)
        plaintext = None if key is None else open_data(key, data)
        return None if plaintext is None else Opened(plaintext, frame=frame)

    def seal(self, inside: Opened) -> bytes:
        frame = inside.frame or USUAL
        salt = b"" if frame[2] == SIMPLE else os.urandom(SALT)
        key = self._key(frame, salt)
        if key is None:
            raise ValueError("a frame that was not opened here")
        return packet(SESSION_KEY, frame[:4] + salt + frame[4:]) + packet(DATA, seal_data(key, inside.plaintext))

    def _key(self, frame: bytes, salt: bytes) -> bytes | None:
        """String-to-key, section 3.7.1; None if the frame is of another kind."""
        if len(frame) < 4 or frame[0] != 4 or frame[1] not in KEY_BYTES or frame[3] not in DIGESTS:
            return None
        if len(frame) != {SIMPLE: 4, SALTED: 4, ITERATED: 5}.get(frame[2], 0) or (salt and len(salt) != SALT):
            return None
        secret = salt + self._passphrase
        if frame[2] == ITERATED:
            count = max((16 + (frame[4] & 15)) << ((frame[4] >> 4) + 6), len(secret))
            secret = (secret * (count // len(secret) + 1))[:count]
        length, key_material, zeros = KEY_BYTES[frame[1]], b"", b""
        while len(key_material) < length:
            key_material += hashlib.new(DIGESTS[frame[3]], zeros + secret, usedforsecurity=False).digest()
            zeros += b"\0"
        return key_material[:length]


def open_data(key: bytes, body: bytes) -> bytes | None:
    """Return what is in a packet of integrity protected data (section 5.13); None if it does not open under ``key``."""
    if body[:1] != b"\1" or len(body) < 1 + BLOCK + 2 + CHECKED:
        return None
    clear = _cfb(key, body[1:], seal=False)
    # The two repeated bytes only say early that the key is wrong; the SHA-1 over all says that it is right.
    if not hmac.compare_digest(clear[-CHECKED:], _mdc(clear[:-CHECKED])):
        return None
    return clear[BLOCK + 2 : -CHECKED]


def seal_data(key: bytes, plaintext: bytes) -> bytes:
    """The body of such a packet."""
    prefix = os.urandom(BLOCK)
    clear = prefix + prefix[-2:] + plaintext
    return b"\1" + _cfb(key, clear + _mdc(clear), seal=True)


def _mdc(clear: bytes) -> bytes:
    return MDC + hashlib.sha1(clear + MDC, usedforsecurity=False).digest()


def _cfb(key: bytes, data: bytes, *, seal: bool) -> bytes:
    cipher = BlockCipher(algorithms.AES(key), CFB(bytes(BLOCK)))
    context = cipher.encryptor() if seal else cipher.decryptor()
    return context.update(data) + context.finalize()


def packet(tag: int, body: bytes) -> bytes:
    """One packet in the new format, section 4.2.2."""
    length = len(body)
    if length < 192:
        header = bytes([length])
    elif length < 8384:
        header = bytes([((length - 192) >> 8) + 192, (length - 192) & 255])
    else:
        header = b"\xff" + length.to_bytes(4, "big")
    return bytes([0xC0 | tag]) + header + body


def packets(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and body of each packet (section 4.2); the tag is 0 if the bytes are not packets."""
    at = 0
    while at < len(message):
        first, at = message[at], at + 1
        if not first & 0x80:
            yield 0, b""
            return
        new = bool(first & 0x40)
        tag = first & 63 if new else (first & 60) >> 2
        body, more = b"", True
        while more:
            length, at, more = _new_length(message, at) if new else _old_length(message, at, first & 3)
            if length < 0 or at + length > len(message):
                yield 0, b""
                return
            body, at = body + message[at : at + length], at + length
        yield tag, body


def _new_length(message: bytes, at: int) -> tuple[int, int, bool]:
    """Return the length, the start of the body, and whether it is only a part; -1 if the message ends before."""
    head = message[at : at + 5]
    if not head:
        return -1, at, False
    if head[0] < 192:
        return head[0], at + 1, False
    if head[0] < 224 and len(head) > 1:
        return ((head[0] - 192) << 8) + head[1] + 192, at + 2, False
    if head[0] < 255:
        return 1 << (head[0] & 31), at + 1, True
    return (int.from_bytes(head[1:], "big"), at + 5, False) if len(head) == 5 else (-1, at, False)


def _old_length(message: bytes, at: int, kind: int) -> tuple[int, int, bool]:
    size = (1, 2, 4, 0)[kind]
    if kind == 3:
        return len(message) - at, at, False
    return int.from_bytes(message[at : at + size], "big"), at + size, False
