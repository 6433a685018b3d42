# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests without a key of a text in the same row, however long, or in the row that a foreign key refers to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.digests import unkeyed_digests
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

from ......test_discovery import survey
from ......test_engine import keyring  # noqa: F401  # a fixture

ROWS = 120  # more than a sample has from the beginning and the end


@pytest.fixture(autouse=True)
def payer_table(database: Database) -> Iterator[None]:
    yield
    database.execute("DROP TABLE IF EXISTS secrets, payers")


def explained(database: Database, keyring: Keyring) -> set[str]:
    return unkeyed_digests.find([(database, survey(database, keyring))], {"secrets.mark"})


@pytest.mark.parametrize(("length", "expected"), [(3_000, {"secrets.mark"}), (300_000, set())])
def test_a_digest_of_a_long_text_is_explained(
    database: Database, keyring: Keyring, length: int, expected: set[str]
) -> None:
    made = f"SELECT n, rpad(n || ' ', {length}, 'text ') AS body FROM generate_series(1, {ROWS}) AS n"
    database.execute(
        f"CREATE TABLE secrets AS SELECT n AS id, body, encode(sha256(body::bytea), 'hex') AS mark FROM ({made}) AS m"
    )
    assert explained(database, keyring) == expected


def fill_payers(database: Database) -> None:
    """Rows with a digest of a text in another table, which the foreign key of the row refers to."""
    database.execute("CREATE TABLE payers (id int PRIMARY KEY, name text, mail text)")
    database.execute(f"INSERT INTO payers SELECT n, 'name', n || '@example.org' FROM generate_series(1, {ROWS}) AS n")
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, payer_id int REFERENCES payers, mark text)")
    database.execute("INSERT INTO secrets SELECT id + 7, id, encode(sha256(mail::bytea), 'hex') FROM payers")


def test_a_digest_of_a_text_in_a_related_row_is_explained(database: Database, keyring: Keyring) -> None:
    fill_payers(database)
    assert explained(database, keyring) == {"secrets.mark"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE secrets SET mark = encode(sha256('key' || payer_id::text::bytea), 'hex') WHERE payer_id = 100",
        "UPDATE secrets SET payer_id = NULL WHERE payer_id = 100",
        "UPDATE secrets SET payer_id = 1",
    ],
    ids=["with a key", "of no row", "of another row"],
)
def test_a_digest_that_no_related_row_explains_stays_unexplained(
    database: Database, keyring: Keyring, change: str
) -> None:
    fill_payers(database)
    database.execute(change)
    assert explained(database, keyring) == set()
