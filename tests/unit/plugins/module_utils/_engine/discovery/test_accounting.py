# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_uses import Use
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting
from cryptography.fernet import Fernet

from ..survey_double import Part


def test_a_key_that_no_value_is_under_may_be_the_one_of_a_blind_index(target):
    """Declared to sign only, it would be rotated, and the index would stay as it is."""
    tried = schemes.of_keys(["EU_KEY", "INDEX_KEY"])
    ring = Keyring(
        tried,
        {"current": KeySet({"EU_KEY": Fernet.generate_key().decode(), "INDEX_KEY": Fernet.generate_key().decode()})},
        ApplicationSettings(lambda name: None),
    )
    part = Part(targets=[replace(target, scheme="fernet_of_EU_KEY")])
    part.findings.put_kind("digest", "profile.name_bidx")
    (found,) = accounting.keys([part], ring, [], dict)
    assert found.column == "INDEX_KEY"
    assert "Hashes in profile.name_bidx may be computed with it" in str(found.as_error())


def test_without_a_hash_to_name_no_code_is_read():
    assert accounting.find_hashes([Part()], lambda: pytest.fail("read")) == []


@pytest.mark.parametrize(
    ("uses", "columns", "found"),
    [
        ([Use("core/search.py", 7, "index", "hashes with it")], [], ["hashing"]),
        ([Use("core/search.py", 7, "index", "hashes with it")], ["people.mail_hash"], []),
        ([], [], []),
    ],
)
def test_code_that_hashes_with_a_key_is_named_if_no_column_of_its_hashes_was_found(uses, columns, found):
    """Cut, or as numbers, such hashes look like nothing."""
    named = [*accounting.find_unplaced_hashing([Part(targets=[])], {"INDEX_KEY": uses}, columns)]
    assert [each.kind.name for each in named] == found
    for each in named:
        assert each.column == "INDEX_KEY"
        assert "core/search.py:7 index" in each.what
