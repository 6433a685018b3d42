# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database out of a backup: created next to the one in use, and swapped with it in one step.

Never in place (docs/design/backup.md: every row doubled, all constraints gone). Where a run was ended is read
from the server: the copy is there, it is marked as verified, the one that was in use is kept aside.
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
        """What the server says of each of the three that is there, by its name."""
        return database_properties.of(self._admin, [self.name, self.copy, self.aside])

    def refuse_without_rights(self) -> None:
        """Raise E_RESTORE_RIGHTS if the role may not make a database, or not rename the one in use."""
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
        """An empty copy with encoding, locale and owner of ``like``; one that is not verified is created again."""
        self.drop(self.copy)
        self._execute("CREATE DATABASE {name} {like}", self.copy, like=database_properties.creation(like))

    def mark(self, like: DatabaseProperties, sha256: str) -> None:
        """Settings and grants of ``like``, and the mark of a copy that is whole and proved."""
        with self._admin.transaction(""):
            for statement in database_properties.statements(self.copy, like):
                self._admin.execute(statement, table=self.copy)
            self._comment(self.copy, VERIFIED + sha256)

    def verified(self, sha256: str) -> bool:
        """Whether the copy is there, whole and proved, from this very dump."""
        copy = self.facts().get(self.copy)
        return copy is not None and copy["comment"] == VERIFIED + sha256

    @contextlib.contextmanager
    def cut_off(self, *, spare: int | None) -> Iterator[None]:
        """Nobody else is in the database in use, or gets in, until the block ends with an error or it was swapped.

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
        """The copy takes the name; what had it is kept aside, without connections, and says which ``key_ids`` it may
        need. Raises E_RESTORE_SWAP."""
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
        """Whether a restore that is no longer at work (its sessions have this ``label``) has left nobody in."""
        facts, name = self.facts(), (APPLICATION_NAME + label)[:NAME_BYTES]
        query = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
        shut = self.copy in facts and self.name in facts and not facts[self.name]["datallowconn"]
        return shut and not self._admin.rows(query, (name,))

    def let_in(self) -> None:
        """Sessions may come again, where a run died after it had shut them out."""
        if self.name in self.facts() and not self.facts()[self.name]["datallowconn"]:
            self._allow(self.name, connections=True)

    def drop(self, name: str) -> bool:
        """Drop one of the two that are not in use; whether it was there."""
        if name not in self.facts():
            return False
        self._end_sessions(name, None)
        self._execute("DROP DATABASE {name}", name)
        return True

    def _allow(self, name: str, *, connections: bool) -> None:
        self._execute(f"ALTER DATABASE {{name}} ALLOW_CONNECTIONS {connections}", name)

    def _rename(self, name: str, to: str) -> None:
        self._execute("ALTER DATABASE {name} RENAME TO {to}", name, to=sql.Identifier(to))

    def _comment(self, name: str, comment: str | None) -> None:
        self._execute("COMMENT ON DATABASE {name} IS {comment}", name, comment=sql.Literal(comment))

    def _execute(self, statement: str, name: str, **parts: sql.Composable) -> None:
        """A statement about the database ``name``."""
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
    """What a database is called that the restore of a rotation's backup has kept aside. No id has the colon in it, so
    that no two of them and no two databases have one such name."""
    return _fitting(f"before_{rotation_id}:{name}")


def kept_aside(databases: Iterable[Database]) -> dict[str, list[str]]:
    """The databases on their servers that restores have kept aside, and key ids of the versions that they may need: all
    of them, where several servers have one of the same name."""
    said = "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database"
    found: dict[str, set[str]] = {}
    for name, comment in (row for database in databases for row in database.rows(said)):
        if (comment or "").startswith(KEPT):
            found.setdefault(name, set()).update(comment[len(KEPT) :].split(", "))
    return {name: sorted(key_ids) for name, key_ids in found.items()}


def _fitting(name: str) -> str:
    """A name that PostgreSQL takes as it is, and that another long one does not become too."""
    encoded = name.encode("utf-8")
    if len(encoded) <= NAME_BYTES:
        return name
    return encoded[: NAME_BYTES - 9].decode("utf-8", "ignore") + "_" + hashlib.sha256(encoded).hexdigest()[:8]
