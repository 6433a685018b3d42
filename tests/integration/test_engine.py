# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in this process, on a real PostgreSQL: compare-and-set, locks, kinds of primary keys."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import (
    catalog,
    lease,
    locks,
    server_info,
    sql,
    table_contents,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import connection as engine_database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
    census_comparison,
    table_pages,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
    journal,
    rewriter,
    table_passes,
    update_statement,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.worker_pool import Stop
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import progress_file
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .conftest import rewrite

OLD = KeySet({"SECRET_KEY": "old-secret", "ENCRYPTION_SALT": "old-salt"})
NEW = KeySet({"SECRET_KEY": "new-secret", "ENCRYPTION_SALT": "new-salt"})
SCHEMES = schemes.parse("auto")
SCHEME = "encryption_manager"
TABLE = catalog.Table("public", "secrets", True)
ECB = {"format": "aes_ecb", "key": {"derive": "sha256", "secret": "SECRET_KEY"}, "base64": True}
UNAUTHENTICATED = Keyring(
    schemes.parse({"ecb": ECB}), {"current": OLD}, ApplicationSettings(lambda name: None), base="current"
)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return Keyring(SCHEMES, {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))


@pytest.fixture
def odd_settings(database: Database) -> Iterator[None]:
    """Settings that somebody made for other sessions, in each that begins."""
    settings = {
        "extra_float_digits": "0",
        "array_nulls": "off",
        "bytea_output": "escape",
        "datestyle": "SQL, DMY",
        "intervalstyle": "sql_standard",
        "quote_all_identifiers": "on",
        "default_transaction_isolation": "serializable",
        "default_transaction_read_only": "on",
        "default_transaction_deferrable": "on",
    }
    for name, value in settings.items():
        database.execute(f"ALTER DATABASE engine SET {name} = '{value}'")
    yield
    database.execute("ALTER DATABASE engine RESET ALL")


@pytest.fixture
def other(database: Database) -> Iterator[Database]:
    """A session of the application; what it holds goes before the table does."""
    with contextlib.closing(Database("default", "application")) as opened:
        yield opened


@pytest.fixture
def deadlock_timeout(database: Database) -> Iterator[Callable[[str], None]]:
    def change(value: str) -> None:
        database.execute(f"ALTER DATABASE engine SET deadlock_timeout = '{value}'")

    yield change
    database.execute("ALTER DATABASE engine RESET deadlock_timeout")


def fill(database: Database, keyring: Keyring, key: str, values: str, rows: int = 50) -> None:
    database.execute(f"CREATE TABLE secrets ({key}, a text, b text)")
    cipher = keyring.cipher(SCHEME, "current")
    for number in range(rows):
        token = cipher.seal(Opened(f"value {number}".encode(), 1_700_000_000 + number))
        database.execute(
            f"INSERT INTO secrets VALUES ({values}, %s, NULL)", (*[number] * values.count("%s"), token.decode())
        )


def targets(database: Database) -> list[Target]:
    key = catalog.row_key(database, TABLE)
    return [Target(TABLE, column, "text", SCHEME, "Secret", key, None) for column in ("a", "b")]


def classes(database: Database, keyring: Keyring) -> dict[str, int]:
    return dict(census.Census(database, targets(database), keyring, b"k").take()[0].classes)


def run(database: Database, keyring: Keyring, **options: Any) -> rewriter.Work:
    return rewrite(database, targets(database), keyring, "pending", **options)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("id bigint PRIMARY KEY", "%s"),
        ("id uuid PRIMARY KEY", "md5(%s::text)::uuid"),
        ("id text PRIMARY KEY", "'key ' || %s"),
        ('id varchar(20) COLLATE "C" PRIMARY KEY', "'Ž' || %s"),
        ("id int, day date, PRIMARY KEY (id, day)", "%s / 7, date '2026-01-01' + %s"),
        ("id int NOT NULL UNIQUE", "%s"),
        ('"a % key" timestamptz PRIMARY KEY', "to_timestamp(%s)"),
    ],
)
def test_every_kind_of_key(
    database: Database, keyring: Keyring, key: str, values: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_pages, "PAGE_ROWS", 7)  # several pages
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 20)  # of several spans, which do not end where pages do
    fill(database, keyring, key, values)
    before = census.Census(database, targets(database), keyring, b"k").take()
    work = run(database, keyring, workers=2)
    after = census.Census(database, targets(database), keyring, b"k").take()
    assert work.values == {"secrets.a": 50}
    assert after[0].classes == {"pending": 50}
    census_comparison.refuse_difference([tally.result for tally in before], [tally.result for tally in after])


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("id float8 PRIMARY KEY", "%s / 7.0::float8"),
        ("id int[] PRIMARY KEY", "ARRAY[%s, 7]"),
        ("id timestamptz PRIMARY KEY", "timestamptz '2026-01-02 03:04:05.000006Z' + %s * interval '1 hour'"),
        ("id interval PRIMARY KEY", "interval '1 month -2 days 3 hours' * (%s + 1)"),
    ],
)
@pytest.mark.usefixtures("odd_settings")
def test_no_setting_of_a_database_changes_what_its_rows_are_called_or_keeps_them_from_being_written(
    database: Database, keyring: Keyring, key: str, values: str
) -> None:
    fill(database, keyring, key, values)
    before = census.Census(database, targets(database), keyring, b"k").take()
    with contextlib.closing(database.another()) as ours:
        assert ours.rows("SELECT format_type('text'::regtype, NULL)") == [("text",)]
        assert run(ours, keyring).values == {"secrets.a": 50}
        after = census.Census(ours, targets(ours), keyring, b"k").take()
        assert after[0].classes == {"pending": 50}
        assert after[0].result.digest == before[0].result.digest, "rows have the same names"
        assert ours.rows("SHOW default_transaction_isolation") == [("read committed",)]
        assert ours.rows("SHOW default_transaction_deferrable") == [("off",)]


@pytest.mark.parametrize(("number", "part", "rows"), [(0, 2 / 3, 40), (1, 1 / 3, 20)])
def test_a_host_says_beforehand_what_its_share_of_a_table_is(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, number: int, part: float, rows: int
) -> None:
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 20)
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=59)
    told: list[rewriter.BatchResult] = []
    work = run(database, keyring, share=rewriter.Share(number, 2), report=told.append)
    assert told[0].portions == {"secrets.a": part, "secrets.b": part}
    assert work.values["secrets.a"] in (rows, rows - 1)
    assert not any(batch.portions for batch in told[1:])


def test_a_table_with_a_per_cent_sign_and_quotes_in_its_name(database: Database, keyring: Keyring) -> None:
    table = catalog.Table("public", 'odd %s "table"', True)
    name = '"odd %s ""table"""'
    database.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, a text)")
    token = keyring.cipher(SCHEME, "current").seal(Opened(b"x", 1)).decode()
    database.execute(f"INSERT INTO {name.replace('%', '%%')} VALUES (1, %s)", (token,))
    target = Target(table, "a", "text", SCHEME, "Odd", catalog.row_key(database, table), None)
    rewrite(database, [target], keyring, "pending")
    assert census.Census(database, [target], keyring, b"k").take()[0].classes == {"pending": 1}
    database.execute(f"DROP TABLE {name}")


def test_a_type_with_a_per_cent_sign_in_its_name_names_rows_like_any_other(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_pages, "PAGE_ROWS", 7)  # several pages
    database.execute('CREATE DOMAIN "my%type" AS int')
    try:
        fill(database, keyring, 'id "my%type" PRIMARY KEY', "%s")
        assert run(database, keyring).values == {"secrets.a": 50}
        assert classes(database, keyring) == {"pending": 50}
    finally:
        database.execute('DROP DOMAIN "my%type" CASCADE')


def test_a_table_without_a_key_is_refused(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int UNIQUE, a text, b text)")
    with pytest.raises(RotationError, match="E_TABLE_KEY"):
        catalog.row_key(database, TABLE)


def test_a_key_that_some_rows_may_lack_does_not_count(database: Database, keyring: Keyring) -> None:
    if server_info.read_server_major(database) < 18:
        pytest.skip("before PostgreSQL 18 NOT NULL is always valid")
    database.execute("CREATE TABLE secrets (id int UNIQUE, a text, b text); INSERT INTO secrets DEFAULT VALUES")
    database.execute("ALTER TABLE secrets ADD CONSTRAINT later NOT NULL id NOT VALID")
    with pytest.raises(RotationError, match="E_TABLE_KEY"):
        catalog.row_key(database, TABLE)
    database.execute("ALTER TABLE secrets ADD another int NOT NULL UNIQUE DEFAULT 1")
    assert catalog.row_key(database, TABLE).columns == ("another",)
    database.execute("UPDATE secrets SET id = 1; ALTER TABLE secrets VALIDATE CONSTRAINT later")
    assert catalog.row_key(database, TABLE).columns == ("id",)


def test_a_value_written_between_read_and_write_is_not_lost(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    other = Database("default", "application")
    written = keyring.cipher(SCHEME, "current").seal(Opened(b"written meanwhile", 1)).decode()
    original = update_statement.compare_and_set
    meanwhile = iter([("a", 3), ("b", 4)])

    def interrupted(*args: Any) -> Any:
        for column, row in meanwhile:
            other.execute(f"UPDATE secrets SET {column} = %s WHERE id = %s", (written, row))
        return original(*args)

    monkeypatch.setattr(rewriter, "compare_and_set", interrupted)
    work = run(database, keyring)
    assert work.conflicts == 2
    found = database.rows("SELECT a, b FROM secrets WHERE id IN (3, 4) ORDER BY id")
    cipher = keyring.cipher(SCHEME, "pending")
    assert cipher.open(found[0][0].encode()).plaintext == b"written meanwhile"
    assert cipher.open(found[1][1].encode()).plaintext == b"written meanwhile"
    assert cipher.open(found[1][0].encode()).plaintext == b"value 4"
    other.close()


def test_a_row_deleted_meanwhile_is_no_error(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    original = update_statement.compare_and_set

    def interrupted(*args: Any) -> Any:
        database.execute("DELETE FROM secrets WHERE id = 9")
        return original(*args)

    monkeypatch.setattr(rewriter, "compare_and_set", interrupted)
    run(database, keyring)
    assert classes(database, keyring) == {"pending": 49}


def test_locked_rows_are_given_way_to_and_named(
    database: Database, keyring: Keyring, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_passes, "MAX_PASSES", 2)
    monkeypatch.setattr(table_passes, "LOCKED_SECONDS", 0.5)
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=4)
    other.execute("BEGIN")
    other.execute("SELECT 1 FROM secrets WHERE id = 2 FOR UPDATE")
    with expect_error("E_DB_BUSY", table="secrets", rows=1, changed=Containing("3 values were re-encrypted")):
        run(database, keyring)
    assert classes(database, keyring) == {"pending": 3, "current": 1}
    other.execute("ROLLBACK")
    run(database, keyring)
    assert classes(database, keyring) == {"pending": 4}


def test_many_locked_rows_are_not_waited_for_one_by_one(
    database: Database, keyring: Keyring, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_passes, "MAX_PASSES", 1)
    monkeypatch.setattr(table_passes, "LOCKED_SECONDS", 0)
    monkeypatch.setattr(Database, "patience", 30.0)  # or a machine that stalls halves a page, as one that is slow
    statements: list[int] = []
    original = update_statement.compare_and_set

    def counted(*args: Any) -> Any:
        statements.append(len(args[-1]))
        return original(*args)

    monkeypatch.setattr(rewriter, "compare_and_set", counted)
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    other.execute("BEGIN")
    other.execute("SELECT 1 FROM secrets WHERE id % 2 = 0 FOR UPDATE")
    with expect_error("E_DB_BUSY", table="secrets", rows=25):
        run(database, keyring)
    assert len(statements) < 25, "one for a page, one for what of it is free"
    assert classes(database, keyring) == {"pending": 25, "current": 25}


def test_a_row_that_stays_locked_for_a_while_is_waited_for(
    database: Database, keyring: Keyring, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_passes, "MAX_PASSES", 2)
    monkeypatch.setattr(table_passes, "BACK_OFF_SECONDS", 0.05)
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=4)
    other.execute("BEGIN")
    other.execute("SELECT 1 FROM secrets WHERE id = 2 FOR UPDATE")
    waits: list[str] = []

    def report(batch: rewriter.BatchResult) -> None:
        waits.append(batch.waits_for)
        if len(waits) == 10:
            other.execute("ROLLBACK")

    run(database, keyring, report=report)
    assert "1 row that others have locked" in waits
    assert classes(database, keyring) == {"pending": 4}


def test_a_census_reports_how_far_it_is(
    database: Database, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    database.execute("ANALYZE secrets")
    monkeypatch.setattr(progress_file, "EVERY_SECONDS", 0)
    with progress_file.ProgressFile(str(tmp_path / "told")) as told:
        census.Census(database, targets(database), keyring, b"k", progress=told).take()
        found = json.loads((tmp_path / "told").read_text())
        assert {name: found[name] for name in ("doing", "done", "most", "unit")} == {
            "doing": "reading secrets", "done": 50, "most": 50, "unit": "rows",
        }  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_census_never_waits_for_one_table_while_it_has_another(
    database: Database, keyring: Keyring, other: Database
) -> None:
    """Else the application's own ALTER or TRUNCATE of two tables dies of a deadlock, as we asked for the lock first."""
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=5)
    database.execute("CREATE TABLE zother (id int PRIMARY KEY, a text)")
    later = catalog.Table("public", "zother", True)
    both = [
        *targets(database),
        Target(later, "a", "text", SCHEME, "Later", catalog.row_key(database, later), None),
    ]
    with contextlib.closing(database.another()) as ours, ThreadPoolExecutor() as pool:
        other.execute("BEGIN; LOCK TABLE zother IN ACCESS EXCLUSIVE MODE")
        counted = pool.submit(census.Census(ours, both, keyring, b"k").take)
        until(lambda: waits(database))
        time.sleep(1.2)  # past the deadlock_timeout of whoever began to wait then
        other.execute("LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE")
        other.execute("COMMIT")
        assert counted.result(30)[0].classes == {"current": 5}
    database.execute("DROP TABLE zother")


def test_after_a_wait_for_a_table_a_snapshot_can_be_exported_anyway(
    database: Database, keyring: Keyring, other: Database
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=5)

    def exported(ours: Database) -> str:
        with table_contents.exported_snapshot(ours) as snapshot:
            return snapshot.name

    with contextlib.closing(database.another()) as ours, ThreadPoolExecutor() as pool:
        other.execute("BEGIN; LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE")
        name = pool.submit(exported, ours)
        for _ in range(2):
            until(lambda: waits(database))
            until(lambda: not waits(database))
        other.execute("COMMIT")
        assert name.result(30)


def test_who_was_granted_columns_alone_reads_them_without_a_lock(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=5)
    database.execute("CREATE ROLE reader; GRANT SELECT (id, a, b) ON secrets TO reader")
    database.execute("SET ROLE reader")
    try:
        assert database._lockable([TABLE.identifier, sql.Identifier("no % such")]) == []
        with database.snapshot([TABLE.identifier]):
            assert database.rows("SELECT count(a) FROM secrets") == [(5,)]
    finally:
        database.execute("RESET ROLE; REVOKE ALL (id, a, b) ON secrets FROM reader; DROP ROLE reader")


def waits(database: Database) -> bool:
    """Whether a session of ours waits for the lock of a table."""
    return bool(database.rows("SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"))


def until(seen: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_table_that_somebody_has_locked_is_waited_for_with_a_word(
    database: Database, keyring: Keyring, other: Database, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 20)
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    told: list[str] = []

    def report(batch: rewriter.BatchResult) -> None:
        if batch.rewritten and not told:
            other.execute("BEGIN; LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE")
        if batch.rewritten or batch.waits_for:
            told.append(batch.waits_for)
        if len(told) == 8:
            other.execute("COMMIT")

    run(database, keyring, report=report, workers=workers)
    assert "secrets, which somebody has locked" in told
    assert classes(database, keyring) == {"pending": 50}
    assert database.rows("SHOW lock_timeout") == [("0",)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wish_to_stop_does_not_wait_for_the_lock_of_a_table(
    database: Database, keyring: Keyring, other: Database, workers: int
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    other.execute("BEGIN; LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE")
    stop = Stop()

    def report(batch: rewriter.BatchResult) -> None:
        if batch.waits_for:
            stop.ask()

    with pytest.raises(RotationError, match="E_STOPPED"):
        run(database, keyring, report=report, workers=workers, stop=stop)


def test_who_keeps_a_table_locked_is_reported_in_the_end(
    database: Database, keyring: Keyring, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_database, "LOCKED_SECONDS", 0.5)
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    other.execute("BEGIN; LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE")
    told = f"E_DB_LOCKED: other transactions keep tables locked.*: secrets by backend {other.backend()}"
    with pytest.raises(RotationError, match=told):
        run(database, keyring)
    with pytest.raises(RotationError, match=told):
        classes(database, keyring)


def test_a_lock_that_is_met_at_the_commit_is_given_way_to_as_well(
    database: Database, keyring: Keyring, other: Database
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s")
    database.execute("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
    database.execute(
        "CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE counter SET n = n + 1; RETURN NULL; END $$"
    )
    database.execute(
        "CREATE CONSTRAINT TRIGGER counted AFTER UPDATE ON secrets DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION count_up()"
    )
    other.execute("BEGIN; UPDATE counter SET n = n")
    told: list[str] = []

    def report(batch: rewriter.BatchResult) -> None:
        told.append(batch.waits_for)
        if batch.waits_for:
            other.execute("ROLLBACK")

    try:
        run(database, keyring, report=report)
        assert any("that others have locked" in word for word in told)
        assert database.rows("SELECT n FROM counter") == [(50,)]
        assert classes(database, keyring) == {"pending": 50}
    finally:
        other.close()
        database.execute("DROP TABLE secrets, counter; DROP FUNCTION count_up")


def test_deferred_triggers_are_in_the_time_after_which_we_give_way(
    database: Database, keyring: Keyring, other: Database
) -> None:
    """The application holds what a deferred trigger wants, then waits for a row of ours: it must not die of it."""
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=15)
    database.execute("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
    database.execute(
        "CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE counter SET n = n + 1; RETURN NULL; END $$;"
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$;"
        "CREATE TRIGGER slow AFTER UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION slowly();"
        "CREATE CONSTRAINT TRIGGER counted AFTER UPDATE ON secrets DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION count_up()"
    )
    other.execute("BEGIN; UPDATE counter SET n = n")
    died: list[str] = []

    def application() -> None:
        while not database.rows(
            "SELECT 1 FROM pg_locks WHERE relation = 'secrets'::regclass AND mode = 'RowExclusiveLock'"
        ):
            time.sleep(0.01)
        try:
            other.execute("UPDATE secrets SET b = b WHERE id = 0; COMMIT")
        except RotationError as exc:
            died.append(str(exc))

    try:
        with ThreadPoolExecutor() as pool:
            writing = pool.submit(application)
            run(database.another(), keyring)
            writing.result()
        assert died == []
        assert database.rows("SELECT n > 0 FROM counter") == [(True,)]
        assert classes(database, keyring) == {"pending": 15}
    finally:
        other.close()
        database.execute("DROP TABLE secrets, counter; DROP FUNCTION count_up, slowly")


@pytest.mark.parametrize(
    ("deadlock", "several", "expected"),
    [("1s", True, ("300ms", "800ms")), ("1s", False, ("300ms", "10s")), ("100ms", True, ("30ms", "80ms"))],
)
def test_we_give_way_before_the_application_looks_for_a_deadlock(
    database: Database,
    deadlock_timeout: Callable[[str], None],
    deadlock: str,
    several: bool,
    expected: tuple[str, str],
) -> None:
    deadlock_timeout(deadlock)
    ours = database.another()
    with ours.batch(several=several):
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        limits = [ours.rows(f"SHOW {name}")[0][0] for name in names]
    assert tuple(limits) == (*expected, "30s"), "the last one frees the locks of a process that is frozen"
    ours.close()


def test_the_second_rotator_learns_who_is_the_first(django: Any) -> None:
    first = Database("default", "spring")
    locks.lock(first, "one run")
    second = Database("default", "second")
    ((pid,),) = first.rows("SELECT pg_backend_pid()")
    with expect_error("E_LOCKED", holder="spring", user="postgres", pid=pid):
        locks.lock(second, "another run")
    first.close()
    locks.lock(second, "another run")
    second.close()


def test_who_gets_no_more_connections_learns_how_to_do_with_fewer(database: Database) -> None:
    database.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    try:
        with (
            contextlib.closing(Database("default", "first", {"user": "few"})) as first,
            expect_error("E_DB_CONNECT", alias="default", todo=Containing("lower key_rotation_workers")),
        ):
            first.another()
        until(lambda: not database.rows("SELECT 1 FROM pg_stat_activity WHERE usename = 'few'"))
    finally:
        database.execute("DROP ROLE few")


@pytest.mark.parametrize(
    "said",
    [
        'connection to server failed: FATAL:  password authentication failed for user "shop"',
        "connection to server failed: fe_sendauth: no password supplied",
    ],
)
def test_a_password_that_is_not_accepted_is_called_one(django: Any, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The server of the tests asks for no password: these are the words of libpq."""
    from django.db import connections

    def refuse(params: Any) -> None:
        raise psycopg2.OperationalError(said)

    monkeypatch.setattr(connections["default"], "get_new_connection", refuse)
    with expect_error("E_DB_PASSWORD", alias="default", role="role postgres"):
        Database("default", "test")


RAISES = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'CANARY %', OLD.a USING DETAIL = 'CANARY', ERRCODE = '{}'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION refuse()
"""
REFUSED = {
    "a constraint": (
        "ALTER TABLE secrets ADD CONSTRAINT later CHECK (id > 100) NOT VALID",
        ("23514", " (constraint later, table secrets)"),
        engine_database.SEE_ROW,
    ),
    "a deferred constraint": (
        "ALTER TABLE secrets ADD c int UNIQUE DEFERRABLE INITIALLY DEFERRED; CREATE FUNCTION refuse() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN NEW.c := 1; RETURN NEW; END';"
        " CREATE TRIGGER same BEFORE UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION refuse()",
        ("23505", " (constraint secrets_c_key, table secrets)"),
        engine_database.SEE_ROW,
    ),
    "a trigger": (RAISES.format("P0001"), ("P0001", ""), engine_database.SEE_ROW),
    "a trigger for a state": (RAISES.format("55000"), ("55000", ""), engine_database.SEE_ROW),
    "anything else": (RAISES.format("53100"), ("53100", ""), engine_database.SEE_LOG),
}


@pytest.mark.parametrize(("sql", "refusal", "advice"), REFUSED.values(), ids=REFUSED)
def test_what_refuses_a_row_is_named_and_nothing_of_the_row_is(
    database: Database, keyring: Keyring, sql: str, refusal: tuple[str, str], advice: str
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=5)
    database.execute(sql)
    sqlstate, by = refusal
    try:
        with expect_error("E_DB", sqlstate=sqlstate, by=by, advice=advice) as told:
            run(database, keyring)
    finally:
        database.execute("DROP TABLE secrets; DROP FUNCTION IF EXISTS refuse")
    assert "CANARY" not in str(told.value)


UNWRITABLE = {
    "no right": ("SET ROLE plain", "E_LEASE", "E_JOURNAL"),
    "no schema": ("SET search_path = ''", "E_LEASE", "E_JOURNAL"),
    "nothing can be written": ("SET default_transaction_read_only = on", "E_DB: .* 25006", "E_DB: .* 25006"),
}


def test_if_all_tables_are_published_the_lease_is_taken_and_given_back(database: Database) -> None:
    mine = {"rotation_id": "spring", "pid": 7}
    database.execute("CREATE PUBLICATION told FOR ALL TABLES")
    try:
        assert lease.take(database, mine) is None
        assert lease.read_holder(database) == mine
        assert lease.give_back(database, mine)
    finally:
        database.execute("DROP PUBLICATION told")
    assert lease.read_holder(database) is None


@pytest.mark.parametrize(("sql", "of_lease", "of_journal"), UNWRITABLE.values(), ids=UNWRITABLE)
def test_only_who_may_not_make_a_table_is_advised_to_be_given_the_right(
    database: Database, sql: str, of_lease: str, of_journal: str
) -> None:
    database.execute(f"DROP TABLE IF EXISTS {catalog.JOURNAL}; REVOKE CREATE ON SCHEMA public FROM public")
    database.execute("CREATE ROLE plain")
    targets = [Target(TABLE, "a", "text", "ecb", "", catalog.RowKey(("id",), ("integer",)), None)]
    try:
        with contextlib.closing(database.another()) as ours:
            kept = journal.Journal(ours, UNAUTHENTICATED, targets)
            ours.execute(sql)
            with pytest.raises(RotationError, match=of_lease):
                lease.take(ours, {"rotation_id": "spring"})
            with pytest.raises(RotationError, match=of_journal):
                kept.prepare()
    finally:
        database.execute("DROP ROLE plain")


@pytest.mark.parametrize(("value", "code"), [("plain words", "E_PLAINTEXT"), ("gAAAAABnothing", "E_UNREADABLE")])
def test_what_opens_under_no_key_is_never_overwritten(
    database: Database, keyring: Keyring, value: str, code: str
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=5)
    database.execute("UPDATE secrets SET a = %s WHERE id = 2", (value,))
    with pytest.raises(RotationError, match=code):
        run(database, keyring)
    run(database, keyring, stop_at_unreadable=False)
    assert database.rows("SELECT a FROM secrets WHERE id = 2") == [(value,)]
    assert run(database, keyring, leave_alone=["secrets.a:2"]).values == {}


def test_a_missed_row_is_noticed(database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=5)
    pages = census.pages
    monkeypatch.setattr(
        census,
        "pages",
        lambda *args, **options: ([row for row in page if row[0] != ("3",)] for page in pages(*args, **options)),
    )
    with expect_error("E_SCAN", table="secrets", seen=4, count=5):
        classes(database, keyring)


def pages_of(database: Database, targets: list[Target]) -> Iterator[table_pages.PageRows]:
    (group,) = table_pages.by_table(targets)
    return table_pages.pages(database, table_pages.PageRequest(group))


def test_large_values_are_taken_a_few_at_a_time(database: Database, keyring: Keyring) -> None:
    """Memory is bounded by bytes: of values of a megabyte a page holds a few, however many rows there are."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text)")
    token = keyring.cipher(SCHEME, "current").seal(Opened(b"x" * 750_000, 5)).decode()
    for number in range(40):
        database.execute("INSERT INTO secrets VALUES (%s, %s, NULL)", (number, token))
    sizes = [len(page) for page in pages_of(database, targets(database))]
    assert sum(sizes) == 40
    assert max(sizes) <= table_pages.PAGE_BYTES // 1_000_000 + 1
    assert run(database, keyring).values == {"secrets.a": 40}


def test_values_that_are_small_only_where_they_are_stored_are_taken_a_few_at_a_time(
    database: Database, keyring: Keyring
) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a jsonb, b text)")
    token = keyring.cipher(SCHEME, "current").seal(Opened(b"x", 5)).decode()
    database.execute(
        "INSERT INTO secrets SELECT n, jsonb_build_object('t', %s, 'note', repeat('a', 1000000)), NULL"
        " FROM generate_series(1, 60) n",
        (token,),
    )
    key = catalog.row_key(database, TABLE)
    pages = pages_of(database, [Target(TABLE, "a", "jsonb", SCHEME, "Secret", key, None)])
    sizes = [sum(len(row[0]) for _, row in page) for page in pages]
    assert len(sizes) >= 12
    assert max(sizes) <= table_pages.PAGE_BYTES + 1_100_000


def test_small_values_are_soon_taken_by_the_thousand(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text)")
    database.execute("INSERT INTO secrets SELECT n, 'x', NULL FROM generate_series(1, 5000) n")
    sizes = [len(page) for page in pages_of(database, targets(database))]
    assert sizes == [16, 128, 1000, 1000, 1000, 1000, 856]


def test_large_values_after_many_small_ones_are_no_surprise(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text)")
    small = keyring.cipher(SCHEME, "current").seal(Opened(b"x", 5)).decode()
    large = keyring.cipher(SCHEME, "current").seal(Opened(b"x" * 750_000, 5)).decode()
    database.execute("INSERT INTO secrets SELECT n, %s, NULL FROM generate_series(1, 3000) n", (small,))
    database.execute("INSERT INTO secrets SELECT n, %s, NULL FROM generate_series(3001, 3060) n", (large,))
    database.execute("INSERT INTO secrets SELECT n, %s, NULL FROM generate_series(3061, 3070) n", (small,))
    pages = pages_of(database, targets(database))
    sizes = [(len(page), sum(len(row[0]) for _, row in page)) for page in pages]
    assert sum(rows for rows, _ in sizes) == 3070
    assert max(size for _, size in sizes) <= table_pages.PAGE_BYTES + len(large)
    assert run(database, keyring).values == {"secrets.a": 3070}
