# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the server of a database: its version, size, connections, replicas and archive."""

from __future__ import annotations

import contextlib

from ..._errors.base import RotationError
from .connection import Database

# The lowest of the server, role and database limits. Everybody sees the role and database of a session; only its own
# role sees its kind.
CONNECTIONS = """
    SELECT used, most FROM (
      SELECT count(*), current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        FROM pg_stat_activity WHERE datid IS NOT NULL
      UNION ALL SELECT (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid), rolconnlimit
        FROM pg_roles r WHERE rolname = session_user AND rolconnlimit >= 0
      UNION ALL SELECT (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid), datconnlimit
        FROM pg_database d WHERE datname = current_database() AND datconnlimit >= 0
    ) AS limits (used, most) ORDER BY most - used LIMIT 1
"""


def read_oldest_running(database: Database) -> str:
    """Return the oldest transaction that may not be over yet: whatever it and later ones write is later than now."""
    return str(database.rows("SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text")[0][0])


def read_replica_lag(database: Database) -> float:
    """Return how many seconds the slowest replica is behind; 0 without replicas, or if this role may not see them."""
    query = "SELECT coalesce(extract(epoch FROM max(replay_lag)), 0)::float FROM pg_stat_replication"
    return float(database.rows(query)[0][0])


def sees_replicas(database: Database) -> bool:
    """Return whether this role may see how far replicas are behind (PostgreSQL, "Predefined Roles")."""
    return bool(database.rows("SELECT pg_has_role(session_user, 'pg_read_all_stats', 'USAGE')")[0][0])


def read_wal_backlog(database: Database) -> int:
    """Return how many bytes of WAL the server keeps for its archive or for a replication slot, whichever is more.

    The last action of the archiver is known by a file name: timeline, then the position (PostgreSQL, "WAL Internals").
    """
    query = (
        "WITH a AS (SELECT CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN"
        "  last_failed_wal ELSE last_archived_wal END AS name, pg_size_bytes(current_setting('wal_segment_size'))"
        "  AS size FROM pg_stat_archiver WHERE current_setting('archive_mode') <> 'off')"
        " SELECT greatest(0, (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM"
        "  pg_replication_slots), (SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), (substr(name, 9, 8) || '/' ||"
        "  to_hex(('x' || substr(name, 17, 8))::bit(32)::bigint * size))::pg_lsn) - size FROM a"
        "  WHERE name ~ '^[0-9A-F]{24}'))::bigint"
    )
    return int(database.rows(query)[0][0])


def is_replica(database: Database) -> bool:
    """Return whether the server is a replica, so that its rows come from another server."""
    return bool(database.rows("SELECT pg_is_in_recovery()")[0][0])


def read_server_major(database: Database) -> int:
    """Return the server's major version, e.g. 17."""
    return int(database.rows("SELECT current_setting('server_version_num')::int / 10000")[0][0])


def read_server_version(database: Database) -> str:
    """Return the server's version, e.g. 17.6."""
    return str(database.rows("SELECT current_setting('server_version')")[0][0]).split()[0]


def read_system_identifier(database: Database) -> str | None:
    """Return the number that a cluster shares with its replicas, or None if this role may not see it."""
    with contextlib.suppress(RotationError):
        return str(database.rows("SELECT system_identifier FROM pg_control_system()")[0][0])
    return None


def count_connections(database: Database) -> tuple[int, int]:
    """Return how many connections there are, and how many there may be."""
    used, most = database.rows(CONNECTIONS)[0]
    return int(used), int(most)


def measure_size(database: Database) -> int:
    """Return the size of the database on the server's disk, in bytes."""
    return int(database.rows("SELECT pg_database_size(current_database())")[0][0])
