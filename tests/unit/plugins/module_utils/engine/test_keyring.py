# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.keyring import Keyring

SCHEME = "encryption_manager"


@pytest.fixture(scope="module")
def keyring(old_keys, new_keys):
    return Keyring(schemes.parse("auto"), {"current": old_keys, "pending": new_keys})


def test_a_token_says_under_which_stage_it_is(keyring, vectors):
    row = vectors["rows"][0]
    assert keyring.stage_of(SCHEME, row["stored_old"])[0] == "current"
    assert keyring.stage_of(SCHEME, row["stored_new"])[0] == "pending"
    assert keyring.stage_of(SCHEME, row["stored_new"])[1].plaintext == row["plaintext"].encode()


@pytest.mark.parametrize("value", ["", "plain", "gAAAAA-no-token"])
def test_what_no_stage_opens_has_none(keyring, value):
    assert keyring.stage_of(SCHEME, value) is None


def test_the_first_of_two_stages_with_the_same_keys_is_taken(old_keys, vectors):
    keyring = Keyring(schemes.parse("auto"), {"pending": old_keys, "current": old_keys})
    assert keyring.stage_of(SCHEME, vectors["rows"][0]["stored_old"])[0] == "pending"


def test_a_cipher_is_that_of_its_stage(keyring, vectors):
    row = vectors["rows"][0]
    assert keyring.cipher(SCHEME, "current").open(row["stored_old"]) is not None
    assert keyring.cipher(SCHEME, "pending").open(row["stored_old"]) is None


def test_a_stage_is_spoken_of_by_its_key_id(keyring, old_keys, new_keys):
    assert (keyring.key_id("current"), keyring.key_id("pending")) == (old_keys.key_id, new_keys.key_id)


def test_keys_are_derived_when_the_ring_is_made_and_never_again(old_keys, vectors, monkeypatch):
    keyring = Keyring(schemes.parse("auto"), {"current": old_keys})
    monkeypatch.setattr(schemes, "DERIVATIONS", {})
    assert keyring.stage_of(SCHEME, vectors["rows"][0]["stored_old"]) is not None
