# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.packed_values import LONGEST
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.plain_text_look import look_of
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.value_look import (
    NOTHING,
    Look,
    look_at,
    looks_encrypted,
)
from cryptography.fernet import Fernet

TOKEN = Fernet(base64.urlsafe_b64encode(bytes(32)))._encrypt_from_parts(b"x", 0x6A000000, bytes(16))


@pytest.mark.parametrize(
    ("value", "encrypted"),
    [
        (b"chef@example.org", False),
        (b"a note of several words, with 7 numbers and CAPITALS", False),
        (b"+420 123 456 789", False),
        (b"CANARY", False),
        ("\u017elu\u0165ou\u010dk\u00fd".encode(), False),
        (b"gAAAAABnothing", False),
        (b"v1:9f86d081884c7d659a2feaa0c55ad015", True),
        (b"AES.2:" + b"0f" * 12 + b":" + b"1e" * 40, True),
        (b"enc$kX9vQ2mB7nR4tL8wZ3cY6hJ1gF5dS0aPqE", True),
        (bytes(range(120, 180)), True),
    ],
)
def test_a_text_that_a_person_can_read_does_not_look_encrypted(value, encrypted):
    assert looks_encrypted(value) is encrypted


RANDOM = random.Random(2)


def base64_of(size: int) -> str:
    return base64.urlsafe_b64encode(RANDOM.randbytes(size)).decode().rstrip("=")


def document_of(size: int, *names: str, **more: object) -> str:
    parts = [base64.b64encode(RANDOM.randbytes(part)).decode() for part in (12, size, 16)]
    return json.dumps({**more, **dict(zip(names, parts))})


FORMS: dict[str, Callable[[int], str | bytes]] = {
    "bytes": RANDOM.randbytes,
    "hex": lambda size: RANDOM.randbytes(size).hex(),
    "base64": base64_of,
    "MIME": lambda size: base64.encodebytes(RANDOM.randbytes(size + 60)).decode(),
    "base32": lambda size: base64.b32encode(RANDOM.randbytes(size)).decode(),
    "base85": lambda size: base64.b85encode(RANDOM.randbytes(size)).decode(),
    "nonce, tag and ciphertext": lambda size: f"{base64_of(12)}.{base64_of(16)}.{base64_of(size - 12)}",
    "IV and ciphertext": lambda size: f"{base64_of(16)}:{base64_of(size)}",
    "after a version": lambda size: f"v1:{base64_of(size)}",
    "JSON": lambda size: document_of(size, "nonce", "ciphertext", "tag"),
    "JSON with other names": lambda size: document_of(size, "n", "c", "t"),
    "JSON with a key ID": lambda size: document_of(size, "n", "c", "t", alg="A256GCM", kid="key-2024-01", v=1),
    "JSON list": lambda size: json.dumps(list(json.loads(document_of(size, "n", "c", "t")).values())),
    "JSON in hex": lambda size: document_of(size, "nonce", "ciphertext", "tag").encode().hex(),
    "JSON list of numbers": lambda size: json.dumps(list(RANDOM.randbytes(size))),
    "JSON with a list of numbers": lambda size: json.dumps({"data": list(RANDOM.randbytes(size)), "v": 1}),
    "JSON with an integer": lambda size: json.dumps({"data": int.from_bytes(b"\x80" + RANDOM.randbytes(size), "big")}),
    "integer": lambda size: str(int.from_bytes(b"\x80" + RANDOM.randbytes(size), "big")),
    "after a blank": lambda size: f"encrypted {base64_of(size + 16)}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [16, 20, 29, 60])
def test_ciphertext_of_any_format_looks_encrypted(form, size):
    values = [FORMS[form](size) for _ in range(300)]
    seen = sum(looks_encrypted(value if isinstance(value, bytes) else value.encode()) for value in values)
    assert seen >= 0.96 * len(values)


@pytest.mark.parametrize(
    "value",
    [
        "sk_" + "live_51H8kX9vQ2mB7nR4tL8wZ3cY6hJ1k" + "gF5dS0aPqE" * 7,
        "https://hooks.example.com/services/T024BE7LD/B01H8kX9vQ2/mB7nR4tL8wZ3cY6hJ1gF5dS0",
        "550e8400-e29b-41d4-a716-446655440000",
        "pbkdf2_sha256$600000$aZ3kQ9xY$kX9vQ2mB7nR4tL8wZ3cY6hJ1gF5dS0aPqEkX9vQ2mB7=",
        "DE89370400440532013000",
        "2026-11-27T12:00:01.000000+00:00",
        "Zm9v",
        '{"name": "Ada Lovelace", "city": "London", "note": "met at the fair in 2024, wants a quote"}',
        '{"phone": "+420 123 456 789", "mail": "chef@example.org", "sizes": [1, 2, 3, 4, 5, 6]}',
        '{"id": "550e8400-e29b-41d4-a716-446655440000", "tag": "vip", "at": "2026-11-27T12:00:01+00:00"}',
        '{"encrypted": false, "mac": "00:1b:44:11:3a:b7", "tag": "printer", "alg": "none", "kid": "main"}',
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]",
        '["red", "green", 12.5, null, true]',
        '"a quoted sentence of words"',
        "{not JSON, but a note in braces}",
        b"A note in hex".hex(),
        "[" * 100_000,
        "",
        "The customer sent https://example.com/a?token=kX9vQ2mB7nR4tL8wZ3cY6hJ1gF5dS0aPqE and left",
    ],
)
def test_what_is_known_or_reads_as_words_and_numbers_does_not_look_encrypted(value):
    assert not looks_encrypted(value.encode())


@pytest.mark.parametrize("value", ["data:,", "data:;base64,", "data:image/png;base64,", "data:image/png;base64,=="])
def test_a_data_uri_without_data_is_known(value):
    assert look_at(value) == Look(explanation="a data URI")


def picture(data: bytes) -> bytes:
    """Return a PNG with these bytes instead of its compressed rows."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part)) for kind, part in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kept", [LONGEST, LONGEST + 1, LONGEST + 2, LONGEST + 3, 20_000])
def test_a_picture_in_a_data_uri_is_known_and_ciphertext_is_not_also_if_the_value_was_cut_off(kept):
    data = random.Random(kept).randbytes(12_000)
    uris = ["data:image/png;base64," + base64.b64encode(content).decode()[:kept] for content in (picture(data), data)]
    assert [look_at(uri) for uri in uris] == [Look(explanation="a data URI"), Look(encoding="a data URI")]


def test_nothing_is_known_of_an_empty_value():
    assert look_at("") == look_at(b"") == NOTHING


def test_text_around_a_token_looks_encrypted():
    """Left alone as plaintext, the token would be unreadable after the rotation."""
    for value in (b"see " + TOKEN + b" for it", b" " + TOKEN, b"two\nlines " + TOKEN):
        assert looks_encrypted(value)
    assert not looks_encrypted(b"see gAAAAABshort for it")


@pytest.mark.parametrize(
    ("value", "look"),
    [
        ("Ada", "words"),
        ("Ada Lovelace, London", "words"),
        ("O'Brien", "words"),
        ("Jean-Luc", "words"),
        ("\u017elu\u0165ou\u010dk\u00fd", "words"),
        ("CANARY", "words"),
        ("12 Main Street", "words"),
        ("plain@example.org", "words"),
        ("https://example.com/a", "words"),
        ("2024-05-01", "numbers"),
        ("+49 30 0000001", "numbers"),
        ("4111111111111111", "numbers"),
        ("-3.5", "numbers"),
        ('{"city": "London"}', "JSON"),
        ("[1, 2]", "JSON"),
        ("kX9vQ2mB7nR4", "codes"),
        ("dGVzdA==", "codes"),
        ("0f3a9c", "codes"),
        ("KRUGKIDROV", "codes"),
        ("%&!", "codes"),
    ],
)
def test_plain_text_is_recognized_by_what_it_looks_like(value, look):
    assert not looks_encrypted(value.encode())
    assert look_of(value) == look


@pytest.mark.parametrize("size", [6, 8, 10, 12])
def test_a_short_ciphertext_that_cannot_be_judged_is_hardly_ever_taken_for_words(size):
    chance = random.Random(size)  # the same values in every run
    values = [write(chance.randbytes(size)) for _ in range(300) for write in (base64.b64encode, bytes.hex)]
    texts = [value if isinstance(value, str) else value.decode() for value in values]
    assert sum(look_of(text) == "words" and not looks_encrypted(text.encode()) for text in texts) <= 3
