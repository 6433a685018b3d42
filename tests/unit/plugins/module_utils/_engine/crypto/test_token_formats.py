# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import token_formats
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.token_formats import FORMATS, Opened
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
INSIDE = Opened("Žluťoučký CANARY".encode(), 1_500_000_000)
TIMED = ("fernet", "fernet_256", "aes_cbc_hmac")  # formats that say when a token was made
IN_BASE64 = ("fernet", "fernet_256", "aes_gcm_nonce_first", "aes_gcm_text")
# Each region of a token's raw bytes, by a byte in it.
REGIONS = {
    "fernet": {"version": 0, "time": 8, "iv": 10, "ciphertext": 30, "mac": -5},
    "fernet_256": {"version": 0, "time": 8, "iv": 10, "ciphertext": 30, "mac": -5},
    "aes_cbc_hmac": {"version": 0, "time": 8, "iv": 10, "ciphertext": 30, "mac": -5},
    "aes_gcm": {"nonce": 3, "tag": 20, "ciphertext": 34},
    "aes_gcm_nonce_first": {"nonce": 3, "ciphertext": 14, "tag": -5},
    "aes_gcm_hex": {"nonce": 3, "ciphertext": 14, "tag": -5},
    "aes_gcm_bytes": {"nonce": 3, "ciphertext": 14, "tag": -5},
    "aes_gcm_text": {"nonce": 3, "ciphertext": 14, "tag": -5},
}
TAMPERED = [(name, region) for name, regions in REGIONS.items() for region in regions]


def keys_of(name: str, seed: int = 0) -> list[bytes]:
    """Keys as long as the format wants them, other ones for each seed."""
    long = bytes((seed + number) % 256 for number in range(64))
    return {"fernet_256": [long], "aes_cbc_hmac": [long[:32], b"any signing key %d" % seed]}.get(name, [long[:32]])


def made(name: str, seed: int = 0) -> token_formats.Cipher:
    return FORMATS[name].make(*keys_of(name, seed))


def inside(name: str, plaintext: bytes = INSIDE.plaintext, time: int = 1_500_000_000) -> Opened:
    frame = b"base64 urlsafe" if name == "aes_gcm_text" else b""
    return Opened(plaintext, time if name in TIMED else None, frame)


def raw(name: str, change: Callable[[bytearray], object], token: bytes) -> bytes:
    """The token with its raw bytes changed."""
    if name == "aes_gcm_hex":
        content = bytearray.fromhex(token.replace(b":", b"").decode())
        change(content)
        return b":".join(part.hex().encode() for part in (content[:12], content[12:]))
    content = bytearray(base64.urlsafe_b64decode(token) if name in IN_BASE64 else token)
    change(content)
    return base64.urlsafe_b64encode(content) if name in IN_BASE64 else bytes(content)


def test_every_format_is_tested_here():
    elsewhere = {"openpgp", "openpgp_pair", "aes_ecb", "aes_cbc_fixed_iv"}  # test_openpgp*.py, test_unauthenticated.py
    elsewhere |= {"field_encryption", "secretbox"}  # tests/libraries/test_formats.py
    assert {*REGIONS, *elsewhere} == set(FORMATS)


@pytest.mark.parametrize("name", REGIONS)
def test_a_format_takes_the_keys_it_says(name):
    assert len(keys_of(name)) == len(FORMATS[name].keys)


@pytest.mark.parametrize("name", REGIONS)
def test_what_is_sealed_opens_again_with_its_time(name):
    assert made(name).open(made(name).seal(inside(name))) == inside(name)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("time", [0, 1, 1_500_000_000, 4_294_967_295])
def test_the_time_is_kept(name, time):
    assert made(name).open(made(name).seal(inside(name, time=time))).timestamp == time


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize(
    "plaintext",
    [bytes(range(256)), b"", b"\0", b"x" * 16, b"\x80\x04cos\nsystem\n."],
    ids=["all", "", "0", "16", "pickle"],
)
def test_any_bytes_go_through_as_they_are(name, plaintext):
    assert made(name).open(made(name).seal(inside(name, plaintext))) == inside(name, plaintext)


@pytest.mark.parametrize("name", REGIONS)
def test_two_tokens_of_the_same_inside_differ(name):
    assert made(name).seal(inside(name)) != made(name).seal(inside(name))


@pytest.mark.parametrize("name", REGIONS)
def test_a_token_of_another_key_does_not_open(name):
    assert made(name, seed=1).open(made(name).seal(inside(name))) is None


def test_each_of_two_keys_must_be_the_right_one():
    key, signing_key = keys_of("aes_cbc_hmac")
    token = FORMATS["aes_cbc_hmac"].make(key, signing_key).seal(INSIDE)
    assert FORMATS["aes_cbc_hmac"].make(key, signing_key + b"!").open(token) is None
    other = FORMATS["aes_cbc_hmac"].make(OTHER_KEY, signing_key).open(token)
    assert other is None or other.plaintext != INSIDE.plaintext


@pytest.mark.parametrize(("name", "region"), TAMPERED)
def test_a_token_that_was_changed_anywhere_does_not_open(name, region):
    place = REGIONS[name][region]

    def flip(content: bytearray) -> None:
        content[place] ^= 1

    token = made(name).seal(inside(name))
    assert raw(name, lambda content: None, token) == token
    assert made(name).open(raw(name, flip, token)) is None


@pytest.mark.parametrize("name", REGIONS)
def test_a_token_that_was_changed_in_any_one_byte_does_not_open(name):
    token = made(name).seal(inside(name))
    length = len(base64.urlsafe_b64decode(token) if name in IN_BASE64 else token)
    length = length // 2 if name == "aes_gcm_hex" else length
    for place in range(length):

        def flip(content: bytearray, place: int = place) -> None:
            content[place] ^= 0x40

        assert made(name).open(raw(name, flip, token)) is None, place


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda content: content.pop(), id="cut at its end"),
        pytest.param(lambda content: content.pop(0), id="cut at its beginning"),
        pytest.param(lambda content: content.append(0), id="a byte more"),
    ],
)
def test_a_token_of_another_length_does_not_open(name, change):
    assert made(name).open(raw(name, change, made(name).seal(inside(name)))) is None


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize(
    "token",
    [b"", b"plain", b"gAAAAA", "Žluťoučký".encode(), b"enc$gAAAAA", b"\0", b"\x80" * 40, b"\xff" * 200, b"A" * 73],
)
def test_what_is_no_token_does_not_open(name, token):
    assert made(name).open(token) is None


@pytest.mark.parametrize("name", REGIONS)
def test_a_key_of_another_length_is_refused(name):
    first, *others = keys_of(name)
    for wrong in (first[:-1], first + b"x", b""):
        with pytest.raises(ValueError, match=r"."):
            FORMATS[name].make(wrong, *others)


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("time", [0, 1_500_000_000, 4_294_967_295])
def test_a_token_begins_with_the_marker_until_2106(name, time):
    token = made(name).seal(inside(name, b"x", time))
    assert token.startswith(FORMATS[name].marker)
    assert token.isascii() or not FORMATS[name].text


def test_the_frame_of_aes_cbc_hmac_is_fernet_s_but_for_the_length_of_its_key():
    """Where the version, the time, the initial vector and the MAC lie, as Fernet's own specification has them."""
    token = made("aes_cbc_hmac").seal(Opened(b"x", 499_162_800))
    assert token[:9].hex() == "80000000001dc09eb0"
    assert len(token) == 1 + 8 + 16 + 16 + 32


def test_aes_gcm_is_what_the_library_makes_and_reads():
    token = made("aes_gcm").seal(Opened(INSIDE.plaintext))
    nonce, tag, ciphertext = token[:16], token[16:32], token[32:]
    assert AESGCM(KEY).decrypt(nonce, ciphertext + tag, None) == INSIDE.plaintext
    theirs = AESGCM(KEY).encrypt(bytes(16), b"theirs", None)
    assert made("aes_gcm").open(bytes(16) + theirs[-16:] + theirs[:-16]) == Opened(b"theirs")


def test_aes_gcm_with_its_nonce_first_is_what_the_library_makes_and_reads():
    token = base64.urlsafe_b64decode(made("aes_gcm_nonce_first").seal(Opened(INSIDE.plaintext)))
    assert AESGCM(KEY).decrypt(token[:12], token[12:], None) == INSIDE.plaintext
    theirs = bytes(12) + AESGCM(KEY).encrypt(bytes(12), b"theirs", None)
    assert made("aes_gcm_nonce_first").open(base64.urlsafe_b64encode(theirs)) == Opened(b"theirs")


def test_the_inside_never_shows():
    assert repr(INSIDE) == "Opened(20 bytes)"
