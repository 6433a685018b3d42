# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.openpgp import OpenPgp
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened

from .....conftest import CHECKOUT

VECTOR = json.loads((CHECKOUT / "tests/libraries/vectors/django_pgcrypto_fields.json").read_text(encoding="utf-8"))
TOKEN = base64.b64decode(VECTOR["stored"][0][1]["__bytes__"])
OLD, NEW = (OpenPgp(VECTOR[which]["PGCRYPTO_KEY"].encode()) for which in ("settings_old", "settings_new"))


def test_what_pgcrypto_stored_opens_under_its_passphrase_and_no_other():
    inside = OLD.open(TOKEN)
    assert inside.plaintext.endswith(b"Ada Lovelace")
    assert NEW.open(TOKEN) is None


def test_cipher_digest_and_count_are_kept_and_the_salt_is_new():
    inside = OLD.open(TOKEN)
    fresh = NEW.seal(inside)
    assert NEW.open(fresh) == inside
    assert OLD.open(fresh) is None
    assert fresh[:6] == TOKEN[:6]
    assert fresh[6:14] != TOKEN[6:14]
    assert fresh[14] == TOKEN[14]


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_a_message_that_was_changed_in_any_one_byte_does_not_open(place):
    assert OLD.open(TOKEN[:place] + bytes([TOKEN[place] ^ 1]) + TOKEN[place + 1 :]) is None


@pytest.mark.parametrize("length", range(len(TOKEN)))
def test_a_message_that_was_cut_short_does_not_open(length):
    assert OLD.open(TOKEN[:length]) is None


@pytest.mark.parametrize("token", [b"", b"\xc3", b"\xff" * 40, b"\x8c" + TOKEN[1:], b"gAAAAABrBhTY", TOKEN + b"\x00"])
def test_what_is_no_such_message_does_not_open(token):
    assert OLD.open(token) is None or token[:1] == b"\x8c"


@pytest.mark.parametrize("length", [0, 100, 200, 8_400, 70_000])
def test_every_way_to_write_a_length(length):
    inside = Opened(b"x" * length, frame=b"\4\x09\3\x08\x60")
    assert NEW.open(NEW.seal(inside)) == inside


def test_a_frame_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="not opened here"):
        NEW.seal(Opened(b"x", frame=b"\4\2\3\2\x60"))
