# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a database from a backup next to the one in use, and swap the two in one step.

A restore in place would double every row and lose all constraints (docs/design/backup.md). The server shows how far an
earlier run got: whether there is a copy, a mark that it is verified, and a database set aside.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence

from .._engine.postgres import sql
from .._engine.postgres.connection import APPLICATION_NAME, ENDABLE, Database
from .._errors.base import RotationError
from .._errors.database import StatementFailed
from .._errors.restore import RestoreBusy, RestoreRights, RestoreSwap
from . import database_properties
from .database_properties import DatabaseProperties

NAME_BYTES = 63  # of a name in PostgreSQL (NAMEDATALEN - 1)
VERIFIED = "tetech.key_rotation: verified copy of the dump with SHA-256 "
KEPT = "tetech.key_rotation: kept aside by a restore; its rows may be under the versions "
SESSION_SECONDS = 10  # for sessions that are to end


class DatabaseSwap:
    """The database in use (``name``), the copy that a restore creates next to it, and the one that it keeps aside.

    ``admin`` is a connection to another database of the server, of a role that may create databases.
    """

    def __init__(self, admin: Database, name: str, rotation_id: str) -> None:
        self._admin = admin
        self.name = name
        # Also an argument of pg_restore, so nothing that could be a connection string (facts 2.1).
        self.copy = _fitting(f"key_rotation_{hashlib.sha256(name.encode()).hexdigest()[:8]}_{rotation_id}")
        self.aside = aside_of(name, rotation_id)

    def facts(self) -> dict[str, DatabaseProperties]:
        """Return the properties of each of the three databases that exists, by its name."""
        return database_properties.of(self._admin, [self.name, self.copy, self.aside])

    def refuse_without_rights(self) -> None:
        """Raise E_RESTORE_RIGHTS if the role may not create a database, or may not rename the one in use."""
        user, may, owns = self._admin.rows(
            "SELECT current_user::text, rolsuper OR rolcreatedb,"
            " rolsuper OR coalesce((SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = %s), true)"
            " FROM pg_roles WHERE rolname = current_user",
            (self.name,),
        )[0]
        if not may or not owns:
            what = "create databases" if not may else f"rename {self.name}, which it does not own"
            raise RestoreRights(user=user, action=what)

    def make(self, like: DatabaseProperties) -> None:
        """Create an empty copy with the encoding, locale and owner of ``like``, and drop one that is not verified."""
        self.drop(self.copy)
        self._execute("CREATE DATABASE {name} {like}", self.copy, like=database_properties.creation(like))

    def mark(self, like: DatabaseProperties, sha256: str) -> None:
        """Give the copy the settings and grants of ``like``, and mark it as complete and proved."""
        with self._admin.transaction(""):
            for statement in database_properties.statements(self.copy, like):
                self._admin.execute(statement, table=self.copy)
            self._comment(self.copy, VERIFIED + sha256)

    def verified(self, sha256: str) -> bool:
        """Return whether the copy exists, is marked as complete and proved, and comes from the dump with this
        SHA-256."""
        copy = self.facts().get(self.copy)
        return copy is not None and copy["comment"] == VERIFIED + sha256

    @contextlib.contextmanager
    def cut_off(self, *, spare: int | None) -> Iterator[None]:
        """End all other sessions in the database in use, and refuse new ones until the block fails or the swap is done.

        ``spare`` is the server's process of our own session in it.
        """
        if self.name not in self.facts():
            yield
            return
        self._allow(self.name, connections=False)
        try:
            self._end_sessions(self.name, spare)
            yield
        except BaseException:
            with contextlib.suppress(RotationError):
                self._allow(self.name, connections=True)
            raise

    def swap(self, comment: str | None, key_ids: Sequence[str]) -> None:
        """Give the copy the name of the database in use, which is set aside without connections.

        The comment of the database set aside says which ``key_ids`` it may need. Raise E_RESTORE_SWAP.
        """
        for name in (self.name, self.copy):
            self._end_sessions(name, None)
        try:
            with self._admin.transaction(""):
                if self.name in self.facts():
                    self._rename(self.name, self.aside)
                    self._comment(self.aside, KEPT + ", ".join(sorted(key_ids)))
                self._comment(self.copy, comment)
                self._rename(self.copy, self.name)
        except RotationError as exc:
            sqlstate = exc.sqlstate if isinstance(exc, StatementFailed) else "none"
            raise RestoreSwap(database=self.name, sqlstate=sqlstate, copy=self.copy) from None

    def left_shut(self, label: str) -> bool:
        """Return whether a restore has ended and left the database closed to sessions.

        ``label`` is the one that the sessions of the restore had.
        """
        facts, name = self.facts(), (APPLICATION_NAME + label)[:NAME_BYTES]
        query = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
        shut = self.copy in facts and self.name in facts and not facts[self.name]["datallowconn"]
        return shut and not self._admin.rows(query, (name,))

    def let_in(self) -> None:
        """Allow sessions again, if a run died after it had refused them."""
        if self.name in self.facts() and not self.facts()[self.name]["datallowconn"]:
            self._allow(self.name, connections=True)

    def drop(self, name: str) -> bool:
        """Drop the copy or the database set aside. Return whether it was there."""
        if name not in self.facts():
            return False
        self._end_sessions(name, None)
        self._execute("DROP DATABASE {name}", name)
        return True

    def _allow(self, name: str, *, connections: bool) -> None:
        self._execute("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}", name, allowed=sql.Literal(connections))

    def _rename(self, name: str, to: str) -> None:
        self._execute("ALTER DATABASE {name} RENAME TO {to}", name, to=sql.Identifier(to))

    def _comment(self, name: str, comment: str | None) -> None:
        self._execute("COMMENT ON DATABASE {name} IS {comment}", name, comment=sql.Literal(comment))

    def _execute(self, statement: str, name: str, **parts: sql.Composable) -> None:
        """Execute a statement about the database ``name``."""
        self._admin.execute(sql.SQL(statement).format(name=sql.Identifier(name), **parts), table=name)

    def _end_sessions(self, name: str, spare: int | None) -> None:
        """Raise E_RESTORE_BUSY if one stays."""
        patience = time.monotonic() + SESSION_SECONDS
        query = f"SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ENDABLE} AND pid <> %s"
        while self._admin.rows(query, (name, spare or 0), table=name):
            if time.monotonic() > patience:
                raise RestoreBusy(database=name)
            time.sleep(0.1)


def aside_of(name: str, rotation_id: str) -> str:
    """Return the name of the database that the restore of a rotation's backup sets aside.

    No rotation ID has a colon in it, so this name is unique for each rotation and database.
    """
    return _fitting(f"before_{rotation_id}:{name}")


def kept_aside(databases: Iterable[Database]) -> dict[str, list[str]]:
    """Return the databases that restores have set aside on these servers, with the key IDs that they may need.

    If several servers have one of the same name, the key IDs are those of all of them.
    """
    said = "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database"
    key_ids_by_name: dict[str, set[str]] = {}
    for name, comment in (row for database in databases for row in database.rows(said)):
        if (comment or "").startswith(KEPT):
            key_ids_by_name.setdefault(name, set()).update(comment[len(KEPT) :].split(", "))
    return {name: sorted(key_ids) for name, key_ids in key_ids_by_name.items()}


def _fitting(name: str) -> str:
    """Return the name, shortened to what PostgreSQL takes. No two long names become the same."""
    encoded = name.encode("utf-8")
    if len(encoded) <= NAME_BYTES:
        return name
    return encoded[: NAME_BYTES - 9].decode("utf-8", "ignore") + "_" + hashlib.sha256(encoded).hexdigest()[:8]
