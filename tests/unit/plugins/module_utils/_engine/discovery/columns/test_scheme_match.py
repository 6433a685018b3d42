# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.token_formats import AesGcmText
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import scheme_match
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column

from ...conftest import nothing_set
from ..surveys import FIELD, INSIDE, KEYS, TEXT, keyring

JSONB = Column("a", "jsonb", None, False)


@pytest.fixture
def token() -> bytes:
    return keyring().cipher("field", "current").seal(INSIDE)


@pytest.mark.parametrize("prefix", ["enc$", "enc::", "tok_1_", "", "v1:aes:"])
@pytest.mark.parametrize("doubled", [True, False])
def test_what_an_application_puts_around_its_tokens_is_found_out(prefix, doubled):
    ring = keyring()
    dressed = ring.schemes["field"].around(prefix, doubled)
    ring.add(dressed)
    value = ring.cipher(dressed.name, "current").seal(INSIDE).decode()
    ring.remove(dressed) if prefix or doubled else None
    found = scheme_match.match_scheme([value], TEXT, ring, ())
    assert found == dressed.name
    assert ring.schemes[found].marker == dressed.marker


def test_a_scheme_is_proved_by_one_token_of_many_values(token):
    assert scheme_match.match_scheme(["gAAAAAbroken", "x", token.decode()], TEXT, keyring(), ()) == "field"


@pytest.mark.parametrize("column", [Column("a", "bytea", None, False), Column("a", "jsonb", None, False), TEXT])
def test_a_token_is_found_in_every_type_of_column(column, token):
    values = {"bytea": memoryview(token), "jsonb": f'{{"x": [1, "{token.decode()}"]}}', "text": token.decode()}
    assert scheme_match.match_scheme([values[column.type]], column, keyring(), ()) == "field"


def test_a_token_of_another_key_proves_nothing_and_leaves_no_scheme_behind(token):
    ring = keyring(stages={"current": KeySet({"FIELD_KEY": "another"})})
    assert scheme_match.match_scheme(["enc$" + token.decode(), token.decode()], TEXT, ring, ()) is None
    assert list(ring.schemes) == ["field"]


@pytest.mark.parametrize("alphabet", [b"+/", b"-_"])
@pytest.mark.parametrize("base", ["current", "previous"])
def test_a_key_in_base64_is_read_as_every_version_of_it_can_be(alphabet, base):
    """With the new key alone both alphabets fit, and the rollback could not read the old one."""
    old = base64.b64encode(b"\xfb\xff" + bytes(30), alphabet).decode()
    stages = {
        "previous": KeySet({"APP_KEY": old}),
        "current": KeySet({"APP_KEY": base64.b64encode(b"0" * 32).decode()}),
    }
    ring = Keyring(schemes.of_keys(["APP_KEY"]), stages, nothing_set, base)
    for stage in stages:
        value = AesGcmText(base64.b64decode(stages[stage].values["APP_KEY"], alphabet)).seal(INSIDE).decode()
        found = scheme_match.match_scheme([value], TEXT, ring, ())
        assert found == f"aes_gcm_text_{'standard_base64' if alphabet == b'+/' else 'direct'}_of_APP_KEY"
        for other in stages:
            ring.refuse_unusable([found], other)


def test_no_value_is_no_proof():
    assert scheme_match.match_scheme([], TEXT, keyring(), ()) is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"password": "%s", "x": 1}', "members"),
        ('{"password": "%s", "x": "%s"}', "members"),
        ('{"x": "%s", "password": "plain"}', "field"),
        ('{"%s": 1}', "field"),
    ],
    ids=["in the member", "there and elsewhere", "elsewhere", "a name"],
)
def test_a_scheme_of_members_of_documents_hides_no_other_scheme_of_the_same_key(document, expected, token):
    described = {"members": {**FIELD, "json_members": ["password"]}, "field": FIELD}
    ring = Keyring(schemes.parse(described), {"current": KEYS}, nothing_set)
    value = document.replace("%s", token.decode())
    assert scheme_match.match_scheme([value], JSONB, ring, ()) == expected


def test_a_token_outside_of_the_members_that_its_only_scheme_names_is_still_found(token):
    described = {"members": {**FIELD, "json_members": ["password"]}}
    ring = Keyring(schemes.parse(described), {"current": KEYS}, nothing_set)
    assert scheme_match.match_scheme([f'{{"x": "{token.decode()}"}}'], JSONB, ring, ()) == "members"


@pytest.mark.parametrize("sql_type", ["json", "json in text"])
@pytest.mark.parametrize(
    "escape",
    [
        lambda token: token.replace("=", "\\u003d"),
        lambda token: f"\\u0067{token[1:]}",
        lambda token: f"{token[:40]}\\r\\n{token[40:]}\\n",
    ],
    ids=["as Gson writes it", "the first character", "line breaks"],
)
def test_a_token_with_escapes_of_json_opens(sql_type, escape, token):
    value = f'{{"x": "{escape(token.decode())}"}}'
    assert scheme_match.match_scheme([value], Column("a", sql_type, None, False), keyring(), ()) == "field"
