# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import multiprocessing

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import key_ids


@pytest.fixture
def made():
    return key_ids._KeyIdCache()


def no_more(monkeypatch):
    def refuse(*_):
        raise AssertionError("made once more")

    monkeypatch.setattr(key_ids.hashlib, "pbkdf2_hmac", refuse)


def test_what_a_forked_process_has_made_nobody_makes_again(made, monkeypatch):
    expected = key_ids._KeyIdCache().of(b"SECRET_KEY")
    child = multiprocessing.get_context("fork").Process(target=made.of, args=(b"SECRET_KEY",))
    child.start()
    child.join()
    no_more(monkeypatch)
    assert made.of(b"SECRET_KEY") == expected
    with pytest.raises(AssertionError, match="made once more"):
        made.of(b"ENCRYPTION_SALT")


@pytest.mark.parametrize("place", [0, 31, 32, 39])
def test_an_entry_of_which_a_byte_is_another_counts_as_none(made, place):
    expected = made.of(b"SECRET_KEY")
    made._shared[place] ^= 1
    assert made.of(b"SECRET_KEY") == expected


def test_more_key_sets_than_there_is_room_for_have_their_ids_anyway(made, monkeypatch):
    monkeypatch.setattr(key_ids._KeyIdCache, "ENTRIES", 2)
    small = key_ids._KeyIdCache()
    names = [b"%d" % number for number in range(4)]
    assert [small.of(name) for name in names * 2] == [made.of(name) for name in names] * 2
    assert len(set(map(small.of, names))) == 4


def test_nothing_of_a_key_set_is_kept(made):
    made.of(b"CANARY")
    assert b"CANARY" not in bytes(made._shared)
