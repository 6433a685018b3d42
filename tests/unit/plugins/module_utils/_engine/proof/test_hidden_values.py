# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an attribute may decrypt, and what it only shows, signs or hashes."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.hidden_values import is_hidden
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.value_text import text_of

LETTERS = "abcdefghijklmnop"
SIGNATURE = base64.urlsafe_b64encode(hmac.digest(b"key", b"a text", "sha256")).rstrip(b"=").decode()


def in_letters(length: int) -> str:
    """Ciphertext of so many bytes, each written as two letters."""
    return "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in hashlib.shake_128(b"seed").digest(length))


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (in_letters(46), "my secret number 4"),
        (in_letters(60), hashlib.md5(b"an API token").hexdigest()),
        ("kdqa xuqn ypfd wzlqod q", "the quick fox number a"),
        ("qjhd", "jane"),
        ("jhzddqke@example.com", "janeadoe@example.com"),
        ("491234567801", "730098112345"),
        ("Zm9v-YmFyMTIzNDU2Nzg5", "a secret"),
        ("qjhd", {"name": "jane"}),
        ("qjhd", 4200),
        (in_letters(46), ValueError),
        ("1985-03-02", datetime.date(1980, 1, 1)),
        ("1985-03-02", "1 January 1980"),
        ("1985-03-02", "19800101"),
        ("1985-03-02 10:00:00+00", datetime.datetime(1985, 3, 2, 9, 30)),
        ("1985-03-02 10:00:00+00", "1980-01-01T00:00:00+00:00"),
        ("1985-03-02 10:00:00+00", "1985-03-02T09:30:00+00:00"),
        ("1985-03-02 10:00:00+00", "9:30, 2 3 1985"),
        ("3 days 04:05:06", datetime.timedelta(hours=4)),
        ("04:05:06", datetime.time(1, 2, 3)),
    ],
)
def test_a_value_may_be_decrypted_whatever_its_ciphertext_looks_like(stored: str, value: Any) -> None:
    assert is_hidden(stored, value, text_of(value))


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("", "anything"),
        ("my-first-post", f"my-first-post:{SIGNATURE}"),
        ("my first post", f"/posts/my%20first%20post?signature={SIGNATURE}"),
        ("My first post", f"my-first-post:{SIGNATURE}"),
        ("a text\nof two lines", f"a text\nof two lines:{SIGNATURE}"),
        ("Graz", hmac.new(b"key", b"Graz", "sha256").hexdigest()),
        ("my-first-post", f"https://shop.example.org/verify/{SIGNATURE}"),
        ("A long text of many words, which is hashed. " * 9, hashlib.sha256(b"text").hexdigest()),
        ("plain words", ValueError),
        ("1985-03-02", ValueError),
        ("Graz", {"city": "Graz", "signature": SIGNATURE}),
        ("1985-03-02", datetime.date(1985, 3, 2)),
        ("1985-03-02", f"02.03.1985:{SIGNATURE}"),
        ("1985-03-02", f"19850302-{SIGNATURE}"),
        ("1985-03-02", SIGNATURE),
        ("1985-03-02 10:00:00.5+00", f"1985-03-02T10:00:00.5+00:00:{SIGNATURE}"),
        ("1985-03-02 10:00:00.5+00", f"order 7 of 02/03/1985:{SIGNATURE}"),
        ("1985-03-02 10:00:00+00", datetime.datetime(1985, 3, 2, 10, tzinfo=datetime.timezone.utc)),
        ("1985-03-02 10:20:30+00", f"10:20 on 02/03/1985:{SIGNATURE}"),
        ("04:05:06", datetime.time(4, 5, 6)),
    ],
)
def test_what_shows_the_stored_value_and_what_signs_words_or_dates_does_not_decrypt(stored: str, value: Any) -> None:
    assert not is_hidden(stored, value, text_of(value))
