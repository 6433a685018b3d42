# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key is SECRET_KEY. What becomes of the sessions is tested on a real PostgreSQL (tests/integration)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.user_sessions import (
    SigningKeys,
    signing_keys,
    spellings,
)


@pytest.mark.parametrize(
    ("setting", "old", "new", "keys"),
    [
        ("new", "old", "new", [SigningKeys("old", "new")]),
        ("old", "old", "new", [SigningKeys("old", "new")]),
        ("new", "o,l,d", "new", [SigningKeys("o,l,d", "new"), SigningKeys("o", "new")]),
        ("n", "old", "n, e", [SigningKeys("old", "n")]),
        ("n, e", "old", "n, e", [SigningKeys("old", "n, e")]),
        ("made of new", "old", "new", []),
    ],
)
def test_a_key_with_a_comma_may_be_a_list_or_not(monkeypatch, setting, old, new, keys):
    monkeypatch.setattr("django.conf.settings", SimpleNamespace(SECRET_KEY=setting))
    assert signing_keys({"KEY": old, "SALT": "s"}, {"KEY": new, "SALT": "t"}) == keys


def test_the_first_of_a_list_is_a_spelling_of_its_own_only_if_there_are_more():
    assert spellings("key") == ("key",)
    assert spellings(" a,b") == (" a,b", "a")


def test_no_key_shows():
    assert repr(SigningKeys("CANARY", "CANARY")) == "SigningKeys()"
