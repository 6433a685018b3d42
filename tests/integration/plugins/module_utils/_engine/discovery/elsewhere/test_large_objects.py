# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import (
    large_objects,
    stored_files,
)

from ......test_accounts import random_bytes
from ......test_discovery import token
from ......test_engine import keyring  # noqa: F401  # a fixture

COLUMN = "pg_largeobject.data"
PDF = b"%PDF-1.7\n" + b"1 0 obj << /Type /Catalog >> endobj\n" * 4


@pytest.fixture
def documents(database: Any) -> Iterator[Any]:
    """A table whose bigint column refers to large objects, as Django has no field of type oid."""
    database.execute("CREATE TABLE documents (id int PRIMARY KEY, a text, content bigint, scan oid)")
    yield database
    database.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    database.execute("DROP TABLE documents")


def fill(database: Any, keyring: Keyring, content: Any, scan: Any = lambda _: None) -> None:
    for number in range(12):
        data = [each(number) for each in (content, scan)]
        oids = [database.rows("SELECT lo_from_bytea(0, %s)", (each,))[0][0] if each else None for each in data]
        database.execute("INSERT INTO documents VALUES (%s, %s, %s, %s)", (number, token(keyring), *oids))


def findings(database: Any, keyring: Keyring) -> dict[str, str]:
    survey = target_survey.find(database, "auto", (), keyring)
    return {each.column: each.kind.name for each in stored_files.find(database, survey, keyring)}


def test_ciphertext_in_large_objects_that_a_number_refers_to_stops(documents: Any, keyring: Keyring) -> None:
    fill(documents, keyring, lambda number: random_bytes(60, number))
    assert findings(documents, keyring) == {COLUMN: "files_unexplained"}
    assert large_objects.places(documents) == {COLUMN}


def test_tokens_in_them_are_under_a_rotated_key(documents: Any, keyring: Keyring) -> None:
    fill(documents, keyring, lambda number: token(keyring, f"scan {number}").encode())
    assert findings(documents, keyring) == {COLUMN: "files_open"}


def scans(size: int) -> Any:
    return lambda keyring: lambda number: token(keyring, f"scan {number} " * (size // 6)).encode()


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (scans(20), "files_open"),
        (scans(9000), "files_open"),
        (lambda _: lambda number: random_bytes(60, number), "files_unexplained"),
    ],
)
def test_a_few_encrypted_ones_among_many_ordinary_files_are_found(
    documents: Any, keyring: Keyring, content: Any, finding: str
) -> None:
    ordinary = "SELECT lo_from_bytea(0, %s || n::text::bytea) FROM generate_series(1, 600) AS n"
    documents.execute(ordinary, (PDF,))
    fill(documents, keyring, content(keyring))
    documents.execute(ordinary, (PDF,))
    assert findings(documents, keyring) == {COLUMN: finding}


@pytest.mark.parametrize("content", [lambda number: PDF, lambda number: zlib.compress(b"%d" % number * 99)])
def test_ordinary_files_do_not(documents: Any, keyring: Keyring, content: Any) -> None:
    fill(documents, keyring, content)
    assert findings(documents, keyring) == {}


def test_what_a_column_of_type_oid_refers_to_is_that_columns(documents: Any, keyring: Keyring) -> None:
    fill(documents, keyring, lambda _: None, lambda number: random_bytes(60, number))
    assert findings(documents, keyring) == {}


def test_objects_that_the_role_may_not_read_are_left_out(documents: Any, keyring: Keyring) -> None:
    fill(documents, keyring, lambda number: random_bytes(60, number))
    survey = target_survey.find(documents, "auto", (), keyring)
    assert len(large_objects.sample(documents, survey)) == 12
    ((readable,),) = documents.rows("SELECT content FROM documents WHERE id = 1")
    documents.execute("CREATE ROLE reader; GRANT SELECT ON documents TO reader")
    try:
        documents.execute("SET ROLE reader")
        assert large_objects.sample(documents, survey) == []
        documents.execute(f"RESET ROLE; GRANT SELECT ON LARGE OBJECT {readable} TO reader; SET ROLE reader")
        assert len(large_objects.sample(documents, survey)) == 1
    finally:
        documents.execute("RESET ROLE; DROP OWNED BY reader; DROP ROLE reader")


def test_without_any_there_is_nothing_to_settle(database: Any) -> None:
    assert large_objects.places(database) == set()
