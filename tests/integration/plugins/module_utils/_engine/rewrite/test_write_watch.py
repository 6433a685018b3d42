# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write watch on a real PostgreSQL: which session wrote a row, that no write is refused, and that nothing stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import write_watch

from .....conftest import Seed
from .....test_engine import SCHEME, TABLE, fill, keyring  # noqa: F401  # a fixture

PLAIN = "id int PRIMARY KEY, note text DEFAULT 'as it was', digest text"
WORKER = "late worker"


def targets(database: Database, table: Table = TABLE) -> list[Target]:
    key = catalog.row_key(database, table)
    return [Target(table, column, "text", SCHEME, "Secret", key, None) for column in ("a", "b")]


@pytest.fixture
def secrets(database: Database, keyring: Keyring) -> Iterator[Database]:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    yield database
    database.execute("DROP TABLE IF EXISTS secrets")
    write_watch.take_down(database)
    assert database.rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'tetech%'") == []
    assert database.rows("SELECT proname FROM pg_proc WHERE proname LIKE 'tetech%'") == []
    assert database.rows("SELECT relname FROM pg_class WHERE relname LIKE 'tetech_key_rotation_writers%'") == []


@contextlib.contextmanager
def session(seed: Seed, name: str = WORKER) -> Iterator[Any]:
    connection = psycopg2.connect(host=seed.host, user="postgres", dbname="engine", application_name=name)
    connection.autocommit = True
    with contextlib.closing(connection):
        yield connection.cursor()


def writers(database: Database, rows: str = "secrets WHERE a = 'late'") -> list[str]:
    transactions = [number for (number,) in database.rows(f"SELECT DISTINCT xmin::text FROM {rows}")]
    assert transactions
    return [found["application_name"] for found in write_watch.find_writers(database, transactions)]


WRITES = {
    "an insert": "INSERT INTO secrets (id, a) VALUES (900, 'late')",
    "an update": "UPDATE secrets SET a = 'late' WHERE id = 1",
    "an upsert": "INSERT INTO secrets (id, a) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET a = 'late'",
    "savepoints": (
        "BEGIN; UPDATE secrets SET b = 'late' WHERE id = 1; SAVEPOINT one; UPDATE secrets SET a = 'late' WHERE id = 2;"
        " RELEASE one; SAVEPOINT two; UPDATE secrets SET a = 'late' WHERE id = 3; RELEASE two; COMMIT"
    ),
    "after a savepoint that was rolled back": (
        "BEGIN; SAVEPOINT one; UPDATE secrets SET a = 'late' WHERE id = 2; ROLLBACK TO one;"
        " UPDATE secrets SET a = 'late' WHERE id = 3; COMMIT"
    ),
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE secrets SET a = 'late' WHERE id = 1; COMMIT",
    "a replica": "SET session_replication_role = replica; UPDATE secrets SET a = 'late' WHERE id = 1",
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_session_that_wrote_a_row_is_known(secrets: Database, seed: Seed, write: str) -> None:
    assert write_watch.put_up(secrets, targets(secrets)) == []

    with session(seed) as late, session(seed, "another") as other:
        other.execute("UPDATE secrets SET a = 'x' WHERE id = 7")
        other.execute("UPDATE secrets SET note = 'not an encrypted column' WHERE id = 8")
        late.execute(write)

        for (row,) in secrets.rows("SELECT id FROM secrets WHERE a = 'late'"):
            assert writers(secrets, f"secrets WHERE id = {row}") == [WORKER]
    assert writers(secrets, "secrets WHERE id = 7") == ["another"]


def test_a_row_of_a_transaction_before_the_watch_has_no_known_session(secrets: Database, seed: Seed) -> None:
    with session(seed) as late:
        late.execute(WRITES["an update"])
        assert write_watch.put_up(secrets, targets(secrets)) == []

    assert writers(secrets) == []


def test_a_thousand_rows_of_a_transaction_are_noted_once_and_ours_not_at_all(secrets: Database, seed: Seed) -> None:
    assert write_watch.put_up(secrets, targets(secrets)) == []
    secrets.execute("UPDATE secrets SET b = 'ours'")

    with session(seed) as late:
        late.execute("INSERT INTO secrets (id, a) SELECT n, 'late' FROM generate_series(1000, 1999) AS n")

    assert secrets.rows(f"SELECT count(*) FROM {catalog.WRITERS}") == [(1,)]
    assert writers(secrets) == [WORKER]


def test_the_rows_of_a_partition_too(secrets: Database, seed: Seed) -> None:
    secrets.execute("DROP TABLE secrets")
    secrets.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text, a text, b text) PARTITION BY RANGE (id)")
    for number in range(2):
        bounds = f"FROM ({number * 100}) TO ({number * 100 + 100})"
        secrets.execute(f"CREATE TABLE secrets_{number} PARTITION OF secrets FOR VALUES {bounds}")
    assert write_watch.put_up(secrets, targets(secrets)) == []

    with session(seed) as late:
        late.execute("INSERT INTO secrets (id, a) VALUES (5, 'late'), (150, 'x')")
        late.execute("UPDATE secrets SET a = 'late', id = 20 WHERE id = 150")  # into the other partition

    assert writers(secrets) == [WORKER]
    assert secrets.rows("SELECT count(*) FROM secrets WHERE a = 'late'") == [(2,)]


def test_a_role_without_rights_to_our_table_writes_all_the_same(secrets: Database, seed: Seed) -> None:
    assert write_watch.put_up(secrets, targets(secrets)) == []

    with session(seed) as late:
        late.execute("CREATE ROLE small_role")
        try:
            late.execute("GRANT UPDATE, SELECT ON secrets TO small_role; REVOKE ALL ON SCHEMA public FROM PUBLIC")
            late.execute("GRANT USAGE ON SCHEMA public TO small_role; SET ROLE small_role")
            late.execute(WRITES["an update"])
        finally:
            late.execute("RESET ROLE; GRANT ALL ON SCHEMA public TO PUBLIC; DROP OWNED BY small_role")
            late.execute("DROP ROLE small_role")

    assert writers(secrets) == [WORKER]


def test_an_error_of_the_watch_is_none_of_the_application(secrets: Database, seed: Seed) -> None:
    assert write_watch.put_up(secrets, targets(secrets)) == []

    with session(seed) as late:
        late.execute(WRITES["an insert"])  # the session has the function from now on
        secrets.execute(f"DROP TABLE {catalog.WRITERS}")
        late.execute(WRITES["an update"])

    assert secrets.rows("SELECT count(*) FROM secrets WHERE a = 'late'") == [(2,)]


def test_while_a_reader_keeps_a_trigger_it_does_nothing_and_is_dropped_later(secrets: Database, seed: Seed) -> None:
    assert write_watch.put_up(secrets, targets(secrets)) == []

    with session(seed) as reader, session(seed, "another") as other:
        reader.execute("BEGIN; SELECT * FROM secrets")
        assert write_watch.take_down(secrets) == ["public.secrets"]
        assert secrets.rows("SELECT to_regclass(%s)", (catalog.WRITERS,)) == [(catalog.WRITERS,)], (
            "a session may need it"
        )
        other.execute(WRITES["an update"])
        reader.execute("ROLLBACK")

    assert write_watch.take_down(secrets) == []
