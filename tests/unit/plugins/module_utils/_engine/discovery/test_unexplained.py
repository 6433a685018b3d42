# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rates at which values count as random, and what columns are by them. The random data is the same in every run."""

from __future__ import annotations

import ast
import base64
import bz2
import gzip
import json
import pydoc_data.topics
import random
import re
import uuid
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import unexplained, value_look

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


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """The same random data for a test, whichever ran before it in this process."""
    CHANCE.seed(21)


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
    "URLs with IDs": [
        f"https://lh3.example.org/{base64.urlsafe_b64encode(WRITTEN.randbytes(33 + n % 9)).decode()}" for n in range(9)
    ],
    "patterns": [f"%{word}%" for word in WORDS[:100]],
}  # fmt: skip


@pytest.mark.parametrize("writing", HIDDEN)
def test_ciphertext_in_another_writing_is_unexplained(writing: str) -> None:
    assert unexplained.classify(HIDDEN[writing], "a.b").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("writing", ORDINARY)
def test_ordinary_values_in_these_writings_stay_quiet(writing: str) -> None:
    assert unexplained.classify(ORDINARY[writing], "a.b").verdict in (unexplained.PLAIN, unexplained.EXPLAINED)


def test_a_column_in_which_a_quarter_is_encrypted_is_unexplained() -> None:
    column = [*PLAIN["names"][:18], *(ENCODINGS["hex"](CHANCE.randbytes(40)) for _ in range(6))]
    found = unexplained.classify(column, "a.b")
    assert (found.verdict, found.what) == ("unexplained", "6 of 24 values look like ciphertext in hex")


@pytest.mark.parametrize(("count", "verdict"), [(5, "unexplained"), (3, "unexplained"), (1, "sparse"), (0, "plain")])
def test_few_random_values_among_many_plain_ones_are_enough_from_three_on(count: int, verdict: str) -> None:
    column = [*PLAIN["names"][:70], *(ENCODINGS["base64"](CHANCE.randbytes(45)) for _ in range(count))]
    found = unexplained.classify(column, "a.b")
    assert (found.verdict, found.count) == (verdict, count)


def digest(size: int) -> str:
    return CHANCE.randbytes(size).hex()


SIGNED = "eyJfYXV0aF91c2VyX2lkIjoiMSJ9:1sZq3x:" + base64.urlsafe_b64encode(CHANCE.randbytes(32)).decode().rstrip("=")
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
COMPRESSED = zlib.compress(" ".join(WORDS[:300]).encode())
PICTURE = base64.b64encode(b"\x89PNG\r\n" + CHANCE.randbytes(90)).decode()
TOKEN = base64.urlsafe_b64encode(b"\x80\0\0\0\0" + CHANCE.randbytes(84)).decode()
PEM = f"-----BEGIN {{}}-----\n{base64.encodebytes(CHANCE.randbytes(600)).decode()}-----END {{}}-----\n"


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        ("auth_user.password", "pbkdf2_sha256$600000$aZ3kQ9xY$" + "aZ3kQ9xYbC" * 4 + "=", "a password hash"),
        ("a.password", "$2b$12$" + "aZ3kQ9xYbC" * 5 + "aZ3", "a password hash"),
        ("a.password", "!" + "aZ3kQ9xYbC" * 4, "a password hash"),
        ("django_session.session_data", SIGNED, "session data of Django, signed"),
        ("a.b", SIGNED, "signed by Django"),
        ("a.b", str(uuid.UUID(bytes=CHANCE.randbytes(16))), "a UUID"),
        ("a.b", uuid.UUID(bytes=CHANCE.randbytes(16), version=4).hex, "a UUID"),
        ("a.jwt", f"{HEADER}.{HEADER}.{SIGNED[-43:]}", "a signed JSON Web Token"),
        ("a.cert", PEM.format("CERTIFICATE", "CERTIFICATE"), "a PEM document"),
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
        ("a.b", gzip.compress(b"\x89PNG\r\n\x1a\n" + CHANCE.randbytes(200), mtime=0), "compressed data"),
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
        ("a.photo", b"\x89PNG\r\n\x1a\n" + CHANCE.randbytes(200), "a picture"),
        ("a.b", base64.b64encode("Příliš žluťoučký kůň pěl ódy".encode()).decode(), "encoded text"),
    ],
)  # fmt: skip
def test_random_data_that_is_known_is_explained(place: str, value: Any, what: str) -> None:
    assert unexplained.classify([value] * 3, place) == unexplained.Explanation("explained", what)


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
