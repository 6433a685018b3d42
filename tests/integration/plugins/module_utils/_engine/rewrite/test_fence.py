# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write fence on a real PostgreSQL: who is refused, who passes, and that nothing of it outlives the rotation."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.search_recipes import (
    SearchColumnRecipe,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.recipes.given_recipes import (
    DataRecipe,
    InputPart,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
    column_triggers,
    fence,
    fence_refusals,
    table_passes,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

from .....conftest import Seed, Site, kill_group, rewrite
from .....test_engine import SCHEME, TABLE, fill, keyring  # noqa: F401  # a fixture
from .....test_maintenance import events
from .....test_resume import stopped_half_way, wait_until_gone

PLAIN = "id int PRIMARY KEY, note text DEFAULT 'as it was', digest text"


@contextlib.contextmanager
def session(seed: Seed) -> Iterator[Any]:
    """A session that is none of ours, in autocommit mode."""
    connection = psycopg2.connect(host=seed.host, user="postgres", dbname="engine")
    connection.autocommit = True
    with contextlib.closing(connection):
        yield connection.cursor()


@pytest.fixture
def stale(database: Database, seed: Seed) -> Iterator[Any]:
    """That of a process that nobody stopped."""
    with session(seed) as cursor:
        yield cursor


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    if "database" not in request.fixturenames:
        yield
        return
    database: Database = request.getfixturevalue("database")  # before the test, so that it is closed after this
    yield
    database.execute("DROP TABLE IF EXISTS secrets")
    fence.take_down(database)
    assert traces(database) == []


def traces(database: Database) -> list[str]:
    """Everything that a fence is made of."""
    sql = (
        "SELECT tgname::text FROM pg_trigger WHERE tgname LIKE 'tetech%'"
        " UNION ALL SELECT proname::text FROM pg_proc WHERE proname LIKE 'tetech%'"
        " UNION ALL SELECT relname::text FROM pg_class WHERE relname LIKE 'tetech%fence%'"
    )
    return [name for (name,) in database.rows(sql)]


def targets(database: Database, *columns: str) -> list[Target]:
    key = catalog.row_key(database, TABLE)
    return [Target(TABLE, column, "text", SCHEME, "Secret", key, None) for column in columns or ("a", "b")]


def put_up(database: Database, *columns: str) -> None:
    assert fence.put_up(database, targets(database, *columns), "2026-spring") == []


def refused(stale: Any, sql: str) -> psycopg2.Error:
    with pytest.raises(psycopg2.Error) as error:
        stale.execute(sql)
    assert error.value.pgcode == fence.SQLSTATE
    return error.value


def test_who_is_refused_reads_in_the_log_of_the_application_why_and_what_to_do(
    database: Database,
    keyring: Keyring,
    stale: Any,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database)
    error = refused(stale, "UPDATE secrets SET a = 'another' WHERE id = 1")
    since = fence.refusing(database).since
    assert error.diag.message_primary == (
        f"key rotation 2026-spring is in progress (since {since}): this process may have the wrong keys; "
        "restart it after the rotation"
    )
    assert error.diag.message_detail == "UPDATE of an encrypted column of secrets (a, b)."
    assert "maintenance.yml with -e key_rotation_maintenance=off" in error.diag.message_hint
    assert isinstance(error, psycopg2.OperationalError), "Django's, too"
    assert (error.diag.schema_name, error.diag.table_name) == ("public", "secrets")
    assert "another" not in str(error), "no value"


def test_a_session_that_was_refused_is_named_until_it_is_gone(
    database: Database, keyring: Keyring, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence_refusals, "WATCH_SECONDS", 0.3)
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database)
    fence.refuse_writers(database, look_out=True)
    with session(seed) as stale:
        stale.execute("SET application_name = 'worker'; SELECT pg_backend_pid()")
        (pid,) = stale.fetchone()
        refused(stale, "UPDATE secrets SET a = 'another' WHERE id = 1")
        with expect_error("E_STALE_WRITER", count=1) as error:
            fence.refuse_writers(database)
        client = "from a client on the database's own host (application_name worker, role postgres), idle, "
        assert f"{client}connected since 2" in str(error.value)
        assert f", backend {pid}" in str(error.value)
    deadline = time.monotonic() + 30
    while database.rows("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)):
        assert time.monotonic() < deadline
    fence.refuse_writers(database)


def test_who_connects_for_each_statement_is_noticed_while_it_continues(
    database: Database, keyring: Keyring, seed: Seed
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            with session(seed) as stale:
                refused(stale, "UPDATE secrets SET a = 'another' WHERE id = 1")

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        try:
            with pytest.raises(RotationError, match="E_STALE_WRITER"):
                fence.refuse_writers(database, look_out=True)
        finally:
            over.set()
        writer.result()
    fence.refuse_writers(database)


def test_a_role_without_rights_of_its_own_is_counted_too(database: Database, keyring: Keyring, stale: Any) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    stale.execute(
        "CREATE ROLE guest; GRANT UPDATE, SELECT ON secrets TO guest; REVOKE ALL ON SCHEMA public FROM PUBLIC"
    )
    try:
        put_up(database)
        stale.execute("GRANT USAGE ON SCHEMA public TO guest; SET ROLE guest")
        refused(stale, "UPDATE secrets SET a = 'another' WHERE id = 1")
        with pytest.raises(RotationError) as stopped:
            fence.refuse_writers(database)
        assert (stopped.value.code, stopped.value.where["count"]) == ("E_STALE_WRITER", 1)
    finally:
        stale.execute("RESET ROLE; GRANT USAGE ON SCHEMA public TO PUBLIC; DROP OWNED BY guest; DROP ROLE guest")


WRITES = {
    "an update": "UPDATE secrets SET a = 'x' WHERE id = 1",
    "an update to nothing": "UPDATE secrets SET a = NULL WHERE id = 1",
    "an update of the other column": "UPDATE secrets SET b = 'x' WHERE id = 1",
    "an update of all fields": "UPDATE secrets SET note = 'n', a = a || 'x', b = b WHERE id = 1",
    "an insert": "INSERT INTO secrets (id, a) VALUES (1000, 'x')",
    "an upsert that updates": "INSERT INTO secrets (id, a) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET a = 'x'",
    "a merge": "MERGE INTO secrets USING (VALUES (1)) v(id) ON secrets.id = v.id WHEN MATCHED THEN UPDATE SET a = 'x'",
}
PASSES = {
    "an update of another column": "UPDATE secrets SET note = 'n' WHERE id = 1",
    "an update of all fields as they are": "UPDATE secrets SET note = 'n', a = a, b = b WHERE id = 1",
    "an insert without a value": "INSERT INTO secrets (id, note) VALUES (1000, 'n')",
    "an upsert that changes another column": (
        "INSERT INTO secrets (id, a) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET note = 'n'"
    ),
    "an upsert that changes nothing": "INSERT INTO secrets (id, a) VALUES (1, 'x') ON CONFLICT DO NOTHING",
    "a delete": "DELETE FROM secrets WHERE id = 1",
    "a read with a lock": "SELECT a FROM secrets WHERE id = 1 FOR UPDATE",
}


def test_no_other_session_writes_to_a_target_column_and_all_else_passes(
    database: Database,
    keyring: Keyring,
    stale: Any,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    before = database.rows("SELECT id, a, b FROM secrets ORDER BY id")
    put_up(database)
    for sql in WRITES.values():
        refused(stale, sql)
    assert database.rows("SELECT id, a, b FROM secrets ORDER BY id") == before
    for name, sql in PASSES.items():
        stale.execute("BEGIN")
        stale.execute(sql)
        assert stale.rowcount >= 0, name
        stale.execute("ROLLBACK")
    fence.take_down(database)
    stale.execute(WRITES["an update"])


def test_search_columns_are_closed_too_and_what_a_trigger_of_the_application_makes_of_a_row_counts(
    database: Database,
    keyring: Keyring,
    stale: Any,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    searched = replace(targets(database, "a")[0], derived=(SearchColumnRecipe("digest", "xx", "ENCRYPTION_SALT"),))
    assert fence.put_up(database, [searched], "2026-spring") == []
    refused(stale, "UPDATE secrets SET digest = 'z' WHERE id = 1")
    stale.execute("UPDATE secrets SET b = 'no target' WHERE id = 1")
    # It fires after any trigger of ours would, were that one BEFORE.
    stale.execute(
        "CREATE FUNCTION pg_temp.seal() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.a := NEW.note; RETURN NEW; END';"
        " CREATE TRIGGER zz BEFORE UPDATE OF note ON secrets FOR EACH ROW EXECUTE FUNCTION pg_temp.seal()"
    )
    refused(stale, "UPDATE secrets SET note = 'n' WHERE id = 1")
    # Otherwise the end of the session would drop it while the table is dropped: a deadlock.
    stale.execute("DROP TRIGGER zz ON secrets; DROP FUNCTION pg_temp.seal()")


def test_what_is_hashed_with_a_value_is_closed_too(database: Database, keyring: Keyring, stale: Any) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    parts = InputPart("value"), InputPart("column", "note")
    recipe = DataRecipe("digest", "text", {"derive": "raw", "secret": "SECRET_KEY"}, "hmac_sha256", parts)
    assert fence.put_up(database, [replace(targets(database, "a")[0], derived=(recipe,))], "2026-spring") == []
    refused(stale, "UPDATE secrets SET note = 'another' WHERE id = 1")
    stale.execute("UPDATE secrets SET b = 'no target' WHERE id = 1")


TYPES = {
    "bytea": ("'x'", "'y'"),
    "jsonb": ("""'{"a": "x"}'""", """'{"a": "y"}'"""),
    "json": ("""'{"a": "x"}'""", """'{"a": "y"}'"""),
    "text[]": ("'{x}'", "'{y}'"),
    "varchar(9)": ("'x'", "'X'"),
}


@pytest.mark.parametrize("sql_type", TYPES)
def test_a_value_of_any_type_in_a_column_of_any_name_is_compared(database: Database, stale: Any, sql_type: str) -> None:
    before, after = TYPES[sql_type]
    database.execute(f'CREATE TABLE secrets (id int PRIMARY KEY, note text, "A ""%b\'" {sql_type})')
    database.execute(f"INSERT INTO secrets VALUES (1, 'n', {before})")
    column = """ "A ""%b'" """
    put_up(database, """A "%b'""")
    stale.execute(f"UPDATE secrets SET note = 'm', {column} = {before} WHERE id = 1")
    assert """A "%b'""" in str(refused(stale, f"UPDATE secrets SET {column} = {after} WHERE id = 1"))
    refused(stale, f"INSERT INTO secrets VALUES (2, 'n', {before})")


def test_our_own_sessions_pass_with_several_workers(database: Database, keyring: Keyring, stale: Any) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'", rows=2_000)
    put_up(database)
    work = rewrite(database, targets(database), keyring, "pending", workers=2)
    assert work.values == {"secrets.a": 2_000}
    assert catalog.update_triggers(database, TABLE) == [], "its triggers are not the application's"
    refused(stale, "UPDATE secrets SET a = 'x' WHERE id = 1")


def test_a_role_whose_sessions_fire_no_triggers_is_refused_too(
    database: Database,
    keyring: Keyring,
    stale: Any,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database)
    stale.execute("SET session_replication_role = replica")
    refused(stale, "UPDATE secrets SET a = 'x' WHERE id = 1")


def test_partitions_are_closed_whether_they_are_named_or_not_and_those_that_come(
    database: Database, stale: Any
) -> None:
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);"
        " CREATE TABLE secrets_1 PARTITION OF secrets FOR VALUES FROM (0) TO (10);"
        " INSERT INTO secrets VALUES (1, 'x')"
    )
    table = replace(TABLE, partitioned=True)
    target = replace(targets(database, "a")[0], table=table)
    assert fence.put_up(database, [target], "2026-spring") == []
    stale.execute("CREATE TABLE secrets_2 PARTITION OF secrets FOR VALUES FROM (10) TO (20)")
    for role in ("origin", "replica"):
        stale.execute(f"SET session_replication_role = {role}")
        for name in ("secrets", "secrets_1"):
            refused(stale, f"UPDATE {name} SET a = 'y'")
        refused(stale, "INSERT INTO secrets VALUES (11, 'y')")
    refused(stale, "INSERT INTO secrets_2 VALUES (11, 'y')")
    fence.take_down(database)
    assert traces(database) == []
    stale.execute("INSERT INTO secrets_2 VALUES (11, 'y'); UPDATE secrets SET a = 'z'")


def test_putting_it_up_again_keeps_what_is_there_and_adds_what_is_new(
    database: Database,
    keyring: Keyring,
    stale: Any,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database, "a")
    since = fence.read_fence(database)
    made = database.rows("SELECT oid, xmin::text FROM pg_trigger WHERE tgname LIKE 'tetech%'")
    put_up(database, "a")
    assert database.rows("SELECT oid, xmin::text FROM pg_trigger WHERE tgname LIKE 'tetech%'") == made
    stale.execute("UPDATE secrets SET b = 'x' WHERE id = 1")
    put_up(database)
    refused(stale, "UPDATE secrets SET b = 'y' WHERE id = 1")
    assert fence.read_fence(database) == since


@contextlib.contextmanager
def transaction(stale: Any, sql: str) -> Iterator[None]:
    stale.execute(f"BEGIN; {sql}")
    try:
        yield
    finally:
        stale.execute("ROLLBACK")


def test_it_yields_to_an_open_transaction_and_keeps_nobody_waiting(
    database: Database,
    keyring: Keyring,
    stale: Any,
    seed: Seed,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    waits: list[str] = []
    longest = 0.0
    with ThreadPoolExecutor() as pool, session(seed) as third:
        with transaction(stale, "UPDATE secrets SET note = 'n' WHERE id = 1"):
            up = pool.submit(fence.put_up, database, targets(database), "2026-spring", waits.append)
            while len(waits) < 5 and not up.done():
                begun = time.monotonic()
                third.execute("UPDATE secrets SET note = 'm' WHERE id = 2")
                longest = max(longest, time.monotonic() - begun)
        assert up.result(30) == []
    assert set(waits) == {"secrets"}
    assert longest < 0.9, "less than deadlock_timeout"
    refused(stale, "UPDATE secrets SET a = 'x' WHERE id = 1")


def test_a_transaction_that_never_ends_is_named(
    database: Database,
    keyring: Keyring,
    stale: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    monkeypatch.setattr(table_passes, "LOCKED_SECONDS", 0)
    monkeypatch.setattr(table_passes, "MAX_PASSES", 1)
    stale.execute("SET application_name = 'nightly'; SELECT pg_backend_pid()")
    (pid,) = stale.fetchone()
    with (
        transaction(stale, "UPDATE secrets SET note = 'n' WHERE id = 1"),
        expect_error("E_FENCE_LOCKED", table="secrets", holders=f"backend {pid} of postgres nightly"),
    ):
        put_up(database)


def test_who_reads_for_long_does_not_keep_the_application_from_writing(
    database: Database,
    keyring: Keyring,
    stale: Any,
    seed: Seed,
) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database)
    with transaction(stale, "SELECT * FROM secrets"):
        assert fence.take_down(database) == ["public.secrets"]
        assert fence.refusing(database) is None
        with session(seed) as third:
            third.execute("UPDATE secrets SET a = 'x' WHERE id = 1")
    put_up(database)
    refused(stale, "UPDATE secrets SET a = 'y' WHERE id = 1")
    assert fence.take_down(database) == []
    assert traces(database) == []


def test_a_role_that_does_not_own_the_table_cannot_have_one(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    database.execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest; GRANT ALL ON secrets TO guest")
    try:
        database.execute("SET ROLE guest")
        assert column_triggers.obstacles(database, targets(database)) == [
            "the role does not own secrets",
            "the role may not create a function in default",
        ]
        assert fence.put_up(database, targets(database), "2026-spring") == column_triggers.obstacles(
            database, targets(database)
        )
        database.execute("RESET ROLE; GRANT CREATE ON SCHEMA public TO guest; ALTER TABLE secrets OWNER TO guest")
        database.execute("SET ROLE guest")
        put_up(database)
        assert fence.take_down(database) == []
    finally:
        database.execute("RESET ROLE; REVOKE ALL ON SCHEMA public FROM guest; DROP TABLE secrets; DROP ROLE guest")


# A process that was started under the old keys, and saves whatever it reads until it is told to stop.
STALE = """
import time
from pathlib import Path
from django.db import DatabaseError
from customer.models import UserProfile

def save():
    try:
        profile = UserProfile.objects.order_by("pk").first()
        profile.full_name = "saved by a process that was not stopped"
        profile.save()
    except DatabaseError as exc:
        Path("refused").write_text(str(exc))

print("begun", flush=True)
while not Path("stop").exists():
    if Path("save").exists():
        save()
    time.sleep(0.01)
"""


@contextlib.contextmanager
def stale_process(site: Site) -> Iterator[None]:
    python = str(site.project / ".venv/bin/python")
    words = [python, "manage.py", "shell", "--verbosity=0", "--command", STALE]
    process = subprocess.Popen(words, cwd=site.project, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield
    finally:
        process.kill()
        process.wait()


def left(site: Site) -> list[tuple[object, ...]]:
    """What there is of a fence in a site's database."""
    return site.sql(
        "SELECT tgname::text FROM pg_trigger WHERE tgname LIKE 'tetech%'"
        " UNION ALL SELECT proname::text FROM pg_proc WHERE proname LIKE 'tetech%'"
        " UNION ALL SELECT relname::text FROM pg_class WHERE relname LIKE 'tetech%fence%'"
    )


def killed_behind_its_fence(site: Site) -> None:
    with stopped_half_way(site) as (process, _blocker):
        kill_group(process)
    wait_until_gone(site)
    assert left(site)
    verified = site.play("verify")
    assert verified.code != 0
    assert "E_RECORD_UNSIGNED, E_" in verified.text, verified.text
    assert "E_FENCED" in verified.text, verified.text
    assert "key_rotation_maintenance=off" in verified.text
    assert re.search(r"customer_userprofile\._address_encrypted +\d+ rows: .*\d+ pending", verified.text), verified.text
    assert re.search(r"To finish the run that died, run ansible-playbook rotate\.yml ", verified.text), verified.text


def writes(site: Site) -> None:
    """The application can write, and nothing is left of a fence."""
    assert left(site) == []
    code = "from customer.models import UserProfile as P; p = P.objects.first(); p.full_name = 'new'; p.save()"
    done = site.manage("shell", "--verbosity=0", "--command", code)
    assert done.code == 0, done.text


def test_a_process_that_nobody_stopped_cannot_save_and_while_it_lives_the_rotation_is_rolled_back(site: Site) -> None:
    plain = site.read_all()
    with stale_process(site), stopped_half_way(site) as (process, blocker):
        (site.project / "save").touch()
        deadline = time.monotonic() + 60
        while not (site.project / "refused").exists():
            assert time.monotonic() < deadline
        (site.project / "save").unlink()
        blocker.rollback()
        said = process.communicate(timeout=300)[0]
    assert process.returncode != 0
    assert "E_STALE_WRITER" in said
    assert "was rolled back" in said
    assert "this process may have the wrong keys" in (site.project / "refused").read_text()
    assert site.read_all() == plain
    writes(site)
    assert site.play("verify").code == 0


def test_verify_reports_a_fence_that_was_left_and_maintenance_off_takes_it_down_also_without_services(
    site: Site,
) -> None:
    with site.connection() as connection, connection.cursor() as cursor:
        standing = json.dumps(asdict(fence.FenceState("2026-spring", "2026-03-01 03:00:00 UTC")))
        cursor.execute(
            f"CREATE FUNCTION {catalog.FENCE}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$\n-- {standing}\nBEGIN RETURN NULL; END $$"
        )
        connection.commit()
    verified = site.play("verify")
    assert verified.error() == "E_FENCED", verified.text
    assert "2026-spring" in verified.text
    assert left(site), "verify.yml changes nothing"
    opened = site.play("maintenance", "-e", "key_rotation_maintenance=off")
    assert opened.code == 0, opened.text
    writes(site)
    assert "E_FENCED" not in site.play("verify").text


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["the same command", "rollback", "maintenance"])
def test_a_run_that_was_killed_leaves_its_fence_and_each_way_on_takes_it_down(site: Site, way: str) -> None:
    assert site.play("plan").code == 0, "the fence of a killed run is not a change of the plan"
    killed_behind_its_fence(site)
    if way == "maintenance":
        half = site.play("maintenance", "-e", "key_rotation_maintenance=off")
        assert half.error() == "E_HALF_WAY", half.text
        assert left(site), "values are under both versions"
    options = {
        "the same command": ("rotate", "-e", "key_rotation_backup_max_age=0"),
        "rollback": ("rollback",),
        "maintenance": (
            "maintenance",
            "-e",
            "key_rotation_maintenance=off",
            "-e",
            "key_rotation_maintenance_interrupted=accept",
        ),
    }[way]
    outcome = site.play(*options)
    assert outcome.code == 0, outcome.text
    writes(site)


@pytest.mark.thorough
def test_a_rotation_that_is_rolled_back_leaves_none(site: Site) -> None:
    plain = site.read_all()
    # After the switch, the application does not answer.
    site.write_inventory(key_rotation_verification_commands=[["false"]])
    outcome = site.play("rotate")
    assert outcome.code != 0
    assert "was rolled back" in " ".join(outcome.text.split())
    closed = [event["fence"]["closed"] for event in events(site, "django_reencrypt") if "fence" in event]
    assert closed == [True, True], "by the rotation, and again by its rollback"
    assert site.read_all() == plain
    writes(site)
