# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet


def test_the_id_stays_what_stores_and_records_have_it_as(slow_key_ids, old_keys, new_keys):
    assert KeySet(old_keys.values).key_id == "9522e59f8e80d5fe"
    assert KeySet(new_keys.values).key_id == "40281c52aa7bf391"


def test_the_id_is_16_hex_digits(third_keys):
    assert re.fullmatch(r"[0-9a-f]{16}", third_keys.key_id)


def test_the_id_does_not_depend_on_the_order_of_the_settings(old_keys):
    assert KeySet(dict(reversed(list(old_keys.values.items())))).key_id == old_keys.key_id


def test_another_value_or_the_same_value_under_another_name_has_another_id():
    ids = {KeySet(values).key_id for values in ({"A": "x", "B": "y"}, {"A": "x", "B": "z"}, {"A": "y", "B": "x"})}
    assert len(ids) == 3


def test_no_value_shows(third_keys):
    assert "CANARY" not in repr(third_keys)
    assert "CANARY" not in str(third_keys)


def test_the_digest_key_stays_so_that_a_digest_can_be_taken_again(old_keys):
    assert old_keys.digest_key.hex() == "4e48a6ee16ff808097de34d62c57dba8469c6207e18c68a31e5fa2dd886e3cf6"
    assert KeySet(dict(old_keys.values)).digest_key == old_keys.digest_key


def test_each_key_set_has_a_digest_key_of_its_own_which_is_not_its_id(old_keys, new_keys):
    assert len(old_keys.digest_key) == 32
    assert old_keys.digest_key != new_keys.digest_key
    assert not old_keys.digest_key.hex().startswith(old_keys.key_id)
