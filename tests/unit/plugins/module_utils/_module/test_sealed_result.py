# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._module.sealed_result import Envelope, seal
from cryptography.exceptions import InvalidTag

SECRETS = {"SECRET_KEY": "CANARY-ž-🔑", "ENCRYPTION_SALT": ""}


def test_the_owner_of_the_address_reads_what_was_sealed():
    envelope = Envelope()
    assert envelope.open(seal(envelope.address, SECRETS)) == SECRETS


def test_another_envelope_does_not_open_it():
    box = seal(Envelope().address, SECRETS)
    with pytest.raises(InvalidTag):
        Envelope().open(box)


def test_a_box_shows_nothing_of_its_inside_and_is_never_the_same_twice():
    envelope = Envelope()
    first, second = seal(envelope.address, SECRETS), seal(envelope.address, SECRETS)
    assert b"CANARY" not in base64.b64decode(first)
    assert base64.b64decode(first)[:32] != base64.b64decode(second)[:32]


@pytest.mark.parametrize("place", [0, 31, 32, 40, -1], ids=["key", "end of key", "text", "in the text", "tag"])
def test_a_changed_box_does_not_open(place):
    envelope = Envelope()
    raw = bytearray(base64.b64decode(seal(envelope.address, SECRETS)))
    raw[place] ^= 1
    with pytest.raises(InvalidTag):
        envelope.open(base64.b64encode(raw).decode())


@pytest.mark.parametrize("box", ["", "AAAA", "no base64!", base64.b64encode(bytes(32)).decode(), "é"])
def test_what_is_no_box_is_a_value_error(box):
    with pytest.raises(ValueError, match=r"."):
        Envelope().open(box)


def test_a_cut_box_does_not_open():
    envelope = Envelope()
    raw = base64.b64decode(seal(envelope.address, SECRETS))
    with pytest.raises(InvalidTag):
        envelope.open(base64.b64encode(raw[:40]).decode())
