# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that a person has set aside, of which a few values are under the rotated keys, on a real PostgreSQL."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting, target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import column_sample
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_facts import (
    UnprovedValues,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.target_survey import (
    IN_TEXT_ADVICE,
    IN_TEXT_LOOK,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import kept_columns, outside_columns
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census import Census
from cryptography.fernet import Fernet

OURS = {"FIELD_ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode()}
STRANGE = Fernet(Fernet.generate_key())
NOT_OURS = settlements.parse({"secrets.a": {"not_ours": "tokens of another service"}})
MANY = 60  # more than a sample looks at


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first values alone are looked at: a sample from all over the column may meet the one."""
    monkeypatch.setattr(column_sample, "AT_LARGE", 0)


@pytest.fixture
def ring() -> Keyring:
    return Keyring(schemes.parse("auto"), {"current": KeySet(OURS)}, ApplicationSettings({"SECRET_KEY": "stays"}.get))


def seal(ring: Keyring, scheme: str = "django_encrypted_model_fields") -> str:
    return ring.cipher(scheme, "current").seal(Opened(b"123-45-6789", 1_700_000_000)).decode()


def strange() -> str:
    return STRANGE.encrypt(b"of another service").decode()


def fill(database: Database, values: Sequence[str], key: str = "PRIMARY KEY") -> None:
    database.execute(f"CREATE TABLE secrets (id int {key}, a text)")
    for number, value in enumerate(values):
        database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, value))


def set_aside(database: Database, ring: Keyring, expected: str = "") -> list[tuple[str, str, object]]:
    survey = target_survey.find(database, "auto", (), ring, NOT_OURS)
    found = outside_columns.set_aside(database, survey, ring, expected)
    return [(each.kind.code, each.column, each.fields["count"]) for each in found]


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_one_value_of_many_stops_what_is_settled_as_not_ours(database: Database, ring: Keyring, key: str) -> None:
    fill(database, [*(strange() for _ in range(MANY)), seal(ring)], key)
    assert set_aside(database, ring) == [("E_SET_ASIDE_OPEN", "secrets.a", 1)]
    assert set_aside(database, ring, expected="current") == []


@pytest.mark.parametrize("written", ["a note, then {}", '{{"ssn": "{}"}}', "v1:{}"])
def test_a_token_in_a_text_stops_it_too(database: Database, ring: Keyring, written: str) -> None:
    fill(database, [*(strange() for _ in range(MANY)), written.format(seal(ring))])
    assert set_aside(database, ring) == [("E_SET_ASIDE_OPEN", "secrets.a", 1)]


@pytest.mark.parametrize("written", ["text", "bytea", "upper", "shown"])
def test_the_bytes_of_a_token_stop_it_too(database: Database, ring: Keyring, written: str) -> None:
    """As an application stores them that decodes the base64 of what Fernet gives."""
    frames = [base64.urlsafe_b64decode(each) for each in [*(strange() for _ in range(MANY)), seal(ring)]]
    in_hex = [frame.hex() for frame in frames]
    shown = {"upper": [each.upper() for each in in_hex], "shown": [rf"\x{each}" for each in in_hex]}
    fill(database, shown.get(written, in_hex))
    if written == "bytea":
        database.execute("ALTER TABLE secrets ALTER a TYPE bytea USING decode(a, 'hex')")
    assert set_aside(database, ring) == [("E_SET_ASIDE_OPEN", "secrets.a", 1)]
    assert set_aside(database, ring, expected="current") == []


@pytest.mark.parametrize("sql_type", ["text", "bytea"])
def test_the_bytes_of_tokens_are_said_to_be_under_their_key(database: Database, ring: Keyring, sql_type: str) -> None:
    fill(database, [base64.urlsafe_b64decode(seal(ring)).hex() for _ in range(9)])
    if sql_type == "bytea":
        database.execute("ALTER TABLE secrets ALTER a TYPE bytea USING decode(a, 'hex')")
    survey = target_survey.find(database, "auto", (), ring)
    (found,) = accounting.columns(database, survey, settlements.NONE)
    assert (found.kind.code, found.column, found.facts.count) == ("E_FORMAT", "secrets.a", 9)
    assert "FIELD_ENCRYPTION_KEY" in found.what
    assert accounting.columns(database, survey, NOT_OURS) == []
    assert set_aside(database, ring) == [("E_SET_ASIDE_OPEN", "secrets.a", 9)]
    ignoring = target_survey.find(database, "auto", ["secrets.a"], ring)
    assert [each.kind.code for each in accounting.columns(database, ignoring, settlements.NONE)] == ["E_IGNORED_OPEN"]


@pytest.mark.parametrize("written", ['"{}"', "{0},{0}", "b'{}'", '{{"settings": "{{\\"key\\": \\"{}\\"}}"}}'])
def test_without_the_settlement_such_tokens_are_said_to_have_other_text_around_them(
    database: Database, ring: Keyring, written: str
) -> None:
    fill(database, [written.format(seal(ring)) for _ in range(9)])
    ((column, facts),) = target_survey.find(database, "auto", (), ring).findings.typed(UnprovedValues)
    assert (column, facts.look, facts.advice) == ("secrets.a", IN_TEXT_LOOK, IN_TEXT_ADVICE)


def test_a_value_that_is_encrypted_twice_stops_it_too(database: Database, ring: Keyring) -> None:
    twice = ring.cipher("django_encrypted_model_fields", "current").seal(Opened(seal(ring).encode(), 1_700_000_000))
    fill(database, [*(strange() for _ in range(MANY)), twice.decode()])
    assert set_aside(database, ring) == [("E_SET_ASIDE_OPEN", "secrets.a", 1)]


def test_one_token_by_hand_stops_it_too_and_costs_one_pass_if_there_is_none(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mark of such a token shows which values to try, and there are several schemes for each key."""
    described = schemes.of_keys(OURS)
    ring = Keyring(described, {"current": KeySet(OURS)}, ApplicationSettings(lambda name: None))
    cipher = ring.cipher("aes_gcm_text_direct_of_FIELD_ENCRYPTION_KEY", "current")
    fill(database, [strange() for _ in range(7 * MANY)])
    taken = []
    take = Census.take
    monkeypatch.setattr(Census, "take", lambda census: taken.append(census.targets[0].scheme) or take(census))
    assert set_aside(database, ring) == []
    assert not [scheme for scheme in taken if ring.schemes[scheme].by_hand]
    token = cipher.seal(Opened(b"123-45-6789", frame=b"base64 standard")).decode()
    database.execute("DROP TABLE secrets")
    fill(database, [*(strange() for _ in range(3 * MANY)), token, *(strange() for _ in range(3 * MANY))])
    assert set_aside(database, ring) == [("E_SET_ASIDE_OPEN", "secrets.a", 1)]


def test_a_large_table_without_a_key_is_not_read(
    database: Database, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page would sort all rows that are left."""
    monkeypatch.setattr(catalog, "MOST_PLACES", MANY)
    fill(database, [*(strange() for _ in range(MANY)), seal(ring)], key="")
    assert set_aside(database, ring) == []


def test_without_such_a_value_it_stays_aside(database: Database, ring: Keyring) -> None:
    fill(database, [strange() for _ in range(MANY)])
    assert set_aside(database, ring) == []


@pytest.mark.parametrize(
    ("decision", "found"),
    [
        ("", [("secrets", "a", MANY, False)]),
        ("unreadable", [("secrets", "a", MANY, True)]),
        ("not_ours", []),  # these open elsewhere
    ],
)
def test_every_value_of_a_column_in_which_nothing_opens_is_counted(
    database: Database, ring: Keyring, decision: str, found: list[tuple[object, ...]]
) -> None:
    fill(database, [*(strange() for _ in range(MANY)), ""])
    database.execute("ALTER TABLE secrets ADD b text")
    database.execute("UPDATE secrets SET b = %s WHERE id < 3", (seal(ring),))
    settled = settlements.parse({"secrets.a": {decision: "a test"}} if decision else {})
    survey = target_survey.find(database, "auto", (), ring, settled)
    assert [tuple(each) for each in outside_columns.unopened(database, survey)] == found


def test_one_value_of_many_stops_what_is_ignored_until_its_loss_is_accepted(database: Database, ring: Keyring) -> None:
    fill(database, [*(strange() for _ in range(MANY)), seal(ring)])
    for decision, count in (("not_ours", 1), ("unreadable", 0)):
        settled = settlements.parse({"secrets.a": {decision: "a test"}})
        survey = target_survey.find(database, "auto", ["secrets.a"], ring, settled)
        assert len(list(outside_columns.set_aside(database, survey, ring))) == count


def test_a_table_without_a_key_whose_first_values_are_under_a_key_that_stays_is_read_to_its_end(
    database: Database, ring: Keyring
) -> None:
    fill(database, [*(seal(ring, "sha256_of_secret_key") for _ in range(MANY)), seal(ring)], key="")
    survey = target_survey.find(database, "auto", (), ring)
    (found,) = kept_columns.findings(database, survey.evidence.fixed, ring)
    assert (found.kind.code, found.fields["count"]) == ("E_MIXED_KEYS", 1)
