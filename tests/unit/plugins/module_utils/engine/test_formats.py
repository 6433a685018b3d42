# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.formats import FernetText, Opened
from cryptography.fernet import Fernet

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
INSIDE = Opened("Žluťoučký CANARY".encode(), 1_500_000_000)


def test_what_is_sealed_opens_again_with_its_time():
    assert FernetText(KEY).open(FernetText(KEY).seal(INSIDE)) == INSIDE


def test_a_token_is_what_the_library_makes_and_reads():
    library = Fernet(base64.urlsafe_b64encode(KEY))
    assert library.decrypt(FernetText(KEY).seal(INSIDE)) == INSIDE.plaintext
    theirs = library.encrypt_at_time(INSIDE.plaintext, 1_600_000_000).decode()
    assert FernetText(KEY).open(theirs) == Opened(INSIDE.plaintext, 1_600_000_000)


def test_any_bytes_go_through_as_they_are():
    inside = Opened(bytes(range(256)), 0)
    assert FernetText(KEY).open(FernetText(KEY).seal(inside)) == inside


def test_a_token_of_another_key_does_not_open():
    assert FernetText(OTHER_KEY).open(FernetText(KEY).seal(INSIDE)) is None


@pytest.mark.parametrize("place", [0, 10, 30, -5])
def test_a_changed_token_does_not_open(place):
    token = FernetText(KEY).seal(INSIDE)
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[place] ^= 1
    assert FernetText(KEY).open(base64.urlsafe_b64encode(raw).decode()) is None


@pytest.mark.parametrize("token", ["", "plain", "gAAAAA", "Žluťoučký", "enc$gAAAAA", "\0"])
def test_what_is_no_token_does_not_open(token):
    assert FernetText(KEY).open(token) is None


@pytest.mark.parametrize("time", [0, 1_500_000_000, 4_294_967_295])
def test_a_token_begins_with_the_marker_until_2106(time):
    assert FernetText(KEY).seal(Opened(b"x", time)).startswith(FernetText.marker)


def test_the_inside_never_shows():
    assert repr(INSIDE) == "Opened(20 bytes)"
