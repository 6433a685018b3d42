# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.function_pairs import Candidates
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.scheme_proposal import (
    OpenColumn,
    propose,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column, Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

PAIR = Candidates(["core.codes.encrypt"], ["core.codes.decrypt"])
FUNCTIONS = {"decrypt": "core.codes.decrypt", "encrypt": "core.codes.encrypt"}
TOOL = Table("public", "tool", True)


def column(name: str, sql_type: str = "text", table: Table = TOOL) -> OpenColumn:
    return OpenColumn(table, Column(name, sql_type, None, False))


def test_columns_of_one_pair_share_a_scheme_and_what_is_found_otherwise_stays():
    archived = Table("archive", "tool", False)
    made = propose([column("password"), column("ssh", table=archived)], lambda field: PAIR, "auto", "auto")
    assert made == {
        "key_rotation_schemes": {"own": {"application": FUNCTIONS}},
        "key_rotation_targets": [
            "auto",
            {"table": "tool", "column": "password", "scheme": "own"},
            {"table": "archive.tool", "column": "ssh", "scheme": "own"},
        ],
    }
    assert schemes.parse(made["key_rotation_schemes"])


def test_what_is_listed_already_stays_listed():
    listed = {
        "own": {"format": "fernet", "key": {"derive": "sha256", "secret": "A"}},
        "tools": {"application": FUNCTIONS},
    }
    targets = [{"table": "note", "column": "body", "scheme": "own"}]
    made = propose([column("password"), column("raw", "bytea")], lambda field: PAIR, listed, targets)
    assert made == {
        "key_rotation_schemes": {**listed, "own_2": {"application": {**FUNCTIONS, "binary": True}}},
        "key_rotation_targets": [
            *targets,
            {"table": "tool", "column": "password", "scheme": "tools"},
            {"table": "tool", "column": "raw", "scheme": "own_2"},
        ],
    }
    assert "own_2" not in listed


@pytest.mark.parametrize(
    ("found", "sql_type", "decrypt", "refused"),
    [
        (
            Candidates(),
            "text",
            "? package.module.function that takes one stored value and returns",
            "application.decrypt",
        ),
        (Candidates(["a.encrypt"], ["a.decrypt", "b.decrypt"]), "text", "? one of a.decrypt, b.decrypt", "a.decrypt"),
        (PAIR, "jsonb", "core.codes.decrypt", "json_members that are not filled in"),
    ],
)
def test_what_nothing_shows_is_to_be_filled_in_and_refused_until_it_is(found, sql_type, decrypt, refused):
    made = propose([column("password", sql_type)], lambda field: found, "auto", "auto")["key_rotation_schemes"]
    assert made["own"]["application"]["decrypt"].startswith(decrypt)
    with pytest.raises(RotationError, match="not filled in") as raised:
        schemes.parse(made)
    assert raised.value.code == "E_SCHEME"
