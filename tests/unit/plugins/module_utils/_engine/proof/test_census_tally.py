# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.aes_cbc import fastest_hmac
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_tally import Tally

from .tallies import KEY


def digest(target, *values: tuple[str, bytes], key: bytes = KEY) -> str:
    tally = Tally(target)
    tally.digest(fastest_hmac()(key), [(row, 0, plaintext) for row, plaintext in values])
    return tally.result.digest


def test_the_digest_does_not_depend_on_the_order_of_the_rows(target):
    assert digest(target, ("1", b"a"), ("2", b"b")) == digest(target, ("2", b"b"), ("1", b"a"))


@pytest.mark.parametrize(
    "values",
    [
        [("1", b"b"), ("2", b"a")],
        [("1", b"a")],
        [("1", b"a"), ("2", b"b"), ("2", b"b")],
        [("1", b"a"), ("2", b"B")],
        [],
    ],
    ids=["swapped", "one less", "one more", "changed", "none"],
)
def test_the_digest_distinguishes_plaintexts(target, values):
    assert digest(target, *values) != digest(target, ("1", b"a"), ("2", b"b"))


def test_a_row_that_is_seen_twice_does_not_cancel_itself_out(target):
    assert digest(target, ("1", b"a"), ("1", b"a")) != digest(target)


def test_the_digest_distinguishes_keys_and_columns(target):
    one = digest(target, ("1", b"a"))
    assert one != digest(target, ("1", b"a"), key=bytes([1]) * 32)
    assert one != digest(replace(target, column="phone"), ("1", b"a"))
