# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens without a marker in the plaintexts of another scheme: a rotation must not leave them under the old key."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import (
    nesting,
    plaintext_rules,
)
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FERNET_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
GCM_KEY = bytes(range(1, 33))
OUTER = "fernet_of_APP_KEY"
KEYS = {"APP_KEY": FERNET_KEY, "GCM_KEY": GCM_KEY.hex()}
NEW = {"APP_KEY": base64.urlsafe_b64encode(bytes(range(2, 34))).decode(), "GCM_KEY": bytes(range(3, 35)).hex()}
WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64 without padding": lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
    "hex": lambda raw: raw.hex().encode(),
    "bytes": bytes,
}
QUOTED: dict[str, Callable[[bytes], bytes]] = {
    "json": lambda raw: json.dumps({"iban": raw.hex()}).encode(),
    "pickle": lambda raw: pickle.dumps(base64.b64encode(raw).decode()),
}


def keyring(*rotated: str) -> Keyring:
    stages = {
        stage: KeySet({name: values[name] for name in rotated})
        for stage, values in (("current", KEYS), ("pending", NEW))
    }
    described = {**schemes.of_keys(KEYS)}
    return Keyring(described, stages, ApplicationSettings(KEYS.get))


def by_hand(key: bytes = GCM_KEY, text: bytes = b"CANARY") -> bytes:
    nonce = bytes(range(100, 112))
    return nonce + AESGCM(key).encrypt(nonce, text, None)


def in_fernet(text: bytes) -> bytes:
    return Fernet(FERNET_KEY).encrypt(text)


@pytest.mark.parametrize("written", [*WHOLE.values(), *QUOTED.values()], ids=[*WHOLE, *QUOTED])
def test_aes_gcm_inside_another_token_stops(written: Callable[[bytes], bytes]) -> None:
    ring = keyring(*KEYS)
    tokens = [in_fernet(b"only a text"), in_fernet(written(by_hand()))]
    nested = nesting.unwrapped(ring, OUTER, tokens, ring.stages_of(OUTER, tokens))
    assert {place: (inner.held, bool(inner.problem)) for place, inner in nested.items()} == {1: (("current",), True)}


@pytest.mark.parametrize("written", [*WHOLE.values(), *QUOTED.values()], ids=[*WHOLE, *QUOTED])
def test_aes_gcm_inside_a_token_under_a_key_that_stays_stops(written: Callable[[bytes], bytes]) -> None:
    ring = keyring("GCM_KEY")
    openings = ring.stages_of(OUTER, [in_fernet(b"only a text"), in_fernet(written(by_hand()))])
    assert nesting.held_inside(ring, ring.fixed[OUTER], openings) == {1: ("current",)}


@pytest.mark.parametrize("written", WHOLE.values(), ids=WHOLE)
def test_two_layers_of_which_the_inner_one_is_aes_gcm_are_rotated_together(written: Callable[[bytes], bytes]) -> None:
    ring = keyring(*KEYS)
    token = in_fernet(written(by_hand()))
    both = plaintext_rules.rule(ring, OUTER, [token], lambda tokens: False).scheme
    (opening,) = ring.stages_of(both, [token])
    assert opening is not None
    assert opening[1].plaintext == b"CANARY"
    (fresh,) = ring.resealed(both, [opening], "pending")
    inner = Fernet(NEW["APP_KEY"]).decrypt(fresh)
    form = "bytes" if written is bytes else "text"
    cipher = schemes.of_keys(KEYS)[f"aes_gcm_{form}_hex_of_GCM_KEY"].cipher(NEW.get)
    assert cipher.open(inner).plaintext == b"CANARY"
    assert len(inner) == len(written(by_hand())), "in its own encoding"


@pytest.mark.parametrize("written", [*WHOLE.values(), *QUOTED.values()], ids=[*WHOLE, *QUOTED])
def test_what_opens_under_no_key_is_a_text(written: Callable[[bytes], bytes]) -> None:
    ring = keyring(*KEYS)
    token = in_fernet(written(by_hand(bytes(32))))
    assert nesting.unwrapped(ring, OUTER, [token], ring.stages_of(OUTER, [token])) == {}
    assert plaintext_rules.rule(ring, OUTER, [token], lambda tokens: False).scheme == OUTER


def test_a_token_in_hex_between_other_text_is_found_whatever_its_length() -> None:
    ring = keyring(*KEYS)
    name = "aes_gcm_text_hex_of_GCM_KEY"
    for size in range(4):
        inside = Opened(b"x" * size, frame=b"hex")
        text = b"see " + ring.cipher(name, "current").seal(inside)
        assert nesting.holding(ring, [name], [text]) == {0: {"current"}}


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "urlsafe"])
def test_a_nested_token_without_padding_becomes_one_without_padding(encode: Callable[[bytes], bytes]) -> None:
    ring, name = keyring(*KEYS), "aes_gcm_text_hex_of_GCM_KEY"
    for size in range(12):
        inside = Opened(b"x" * size, frame=b"base64 urlsafe")
        raw = base64.urlsafe_b64decode(ring.cipher(name, "pending").seal(inside))
        token = encode(by_hand(text=encode(raw).rstrip(b"="))).rstrip(b"=")
        nested = nesting.unwrapped(ring, name, [token], ring.stages_of(name, [token]))
        (fresh,) = ring.resealed(name, [("nested", nested[0].inside)], "pending")
        assert fresh is not None
        assert len(fresh) == len(encode(raw).rstrip(b"="))


def test_a_value_that_is_the_bytes_of_a_token_holds_it() -> None:
    ring = keyring(*KEYS)
    assert nesting.holding(ring, ring.schemes, [by_hand(), by_hand(bytes(32))]) == {0: {"current"}}
