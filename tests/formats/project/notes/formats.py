# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which applications encrypt a text by hand. APP_KEY, SECOND_KEY and SECRET_KEY come from the settings."""

import ast
import base64
import hashlib
import hmac
import json
import os
import pickle
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import hashes, keywrap, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.core import signing

b64, unb64 = base64.b64encode, base64.b64decode
b64u, unb64u = base64.urlsafe_b64encode, base64.urlsafe_b64decode


@dataclass(frozen=True)
class Format:
    """``seal`` makes what is stored of a text, ``open`` reads it. ``keys`` are lines of the .env, by type.

    One from PyPI has its ``package``, lines of the ``settings`` module, and its model's ``field`` if it brings one, by
    which the application may ``search``.
    """

    seal: Callable[[str], Any]
    open: Callable[[Any], str]
    keys: dict[str, str]
    column: str = "text"
    package: str = ""
    settings: str = ""
    field: Callable[[], Any] | None = None
    search: bool = False


HEX, FERNET, WORDS, RSA = "hex", "fernet", "token_urlsafe", "rsa"
FORMATS: dict[str, Format] = {}


def add(name: str, seal: Callable[[str], Any], open_: Callable[[Any], str], column: str = "text", **keys: str) -> None:
    FORMATS[name] = Format(seal, open_, keys or {"APP_KEY": HEX}, column)


def raw_key() -> bytes:
    return bytes.fromhex(settings.APP_KEY)


def hashed_key() -> bytes:
    return hashlib.sha256(settings.APP_KEY.encode()).digest()


def gcm(text: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(raw_key()).encrypt(nonce, text.encode(), None)


def ungcm(raw: bytes) -> str:
    return AESGCM(raw_key()).decrypt(raw[:12], raw[12:], None).decode()


def block(mode: Any, algorithm: Any = algorithms.AES, key: Callable[[], bytes] = hashed_key) -> tuple[Any, Any]:
    """Functions of a mode without authentication: IV first, PKCS7."""
    size = algorithm.block_size

    def seal(text: str) -> bytes:
        iv, padder = os.urandom(size // 8), padding.PKCS7(size).padder()
        encryptor = Cipher(algorithm(key()), mode(iv)).encryptor()
        return iv + encryptor.update(padder.update(text.encode()) + padder.finalize()) + encryptor.finalize()

    def open_(raw: bytes) -> str:
        decryptor, unpadder = (
            Cipher(algorithm(key()), mode(raw[: size // 8])).decryptor(),
            padding.PKCS7(size).unpadder(),
        )
        plain = unpadder.update(decryptor.update(raw[size // 8 :]) + decryptor.finalize()) + unpadder.finalize()
        return plain.decode()

    return seal, open_


def fernet_of(key: Callable[[], bytes]) -> tuple[Any, Any]:
    """Functions of a Fernet key."""
    return (
        lambda text: Fernet(key()).encrypt(text.encode()).decode(),
        lambda stored: Fernet(key()).decrypt(stored.encode()).decode(),
    )


def in_base64(pair: tuple[Any, Any], encode: Any = b64, decode: Any = unb64) -> tuple[Any, Any]:
    return lambda text: encode(pair[0](text)).decode(), lambda stored: pair[1](decode(stored))


# AES-256-GCM in every dress
add("gcm_base64", *in_base64((gcm, ungcm)))
add("gcm_base64url", *in_base64((gcm, ungcm), b64u, unb64u))
add(
    "gcm_base64url_without_padding",
    lambda text: b64u(gcm(text)).decode().rstrip("="),
    lambda stored: ungcm(unb64u(stored + "=" * (-len(stored) % 4))),
)
add("gcm_hex", lambda text: gcm(text).hex(), lambda stored: ungcm(bytes.fromhex(stored)))
add("gcm_hex_upper", lambda text: gcm(text).hex().upper(), lambda stored: ungcm(bytes.fromhex(stored)))
add("gcm_base32", *in_base64((gcm, ungcm), base64.b32encode, base64.b32decode))
add(
    "gcm_three_parts",
    lambda text: (lambda raw: f"{raw[:12].hex()}:{raw[12:-16].hex()}:{raw[-16:].hex()}")(gcm(text)),
    lambda stored: ungcm(b"".join(map(bytes.fromhex, stored.split(":")))),
)
add(
    "gcm_parts_in_two_encodings",
    lambda text: (lambda raw: f"{raw[:12].hex()}:{raw[-16:].hex()}:{b64(raw[12:-16]).decode()}")(gcm(text)),
    lambda stored: (lambda nonce, tag, sealed: ungcm(bytes.fromhex(nonce) + unb64(sealed) + bytes.fromhex(tag)))(
        *stored.split(":")
    ),
)
add("gcm_v1_dot", lambda text: "v1." + b64u(gcm(text)).decode(), lambda stored: ungcm(unb64u(stored[3:])))
add(
    "gcm_json_text",
    lambda text: (lambda raw: json.dumps({"iv": b64(raw[:12]).decode(), "data": b64(raw[12:]).decode()}))(gcm(text)),
    lambda stored: (lambda found: ungcm(unb64(found["iv"]) + unb64(found["data"])))(json.loads(stored)),
)
add(
    "gcm_jsonb",
    lambda text: {"alg": "A256GCM", "ct": b64(gcm(text)).decode()},
    lambda stored: ungcm(unb64(stored["ct"])),
    "json",
)
add("gcm_bytes", gcm, ungcm, "bytes")


# the same in the dress of something else
def add_after(name: str, begin: bytes) -> None:
    """Bytes after the beginning of a header or of a known kind of file."""
    add(f"gcm_after_{name}", lambda text: begin + gcm(text), lambda raw: ungcm(raw[len(begin) :]), "bytes")


def add_between(name: str, begin: str, end: str = "", encode: Any = b64u, decode: Any = unb64u) -> None:
    """Text between a prefix and a suffix."""

    def open_(stored: str) -> str:
        inside = stored[len(begin) : len(stored) - len(end)]
        return ungcm(decode(inside + "=" * (-len(inside) % 4) if encode is b64u else inside))

    def seal(text: str) -> str:
        encoded = encode(gcm(text))
        return f"{begin}{encoded if isinstance(encoded, str) else encoded.decode().rstrip('=')}{end}"

    add(f"gcm_{name}", seal, open_)


add_after("key_id", b"\x01" + struct.pack(">I", 1))
add_after("key_id_little_endian", b"\x01" + struct.pack("<I", 1))
add_after("two_numbers", struct.pack(">HI", 1, 1))
add_after("number_256", struct.pack(">I", 256))
add_after("der", b"\x30\x82\x01\x50\x30")
add_after("zip", b"PK\x03\x04")
add_after("png", b"\x89PNG\r\n\x1a\n")
add_after("zstd", b"\x28\xb5\x2f\xfd")
add(
    "gcm_pickle",
    lambda text: (lambda raw: pickle.dumps({"iv": raw[:12], "ct": raw[12:]}))(gcm(text)),
    lambda stored: (lambda found: ungcm(found["iv"] + found["ct"]))(pickle.loads(stored)),
    "bytes",
)
add_between("tok", "tok_", "", bytes.hex, bytes.fromhex)
add_between("sk_live", "sk_" + "live_")
add_between("path", "pii/")
add_between("path_with_version", "sealed/v1/", "", bytes.hex, bytes.fromhex)
add_between("suffix", "", ".enc")
add_between("url_of_a_key", "kms://k1/")
add_between("url_without_host", "local:/")
add_between("mail", "", "@enc.local")
add_between("after_a_sentence", "this secret was stored by the system and is encrypted: ")
add_between("hex_colons", "", "", lambda raw: raw.hex(":"), lambda text: bytes.fromhex(text.replace(":", "")))
add_between("hex_blanks", "", "", lambda raw: raw.hex(" "), bytes.fromhex)
add_between("hex_hyphens", "", "", lambda raw: raw.hex("-"), lambda text: bytes.fromhex(text.replace("-", "")))
add_between("base64_groups", "", "", lambda raw: re.sub("(....)", r"\1 ", b64(raw).decode()), unb64)
add_between(
    "decimal",
    "",
    "",
    lambda raw: str(int.from_bytes(b"\x01" + raw, "big")),
    lambda text: (lambda number: number.to_bytes((number.bit_length() + 7) // 8, "big")[1:])(int(text)),
)
add_between("decimal_bytes", "", "", lambda raw: " ".join(map(str, raw)), lambda text: bytes(map(int, text.split())))
add_between("python", "", "", repr, ast.literal_eval)


def _without_zeros(text: str) -> str:
    """As characters of Latin-1: PostgreSQL has no text with a zero."""
    raw = b"\0"
    while b"\0" in raw:
        raw = gcm(text)
    return raw.decode("latin-1")


add("gcm_latin1", _without_zeros, lambda stored: ungcm(stored.encode("latin-1")))
add(
    "gcm_json_number",
    lambda text: {"ct": int.from_bytes(b"\x01" + gcm(text), "big")},
    lambda stored: ungcm(stored["ct"].to_bytes((stored["ct"].bit_length() + 7) // 8, "big")[1:]),
    "json",
)
# other ciphers
add("cbc_base64", *in_base64(block(modes.CBC)), APP_KEY=WORDS)
add("ctr_base64", *in_base64(block(modes.CTR)), APP_KEY=WORDS)
add("cfb_base64", *in_base64(block(CFB)), APP_KEY=WORDS)
add("cbc_hex", lambda text: block(modes.CBC)[0](text).hex(), lambda stored: block(modes.CBC)[1](bytes.fromhex(stored)))


def _sealed_with_mac(text: str) -> str:
    body = block(modes.CBC)[0](text)
    return b64(body + hmac.digest(raw_key(), body, "sha256")).decode()


def _opened_with_mac(stored: str) -> str:
    raw = unb64(stored)
    if not hmac.compare_digest(hmac.digest(raw_key(), raw[:-32], "sha256"), raw[-32:]):
        raise ValueError("authentication failed")
    return block(modes.CBC)[1](raw[:-32])


add("cbc_then_hmac", _sealed_with_mac, _opened_with_mac)
add(
    "siv_base64",
    lambda text: b64(AESSIV(raw_key()).encrypt(text.encode(), None)).decode(),
    lambda stored: AESSIV(raw_key()).decrypt(unb64(stored), None).decode(),
)


def chacha(text: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + ChaCha20Poly1305(raw_key()).encrypt(nonce, text.encode(), None)


add(
    "chacha20_base64",
    *in_base64((chacha, lambda raw: ChaCha20Poly1305(raw_key()).decrypt(raw[:12], raw[12:], None).decode())),
)


def _evp(password: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """EVP_BytesToKey with MD5, as CryptoJS and openssl enc have it."""
    made = last = b""
    while len(made) < 48:
        last = hashlib.md5(last + password + salt).digest()
        made += last
    return made[:32], made[32:48]


def _salted(text: str) -> str:
    salt = os.urandom(8)
    key, iv = _evp(settings.APP_KEY.encode(), salt)
    padder, encryptor = padding.PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    body = encryptor.update(padder.update(text.encode()) + padder.finalize()) + encryptor.finalize()
    return b64(b"Salted__" + salt + body).decode()


def _unsalted(stored: str) -> str:
    raw = unb64(stored)
    key, iv = _evp(settings.APP_KEY.encode(), raw[8:16])
    decryptor, unpadder = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor(), padding.PKCS7(128).unpadder()
    return (unpadder.update(decryptor.update(raw[16:]) + decryptor.finalize()) + unpadder.finalize()).decode()


add("cryptojs", _salted, _unsalted, APP_KEY=WORDS)
# Fernet under every key that people make
add("fernet", *fernet_of(lambda: settings.APP_KEY), APP_KEY=FERNET)
add("fernet_sha256", *fernet_of(lambda: b64u(hashed_key())), APP_KEY=WORDS)
add(
    "fernet_sha512_half",
    *fernet_of(lambda: b64u(hashlib.sha512(settings.APP_KEY.encode()).digest()[:32])),
    APP_KEY=WORDS,
)
add(
    "fernet_md5_hex",
    *fernet_of(lambda: b64u(hashlib.md5(settings.APP_KEY.encode()).hexdigest().encode())),
    APP_KEY=WORDS,
)
add("fernet_cut", *fernet_of(lambda: b64u(settings.APP_KEY[:32].ljust(32, "0").encode())), APP_KEY=WORDS)
add(
    "fernet_pbkdf2_fixed_salt",
    *fernet_of(lambda: b64u(hashlib.pbkdf2_hmac("sha256", settings.APP_KEY.encode(), b"a salt in the code", 1000))),
    APP_KEY=WORDS,
)
add(
    "fernet_scrypt",
    *fernet_of(
        lambda: b64u(hashlib.scrypt(settings.APP_KEY.encode(), salt=b"salt in code", n=1024, r=8, p=1, dklen=32))
    ),
    APP_KEY=WORDS,
)
add(
    "fernet_two_settings",
    *fernet_of(lambda: b64u(hashlib.sha256((settings.APP_KEY + settings.SECOND_KEY).encode()).digest())),
    APP_KEY=WORDS,
    SECOND_KEY=WORDS,
)
add(
    "fernet_hex",
    lambda text: Fernet(settings.APP_KEY).encrypt(text.encode()).hex(),
    lambda stored: Fernet(settings.APP_KEY).decrypt(bytes.fromhex(stored)).decode(),
    APP_KEY=FERNET,
)
add(
    "fernet_prefix",
    lambda text: "enc:" + Fernet(settings.APP_KEY).encrypt(text.encode()).decode(),
    lambda stored: Fernet(settings.APP_KEY).decrypt(stored[4:].encode()).decode(),
    APP_KEY=FERNET,
)
add(
    "fernet_zlib",
    lambda text: Fernet(settings.APP_KEY).encrypt(zlib.compress(text.encode())).decode(),
    lambda stored: zlib.decompress(Fernet(settings.APP_KEY).decrypt(stored.encode())).decode(),
    APP_KEY=FERNET,
)
add(
    "fernet_pickle_bytes",
    lambda text: Fernet(settings.APP_KEY).encrypt(pickle.dumps(text)),
    lambda stored: pickle.loads(Fernet(settings.APP_KEY).decrypt(stored)),
    "bytes",
    APP_KEY=FERNET,
)
add(
    "fernet_jsonb_member",
    lambda text: {"card": Fernet(settings.APP_KEY).encrypt(text.encode()).decode(), "kind": "visa"},
    lambda stored: Fernet(settings.APP_KEY).decrypt(stored["card"].encode()).decode(),
    "json",
    APP_KEY=FERNET,
)
add(
    "multifernet",
    lambda text: MultiFernet([Fernet(settings.APP_KEY), Fernet(settings.SECOND_KEY)]).encrypt(text.encode()).decode(),
    lambda stored: (
        MultiFernet([Fernet(settings.APP_KEY), Fernet(settings.SECOND_KEY)]).decrypt(stored.encode()).decode()
    ),
    APP_KEY=FERNET,
    SECOND_KEY=FERNET,
)
add(
    "fernet_twice",
    lambda text: Fernet(settings.SECOND_KEY).encrypt(Fernet(settings.APP_KEY).encrypt(text.encode())).decode(),
    lambda stored: Fernet(settings.APP_KEY).decrypt(Fernet(settings.SECOND_KEY).decrypt(stored.encode())).decode(),
    APP_KEY=FERNET,
    SECOND_KEY=FERNET,
)


def _row_salted(text: str) -> str:
    salt = os.urandom(16)
    key = b64u(hashlib.pbkdf2_hmac("sha256", settings.APP_KEY.encode(), salt, 1000))
    return f"{salt.hex()}${Fernet(key).encrypt(text.encode()).decode()}"


def _row_unsalted(stored: str) -> str:
    salt, token = stored.split("$")
    key = b64u(hashlib.pbkdf2_hmac("sha256", settings.APP_KEY.encode(), bytes.fromhex(salt), 1000))
    return Fernet(key).decrypt(token.encode()).decode()


add("fernet_salt_of_the_row", _row_salted, _row_unsalted, APP_KEY=WORDS)


# envelopes, public keys, signatures
def _envelope(text: str) -> str:
    key, nonce = AESGCM.generate_key(256), os.urandom(12)
    return b64(keywrap.aes_key_wrap(raw_key(), key) + nonce + AESGCM(key).encrypt(nonce, text.encode(), None)).decode()


def _unenvelope(stored: str) -> str:
    raw = unb64(stored)
    return AESGCM(keywrap.aes_key_unwrap(raw_key(), raw[:40])).decrypt(raw[40:52], raw[52:], None).decode()


add("envelope", _envelope, _unenvelope)
_OAEP = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
add(
    "rsa_oaep",
    lambda text: b64(
        load_pem_private_key(settings.APP_KEY.encode(), None).public_key().encrypt(text.encode(), _OAEP)
    ).decode(),
    lambda stored: load_pem_private_key(settings.APP_KEY.encode(), None).decrypt(unb64(stored), _OAEP).decode(),
    APP_KEY=RSA,
)


def _jwe(text: str) -> str:
    header = b64u(b'{"alg":"dir","enc":"A256GCM"}').rstrip(b"=")
    nonce = os.urandom(12)
    sealed = AESGCM(raw_key()).encrypt(nonce, text.encode(), header)
    parts = [header, b"", *(b64u(part).rstrip(b"=") for part in (nonce, sealed[:-16], sealed[-16:]))]
    return b".".join(parts).decode()


def _unjwe(stored: str) -> str:
    header, _, *parts = stored.split(".")
    nonce, body, tag = (unb64u(part + "=" * (-len(part) % 4)) for part in parts)
    return AESGCM(raw_key()).decrypt(nonce, body + tag, header.encode()).decode()


add("jwe", _jwe, _unjwe)
add("signed_dumps", lambda text: signing.dumps(text), lambda stored: signing.loads(stored), SECRET_KEY=WORDS)
add(
    "signed_value",
    lambda text: signing.Signer().sign(text),
    lambda stored: signing.Signer().unsign(stored),
    SECRET_KEY=WORDS,
)
add(
    "signed_url",
    lambda text: signing.Signer().sign(f"https://example.org/invite?{urlencode({'name': text})}"),
    lambda stored: parse_qsl(signing.Signer().unsign(stored).partition("?")[2])[0][1],
    SECRET_KEY=WORDS,
)
add(
    "signed_by_a_key_of_fields",
    lambda text: signing.dumps(text, key=settings.APP_KEY),
    lambda stored: signing.loads(stored, key=settings.APP_KEY),
    APP_KEY=WORDS,
)
add(
    "xor_base64",
    lambda text: b64(
        bytes(one ^ other for one, other in zip(text.encode(), hashlib.sha512(settings.APP_KEY.encode()).digest() * 9))
    ).decode(),
    lambda stored: bytes(
        one ^ other for one, other in zip(unb64(stored), hashlib.sha512(settings.APP_KEY.encode()).digest() * 9)
    ).decode(),
    APP_KEY=WORDS,
)
