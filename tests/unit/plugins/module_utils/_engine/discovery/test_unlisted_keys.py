# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import unlisted_keys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_kinds import KINDS
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from cryptography.fernet import Fernet

KEY, INNER = Fernet.generate_key(), Fernet.generate_key()
ENV = {"DEBUG": "1", "OUTER_KEY": KEY.decode(), "INNER_KEY": INNER.decode()}
LINE = "key_rotation_keys: [{name: OUTER_KEY, type: fernet}]"


def told(plaintext: bytes) -> Finding:
    others = unlisted_keys.find_keys([b"text", Fernet(KEY).encrypt(plaintext)], ENV)
    assert others.keys == {"OUTER_KEY": [KEY]}
    return unlisted_keys.finding(Finding(KINDS["unproved"], "t.c"), others, LINE)


def test_a_column_is_under_the_key_of_the_env_file_that_opens_it():
    found = told(b"a note")
    assert (found.kind.code, found.fields["settings"]) == ("E_OTHER_KEYS", "OUTER_KEY")
    assert found.fields["line"].startswith(LINE)
    assert "{t.c: {not_ours:" in found.todo
    assert not unlisted_keys.find_keys([Fernet(Fernet.generate_key()).encrypt(b"x")], ENV).keys


def test_a_column_of_two_layers_is_not_to_be_kept():
    """Its inner layer may be under a key that is rotated: kept as it is, it would be unreadable."""
    assert "not_ours" not in told(Fernet(INNER).encrypt(b"a note")).todo
