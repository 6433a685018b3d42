# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import derivation

PARAMS = {"secret": "A", "salt": "B", "iterations": 4096}


def test_direct_takes_the_setting_as_it_is():
    key = bytes(range(32))
    secrets = {"A": base64.urlsafe_b64encode(key).decode()}
    assert derivation.direct({"secret": "A"}, secrets) == key


@pytest.mark.parametrize("value", ["", "short", base64.urlsafe_b64encode(bytes(31)).decode(), "é" * 44, "A" * 45])
def test_direct_refuses_what_is_no_key(value):
    with pytest.raises(ValueError, match=r"."):
        derivation.direct({"secret": "A"}, {"A": value})


def test_pbkdf2_gives_the_published_vector():
    # the one of RFC 6070 with 4096 iterations, for SHA-256
    expected = "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"
    assert derivation.pbkdf2_sha256(PARAMS, {"A": "password", "B": "salt"}).hex() == expected


def test_pbkdf2_reads_settings_as_utf_8_and_by_the_names_in_the_scheme():
    one = derivation.pbkdf2_sha256(PARAMS, {"A": "kůň", "B": "sůl"})
    other = derivation.pbkdf2_sha256({**PARAMS, "secret": "B", "salt": "A"}, {"B": "kůň", "A": "sůl"})
    assert one == other
    assert one != derivation.pbkdf2_sha256(PARAMS, {"A": "kun", "B": "sul"})


@pytest.mark.parametrize("name", derivation.DERIVATIONS)
def test_the_settings_of_a_derivation_are_among_its_members(name):
    function, members, settings = derivation.DERIVATIONS[name]
    assert function.__name__ == name
    assert set(settings) <= set(members)
