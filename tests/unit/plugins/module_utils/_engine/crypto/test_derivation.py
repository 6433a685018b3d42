# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import derivation

KEY = bytes(range(32))


def settings(**values: Any) -> derivation.Settings:
    return values.get


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ONE", [b"1"]),
        ("MANY", [b"1", b"2"]),
        ("PAIR", [b"1", b"2"]),
        ("RAW", [b"\x00\xff"]),
        ("WIDE", ["kůň".encode()]),
        ("NUMBER", [b"7"]),
        ("HOLES", [b"1", b"2"]),
        ("NONE", []),
        ("BLANK", []),
        ("EMPTY", []),
        ("UNKNOWN", []),
        ({"text": "ONE"}, [b"ONE"]),
        ({"text": "kůň"}, ["kůň".encode()]),
        ({"bytes": b"\x00\xff"}, [b"\x00\xff"]),
        ({"first": ["ONE", "MANY"]}, [b"1"]),
        ({"first": ["UNKNOWN", "EMPTY", "BLANK", "MANY", "ONE"]}, [b"1", b"2"]),
        ({"first": ["UNKNOWN", {"text": "x"}]}, [b"x"]),
        ({"first": ["UNKNOWN", "NONE"]}, []),
        ({"all": ["MANY", "UNKNOWN", "ONE"]}, [b"1", b"2", b"1"]),
        ({"all": ["ONE", {"text": "x"}, {"first": ["NONE", "NUMBER"]}]}, [b"1", b"x", b"7"]),
        ({"all": ["UNKNOWN", "NONE"]}, []),
        ({"setting": "ONE", "default": "d"}, [b"1"]),
        ({"setting": "UNKNOWN", "default": "d"}, [b"d"]),
        ({"setting": "BLANK", "default": "d"}, [b"d"]),
        ({"setting": "UNKNOWN", "default": ""}, [b""]),
        ({"join": ["ONE", {"text": "-salt"}]}, [b"1-salt"]),
        ({"join": [{"setting": "UNKNOWN", "default": "d"}, "MANY"]}, [b"d1"]),
        ({"join": ["UNKNOWN", {"text": "-salt"}]}, []),
    ],
)
def test_what_a_source_means(source, expected):
    application = settings(
        ONE="1", MANY=["1", "2"], PAIR=("1", "2"), RAW=b"\x00\xff", WIDE="kůň", NUMBER=7, HOLES=["1", "", None, "2"],
        NONE=None, BLANK="", EMPTY=[],
    )  # fmt: skip
    assert derivation.values(source, application) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ONE", {"ONE"}),
        ({"text": "ONE"}, set()),
        ({"bytes": b"ONE"}, set()),
        ({"first": ["ONE", {"all": ["TWO", {"text": "x"}]}]}, {"ONE", "TWO"}),
        ({"join": ["ONE", {"text": "x"}]}, {"ONE"}),
        ({"all": ["ONE", {"setting": "THREE", "default": "d"}]}, {"ONE", "THREE"}),
    ],
)
def test_the_settings_that_a_source_speaks_of(source, expected):
    assert derivation.names(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("NONE", {"NONE"}),
        ({"first": ["NONE", "ONE", "MANY"]}, {"ONE"}),
        ({"first": ["NONE", "UNKNOWN"]}, {"NONE", "UNKNOWN"}),
        ({"all": [{"first": ["ONE", "MANY"]}, "NONE"]}, {"ONE", "NONE"}),
    ],
)
def test_the_settings_that_count(source, expected):
    assert derivation.names(source, settings(ONE="1", MANY=["1", "2"], NONE=None)) == expected


@pytest.mark.parametrize(("given", "length"), [(1, 16), (16, 16), (17, 24), (24, 24), (25, 32), (32, 32), (99, 32)])
def test_padded_fills_up_to_a_length_of_aes_and_cuts_at_the_longest(given, length):
    assert derivation.padded(b"k" * given) == (b"k" * given + bytes(32))[:length]


def test_base64_first_bytes_is_text():
    assert derivation.base64_first_bytes(b"\xff" * 40, length=32) == b"____" * 8


def test_direct_takes_the_setting_as_it_is():
    assert derivation.direct(base64.urlsafe_b64encode(KEY)) == KEY


def test_standard_base64_takes_nothing_that_b64decode_would_pass_over():
    key = b"\xfb\xff" * 16
    assert derivation.standard_base64(base64.b64encode(key)) == key
    with pytest.raises(ValueError, match="base64"):
        derivation.standard_base64(base64.urlsafe_b64encode(key))


def test_hex_takes_the_setting_as_it_is():
    assert derivation.from_hex(KEY.hex().encode()) == KEY
    assert derivation.from_hex(KEY.hex().upper().encode()) == KEY


@pytest.mark.parametrize("value", ["short", "A" * 45])
def test_direct_refuses_what_is_no_base64(value):
    with pytest.raises(ValueError, match=r"."):
        derivation.direct(value.encode())


@pytest.mark.parametrize("value", ["xyz", "abc", "kůň", "0x00"])
def test_hex_refuses_what_is_no_hex(value):
    with pytest.raises(ValueError, match=r"."):
        derivation.from_hex(value.encode())


def test_raw_takes_the_bytes_of_the_setting():
    assert derivation.raw("kůň".encode()) == "kůň".encode()


def test_sha256_gives_the_published_vector():
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180, for abc
    assert derivation.sha256(b"abc").hex() == expected


def test_pbkdf2_gives_the_published_vector():
    # the one of RFC 6070 with 4096 iterations, for SHA-256
    expected = "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"
    assert derivation.pbkdf2_sha256(b"password", b"salt", iterations=4096).hex() == expected


def test_pbkdf2_makes_as_many_bytes_as_it_is_asked():
    # the one of RFC 6070 with a length of its own, for SHA-256
    made = derivation.pbkdf2_sha256(
        b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt", iterations=4096, length=40
    )
    assert made.hex() == "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1c635518c7dac47e9"


def test_pbkdf2_derives_a_key_once(monkeypatch):
    derived = []
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *given: derived.append(given) or b"key")

    for salt in (b"one", b"other", b"one"):
        derivation.pbkdf2_sha256(b"derived once", salt, iterations=7)

    assert [given[2] for given in derived] == [b"one", b"other"]


def test_hkdf_gives_the_published_vectors():
    # RFC 5869, test cases 1 (salt and info) and 3 (neither)
    first = derivation.hkdf_sha256(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), length=42)
    assert first.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    third = derivation.hkdf_sha256(b"\x0b" * 22, length=42)
    assert third.hex() == ("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")


def test_keys_are_32_bytes_if_no_length_is_given():
    assert len(derivation.hkdf_sha256(b"x")) == len(derivation.pbkdf2_sha256(b"x", b"y", iterations=1)) == 32


def test_settings_are_read_as_utf_8_and_by_the_names_in_the_scheme():
    described = {"derive": "pbkdf2_sha256", "secret": "A", "salt": "B", "iterations": 4096}
    one = derivation.keys(described, settings(A="kůň", B="sůl"))
    assert one == [hashlib.pbkdf2_hmac("sha256", "kůň".encode(), "sůl".encode(), 4096)]
    assert derivation.keys({**described, "secret": "B", "salt": "A"}, settings(B="kůň", A="sůl")) == one
    assert derivation.keys(described, settings(A="kun", B="sul")) != one


def test_every_secret_goes_with_every_salt_and_the_first_of_both_writes():
    described = {"derive": "pbkdf2_sha256", "secret": "A", "salt": "B", "iterations": 1}
    found = derivation.keys(described, settings(A=["a", "b"], B=["x", "y"]))
    pairs = [(b"a", b"x"), (b"a", b"y"), (b"b", b"x"), (b"b", b"y")]
    assert found == [hashlib.pbkdf2_hmac("sha256", secret, salt, 1) for secret, salt in pairs]


def test_a_source_that_a_derivation_may_do_without_is_empty_in_it():
    assert derivation.keys({"derive": "hkdf_sha256", "secret": "A"}, settings(A="x")) == [derivation.hkdf_sha256(b"x")]
    info = {"derive": "hkdf_sha256", "secret": "A", "info": {"text": "i"}, "length": 64}
    assert derivation.keys(info, settings(A="x")) == [derivation.hkdf_sha256(b"x", b"", b"i", length=64)]


@pytest.mark.parametrize("given", [{"A": "x"}, {"B": "x"}, {}])
def test_without_a_value_there_is_no_key(given):
    described = {"derive": "pbkdf2_sha256", "secret": "A", "salt": "B", "iterations": 1}
    assert derivation.keys(described, settings(**given)) == []


def test_a_setting_that_makes_no_key_is_an_error():
    with pytest.raises(ValueError, match=r"."):
        derivation.keys({"derive": "hex", "secret": "A"}, settings(A=["00", "no hex"]))


@pytest.mark.parametrize("name", derivation.DERIVATIONS)
def test_what_a_derivation_may_do_without_is_among_its_sources(name):
    function, sources, optional, numbers = derivation.DERIVATIONS[name]
    assert function.__name__ in (name, f"from_{name}")
    assert set(optional) <= set(sources)
    assert not set(sources) & set(numbers)
