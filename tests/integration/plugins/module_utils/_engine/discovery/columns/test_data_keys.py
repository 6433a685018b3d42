# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data keys that a target holds: what is under them is explained, every value of it is opened, and none is written."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    accounting,
    survey_findings,
    target_survey,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.target_survey import Survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import data_key_values
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.value_look import looks_encrypted
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ......conftest import rewrite
from ......test_discovery import SCHEME, survey
from ......test_engine import NEW, OLD, SCHEMES, keyring  # noqa: F401  # a fixture

ROWS = 60  # more than a sample has from the beginning and the end


@pytest.fixture(autouse=True)
def key_table(database: Database) -> Iterator[None]:
    yield
    database.execute("DROP TABLE IF EXISTS secrets, data_keys")


def wrap(keyring: Keyring, data_key: bytes) -> str:
    return keyring.cipher(SCHEME, "current").seal(Opened(data_key, 1_700_000_000)).decode()


def seal_gcm(key: bytes, text: str, context: bytes | None = None) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), context)


def fill_rows(database: Database, keyring: Keyring) -> list[bytes]:
    """Rows with a data key of their own, in text. Return the keys."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text, wrapped text, body text)")
    keys = [Fernet.generate_key() for _ in range(ROWS)]
    for number, key in enumerate(keys):
        body = Fernet(key).encrypt(f"value {number}".encode()).decode()
        row = (number, f"note {number}", wrap(keyring, key), body)
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", row)
    return keys


def stops(database: Database, found: Survey, keyring: Keyring) -> list[Finding]:
    """What stops a rotation as discovery ends, and once every value was read."""
    return [
        *survey_findings.findings_of([found], keyring, "the test"),
        *accounting.columns(database, found, {}),
        *data_key_values.findings(database, found.evidence.under_data_keys, keyring),
    ]


def explained(found: Survey) -> list[tuple[str, str]]:
    return [(each.column, str(each.fields["keys"])) for each in found.findings.of("data_keys")]


def rotate(database: Database, found: Survey, keyring: Keyring) -> None:
    rewrite(database, found.targets, keyring, "pending")


def stored(database: Database, columns: str) -> list[tuple[object, ...]]:
    rows = database.rows(f"SELECT {columns} FROM secrets ORDER BY id")
    return [tuple(each if isinstance(each, str) else bytes(each) for each in row) for row in rows]


def test_values_under_the_data_key_of_their_row_stay(database: Database, keyring: Keyring) -> None:
    fill_rows(database, keyring)
    before = stored(database, "note, body")
    found = survey(database, keyring)
    assert [target.name for target in found.targets] == ["secrets.wrapped"]
    assert explained(found) == [("secrets.body", "secrets.wrapped")]
    assert stops(database, found, keyring) == []

    rotate(database, found, keyring)

    assert stored(database, "note, body") == before
    for number, (wrapped, body) in enumerate(stored(database, "wrapped, body")):
        stage, inside = keyring.stage_of(SCHEME, str(wrapped).encode())
        assert stage == "pending"
        assert Fernet(inside.plaintext).decrypt(str(body)) == f"value {number}".encode()
    again = survey(database, keyring)
    assert explained(again) == [("secrets.body", "secrets.wrapped")]
    assert stops(database, again, keyring) == []


def test_values_under_the_data_key_that_a_foreign_key_refers_to_stay(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE data_keys (id int PRIMARY KEY, wrapped text)")
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, key_id int REFERENCES data_keys, body bytea, memo text, code text)"
    )
    keys = [os.urandom(32) for _ in range(4)]
    for number, key in enumerate(keys):
        database.execute("INSERT INTO data_keys VALUES (%s, %s)", (number, wrap(keyring, key)))
    for number in range(ROWS):
        key = keys[number % len(keys)]
        memo = base64.b64encode(seal_gcm(key, "a memo")).decode()
        row = (number, number % len(keys), seal_gcm(key, "a body"), memo, seal_gcm(key, "a code").hex())
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s, %s)", row)
    before = stored(database, "body, memo, code")
    found = survey(database, keyring)
    assert [target.name for target in found.targets] == ["data_keys.wrapped"]
    columns = ["secrets.body", "secrets.memo", "secrets.code"]
    assert explained(found) == [(column, "data_keys.wrapped") for column in columns]
    assert stops(database, found, keyring) == []

    rotate(database, found, keyring)

    assert stored(database, "body, memo, code") == before
    assert stops(database, survey(database, keyring), keyring) == []


def test_a_value_that_does_not_open_under_the_key_of_its_row_stops(database: Database, keyring: Keyring) -> None:
    keys = fill_rows(database, keyring)
    # The body of another row, a row without a data key, and a plain text, which needs none.
    database.execute("UPDATE secrets SET body = (SELECT body FROM secrets WHERE id = 31) WHERE id = 30")
    database.execute("UPDATE secrets SET wrapped = NULL WHERE id = 32")
    database.execute("UPDATE secrets SET wrapped = NULL, body = 'to be encrypted' WHERE id = 33")
    inner = Fernet(keys[34]).encrypt(wrap(keyring, b"a token of a rotated key").encode()).decode()
    database.execute("UPDATE secrets SET body = %s WHERE id = 34", (inner,))

    outside, holding = stops(database, survey(database, keyring), keyring)

    assert (outside.kind.code, outside.column, outside.fields["count"]) == ("E_DATA_KEY", "secrets.body", 2)
    assert outside.fields["rows"] == "secrets.body:30, secrets.body:32"
    assert (holding.kind.code, holding.fields["rows"]) == ("E_TOKEN_INSIDE", "secrets.body:34")


def test_a_token_under_a_rotated_key_stops_even_if_it_does_not_look_encrypted(database: Database) -> None:
    """A few short tokens in base64 look like names. They would stay under the old key."""
    described = {**SCHEMES, **schemes.of_keys(["SECRET_KEY"])}
    keyring = Keyring(described, {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))
    fill_rows(database, keyring)
    key = hashlib.sha256(OLD.values["SECRET_KEY"].encode()).digest()
    tokens = iter(lambda: base64.b64encode(seal_gcm(key, "1")), b"")
    body = next(token for token in tokens if not looks_encrypted(token)).decode()
    database.execute("UPDATE secrets SET body = %s WHERE id = 30", (body,))

    (outside,) = stops(database, survey(database, keyring), keyring)

    assert (outside.kind.code, outside.fields["rows"]) == ("E_DATA_KEY", "secrets.body:30")


def test_a_column_in_which_nothing_opens_may_be_under_data_keys(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, wrapped text, body text, photo bytea)")
    strange = Fernet(Fernet.generate_key())
    for number in range(5):
        key = os.urandom(32)
        photo = seal_gcm(key, "with its row in the context", b"secrets 1")
        row = (number, wrap(keyring, key), strange.encrypt(b"a value").decode(), photo)
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", row)
    found = stops(database, survey(database, keyring), keyring)
    assert [(each.kind.code, each.column) for each in found] == [
        ("E_UNPROVED", "secrets.body"),
        ("E_UNEXPLAINED", "secrets.photo"),
    ]
    assert all("may be under data keys in secrets.wrapped" in each.as_error().what for each in found)
    settled = settlements.parse({"secrets.body": {"not_ours": "under data keys"}})
    again = target_survey.find(database, "auto", (), keyring, settled)
    assert survey_findings.findings_of([again], keyring, "the test", settled) == []
