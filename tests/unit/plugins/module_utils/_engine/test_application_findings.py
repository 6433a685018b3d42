# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import application_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_uses import Use
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from cryptography.fernet import Fernet

from .survey_double import Part


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"format": "fernet"}, None),
        ({"format": "aes_gcm", "base64": True, "prefix": "enc:"}, None),
        ({"format": "aes_gcm", "base64": True}, "have no fixed prefix"),
    ],
)
def test_a_column_whose_tokens_begin_with_nothing_of_their_own_cannot_be_mixed(target, described, why):
    """In it every text may be a token: Ada would be called unreadable, although a person has settled plain text."""
    tried = schemes.parse({"own": {**described, "key": {"secret": "KEY", "derive": "sha256"}}})
    part = Part(targets=[replace(target, scheme="own")])
    part.tables = {target.table: [SimpleNamespace(name=target.column)]}
    ring = Keyring(
        tried, {"current": KeySet({"KEY": Fernet.generate_key().decode()})}, ApplicationSettings(lambda name: None)
    )
    settled = settlements.parse({target.name: {"mixed": "older rows"}})
    application = Application([(part, part)], ring, [], "/.env", None, {}, settlements=settled)
    if why is None:
        assert application_findings.refuse_settlements_without_place(application) is None
        return
    with pytest.raises(RotationError, match=why) as refused:
        application_findings.refuse_settlements_without_place(application)
    assert refused.value.code == "E_SETTLEMENT"


HASHING = {"INDEX_KEY": [Use("core/search.py", 7, "index", "hashes with it")], "EU_KEY": []}


@pytest.mark.parametrize(
    ("hashing", "stopping", "doubtful"),
    [
        (HASHING, ["profile.name_bidx", "profile.search", "users.mail_hash"], []),
        ({"EU_KEY": []}, [], ["profile.search", "profile.name_bidx"]),
    ],
)
def test_hashes_that_nothing_computes_stop_if_code_hashes_with_a_rotated_key(monkeypatch, hashing, stopping, doubtful):
    monkeypatch.setattr(Application, "other_databases", [])
    part = Part(evidence={name: {"is_hash": True} for name in ("users.mail_hash", "profile.name_bidx")})
    part.findings.put_kind("digest", "profile.search")
    part.findings.put_kind("digest", "profile.name_bidx")
    found = accounting.find_hashes([part], lambda: hashing)
    assert [each.column for each in found] == stopping
    for each in found:
        assert each.kind.stops
        assert "hashes with INDEX_KEY, which is rotated: core/search.py:7 index (hashes with it)" in each.what
    told = application_findings.find_doubtful(Application([(part, part)], None, [], "", None, {}))
    assert [each.column for each in told] == doubtful


def test_hashes_that_are_made_without_a_key_need_no_word(monkeypatch):
    monkeypatch.setattr(Application, "other_databases", [])
    part = Part(evidence={name: {"is_hash": True} for name in ("users.mail_hash", "users.mail_md5")})
    part.findings.put_kind("digest", "users.mail_md5")
    found = accounting.find_hashes([part], lambda: HASHING, lambda columns: {*columns} - {"users.mail_hash"})
    assert [each.column for each in found] == ["users.mail_hash"]
    assert application_findings.find_doubtful(Application([(part, part)], None, [], "", None, {})) == []


def test_hashes_in_several_columns_have_one_advice():
    part = Part(evidence={name: {"is_hash": True} for name in ("users.mail_hash", "users.name_hash")})
    found = accounting.find_hashes([part], lambda: HASHING)
    assert len({(each.what, each.todo) for each in found}) == 1
