# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns with values under keys that are rotated and values under keys that stay, on a real PostgreSQL."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
    census_findings,
    kept_columns,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error
from cryptography.fernet import Fernet

from .....conftest import rewrite

FIELD, LEGACY = "django_encrypted_model_fields", "sha256_of_secret_key"
KEYS = {
    stage: KeySet({"FIELD_ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes([number]) * 32).decode()})
    for number, stage in enumerate(("current", "pending", "previous"))
}


def ring(*stages: str) -> Keyring:
    settings = ApplicationSettings({"SECRET_KEY": "from before the key of its own"}.get)
    return Keyring(schemes.parse("auto"), {stage: KEYS[stage] for stage in stages}, settings)


@pytest.fixture
def keyring() -> Keyring:
    return ring("current", "pending", "previous")


def seal(keyring: Keyring, scheme: str = FIELD, stage: str = "current", text: str = "123-45-6789") -> str:
    return keyring.cipher(scheme, stage).seal(Opened(text.encode(), 1_700_000_000)).decode()


def fill(database: Database, sql_type: str, values: Sequence[str]) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a {sql_type})")
    for number, value in enumerate(values):
        database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, value))


def look(database: Database, keyring: Keyring, **options: object) -> list[tuple[str, dict[str, object]]]:
    survey = target_survey.find(database, "auto", (), keyring)
    assert (survey.targets, [held.name for held in survey.evidence.fixed]) == ([], ["secrets.a"])
    found = kept_columns.findings(database, survey.evidence.fixed, keyring, **options)
    return [(each.kind.code, each.fields) for each in found]


WRITTEN: dict[str, Callable[[str], str]] = {
    "alone": str,
    "with a prefix": "v1:{}".format,
    "without its padding": lambda token: token.rstrip("="),
    "in a document": lambda token: json.dumps({"ssn": token}),
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("stage", ["current", "previous"])
def test_values_under_a_rotated_key_stop_wherever_they_are_in_a_column_under_a_key_that_stays(
    database: Database, keyring: Keyring, stage: str, written: str
) -> None:
    value = WRITTEN[written](seal(keyring, stage=stage))
    fill(database, "text", [*(seal(keyring, LEGACY) for _ in range(1200)), value, value])
    rows = "secrets.a:1200, secrets.a:1201"
    assert look(database, keyring) == [("E_MIXED_KEYS", {"count": 2, "rows": rows, "kept": "SECRET_KEY"})]


@pytest.mark.parametrize(("sql_type", "form"), [("jsonb", '{{"a": "{}"}}'), ("text[]", "{{{}}}"), ("bytea", "{}")])
def test_they_stop_in_any_type_of_column(database: Database, keyring: Keyring, sql_type: str, form: str) -> None:
    schemes_of_rows = [LEGACY] * 30 + [FIELD]
    fill(database, sql_type, [form.format(seal(keyring, scheme)) for scheme in schemes_of_rows])
    assert look(database, keyring) == [
        ("E_MIXED_KEYS", {"count": 1, "rows": "secrets.a:30", "kept": "SECRET_KEY"}),
    ]


def test_they_pass_once_a_person_has_accepted_that_they_will_be_unreadable(
    database: Database, keyring: Keyring
) -> None:
    fill(database, "text", [*(seal(keyring, LEGACY) for _ in range(30)), seal(keyring)])
    for name in ("secrets.a", "secrets.a:30"):
        assert look(database, keyring, settled=settlements.parse({name: {"unreadable": "nobody needs it"}})) == []
        assert look(database, keyring, settled=settlements.parse({name: {"not_ours": "it is"}}))


def test_after_a_rotation_those_that_the_application_wrote_under_the_new_key_are_where_they_should_be(
    database: Database,
) -> None:
    keyring = ring("current", "previous")
    fill(database, "text", [*(seal(keyring, LEGACY) for _ in range(30)), seal(keyring)])
    assert look(database, keyring, expected="current") == []
    database.execute("UPDATE secrets SET a = %s WHERE id = 7", (seal(keyring, stage="previous"),))
    assert [code for code, _ in look(database, keyring, expected="current")] == ["E_MIXED_KEYS"]


def test_a_value_that_no_key_opens_stops_there_too_and_plain_text_does_not(
    database: Database, keyring: Keyring
) -> None:
    strange = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    fill(database, "text", [*(seal(keyring, LEGACY) for _ in range(30)), strange, "plain text", ""])
    assert look(database, keyring) == [("E_UNREADABLE", {"count": 1, "rows": "secrets.a:30"})]
    assert look(database, keyring, settled=settlements.parse({"secrets.a:30": {"not_ours": "a test"}})) == []


def test_a_value_under_a_key_that_stays_is_named_as_such_among_those_under_a_rotated_one(
    database: Database, keyring: Keyring
) -> None:
    values = [seal(keyring), seal(keyring, LEGACY)]
    fill(database, "text", values)
    (held,) = target_survey.find(database, "auto", (), keyring).targets
    (tally,) = census.Census(database, [held], keyring, b"k").take()
    assert tally.classes == {"current": 1, "kept_key": 1}
    with expect_error("E_KEPT_KEY", count=1, rows="secrets.a:1"):
        census_findings.refuse_unreadable([tally])
    with pytest.raises(RotationError, match="E_KEPT_KEY"):
        rewrite(database, [held], keyring, "pending")
    assert census_findings.needing([tally], keyring, []) == []

    rewrite(database, [held], keyring, "pending", stop_at_unreadable=False)

    stored = [value for (value,) in database.rows("SELECT a FROM secrets ORDER BY id")]
    assert (stored[1], keyring.stage_of(FIELD, stored[0].encode())[0]) == (values[1], "pending")
