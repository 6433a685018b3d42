# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect facts about an application host and its databases for the checklist, which judges them.

Everything is read through the application's own connection, from views that every role may read. A fact that this role
may not see is None.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._errors.base import RotationError
from .application import user_sessions
from .crypto.keyring import Keyring
from .crypto.tokens import Opened
from .discovery.findings.settlements import NONE, NOT_A_KEY, Settlements
from .fact_types import SIGNERS, DatabaseFacts, SchemeSpeed, SecretKeyUsers
from .migration import NAME
from .postgres import server_info
from .postgres.connection import Database

DEFAULT_ALIAS = "default"  # django.db.DEFAULT_DB_ALIAS
SAMPLE = 500  # tokens that are sealed and opened, and rows that are written, to measure the speed
SPEED = "tetech_key_rotation_speed"  # a temporary table
# Forty bytes of text and padding: a format without authentication seals whole blocks.
PLAINTEXT = b"forty bytes of text, as a field may have" + b"\x08" * 8


def of_database(database: Database) -> DatabaseFacts:
    """Return the facts about the server of one database, for example its connections, archiving and replicas.

    ``bytes`` is its size. ``ahead`` is how many seconds the server's clock is ahead of this machine's clock.
    """
    used, limit = server_info.count_connections(database)
    return {
        "alias": database.alias,
        "server": database.rows("SELECT current_setting('server_version')")[0][0].split()[0],
        "system_identifier": server_info.read_system_identifier(database),
        "ahead": _ahead(database),
        "connections": {"used": used, "limit": limit},
        "bytes": server_info.measure_size(database),
        "archive_fails": _or_none(
            database,
            "SELECT current_setting('archive_mode') <> 'off' AND last_failed_time IS NOT NULL"
            " AND last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver",
        ),
        "slots": [
            {"name": name, "active": active, "bytes": int(kept or 0), "state": state}
            for name, active, kept, state in database.rows(
                "SELECT slot_name::text, active, CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
                " pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END, coalesce(wal_status, '')"
                " FROM pg_replication_slots ORDER BY slot_name"
            )
        ],
        "max_slot_wal_bytes": _or_none(
            database,
            "SELECT CASE WHEN setting::bigint < 0 THEN NULL ELSE setting::bigint * 1048576 END"
            " FROM pg_settings WHERE name = 'max_slot_wal_keep_size'",
        ),
        "replica_lag": server_info.read_replica_lag(database),
        "sees_replicas": server_info.sees_replicas(database),
    }


def _ahead(database: Database) -> float:
    """Return the least number of seconds by which the server's clock is ahead. The number is negative if it is behind.

    Return 0.0 if the server's time is between the two times that this machine measured.
    """
    before = time.time()
    there = float(database.rows("SELECT extract(epoch FROM clock_timestamp())::float")[0][0])
    after = time.time()
    return there - after if there > after else min(there - before, 0.0)


def _or_none(database: Database, sql: str) -> Any:
    try:
        rows = database.rows(sql)
    except RotationError:
        return None
    return rows[0][0] if rows else None


def speed(database: Database, keyring: Keyring, schemes: Sequence[str]) -> SchemeSpeed:
    """Measure how many seconds one process takes to seal and open a value, by scheme, and to write a row.

    The rows are in a temporary table, in a transaction that is rolled back. If the role may not create a temporary
    table, the time for a row is None.
    """
    ciphers: dict[str, float] = {}
    token = b""
    for scheme in schemes:
        cipher = keyring.cipher(scheme, "current")
        count = 20 if keyring.schemes[scheme].functions else SAMPLE
        begun = time.monotonic()
        with contextlib.suppress(RotationError):
            plaintext = b"s" + PLAINTEXT if keyring.schemes[scheme].functions else PLAINTEXT
            tokens = cipher.seal_all([Opened(plaintext)] * count)
            cipher.open_all(tokens)
            token = max(token, *tokens, key=len)
            ciphers[scheme] = (time.monotonic() - begun) / count
    return {"values": ciphers, "row": _row(database, "x" * len(token))}


def _row(database: Database, text: str) -> float | None:
    with contextlib.suppress(RotationError), _rolled_back(database):
        database.execute(f"CREATE TEMPORARY TABLE {SPEED} (id int PRIMARY KEY, token text) ON COMMIT DROP")
        database.execute(f"INSERT INTO {SPEED} SELECT n, %s FROM generate_series(1, %s) n", (text, SAMPLE))
        begun = time.monotonic()
        database.execute(f"UPDATE {SPEED} SET token = token || 'y' WHERE token = %s", (text,))
        return (time.monotonic() - begun) / SAMPLE
    return None


@contextlib.contextmanager
def _rolled_back(database: Database) -> Iterator[None]:
    database.execute("BEGIN")
    try:
        yield
    finally:
        database.execute("ROLLBACK")


def pending_migrations(aliases: Iterable[str]) -> list[str]:
    """Return the application's migrations that a database has not applied yet.

    Each is app.name. In a database other than the default one, it is alias:app.name. Migrations of rotations do not
    count, and neither does another database that was never migrated.
    """
    return [name for alias in dict.fromkeys([DEFAULT_ALIAS, *aliases]) for name in _pending_migrations(alias)]


def _pending_migrations(alias: str) -> Iterator[str]:
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[alias])
    if alias != DEFAULT_ALIAS and not executor.recorder.has_table():
        return
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
        if not migration.name.endswith(NAME):
            place = "" if alias == DEFAULT_ALIAS else f"{alias}:"
            yield f"{place}{migration.app_label}.{migration.name}"


def secret_key_users(key_sets: Mapping[str, Mapping[str, str]], settled: Settlements = NONE) -> SecretKeyUsers:
    """Return what signs with SECRET_KEY in Django and in known packages, and how many signed tasks are queued.

    ``keys`` has the names of the keys whose value in any stage is that of SECRET_KEY, unless it is ``settled`` that the
    setting has a value of its own, which stays.
    """
    from django.apps import apps
    from django.conf import settings

    engine = settings.SESSION_ENGINE.rsplit(".", 1)[-1] if apps.is_installed("django.contrib.sessions") else ""
    packages = [name for name in SIGNERS if any(_is(config.name, name) for config in apps.get_app_configs())]
    fallbacks = len(getattr(settings, "SECRET_KEY_FALLBACKS", ()))
    stays = "SECRET_KEY" in settled and settled["SECRET_KEY"].decision == NOT_A_KEY
    own_jwt = "SIGNING_KEY" in (getattr(settings, "SIMPLE_JWT", None) or {})
    return {
        "sessions": engine,
        "logins": apps.is_installed("django.contrib.auth"),
        "packages": [
            name for name in packages if not (own_jwt and name in ("rest_framework_simplejwt", "dj_rest_auth"))
        ],
        "fallbacks": fallbacks,
        "queued": _queued(),
        "keys": [] if stays else list(dict.fromkeys(_names_with(key_sets, settings.SECRET_KEY))),
        "in_table": user_sessions.database_alias() is not None,
    }


def _names_with(key_sets: Mapping[str, Mapping[str, str]], key: str) -> Iterator[str]:
    for values in key_sets.values():
        yield from (name for name, value in values.items() if key in user_sessions.spellings(value))


def _is(installed: str, name: str) -> bool:
    return installed == name or installed.startswith(f"{name}.")


def _queued() -> int:
    """Return how many signed tasks of django-q2 wait. Its schedules are not signed."""
    from django.apps import apps

    if not apps.is_installed("django_q"):
        return 0
    return int(apps.get_model("django_q", "OrmQ")._base_manager.count())
