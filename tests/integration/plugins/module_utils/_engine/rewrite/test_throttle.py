# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine sees of the server, and makes room for."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import server_info
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.throttle import Throttle
from django.db import connections

from .....servers import Cluster, postgresql, replica_of
from .....test_engine import fill, keyring, run, targets, until  # noqa: F401  # a fixture


@pytest.fixture
def primary(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Database, Cluster]]:
    """A server that archives its WAL as long as no file ``broken`` is in its folder."""
    settings = "archive_mode = on\narchive_command = 'test ! -e {folder}/broken'\n"
    with postgresql(settings) as cluster:
        at = {"ENGINE": "django.db.backends.postgresql", "HOST": str(cluster.folder), "USER": "postgres"}
        monkeypatch.setitem(
            connections.databases,
            "primary",
            {**connections.databases["default"], **at, "PORT": "", "NAME": "postgres", "PASSWORD": ""},
        )
        opened = Database("primary", "test")
        try:
            yield opened, cluster
        finally:
            opened.close()
            del connections["primary"]


def test_wal_that_a_replication_slot_keeps_is_seen(database: Database) -> None:
    assert server_info.read_wal_backlog(database) == 0
    database.rows("SELECT pg_create_physical_replication_slot('behind', true)")
    try:
        database.execute("CREATE TABLE secrets AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
        assert server_info.read_wal_backlog(database) > 5_000_000
    finally:
        database.rows("SELECT pg_drop_replication_slot('behind')")
    assert server_info.read_wal_backlog(database) == 0


def test_a_replica_that_does_not_follow_is_waited_for_until_it_does(primary: tuple[Database, Cluster]) -> None:
    database, cluster = primary
    throttle = Throttle(replica_lag=0.5)
    assert server_info.read_replica_lag(database) == 0
    with replica_of(cluster) as replica:
        socket = ["-h", str(replica.folder), "-U", "postgres", "-c"]
        replica.run("psql", *socket, "SELECT pg_wal_replay_pause()")

        def behind() -> bool:
            database.execute("SELECT pg_logical_emit_message(false, 'test', 'x')")
            return server_info.read_replica_lag(database) > 0.5

        until(behind)
        rest = throttle.rest(database, 0, lambda: False)
        assert next(rest).startswith("a replica that is ")
        replica.run("psql", *socket, "SELECT pg_wal_replay_resume()")
        assert all(reason.startswith("a replica that is ") for reason in rest), "and then it ends"
        assert server_info.read_replica_lag(database) <= 0.5


def test_wal_that_is_not_archived_is_waited_for_until_it_is(primary: tuple[Database, Cluster]) -> None:
    database, cluster = primary
    throttle = Throttle(wal_backlog=20)
    database.rows("SELECT pg_switch_wal()")
    until(lambda: database.rows("SELECT archived_count FROM pg_stat_archiver")[0][0] > 0)
    assert server_info.read_wal_backlog(database) < 16 << 20
    (cluster.folder / "broken").touch()
    database.execute("CREATE TABLE many AS SELECT repeat('x', 1000) FROM generate_series(1, 60000)")
    until(lambda: database.rows("SELECT failed_count FROM pg_stat_archiver")[0][0] > 0)
    assert 32 << 20 < server_info.read_wal_backlog(database) < 96 << 20
    rest = throttle.rest(database, 0, lambda: False)
    assert next(rest).endswith(" MB of WAL to be archived or fetched")
    (cluster.folder / "broken").unlink()
    database.rows("SELECT pg_switch_wal()")  # the archiver tries at once
    list(rest)
    assert server_info.read_wal_backlog(database) <= 20 << 20


def vacuums(database: Database) -> int:
    """How many a person asked for; what a session did is told to the others when it asks for nothing more."""
    database.rows("SELECT pg_stat_force_next_flush()")
    database.rows("SELECT pg_stat_clear_snapshot()")
    return int(database.rows("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'secrets'")[0][0])


@pytest.mark.parametrize(("every", "expected"), [(0, 0), (40, 1), (1000, 0)])
def test_a_table_is_vacuumed_after_so_many_rows(
    database: Database, keyring: Keyring, every: int, expected: int
) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=100)
    one_batch = 60.0  # seconds, on any machine
    work = run(database, keyring, throttle=Throttle(batch_seconds=one_batch, vacuum_rows=every))
    assert vacuums(database) == expected
    assert work.dead["secrets"] == (100 if not expected else 0)


def test_a_table_of_another_role_is_left_and_named(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=100)
    database.execute("CREATE ROLE application")
    database.execute("GRANT SELECT, UPDATE ON secrets TO application")
    database.execute("SET ROLE application")
    try:
        work = run(database, keyring, throttle=Throttle(vacuum_rows=40))
    finally:
        database.execute("RESET ROLE")
        database.execute("REVOKE ALL ON secrets FROM application")
        database.execute("DROP ROLE application")
    assert vacuums(database) == 0
    assert work.dead["secrets"] == 100


def test_batches_that_take_long_become_small(database: Database, keyring: Keyring) -> None:
    """A trigger takes 2 ms for each row, so that 50 ms are enough for 25."""
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=300)
    database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.002); RETURN NULL; END $$"
    )
    database.execute("CREATE TRIGGER slow AFTER UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION slow()")
    sizes: list[int] = []

    def collected(batch: Any) -> None:
        sizes.append(batch.rewritten)

    try:
        run(database, keyring, throttle=Throttle(batch_seconds=0.05), report=collected)
    finally:
        database.execute("DROP TABLE secrets; DROP FUNCTION slow")
    assert sum(sizes) == 300
    assert statistics.median(sizes[1:]) <= 25, "one estimate may be off while others use the processors"
