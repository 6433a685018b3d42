# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.column_rules import ColumnRules
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.column_evidence import (
    SurveyEvidence,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Findings

from ..conftest import nothing_set
from .surveys import FIELD, INSIDE, PROFILE, TEXT, keyring


def test_plaintexts_that_are_tokens_under_no_key_at_hand_are_kept_for_the_proposal():
    ring = keyring("field")
    lost = Keyring(schemes.parse({"field": FIELD}), {"current": KeySet({"FIELD_KEY": "lost"})}, nothing_set)
    inner = lost.cipher("field", "current").seal(INSIDE)
    token = ring.cipher("field", "current").seal(INSIDE._replace(plaintext=inner))
    rules = ColumnRules(SimpleNamespace(alias="default"), ring, Findings(), SurveyEvidence(), row_key=None)
    assert rules.judge(PROFILE, TEXT, "field", [token, b"text"]).foreign
    assert rules.evidence["profile.name"].inside == [inner]
