# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rates at which values count as random, and what columns are by them. The random data is the same in every run."""

from __future__ import annotations

import ast
import base64
import bz2
import datetime
import functools
import gzip
import hashlib
import io
import json
import pickle
import pydoc_data.topics
import random
import re
import struct
import uuid
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import (
    sql_type_readers,
    unexplained,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms import packed_values, value_look
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from .. import plain_columns

CHANCE = random.Random(21)
ENCODINGS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "hex": bytes.hex,
    "upper_hex": lambda data: data.hex().upper(),
    "base32": lambda data: base64.b32encode(data).decode(),
    "lower_base32": lambda data: base64.b32encode(data).decode().lower().rstrip("="),
    "base64": lambda data: base64.b64encode(data).decode(),
    "urlsafe_base64": lambda data: base64.urlsafe_b64encode(data).decode(),
    "bare_base64": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "base64_in_lines": lambda data: base64.encodebytes(data).decode(),
    "base64_twice": lambda data: base64.b64encode(base64.urlsafe_b64encode(data)).decode(),
    "after_a_prefix": lambda data: f"enc:v1:{base64.b64encode(data).decode()}",
    "separated": lambda data: f"AES.2:{data[:12].hex()}:{data[12:].hex()}",
    "an_iv_in_hex": lambda data: f"{data[:16].hex()}:{base64.b64encode(data[16:]).decode()}",
    "a_salt_and_an_iv_in_hex": lambda data: (
        f"{data[:8].hex()}${data[8:20].hex()}${base64.b64encode(data[20:] + data[:20]).decode()}"
    ),
    "a_digest_in_hex": lambda data: f"{hashlib.sha256(data).hexdigest()}:{base64.b64encode(data).decode()}",
    "a_nonce_in_base64": lambda data: f"{base64.urlsafe_b64encode(data[:12]).decode()}.{data[12:].hex()}",
    "base85": lambda data: base64.b85encode(data).decode(),
    "ascii85": lambda data: base64.a85encode(data).decode(),
}
WORDS = re.findall(r"[A-Za-z]{2,}", " ".join(pydoc_data.topics.topics.values()))
LIBRARY = Path(ast.__file__).parent
SOURCE = [line.strip() for path in sorted(LIBRARY.glob("a*.py")) for line in path.read_text("utf-8").splitlines()]
ARABIC = {ord("0") + number: 0x660 + number for number in range(10)}
PLAIN: dict[str, Sequence[str]] = {
    "sentences": re.split(r"[.\n]\s", " ".join(pydoc_data.topics.topics.values())),
    "source code": SOURCE,
    "identifiers": sorted({name for line in SOURCE for name in re.findall(r"[\w.-]{20,}", line)}),
    "paths": [str(path) for path in LIBRARY.glob("*/*.py")],
    "slugs": ["-".join([*CHANCE.choices(WORDS, k=4), str(CHANCE.randrange(9999))]).lower() for _ in range(2000)],
    "camel case": ["".join(map(str.title, CHANCE.choices(WORDS, k=4))) for _ in range(2000)],
    "URLs": [f"https://example.com/{'/'.join(CHANCE.choices(WORDS, k=3))}?id={n * 7919}" for n in range(2000)],
    "e-mail addresses": [f"{'.'.join(CHANCE.choices(WORDS, k=2))}{n}@mail.example.com" for n in range(2000)],
    "names": [f"{one.title()} {other.title()}, Zoë Šťastná" for one, other in zip(WORDS[:1000], WORDS[1000:2000])],
    "times": [f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}T12:{n % 60:02}:01.{n:06}+00:00" for n in range(500)],
    "numbers": [f"{CHANCE.randrange(10**24):024}" for _ in range(500)],
    "account numbers": [f"DE{CHANCE.randrange(10**20):020}" for _ in range(500)],
    "keys of courses": [f"course-v1:{one.title()}X+{one.upper()}101x+2T2026" for one in WORDS[:500]],
    "Arabic digits": [f"{CHANCE.randrange(10**20):020}".translate(ARABIC) for _ in range(500)],
}  # fmt: skip
LOOKS = functools.cache(value_look.look_at)  # several tests judge the same values
MADE = random.Random(23)  # of its own: the other values stay as they are


def crockford(data: bytes) -> str:
    signs = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    return base64.b32encode(data).decode().rstrip("=").translate(signs)


SHORT_WORDS = [word.lower() for word in WORDS if len(word) == 5]
HEXES = [MADE.randbytes(20).hex() for _ in range(500)]
PLAIN.update({
    "media": [f"media/{one[:2]}/{one[2:4]}/{one}.jpg" for one in HEXES],
    "uploads": [f"uploads/{word}/{word}_{one[:7]}.{('pdf', 'png')[n % 2]}"
                for n, (word, one) in enumerate(zip(WORDS, HEXES))],
    "stores by content": [f"artifact/{one[:2]}/{one[2:]}" for one in HEXES],
    "UUIDs": [str(uuid.UUID(int=MADE.getrandbits(128), version=version)) for _ in range(200) for version in (1, 4, 5)],
    "folders by UUID": [f"exports/{uuid.UUID(int=MADE.getrandbits(128), version=4)}/report.csv" for _ in range(500)],
    "digests in URLs": [f"https://cdn.example.org/assets/{one}.css" for one in HEXES],
    "shares": [", ".join(str(MADE.randrange(100)) for _ in range(MADE.randrange(16, 40))) for _ in range(500)],
    "coordinates": [" ".join(f"{MADE.uniform(-90, 90):.6f}" for _ in range(10)) for _ in range(500)],
    "invoices of 44 digits": [
        f"352401{MADE.randrange(10**14):014}55001{MADE.randrange(99999):09}1{MADE.randrange(10**9):09}"
        for _ in range(500)
    ],
    "account numbers in groups": [re.sub("(....)", r"\1 ", f"DE{MADE.randrange(10**20):020}") for _ in range(500)],
    "programs": [f"Mozilla/5.0 (X11; Linux x86_64) Chrome/{n % 80 + 60}.0.{n * 7}.0 Safari/537.36" for n in range(500)],
    "accented": ["".join(MADE.choices("aábcčdďeéěfghiíjklmnňoópqrřsštťuúůvwxyýzž ", k=50)) for _ in range(500)],
    "ULIDs": [f"01{crockford(MADE.randbytes(15))}" for _ in range(500)],
    "IDs with a prefix": [f"ORD_01{crockford(MADE.randbytes(15))}" for _ in range(500)],
    "keys of blocks": [f"block-v1:edX+DemoX+2026+type@vertical+block@{one[:32]}" for one in HEXES],
    "keys of libraries": [f"lb:DemoX:{word}:problem:{uuid.UUID(hex=one[:32])}" for word, one in zip(WORDS, HEXES)],
    "product keys": ["-".join(crockford(MADE.randbytes(16))[n : n + 5] for n in range(0, 25, 5))
                     for _ in range(500)],
    "phone numbers": [f"+420-{MADE.randrange(10**9):09} / {MADE.randrange(10**9):09}" for _ in range(500)],
    "differences": [",".join(str(MADE.randrange(-40, 41)) for _ in range(24)) for _ in range(500)],
    "altitudes": [json.dumps([MADE.randrange(-30, 100) for _ in range(30)]) for _ in range(500)],
    "groups of numbers": ["-".join(f"{MADE.randrange(10**4):04}" for _ in range(8)) for _ in range(500)],
    "groups of words": ["-".join(MADE.choices(SHORT_WORDS, k=6)) for _ in range(500)],
    "hashes": [f"sha256:{MADE.randbytes(32).hex()}" for _ in range(500)],
})  # fmt: skip


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """The same random data for a test, whichever ran before it in this process."""
    CHANCE.seed(21)


@pytest.fixture(autouse=True)
def each_value_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unexplained, "look_at", LOOKS)


def is_random(value: Any) -> bool:
    return unexplained.classify([value], "table.column").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("size", "rate"), [(29, 0.93), (45, 0.95), (80, 0.97), (300, 0.97)])
def test_random_bytes_count_as_random_at_this_rate_in_each_encoding(encoding: str, size: int, rate: float) -> None:
    """29 bytes are a nonce of 12, a tag of 16, and one byte of AES-GCM."""
    values = [ENCODINGS[encoding](CHANCE.randbytes(size)) for _ in range(300)]
    assert sum(map(is_random, values)) >= rate * len(values)


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_text_does_not_count_as_random(kind: str) -> None:
    values = [value for value in PLAIN[kind] if len(value) >= value_look.SHORTEST]
    assert len(values) > 100
    assert sum(map(is_random, values)) <= 0.002 * len(values)


def test_a_column_is_judged_by_all_of_its_sample() -> None:
    """25 values leave no chance to a rate of 93 % or of 0.2 %."""
    for encode in ENCODINGS.values():
        for _ in range(20):
            column = [encode(CHANCE.randbytes(CHANCE.randrange(29, 90))) for _ in range(25)]
            assert unexplained.classify(column, "a.b").verdict == unexplained.UNEXPLAINED
    for values in PLAIN.values():
        for size in (25, 200):
            for start in range(0, len(values) - 25, size):
                found = unexplained.classify(values[start : start + size], "a.b")
                assert found.verdict != unexplained.UNEXPLAINED


@pytest.mark.parametrize("sign", ":$,;|.~")
@pytest.mark.parametrize("name", ["card_number", "iban", "content_hash"])
def test_parts_in_two_encodings_are_ciphertext_as_those_in_one(sign: str, name: str) -> None:
    """An IV, a salt or an HMAC in hex, and what is encrypted in base64."""
    for in_hex, in_base64 in (((16,), 16), ((16,), 32), ((12,), 24), ((16, 12), 48), ((32,), 32), ((32,), 64)):
        for size in (3, 25):
            sealed = [base64.b64encode(CHANCE.randbytes(in_base64)).decode() for _ in range(size)]
            column = [sign.join(["v1", *map(digest, in_hex), each]) for each in sealed]
            assert unexplained.classify(column, f"person.{name}").verdict == unexplained.UNEXPLAINED


def test_parts_that_hold_plain_text_are_no_ciphertext() -> None:
    texts = [base64.b64encode(f"a cursor of page {n}, by the name".encode()).decode() for n in range(20)]
    column = [f"{text}--{digest(20)}.{n}" for n, text in enumerate(texts)]
    assert unexplained.classify(column, "a.cursor").verdict in (unexplained.PLAIN, unexplained.EXPLAINED)
    signed = [f"{digest(20)}.{text}" for text in texts]
    assert unexplained.classify(signed, "a.cursor").verdict in (unexplained.PLAIN, unexplained.EXPLAINED)


def test_a_value_that_was_cut_off_is_known_by_its_length() -> None:
    assert sql_type_readers.LONGEST == packed_values.LONGEST


WRITTEN = random.Random(22)  # of its own: the other values stay as they are
FERNETS = [f"gAAAAA{base64.urlsafe_b64encode(WRITTEN.randbytes(73)).decode()[2:]}" for _ in range(5)]
HIDDEN: dict[str, Sequence[str]] = {
    "lists of byte numbers": [json.dumps({"blob": list(WRITTEN.randbytes(44))}) for _ in range(5)],
    "a list alone": [json.dumps(list(WRITTEN.randbytes(44))) for _ in range(5)],
    "percent-encoded base64": [
        base64.b64encode(WRITTEN.randbytes(45 + n)).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        + "%3D"
        for n in range(5)
    ],
    "percent-encoded bytes": ["".join(f"%{byte:02X}" for byte in WRITTEN.randbytes(44)) for _ in range(5)],
    "percent-encoded Fernet": [token.replace("=", "%3D") + "%3D" for token in FERNETS],
    "Fernet in a path": [f"https://example.org/open/{token}" for token in FERNETS],
    "Fernet in a query": [f"https://example.org/open?id=7&t={token}&x=1" for token in FERNETS],
}
ORDINARY: dict[str, Sequence[str]] = {
    "IDs": [json.dumps({"ids": sorted(WRITTEN.sample(range(256), 30))}) for _ in range(20)],
    "shares": [json.dumps({"shares": [WRITTEN.randrange(101) for _ in range(40)]}) for _ in range(20)],
    "small numbers": [json.dumps([WRITTEN.randrange(12) for _ in range(40)]) for _ in range(20)],
    "text in numbers": [json.dumps(list(text.encode())) for text in PLAIN["sentences"][100:120] if len(text) > 20],
    "percent-encoded text": [
        f"{text.replace(' ', '%20')}%21" for text in PLAIN["sentences"][100:150]
    ],
    "percent-encoded URLs": [url.replace(":", "%3A").replace("/", "%2F") for url in PLAIN["URLs"][:100]],
    "signed URLs": [
        f"https://bucket.example.org/{n}.pdf?X-Signature={WRITTEN.randbytes(32).hex()}&Expires=1{n}" for n in range(50)
    ],
    "a few URLs with long IDs": [
        *(f"https://lh3.example.org/{base64.urlsafe_b64encode(WRITTEN.randbytes(33 + n)).decode()}" for n in range(9)),
        *(f"https://lh3.example.org/photos/{n}" for n in range(10)),
    ],
    "URLs with short IDs": [
        f"https://drive.example.org/d/{base64.urlsafe_b64encode(WRITTEN.randbytes(24)).decode()}" for _ in range(9)
    ],
    "files of a public host": [
        f"https://cdn.example.org/u/{WRITTEN.randbytes(size).hex()}.{suffix}"
        for size, suffix in ((16, "png"), (20, "jpg"), (32, "pdf"), (48, "tar.gz"), (64, "pdf"))
    ],
    "stores of a public host": [
        f"https://cdn.example.org/{one[:2]}/{one[2:]}" for one in (WRITTEN.randbytes(32).hex() for _ in range(9))
    ],
    "patterns": [f"%{word}%" for word in WORDS[:100]],
}  # fmt: skip


@pytest.mark.parametrize("writing", HIDDEN)
def test_ciphertext_in_another_writing_is_unexplained(writing: str) -> None:
    assert unexplained.classify(HIDDEN[writing], "a.b").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize(("size", "verdict"), [(48, "sparse"), (64, "sparse"), (32, "explained")])
def test_urls_that_end_in_as_many_hex_digits_as_blocks_of_aes_are_a_warning_beyond_sha256(
    size: int, verdict: str
) -> None:
    chance = random.Random(size)
    urls = [f"https://cdn.example.org/{chance.randbytes(size).hex()}" for _ in range(9)]
    assert unexplained.classify(urls, "a.link").verdict == verdict


@pytest.mark.parametrize("writing", ORDINARY)
def test_ordinary_values_in_these_writings_stay_quiet(writing: str) -> None:
    assert unexplained.classify(ORDINARY[writing], "a.b").verdict in (unexplained.PLAIN, unexplained.EXPLAINED)


def test_a_column_of_urls_that_end_in_long_ids_is_a_warning() -> None:
    """Photo hosts have such URLs, and so has an application that encrypts the end of its own links."""
    random_ends = [base64.urlsafe_b64encode(WRITTEN.randbytes(33 + n % 9)).decode() for n in range(9)]
    for form in ("/a/{}", "/a/{}?size=96", "/a?size=96&t={}", "/a#{}"):
        judged = unexplained.classify(
            [f"https://lh3.example.org{form.format(end)}" for end in random_ends], "a.picture"
        )
        assert judged.verdict == unexplained.SPARSE
        assert "9 of 9 values are URLs" in judged.what


@pytest.mark.parametrize("form", ["/u/{}", "/u?t={}", "/u?a=1&t={}#top", "/u#{}"])
def test_one_of_five_urls_of_the_application_that_ends_so_is_unexplained(form: str) -> None:
    sealed_ends = [form.format(urlsafe(WRITTEN.randbytes(40 + n)).rstrip("=")) for n in range(4)]
    plain = [f"https://shop.example.org/products/{n}" for n in range(12)]

    def verdict(host: str, number: int) -> str:
        urls = [*plain, *(f"https://{host}{end}" for end in sealed_ends[:number])]
        return unexplained.classify_own_urls(urls, lambda each: each == "shop.example.org").verdict

    assert verdict("shop.example.org", 4) == unexplained.UNEXPLAINED
    assert verdict("shop.example.org", 2) == unexplained.SPARSE
    assert (verdict("shop.example.org", 1), verdict("lh3.example.org", 4)) == (unexplained.PLAIN, unexplained.PLAIN)


@pytest.mark.parametrize("name", ["X-Goog-Signature", "sig", "fbclid", "gclid", "Key-Pair-Id"])
def test_signatures_and_click_ids_in_its_urls_are_not_its_ciphertext(name: str) -> None:
    urls = [f"https://shop.example.org/?page=2&{name}={urlsafe(WRITTEN.randbytes(60))}" for _ in range(9)]
    assert unexplained.classify_own_urls(urls, lambda _: True).verdict == unexplained.PLAIN


DRESSED = random.Random(24)
TALE = "this secret was stored by the system on {} and is encrypted: {}"


def sealed() -> bytes:
    """A nonce, a tag, and some bytes of AES-GCM."""
    return DRESSED.randbytes(DRESSED.randrange(29, 70))


def urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


XML_ENCRYPTION = (
    '<?xml version="1.0"?><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"'
    ' Type="http://www.w3.org/2001/04/xmlenc#Content">'
    '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>'
    "<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
)
# Ciphertext with the beginning, the end or the alphabet of something else: how a value is written, and how many of 300
# single ones count as random. Of what counts only as a column, no single one does.
DRESSES: dict[str, tuple[Callable[[], Any], float]] = {
    # the beginning of a known kind of bytes
    "a version and a key ID": (lambda: b"\x01" + struct.pack(">I", 1) + sealed(), 0.97),
    "a version and a key ID, little-endian": (lambda: b"\x01" + struct.pack("<I", 1) + sealed(), 0.97),
    "a version and a key ID before two blocks": (lambda: b"\x01\x01\0\0\0" + DRESSED.randbytes(32), 0.93),
    "a version and a key ID in hex": (lambda: (b"\x01" + struct.pack("<I", 1) + sealed()).hex(), 0.97),
    "a version and a key ID in base64": (lambda: urlsafe(b"\0" + struct.pack(">I", 1) + sealed()), 0.93),
    "two numbers": (lambda: struct.pack(">HI", 1, 1) + sealed(), 0.97),
    "the number 256": (lambda: struct.pack(">I", 256) + sealed(), 0.97),
    "DER": (lambda: b"\x30\x82\x01\x50\x30" + DRESSED.randbytes(330), 0.97),
    "ZIP": (lambda: b"PK\x03\x04" + sealed(), 0.97),
    "PNG": (lambda: b"\x89PNG\r\n\x1a\n" + sealed(), 0.97),
    "JPEG": (lambda: b"\xff\xd8\xff\xe0" + sealed(), 0.97),
    "PDF": (lambda: b"%PDF-1.7\n" + DRESSED.randbytes(90), 0.97),
    "zstd": (lambda: b"\x28\xb5\x2f\xfd" + sealed(), 0.97),
    "LZ4": (lambda: b"\x04\x22\x4d\x18" + sealed(), 0.97),
    "a pickle of bytes": (lambda: pickle.dumps(sealed()), 0.97),
    "a pickle of parts": (lambda: pickle.dumps({"iv": DRESSED.randbytes(12), "ct": sealed()}), 0.93),
    "a pickle of base64": (lambda: pickle.dumps({"card": urlsafe(sealed())}), 0.93),
    "a pickle in base64": (lambda: base64.b64encode(pickle.dumps(sealed())).decode(), 0.97),
    # the form of another text
    "tok_ and a block": (lambda: f"tok_{DRESSED.randbytes(16).hex()}", 0.93),
    "card_ and a block": (lambda: f"card_{DRESSED.randbytes(16).hex()}", 0.93),
    "a key of Stripe": (lambda: f"sk_live_{urlsafe(sealed()).rstrip('=')}", 0.93),
    "a token of Facebook": (lambda: urlsafe(b"\x10\0\x01" + sealed()).rstrip("="), 0.93),
    "a key of Open edX": (lambda: f"enc-v1:{urlsafe(sealed())}", 0.93),
    "a block as a UUID": (lambda: str(uuid.UUID(bytes=DRESSED.randbytes(16))), 0.8),
    "a path": (lambda: f"pii/{urlsafe(sealed())}", 0.93),
    "a path with a version": (lambda: f"sealed/v1/{sealed().hex()}", 0.97),
    "a suffix": (lambda: f"{base64.b64encode(sealed()).decode()}.enc", 0.8),
    "a URL of a key": (lambda: f"kms://k1/{urlsafe(sealed())}", 0.93),
    "a URL of no host": (lambda: f"local:/{urlsafe(sealed())}", 0.93),
    "a URL of a private host": (lambda: f"https://enc.local/{urlsafe(sealed())}", 0.8),
    "a file of a public host": (lambda: f"https://files.example.org/{sealed().hex()}.pdf", 0.85),  # or a digest
    "a file of a public host in base64": (lambda: f"https://files.example.org/{urlsafe(sealed())}.pdf?x=1", 0.8),
    "hex of a public host": (lambda: f"https://files.example.org/{DRESSED.randbytes(40).hex()}", 0.97),
    "an e-mail address": (lambda: f"{urlsafe(sealed()).rstrip('=')}@enc.local", 0.93),
    "a fingerprint of 16 bytes": (lambda: DRESSED.randbytes(16).hex(":"), 0.9),
    "a fingerprint of 32 bytes": (lambda: DRESSED.randbytes(32).hex(":"), 0.97),
    "a JSON Web Token": (lambda: "eyJ" + ".".join(urlsafe(sealed())[:36] for _ in range(3)), 0.93),
    "signed by Django": (lambda: f"k1:abc123:{urlsafe(DRESSED.randbytes(32)).rstrip('=')}", 0.85),
    "a library of Open edX": (lambda: f"lib:{urlsafe(sealed()).rstrip('=')}", 0.93),
    "a library of Open edX in two parts": (lambda: f"lib:{DRESSED.randbytes(12).hex()}:{urlsafe(sealed())}", 0.93),
    "a course of Open edX": (lambda: f"course-v1:{base64.b64encode(b'>>>' + sealed()).decode().rstrip('=')}", 0.8),
    "FLAC": (lambda: b"fLaC\0\0\0\x22" + sealed(), 0.97),
    "Matroska": (lambda: b"\x1aE\xdf\xa3webm" + sealed(), 0.97),
    "ELF": (lambda: b"\x7fELF\x02\x01\x01" + bytes(8) + DRESSED.randbytes(150), 0.97),
    "WebAssembly": (lambda: b"\0asm\x01\0\0\0" + sealed(), 0.97),
    "a class of Java": (lambda: b"\xca\xfe\xba\xbe\0\0\0\x34" + sealed(), 0.97),
    # writings that are no encoding
    "a decimal number": (lambda: str(int.from_bytes(sealed(), "big")), 0.85),
    "decimal bytes": (lambda: " ".join(map(str, sealed())), 0.97),
    "decimal bytes with commas": (lambda: ",".join(map(str, sealed())), 0.97),
    "hex with blanks": (lambda: sealed().hex(" "), 0.97),
    "hex with hyphens": (lambda: sealed().hex("-").upper(), 0.97),
    "hex with colons": (lambda: sealed().hex(":"), 0.97),
    "hex in groups": (lambda: DRESSED.randbytes(48).hex(" ", 4), 0.97),
    "base64 in groups": (lambda: re.sub("(....)", r"\1 ", base64.b64encode(sealed()).decode()), 0.93),
    "signed bytes": (lambda: ",".join(str(byte - 256 if byte > 127 else byte) for byte in sealed()), 0.4),
    "a list of signed bytes": (lambda: json.dumps([byte - 256 if byte > 127 else byte for byte in sealed()]), 0.4),
    "bytes as Python shows them": (lambda: repr(sealed()), 0.97),
    "base64 as Python shows it": (lambda: repr(base64.b64encode(sealed())), 0.93),
    "Latin-1": (lambda: sealed().replace(b"\0", b"\1").decode("latin-1"), 0.93),
    "a number in JSON": (lambda: json.dumps({"ct": int.from_bytes(sealed(), "big")}), 0.85),
    # of Python, XML and JavaScript, and after names
    "a tuple of bytes": (lambda: str((DRESSED.randbytes(12), sealed())), 0.97),
    "a tuple of base64": (lambda: str((urlsafe(DRESSED.randbytes(12)), urlsafe(sealed()))), 0.93),
    "a dict of bytes": (lambda: str({"nonce": DRESSED.randbytes(12), "data": sealed()}), 0.97),
    "a dict of base64 as bytes": (lambda: str({"nonce": b"x", "data": base64.b64encode(sealed())}), 0.93),
    "a list of bytes": (lambda: str([DRESSED.randbytes(16), sealed()]), 0.97),
    "an element of XML": (lambda: f"<Sealed><CipherValue>{urlsafe(sealed())}</CipherValue></Sealed>", 0.93),
    "XML Encryption": (lambda: XML_ENCRYPTION.format(base64.b64encode(sealed()).decode()), 0.93),
    "an attribute of XML": (lambda: f'<card version="1" data="{urlsafe(sealed())}"><n>1</n></card>', 0.93),
    "CDATA": (lambda: f"<card><![CDATA[{base64.b64encode(sealed()).decode()}]]></card>", 0.93),
    "bytes of JavaScript": (lambda: json.dumps({str(n): byte for n, byte in enumerate(sealed())}), 0.9),
    "after a word": (lambda: f"aesgcm {base64.b64encode(sealed()).decode()}", 0.93),
    "after a word in braces": (lambda: f"{{cipher}} {base64.b64encode(sealed()).decode()}", 0.93),
    "an IV and a text by their names": (
        lambda: f"iv: {urlsafe(DRESSED.randbytes(16))} ct: {urlsafe(sealed())}", 0.93
    ),
    "a label of its own": (
        lambda: f"-----BEGIN SEALED-----\n{base64.b64encode(sealed()).decode()}\n-----END SEALED-----", 0.93
    ),
    "after a sentence": (lambda: TALE.format(f"2026-11-{DRESSED.randrange(10, 30)}", urlsafe(sealed())), 0),
}  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES)
def test_ciphertext_in_the_dress_of_something_else_is_unexplained(dress: str) -> None:
    DRESSED.seed(dress)
    write, rate = DRESSES[dress]
    values = [write() for _ in range(300)]
    assert sum(map(is_random, values)) >= rate * len(values)
    for size in (10, 60):
        found = unexplained.classify(values[:size], "person.data")
        assert found.verdict == unexplained.UNEXPLAINED


def test_a_column_in_which_a_quarter_is_encrypted_is_unexplained() -> None:
    column = [*PLAIN["names"][:18], *(ENCODINGS["hex"](CHANCE.randbytes(40)) for _ in range(6))]
    found = unexplained.classify(column, "a.b")
    assert (found.verdict, found.what) == ("unexplained", "6 of 24 values look like ciphertext in hex")


@pytest.mark.parametrize(
    ("name", "count", "verdict"),
    [
        ("body", 5, "unexplained"),
        ("body", 2, "unexplained"),
        ("body", 1, "sparse"),
        ("body", 0, "plain"),
        ("value", 1, "unexplained"),  # one secret in a table of settings
        ("smtp_password", 1, "unexplained"),
        ("apiKey", 1, "unexplained"),
        ("keyboard", 1, "sparse"),
    ],
)
def test_few_random_values_among_many_plain_ones_are_enough(name: str, count: int, verdict: str) -> None:
    """Two, or one in a column whose name says that it may hold a secret."""
    column = [*PLAIN["names"][:70], *(ENCODINGS["base64"](CHANCE.randbytes(45)) for _ in range(count))]
    found = unexplained.classify(column, f"a.{name}")
    assert (found.verdict, found.count) == (verdict, count)


@pytest.mark.parametrize(
    "value", [FERNETS[0], "AES.2:1b1a0652fb8d857c62379339:" + "0f" * 40, "vault:v1:" + "aZ3kQ9xYbC" * 4]
)
def test_one_value_in_a_known_format_is_enough(value: str) -> None:
    assert unexplained.classify([*PLAIN["names"][:70], value], "a.body").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("name", ["body", "value"])
def test_plain_columns_do_not_stop_by_chance(name: str) -> None:
    """No sample of any kind: 225 values are the most that are read of a column."""
    columns = [values[start : start + 225] for values in PLAIN.values() for start in range(0, len(values), 225)]
    assert len(columns) > 100
    found = [unexplained.classify(column, f"a.{name}").verdict for column in columns]
    assert unexplained.UNEXPLAINED not in found


def test_a_form_explains_some_values_of_a_column_and_not_all_of_it() -> None:
    resets = [f"/reset/MQ/bx8o3r-{digest(16)}/" for _ in range(10)]
    assert unexplained.classify([*PLAIN["paths"][:60], *resets], "log.path").verdict == unexplained.EXPLAINED
    assert unexplained.classify(resets, "log.path").verdict == unexplained.UNEXPLAINED
    blocks = [str(uuid.UUID(bytes=CHANCE.randbytes(16))) for _ in range(10)]
    assert unexplained.classify([*PLAIN["UUIDs"][:60], *blocks], "a.ref").verdict == unexplained.EXPLAINED
    assert unexplained.classify(blocks, "a.ref").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize(
    "name",
    ["national_id_search", "ssn_index", "email_lookup", "customer_oid", "content_version", "signature", "nonce"],
)
def test_a_name_that_may_mean_a_digest_leaves_a_warning(name: str) -> None:
    digests = [digest(32) for _ in range(30)]
    found = unexplained.classify(digests, f"person.{name}")
    assert (found.verdict, found.count) == ("sparse", 0)
    assert "as long as a digest of 32 bytes" in found.what
    assert unexplained.classify([*digests[:-1], digest(48)], f"person.{name}").verdict == unexplained.UNEXPLAINED
    documents = [json.dumps({name: each}) for each in digests]
    assert unexplained.classify(documents, "a.b", documents=True).member == name


@pytest.mark.parametrize(
    "name", ["push_token", "deviceToken", "apns_token", "message_id", "session_key", "etag", "id", "revision"]
)
@pytest.mark.parametrize(
    ("size", "verdict"),
    [(16, "explained"), (20, "explained"), (28, "unexplained"), (32, "explained"), (48, "sparse"), (64, "sparse")],
)
def test_a_name_of_an_id_explains_only_as_many_bytes_as_an_id_has(name: str, size: int, verdict: str) -> None:
    """64 bytes are an IV and an encrypted UUID of 36 characters."""
    column = [digest(size) for _ in range(30)]
    assert unexplained.classify(column, f"phone.{name}").verdict == verdict


def digest(size: int) -> str:
    return CHANCE.randbytes(size).hex()


SIGNED = "eyJfYXV0aF91c2VyX2lkIjoiMSJ9:1sZq3x:" + base64.urlsafe_b64encode(CHANCE.randbytes(32)).decode().rstrip("=")
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
COMPRESSED = zlib.compress(" ".join(WORDS[:300]).encode())


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a picture in PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture() -> bytes:
    head, noise = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0), zlib.compress(CHANCE.randbytes(200))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", noise) + chunk(b"IEND", b"")


PICTURE = base64.b64encode(picture()).decode()
TOKEN = base64.urlsafe_b64encode(b"\x80\0\0\0\0" + CHANCE.randbytes(84)).decode()
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")]))
    .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")]))
    .public_key(KEY.public_key())
    .serial_number(7)
    .not_valid_before(datetime.datetime(2026, 1, 1))
    .not_valid_after(datetime.datetime(2027, 1, 1))
    .sign(KEY, None)
)
SSH = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
ON_CURVE = derive_private_key(21, SECP256R1()).public_key()
POINT = base64.urlsafe_b64encode(ON_CURVE.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).decode()


def private_key(encryption: KeySerializationEncryption, encoding: Encoding = Encoding.DER) -> bytes:
    return KEY.private_bytes(encoding, PrivateFormat.PKCS8, encryption)


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr(zipfile.ZipInfo("notes.bin"), CHANCE.randbytes(300))
    return file.getvalue()


POINTS = struct.pack("<BIIdd", 1, 0x20000001, 4326, 14.42076, 50.08804)
PEM = f"-----BEGIN {{}}-----\n{base64.encodebytes(CHANCE.randbytes(600)).decode()}-----END {{}}-----\n"


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        ("auth_user.password", "pbkdf2_sha256$600000$aZ3kQ9xY$" + "aZ3kQ9xYbC" * 4 + "=", "a password hash"),
        ("a.password", "$2b$12$" + "aZ3kQ9xYbC" * 5 + "aZ3", "a password hash"),
        ("a.password", "!" + "aZ3kQ9xYbC" * 4, "a password hash"),
        ("django_session.session_data", SIGNED, "session data of Django, signed"),
        ("a.b", SIGNED, "signed by Django"),
        ("a.b", str(uuid.UUID(bytes=CHANCE.randbytes(16), version=4)), "a UUID"),
        ("a.b", uuid.UUID(bytes=CHANCE.randbytes(16), version=4).hex, "a UUID"),
        ("a.jwt", f"{HEADER}.{HEADER}.{SIGNED[-43:]}", "a signed JSON Web Token"),
        ("a.cert", CERTIFICATE.public_bytes(Encoding.PEM).decode(), "a PEM document"),
        ("core_artifact.file", f"artifact/{digest(1)}/{digest(31)}", "a path"),
        ("a.link", f"https://s3.example.com/a?X-Amz-Signature={digest(32)}", "a URL"),
        ("a.image", f"sha256:{digest(32)}", "a named digest"),
        ("core_content.sha256", digest(32), "a digest or random ID of 32 bytes"),
        ("a.md5", digest(16), "a digest or random ID of 16 bytes"),
        ("a.sha1", digest(20), "a digest or random ID of 20 bytes"),
        ("a.etag", base64.b64encode(CHANCE.randbytes(32)).decode(), "a digest or random ID of 32 bytes"),
        ("a.contentHash", digest(32), "a digest or random ID of 32 bytes"),
        ("a.search_hashes", digest(32), "a digest or random ID of 32 bytes"),
        ("a.b", "crypt$$ab1c2D3e4F5g6", "a password hash"),
        ("a.b", f"encounters/{digest(1)}/{digest(31)}", "a path"),
        ("authtoken_token.key", digest(20), "a token of Django REST framework"),
        ("a.stripe", "cus_NffrFeUfNV2HibQ9", "an ID of another service"),
        ("a.b", COMPRESSED, "compressed data"),
        ("a.b", base64.b64encode(COMPRESSED).decode(), "compressed data"),
        ("a.b", gzip.compress(picture(), mtime=0), "compressed data"),
        ("a.b", bz2.compress(b"a text of some words, and of several lines" * 9), "compressed data"),
        ("a.guid", "9f86d081884c7d659a2feaa0c55ad015", "a digest or random ID of 16 bytes"),
        ("a.b", "data:image/png;base64," + PICTURE, "a data URI"),
        ("a.b", "data:text/plain,hello%20world", "a data URI"),
        ("a.b", "$1$abcdefgh$" + "aZ3kQ9xYbC" * 2 + "aZ", "a password hash"),
        ("a.b", "$5$rounds=5000$abcdefgh$" + "aZ3kQ9xYbC" * 4 + "aZ3", "a password hash"),
        ("a.b", "$6$abcdefgh$" + "aZ3kQ9xYbC" * 8 + "aZ3kQ9", "a password hash"),
        ("a.b", "$y$j9T$abcdefghijklmnopqrstu.$" + "aZ3kQ9xYbC" * 4 + "aZ3", "a password hash"),
        ("a.b", "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "aZ3kQ9xYbC" * 4 + "aZ3", "a password hash"),
        ("a.b", "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$" + "aZ3kQ9xYbC" * 4 + "aZ3", "a password hash"),
        ("a.b", "bcrypt_sha256$$2b$12$" + "aZ3kQ9xYbC" * 5 + "aZ3", "a password hash"),
        ("a.b", "scrypt$16384$aZ3kQ9xY$8$1$" + "aZ3kQ9xYbC" * 8 + "aZ3kQ9==", "a password hash"),
        ("a.b", "md5$aZ3kQ9xY$" + digest(16), "a password hash"),
        ("a.b", "$pbkdf2-sha256$29000$aZ3kQ9xYbCaZ3kQ9$" + "aZ3kQ9xYbC" * 4 + "aZ3", "a password hash"),
        ("a.b", "{SSHA}" + base64.b64encode(CHANCE.randbytes(28)).decode(), "a password hash"),
        ("a.b", "sha384-" + base64.b64encode(CHANCE.randbytes(48)).decode(), "a named digest"),
        ("a.photo", picture(), "a picture"),
        ("a.file", archive(), "a document"),
        ("a.cert", CERTIFICATE.public_bytes(Encoding.DER), "a certificate or key in DER"),
        ("a.key", private_key(NoEncryption(), Encoding.PEM).decode(), "a PEM document"),
        ("a.place", POINTS, "a geometry in EWKB"),
        ("a.place", POINTS.hex().upper(), "a geometry in EWKB"),
        ("a.key", SSH, "an SSH key"),
        ("a.key", POINT, "a public key on P-256"),
        ("push.p256dh", base64.urlsafe_b64encode(b"\x04" + CHANCE.randbytes(64)).decode(),
         "a digest or random ID of 65 bytes"),
        ("push.device_token", digest(32), "a digest or random ID of 32 bytes"),
        ("a.b", "$P$B" + "aZ3kQ9xYbC" * 3, "a password hash"),
        ("a.b", "$S$D" + "aZ3kQ9xYbC" * 5 + "a", "a password hash"),
        ("a.b", "*" + digest(20).upper(), "a password hash"),
        ("a.b", "scrypt:32768:8:1$aZ3kQ9xYbCaZ3kQ9$" + digest(64), "a password hash"),
        ("a.b", "pbkdf2:sha256:600000$aZ3kQ9xYbCaZ3kQ9$" + digest(32), "a password hash"),
        ("a.b", f"SCRAM-SHA-256$4096:{PICTURE[-24:-2]}==${'aZ3kQ9xYbC' * 4}aZ3=:{'aZ3kQ9xYbC' * 4}aZ3=",
         "a password hash"),
        ("a.b", f"00-{digest(16)}-{digest(8)}-01", "a trace of W3C"),
        ("a.wallet", f"0x{digest(20)}", "an address of Ethereum"),
        ("a.tx", f"0x{digest(32)}", "a digest or random ID of 32 bytes"),
        ("a.b", "SHA256:" + base64.b64encode(CHANCE.randbytes(32)).decode().rstrip("="), "a named digest"),
        ("a.b", "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "a blurhash"),
        ("a.fingerprint", CHANCE.randbytes(20).hex(":").upper(), "a digest or random ID of 20 bytes"),
        ("a.b", "sk_" + "live_51" + "aZ3kQ9xYbC" * 9 + "aZ3kQ9x", "a token of another service"),
        ("a.b", "gh" + "p_" + "aZ3kQ9xYbC" * 3 + "aZ3kQ9", "a token of another service"),
        ("otp_totp_totpdevice.key", digest(20), "a key of django-otp, unencrypted"),
        ("oauth2_provider_accesstoken.token", "aZ3kQ9xYbC" * 3, "a token of Django OAuth Toolkit"),
        ("oauth2_provider_accesstoken.token", f"{HEADER}.{HEADER}.{SIGNED[-43:]}", "a signed JSON Web Token"),
        ("oauth2_provider_application.client_id", "aZ3kQ9xYbC" * 4, "an ID of Django OAuth Toolkit"),
        ("account_emailconfirmation.key", "az3kq9xybc" * 6 + "az3k", "a confirmation key of django-allauth"),
        ("socialaccount_socialtoken.token", "gh" + "o_" + "aZ3kQ9xYbC" * 3 + "aZ3kQ9", "a token of another service"),
        ("a.b", base64.b64encode("Příliš žluťoučký kůň pěl ódy".encode()).decode(), "encoded text"),
    ],
)  # fmt: skip
def test_random_data_that_is_known_is_explained(place: str, value: Any, what: str) -> None:
    found = unexplained.classify([value] * 3, place)
    assert (found.verdict, found.what) == ("explained", what)


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        *((name, True) for name in ("email_hash", "mail_bidx", "phoneDigest", "ssn_hmac", "email_sha256")),
        *((name, False) for name in ("etag", "checksum", "file_hash", "sha256", "content_md5", "fingerprint", "id")),
    ],
)
def test_hashes_of_values_are_distinguished_from_those_of_content_and_from_ids(name: str, hashed: bool) -> None:
    found = unexplained.classify([CHANCE.randbytes(32).hex() for _ in range(3)], f"a.{name}")
    assert (found.verdict, found.hashed) == ("explained", hashed)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("dojo_tool_configuration.password", "AES.2:1b1a0652fb8d857c62379339:" + digest(30)),
        ("main_credential.inputs", "$encrypted$UTF8$AESCBC$" + base64.b64encode(CHANCE.randbytes(90)).decode()),
        ("a.payload", CHANCE.randbytes(24 + 16 + 12)),  # a secretbox of libsodium
        ("patient.national_id", digest(32)),  # an IV and one block of AES-CBC are as long as a SHA-256
        ("core_person.aadhaar_number", digest(28)),  # an IV and 12 digits under AES-CTR
        ("a.card_number", base64.b64encode(CHANCE.randbytes(28)).decode()),  # a nonce and 16 digits
        ("a.anything", digest(20)),
        ("q.researcher_ssn", digest(32)),
        ("q.committee_member", digest(32)),
        ("q.hashtagged", digest(32)),
        # What an application may put before its own tokens
        ("a.b", "tok_" + digest(30)),
        ("a.b", "card_" + digest(30)),
        ("a.b", "crypt$" + base64.b64encode(CHANCE.randbytes(40)).decode()),
        ("a.b", "enc://" + base64.b64encode(CHANCE.randbytes(40)).decode()),
        ("a.b", "enc/" + base64.b64encode(CHANCE.randbytes(40)).decode()),
        ("a.key", PEM.format("ENCRYPTED PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
        # What has the beginning of a known form, and not the rest of it
        ("a.external_guid", digest(64)),
        ("a.externalUuid", digest(32)),
        ("a.b", "$1$" + base64.b64encode(CHANCE.randbytes(48)).decode()),
        ("a.b", "$argon2id$" + base64.b64encode(CHANCE.randbytes(48)).decode()),
        ("a.b", "md5:" + base64.b64encode(CHANCE.randbytes(48)).decode()),
        ("users.password", digest(16)),  # an IV and a block, or a block, are as long as such a hash
        ("users.password", digest(32)),
        ("otp_totp_totpdevice.key", digest(48)),
        ("a.cert", PEM.format("CERTIFICATE", "CERTIFICATE")),
        ("a.key", private_key(BestAvailableEncryption(b"passphrase"))),
        ("a.tx", f"0x{digest(44)}"),
        ("a.b", "data:application/octet-stream;base64," + base64.b64encode(CHANCE.randbytes(48)).decode()),
        ("a.b", "data:," + digest(48)),
        ("a.b", b"\x1f\x8b\x08" + CHANCE.randbytes(60)),
        # What has ciphertext inside
        ("a.b", gzip.compress(CHANCE.randbytes(48), mtime=0)),
        ("a.b", base64.b64encode(json.dumps({"user": "Ada", "password": TOKEN}).encode()).decode()),
        ("a.b", base64.b64encode(json.dumps({"user": "Ada", "card": digest(40)}).encode()).decode()),
        ("a.b", zlib.compress(json.dumps({"user": "Ada", "password": TOKEN}).encode())),
        ("a.b", base64.b64encode(zlib.compress(f"a note with a token {TOKEN}".encode())).decode()),
        ("a.jwe", f"{HEADER}..{SIGNED[-43:]}.{SIGNED[-43:]}.{SIGNED[-22:]}"),
    ],
)
def test_ciphertext_is_not_explained_by_its_look(place: str, value: Any) -> None:
    assert unexplained.classify([value] * 3, place).verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("size", [28, 32, 40, 48, 64])
@pytest.mark.parametrize("encoding", ["hex", "bare_base64"])
def test_the_place_of_a_token_does_not_explain_that_it_is_encrypted(size: int, encoding: str) -> None:
    """Some applications encrypt what django-allauth and Django OAuth Toolkit store: if the tokens may be of any form, a
    note stays."""
    for place, verdict in (
        ("socialaccount_socialtoken.token", unexplained.SPARSE),
        ("socialaccount_socialtoken.token_secret", unexplained.SPARSE),
        ("oauth2_provider_accesstoken.token", unexplained.SPARSE),
        ("oauth2_provider_refreshtoken.token", unexplained.SPARSE),
        ("oauth2_provider_grant.code", unexplained.SPARSE),
        ("oauth2_provider_application.client_id", unexplained.SPARSE),
        ("account_emailconfirmation.key", unexplained.UNEXPLAINED),
    ):
        sealed = [ENCODINGS[encoding](CHANCE.randbytes(size)) for _ in range(10)]
        assert unexplained.classify(sealed, place).verdict == verdict


def test_members_of_documents_are_judged_by_their_names() -> None:
    documents = [
        json.dumps({"user": "Ada", "sha256": digest(32), "secret": ENCODINGS["base64"](CHANCE.randbytes(40)), "n": n})
        for n in range(5)
    ]
    found = unexplained.classify(documents, "a.options", documents=True)
    assert (found.verdict, found.member) == ("unexplained", "secret")
    assert unexplained.classify(documents, "a.options") == found, "a document in a text column"
    assert unexplained.classify([json.dumps({"text": PLAIN["sentences"][9]})], "a.b", documents=True).verdict == "plain"


def test_a_sentence_that_quotes_a_token_is_plain() -> None:
    quoted = f"The customer could not use the token {digest(32)} and asked for another one in a long letter to us."
    assert unexplained.classify([quoted], "a.note").verdict == unexplained.PLAIN


@pytest.mark.parametrize("values", [[], [""], [b""], ["x"], [b"\0" * 64], ["0" * 64]])
def test_nothing_to_judge_is_plain(values: list[Any]) -> None:
    assert unexplained.classify(values, "a.b").verdict == unexplained.PLAIN


def test_a_document_in_base64_is_judged_by_its_members() -> None:
    """As it is judged when it is not in base64."""
    plain = [base64.b64encode(json.dumps({"sha256": digest(32), "next": n}).encode()).decode() for n in range(5)]
    assert unexplained.classify(plain, "a.cursor").verdict == unexplained.EXPLAINED
    secret = [base64.b64encode(json.dumps({"card": digest(40), "next": n}).encode()).decode() for n in range(5)]
    assert unexplained.classify(secret, "a.cursor").member == "card"


def judged(kind: str, seed: int) -> unexplained.Explanation:
    return unexplained.classify(plain_columns.column(plain_columns.ORDINARY[kind], seed), "shop.data")


@pytest.mark.parametrize("kind", plain_columns.ORDINARY)
def test_ordinary_values_do_not_stop_a_rotation(kind: str) -> None:
    found = {
        seed: judged(kind, seed).what
        for seed in plain_columns.SEEDS
        if judged(kind, seed).verdict == unexplained.UNEXPLAINED
    }
    assert found == {}


@pytest.mark.parametrize("kind", ["a sine", "sound", "peaks of sound"])
def test_no_list_of_samples_counts_as_bytes(kind: str) -> None:
    found = [seed for seed in range(200) if judged(kind, seed).verdict != unexplained.PLAIN]
    assert found == []


@pytest.mark.parametrize("kind", plain_columns.TOKENS)
def test_a_column_of_keys_of_a_service_is_explained(kind: str) -> None:
    assert judged(kind, 1) == unexplained.Explanation(unexplained.EXPLAINED, "a token of another service")


@pytest.mark.parametrize("kind", plain_columns.GIVEN)
def test_tokens_in_a_place_of_tokens_are_a_visible_note(kind: str) -> None:
    place, write = plain_columns.GIVEN[kind]
    for seed in plain_columns.SEEDS:
        found = unexplained.classify(plain_columns.column(write, seed), place)
        assert found.verdict == unexplained.SPARSE
        assert "look like ciphertext in" in found.what
        assert unexplained.classify(plain_columns.column(write, seed), "shop.data").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("count", [1, plain_columns.SIZE])
def test_a_known_format_stops_in_a_place_of_tokens_too(count: int) -> None:
    chance = random.Random(5)
    sealed = [f"gAAAAA{plain_columns.urlsafe(chance, 73)[2:]}==" for _ in range(count)]
    given = plain_columns.column(plain_columns.GIVEN["LinkedIn"][1], 5)[count:]
    found = unexplained.classify([*given, *sealed], "socialaccount_socialtoken.token")
    assert found.verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("kind", plain_columns.STORED)
@pytest.mark.parametrize("count", [1, 2, 3, plain_columns.SIZE])
def test_what_applications_store_does_not_stop_a_rotation(kind: str, count: int) -> None:
    """Settings have one row, and large tables many: neither may stop."""
    place, write = plain_columns.STORED[kind]
    for seed in plain_columns.SEEDS:
        chance = random.Random(f"{kind} {seed}")
        found = unexplained.classify([write(chance) for _ in range(count)], place)
        assert found.verdict != unexplained.UNEXPLAINED, found


@pytest.mark.parametrize("kind", plain_columns.SEALED)
def test_what_is_encrypted_there_stops(kind: str) -> None:
    place, write = plain_columns.SEALED[kind]
    for seed in plain_columns.SEEDS:
        chance = random.Random(f"{kind} {seed}")
        found = unexplained.classify([write(chance) for _ in range(plain_columns.SIZE)], place)
        assert found.verdict == unexplained.UNEXPLAINED, found
