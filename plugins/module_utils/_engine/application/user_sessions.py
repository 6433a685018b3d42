# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of django.contrib.sessions that are rows of a database: signed again under another key, or ended.

A row is ``signing.dumps`` of the session under SECRET_KEY. A login in it has a second signature: ``_auth_user_hash`` is
an HMAC of the user's password hash (django/contrib/auth/base_user.py). Both change with the key, or the user is logged
out (docs/design/django-encryption.md). The functions of Django itself do the work, under the key that they are given.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors.application import SessionsKept
from ..postgres import sql
from ..postgres.connection import Database, Patience, Yielded, array
from .application_errors import APPLICATION_ERRORS
from .tenant_schemas import use_schema

PAGE = 500  # sessions in memory at a time
PASSES = 5  # more passes over all sessions while another process writes some of them
PAUSE_SECONDS = 0.05  # between two attempts at rows that another process has locked
# What became of a session. ``unopened`` stays unchanged, and so does what another process has written.
RESIGNED, ALREADY, UNOPENED, WRITTEN = "resigned", "already", "unopened", "written"
DROPPED = "dropped"
CACHED = "cached"  # counted in addition: still in the cache, which does not answer
NO_TABLE = "the database has no table {table}"
NONE_OPENS = "SECRET_KEY has signed none of those in the database"
_TABLES = (
    "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND (c.oid = to_regclass(%s) OR %s AND c.relname = %s) ORDER BY 1"
)
UserSession = dict[str, object]  # what a session of a user has, by name
_PAGE = (
    "SELECT t.session_key, t.session_data FROM {rows} AS t WHERE t.session_key > %s AND t.expire_date > now()"
    " ORDER BY t.session_key LIMIT {most}"
)
_RESIGN = "session_data = v.n"
_END = "session_data = v.n, expire_date = now()"  # the row stays: other tables may refer to it
_UPDATE = (
    "UPDATE {rows} AS t SET {change} FROM unnest(%s::text[], %s::text[], %s::text[]) AS v(k, o, n)"
    " WHERE t.session_key = v.k AND t.session_data = v.o RETURNING t.session_key"
)


@dataclass(frozen=True)
class SigningKeys:
    """The SECRET_KEY before and after; neither ever shows."""

    old: str
    new: str

    def __repr__(self) -> str:
        return "SigningKeys()"


def spellings(value: str) -> tuple[str, ...]:
    """Return what an application may sign with that has this value: all of it, or the first of a comma-separated
    list."""
    return tuple(dict.fromkeys((value, value.split(",")[0].strip())))


def signing_keys(old: Mapping[str, str], new: Mapping[str, str]) -> list[SigningKeys]:
    """SECRET_KEY of two versions: the key of which the application makes the setting, which has one of both values now.
    Several if the setting may have been all of the old value, or the first of its list; empty if no key is that."""
    from django.conf import settings

    for name in old.keys() & new.keys():
        before, after = spellings(old[name]), spellings(new[name])
        if settings.SECRET_KEY in (*before, *after):
            key = settings.SECRET_KEY if settings.SECRET_KEY in after else after[0]
            return [SigningKeys(each, key) for each in before]
    return []


def why_not_in_rows() -> str:
    """Why the sessions of the application are no rows that can be signed again; empty if they are."""
    from django.apps import apps
    from django.conf import settings
    from django.contrib.sessions.backends.base import SessionBase

    if not apps.is_installed("django.contrib.sessions"):
        return ""
    store = _store_class()
    if not _is_stored(store):
        return f"SESSION_ENGINE is {settings.SESSION_ENGINE}, which keeps no session in a table"
    if (store.encode, store.decode) != (SessionBase.encode, SessionBase.decode):
        return f"{settings.SESSION_ENGINE} writes sessions in a way of its own"
    return ""


def database_alias() -> str | None:
    """The database that has the sessions; None if the application keeps none in a table."""
    from django.apps import apps
    from django.db import DEFAULT_DB_ALIAS, router

    if not (apps.is_installed("django.contrib.sessions") and _is_stored(_store_class())):
        return None
    try:
        return str(router.db_for_write(_model()))
    except APPLICATION_ERRORS:  # a router of the application may need a request
        return str(DEFAULT_DB_ALIAS)


def refuse_unopened(database: Database, known: Collection[str]) -> None:
    """Open a page of the sessions under the ``known`` keys, and compute its logins, without writing anything.

    Raise E_SESSIONS_KEPT if none opens, E_DB, or what the application's own model of users raises.
    """
    store, looked_at, opened = _store_class()(), 0, 0
    for table in _tables(database):
        rows = next(_pages(database, table), [])
        looked_at += len(rows)
        for key in known:
            sessions = [session for _, data in rows if (session := _open(store, data, key)) is not None]
            _rehash(sessions, SigningKeys(key, key))
            opened += len(sessions)
    if looked_at and not opened:
        raise SessionsKept(why=NONE_OPENS)


def resign(database: Database, keys: Sequence[SigningKeys]) -> Counter[str]:
    """Sign every session that has not expired again: how many of each kind. One that opens under neither key stays.

    Safe to run again. A rollback does the same with the keys exchanged. Raise E_SESSIONS_KEPT if the old key opens
    none, E_DB, E_DB_LOST or E_DB_LOCKED.
    """
    counts: Counter[str] = Counter()
    for table in _tables(database):
        counts.update(_resign_table(database, table, keys))
    if set(+counts) == {UNOPENED}:
        raise SessionsKept(why=NONE_OPENS)
    return counts


def drop(database: Database, key: str) -> Counter[str]:
    """Empty every session that does not open under this key, and let it expire: how many of each kind.

    By SQL: as Django deletes, rows of the application that refer to a session would go with it. Safe to run again.
    """
    counts: Counter[str] = Counter()
    for table in _tables(database):
        for rows in _pages(database, table):
            counts.update(_end_page(database, table, rows, key))
    return counts


def _resign_table(database: Database, table: sql.Composable, keys: Sequence[SigningKeys]) -> Counter[str]:
    """With the first of these keys that opens a session."""
    counts: Counter[str] = Counter()
    for candidate in keys:
        counts = _resign_all(database, table, candidate)
        for _ in range(PASSES):
            if not counts[WRITTEN]:
                break
            again = _resign_all(database, table, candidate)
            counts[RESIGNED] += again[RESIGNED]
            counts[WRITTEN], counts[UNOPENED] = again[WRITTEN], again[UNOPENED]
        if counts[RESIGNED]:
            break
    return counts


def _resign_all(database: Database, table: sql.Composable, keys: SigningKeys) -> Counter[str]:
    counts: Counter[str] = Counter()
    for rows in _pages(database, table):
        counts.update(_resign_page(database, table, rows, keys))
    return counts


def _tables(database: Database) -> Iterator[sql.Composable]:
    """The table of the sessions, or that of each tenant, while Django is in its schema. Raise E_SESSIONS_KEPT if the
    database has none."""
    from django.db import connections

    connection, name = connections[database.alias], _model()._meta.db_table
    tenants = hasattr(connection, "set_schema")  # of django-tenants; other schemas may be other applications'
    tables = database.rows(_TABLES, (connection.ops.quote_name(name), tenants, name))
    if not tables:
        raise SessionsKept(why=NO_TABLE.format(table=name))
    for schema, table in tables:
        with use_schema(connection, schema if tenants else ""):
            yield sql.Identifier(schema, table)


def _pages(database: Database, table: sql.Composable) -> Iterator[list[tuple[str, str]]]:
    query = sql.SQL(_PAGE).format(rows=table, most=sql.Literal(PAGE))
    last = ""
    while rows := database.rows(query, (last,), table=_model()._meta.db_table):
        last = rows[-1][0]
        yield [(key, data) for key, data in rows]


def _resign_page(
    database: Database, table: sql.Composable, rows: Sequence[tuple[str, str]], keys: SigningKeys
) -> Counter[str]:
    store, counts = _store_class()(), Counter[str]()
    opened: dict[str, UserSession] = {}
    left: list[str] = []
    for key, data in rows:
        if _open(store, data, keys.new) is not None:
            counts[ALREADY] += 1
        elif (session := _open(store, data, keys.old)) is None:
            left.append(key)
        else:
            opened[key] = session
    _rehash(list(opened.values()), keys)
    with _signing_with(keys.new):
        signed = [(key, data, store.encode(opened[key])) for key, data in rows if key in opened]
    done = _write(database, table, _RESIGN, signed)
    # A run that was killed between the two may have left sessions in the cache that are already signed.
    counts[CACHED] = _forget([key for key, _ in rows if key not in left])
    counts.update({RESIGNED: len(done), WRITTEN: len(signed) - len(done), UNOPENED: len(left)})
    return counts


def _end_page(database: Database, table: sql.Composable, rows: Sequence[tuple[str, str]], key: str) -> Counter[str]:
    store = _store_class()()
    ended = [(session_key, data, "") for session_key, data in rows if _open(store, data, key) is None]
    done = _write(database, table, _END, ended)
    cached = _forget([session_key for session_key, _, _ in ended])
    left = {ALREADY: len(rows) - len(ended), WRITTEN: len(ended) - len(done), CACHED: cached}
    return Counter({DROPPED: len(done), **left})


def _write(
    database: Database, table: sql.Composable, change: str, sessions: Sequence[tuple[str, str, str]]
) -> list[str]:
    """Compare and set; the keys of those that were as they had been read. Fewer at a time while that takes too long."""
    statement = sql.SQL(_UPDATE).format(rows=table, change=sql.SQL(change))
    patience = Patience(database, [table])
    done: list[str] = []
    most = len(sessions)
    while sessions:
        page = sessions[:most]
        columns = [array([row[number] for row in page]) for number in range(3)]
        try:
            with database.batch(several=len(page) > 1):
                written = [key for (key,) in database.rows(statement, columns, table=_model()._meta.db_table)]
        except Yielded as yielded:
            most = max(1, len(page) // 2) if yielded.slow else most
            patience.refuse_to_wait()
            time.sleep(PAUSE_SECONDS)
        else:
            patience.rest()
            done += written
            sessions = sessions[len(page) :]
    return done


def _forget(keys: Sequence[str]) -> int:
    """Delete sessions from the cache, which still has them with the hash of the old key. Return how many it may still
    have because it does not answer, such as one that is stopped with the application."""
    from django.conf import settings
    from django.core.cache import caches

    prefix = getattr(_store_class(), "cache_key_prefix", None)
    if prefix is None:
        return 0
    try:
        caches[settings.SESSION_CACHE_ALIAS].delete_many([f"{prefix}{key}" for key in keys])
    except Exception:  # whatever the backend raises
        return len(keys)
    return 0


def _open(store: Any, data: str, key: str) -> UserSession | None:
    """Return the session in a row; None if the key did not sign it. Under the session signature there is only a
    session."""
    from django.core import signing

    with _signing_with(key):
        try:
            session: UserSession = signing.loads(data, salt=store.key_salt, serializer=store.serializer)
        except APPLICATION_ERRORS:  # BadSignature, or whatever a serializer raises for what it did not write
            return None
    return session


def _rehash(sessions: Sequence[UserSession], keys: SigningKeys) -> None:
    """Put the hash of the new key into each session whose login is valid under the old one. Any other hash, such as one
    from before a change of the password, stays invalid."""
    from django.apps import apps

    if not apps.is_installed("django.contrib.auth"):
        return
    from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.utils.crypto import constant_time_compare

    model = get_user_model()
    logins = [session for session in sessions if HASH_SESSION_KEY in session and SESSION_KEY in session]
    if not logins or not hasattr(model, "get_session_auth_hash"):
        return
    ids = [_user_id(model, session[SESSION_KEY]) for session in logins]
    users = _users(model).in_bulk({user_id for user_id in ids if user_id is not None})
    before, after = (_hashes(users, key) for key in (keys.old, keys.new))
    for session, user in zip(logins, ids):
        if user in before and constant_time_compare(session[HASH_SESSION_KEY], before[user]):
            session[HASH_SESSION_KEY] = after[user]


def _users(model: Any) -> Any:
    """The users, with as few columns as their hash needs: others may be encrypted. All of it is read beforehand, since
    a value must not be decrypted while SECRET_KEY is exchanged."""
    from django.contrib.auth.base_user import AbstractBaseUser

    own = model.get_session_auth_hash is not AbstractBaseUser.get_session_auth_hash
    has_password = any(field.name == "password" for field in model._meta.concrete_fields)
    return model._base_manager.only("password") if has_password and not own else model._base_manager


def _user_id(model: Any, stored: Any) -> Any:
    """None for a key that the model of the users cannot have, as another one that the application had before could."""
    from django.core.exceptions import ValidationError

    try:
        return model._meta.pk.to_python(stored)
    except ValidationError:
        return None


def _hashes(users: Mapping[Any, Any], key: str) -> dict[Any, str]:
    with _signing_with(key):
        return {pk: user.get_session_auth_hash() for pk, user in users.items()}


@contextlib.contextmanager
def _signing_with(key: str) -> Iterator[None]:
    """Django signs with this key, and accepts no other."""
    from django.conf import settings

    before = settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, []
    try:
        yield
    finally:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = before


def _store_class() -> Any:
    from django.conf import settings

    return importlib.import_module(settings.SESSION_ENGINE).SessionStore


def _is_stored(store: Any) -> bool:
    """Return whether the store is that of sessions.backends.db, or a subclass, such as that of cached_db."""
    from django.contrib.sessions.backends import db

    return issubclass(store, db.SessionStore)


def _model() -> Any:
    return _store_class().get_model_class()
