# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.base64_texts import (
    decode_base64,
    decode_cut_base64,
)

DATA = bytes(range(190, 256))


@pytest.mark.parametrize("size", range(60, 66))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("decode", [decode_base64, decode_cut_base64])
def test_either_alphabet_is_read_with_or_without_padding_and_in_lines(size, encode, decode):
    encoded = encode(DATA[:size])
    lines = encoded[:40] + b"\r\n" + encoded[40:] + b"\n"
    for text in (encoded, encoded.rstrip(b"="), encoded.decode(), lines, lines.decode()):
        assert decode(text) == DATA[:size]


@pytest.mark.parametrize("text", ["YW!Jj", "YW==YWJj", "YWJjé", "YWJj.Zg", "ab%2Bc"])
def test_a_text_with_another_character_is_not_base64(text):
    assert decode_base64(text) == decode_cut_base64(text) == b""


def test_one_character_too_many_is_left_out_only_if_the_text_may_be_cut_off():
    assert decode_base64("YWJjZ") == decode_base64("YWJj!") == b""
    assert decode_cut_base64("YWJjZ") == b"abc"
    assert decode_base64("") == decode_cut_base64("") == b""
