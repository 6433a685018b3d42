# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    target_survey,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .....statements import shown
from .surveys import ARCHIVED, PROFILE, TEXT, keyring, survey


@pytest.mark.parametrize(
    "entry",
    [
        "profile.name",
        {},
        {"table": "profile"},
        {"table": "profile", "column": "name", "schema": "public"},
        {"table": "profile", "column": "name", "scheme": "unknown"},
        {"table": "profile", "column": "name"},  # which of two schemes?
    ],
)
def test_a_wrong_target_is_refused_by_its_index_before_the_database_is_asked(entry):
    with pytest.raises(RotationError) as refused:
        survey(keyring("one", "two")).take(entry, 3)
    assert (refused.value.code, refused.value.where["index"]) == ("E_TARGET", 3)


@pytest.mark.parametrize("described", ["auto", ["auto"], [], "tool.password"])
def test_functions_of_the_application_need_a_column(described, monkeypatch):
    monkeypatch.setattr(target_survey, "Survey", lambda *given: SimpleNamespace())
    functions = SimpleNamespace(tried=[SimpleNamespace(functions=True)])
    with pytest.raises(RotationError, match="E_TARGET"):
        target_survey.find(None, described, (), functions)


def test_a_target_that_is_not_here_is_missing_by_its_index():
    one = survey(keyring())
    one.take({"table": "profile", "column": "Name"}, 3)
    assert one.missing == {3: ("profile", "Name")}


@pytest.mark.parametrize(
    ("table", "label"),
    [
        (PROFILE, "profile"),
        (ARCHIVED, "archive.profile"),
        (Table("public", "profile", True, "reports"), "reports:profile"),
        (Table("archive", "profile", False, "reports"), "reports:archive.profile"),
    ],
)
def test_how_a_person_calls_a_table(table, label):
    assert table.label == label


def test_a_table_stays_one_name_in_a_statement_and_as_a_parameter():
    odd = Table("my schema", '100% "x"', True)
    assert shown(odd.identifier) == '"my schema"."100% ""x"""'
    assert odd.regclass == '"my schema"."100% ""x"""'


@pytest.mark.parametrize(
    ("name", "says_so"),
    [
        ("notes_encrypted", True), ("encrypted_notes", True), ("encrypted_byline", True), ("ciphertext", True),
        ("ssn_enc", True), ("unencrypted_notes", False), ("encrypted_by", False), ("encrypted_by_id", False),
        ("encrypted_at", False),
    ],
)  # fmt: skip
def test_a_column_says_by_its_name_that_it_is_encrypted(name, says_so):
    assert target_survey._may_be_plain(replace(TEXT, name=name)) is says_so
