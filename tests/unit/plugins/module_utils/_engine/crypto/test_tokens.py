# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import as_bytes


@pytest.mark.parametrize("value", ["Zoë", b"Zo\xc3\xab", bytearray(b"Zo\xc3\xab"), memoryview(b"Zo\xc3\xab")])
def test_a_stored_value_has_the_same_bytes_whatever_the_driver_reads(value):
    assert as_bytes(value) == b"Zo\xc3\xab"


def test_half_of_a_surrogate_pair_is_neither_an_error_nor_another_text():
    assert as_bytes('"\ud83d"') == b'"\xed\xa0\xbd"' != as_bytes('"?"')
