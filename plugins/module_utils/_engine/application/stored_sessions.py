# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of django.contrib.sessions that are rows of a database: signed again under another key, or deleted.

A row is ``signing.dumps`` of the session under SECRET_KEY. A login in it has a second signature: ``_auth_user_hash`` is
an HMAC of the user's password hash (django/contrib/auth/base_user.py). Both change with the key, or the user is logged
out (docs/design/django-encryption.md). The functions of Django itself do the work, under the key that they are given.
"""

from __future__ import annotations

import contextlib
import importlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..postgres import sql
from ..postgres.connection import Database, Patience, Yielded, array

PAGE = 500  # sessions in memory at a time
PASSES = 5  # more over all sessions, as long as somebody else writes some of them
# What a session that is signed again was. ``unopened`` stays as it is, and so does what somebody else has written.
RESIGNED, ALREADY, UNOPENED, WRITTEN = "resigned", "already", "unopened", "written"
_PAGE = (
    "SELECT t.session_key, t.session_data FROM {rows} AS t WHERE t.session_key > %s AND t.expire_date > now()"
    " ORDER BY t.session_key LIMIT {most}"
)
_UPDATE = (
    "UPDATE {rows} AS t SET session_data = v.n FROM unnest(%s::text[], %s::text[], %s::text[]) AS v(k, o, n)"
    " WHERE t.session_key = v.k AND t.session_data = v.o RETURNING t.session_key"
)


@dataclass(frozen=True)
class SigningKeys:
    """The SECRET_KEY before and after; neither ever shows."""

    old: str
    new: str

    def __repr__(self) -> str:
        return "SigningKeys()"


def signing_keys(old: Mapping[str, str], new: Mapping[str, str]) -> SigningKeys | None:
    """SECRET_KEY of two versions: the key of which the application makes the setting, which has one of both values now.
    None if no key of both is that. Of a comma-separated list the application signs with the first."""
    from django.conf import settings

    for name in old.keys() & new.keys():
        keys = SigningKeys(*(values[name].split(",")[0].strip() for values in (old, new)))
        if settings.SECRET_KEY in (keys.old, keys.new):
            return keys
    return None


def why_not_resigned() -> str:
    """Why the sessions of the application cannot be signed again; empty if they can."""
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
    from django.db import connections, router

    if not (apps.is_installed("django.contrib.sessions") and _is_stored(_store_class())):
        return None
    alias = str(router.db_for_write(_model()))
    return alias if _model()._meta.db_table in connections[alias].introspection.table_names() else None


def resign(database: Database, keys: SigningKeys) -> Counter[str]:
    """Sign every session that has not expired again: how many of each kind. One that opens under neither key stays.

    Safe to run again. A rollback does the same with the keys exchanged. Raises E_DB, E_DB_LOST or E_DB_LOCKED.
    """
    counts = _resign_all(database, keys)
    for _ in range(PASSES):
        if not counts[WRITTEN]:
            break
        again = _resign_all(database, keys)
        counts[RESIGNED] += again[RESIGNED]
        counts[WRITTEN], counts[UNOPENED] = again[WRITTEN], again[UNOPENED]
    return counts


def drop() -> int:
    """Delete every session, and what refers to it, as Django deletes; how many there were."""
    objects = _model()._base_manager.using(database_alias())
    count = 0
    while keys := list(objects.values_list("pk", flat=True)[:PAGE]):
        objects.filter(pk__in=keys).delete()
        forget(keys)
        count += len(keys)
    return count


def forget(keys: Iterable[str]) -> None:
    """Take sessions out of the cache in which they are as well: what is there has the hash of the old key."""
    from django.conf import settings
    from django.core.cache import caches

    prefix = getattr(_store_class(), "cache_key_prefix", None)
    if prefix is not None:
        caches[settings.SESSION_CACHE_ALIAS].delete_many([f"{prefix}{key}" for key in keys])


def _resign_all(database: Database, keys: SigningKeys) -> Counter[str]:
    counts: Counter[str] = Counter()
    for rows in _pages(database):
        counts.update(_resign_page(database, rows, keys))
    return counts


def _pages(database: Database) -> Iterator[list[tuple[str, str]]]:
    query = sql.SQL(_PAGE).format(rows=_table(), most=sql.Literal(PAGE))
    last = ""
    while rows := database.rows(query, (last,), table=_model()._meta.db_table):
        last = rows[-1][0]
        yield [(key, data) for key, data in rows]


def _resign_page(database: Database, rows: Sequence[tuple[str, str]], keys: SigningKeys) -> Counter[str]:
    store, counts = _store_class()(), Counter[str]()
    opened: dict[str, dict[str, Any]] = {}
    for key, data in rows:
        if _open(store, data, keys.new) is not None:
            counts[ALREADY] += 1
        elif (session := _open(store, data, keys.old)) is None:
            counts[UNOPENED] += 1
        else:
            opened[key] = session
    _rehash(list(opened.values()), keys)
    with _signing_with(keys.new):
        signed = [(key, data, store.encode(opened[key])) for key, data in rows if key in opened]
    done = _write(database, signed) if signed else []
    forget(done)
    counts.update({RESIGNED: len(done), WRITTEN: len(signed) - len(done)})
    return counts


def _write(database: Database, signed: Sequence[tuple[str, str, str]]) -> list[str]:
    """Compare and set; the keys of those that were as they had been read."""
    statement = sql.SQL(_UPDATE).format(rows=_table())
    columns = [array([row[number] for row in signed]) for number in range(3)]
    patience = Patience(database, [_table()])
    while True:
        try:
            with database.batch():
                return [key for (key,) in database.rows(statement, columns, table=_model()._meta.db_table)]
        except Yielded:
            patience.refuse_to_wait()


def _open(store: Any, data: str, key: str) -> dict[str, Any] | None:
    """The session in a row; None if the key did not sign it. Under its signature nothing else can be in it."""
    from django.core import signing

    with _signing_with(key):
        try:
            session: dict[str, Any] = signing.loads(data, salt=store.key_salt, serializer=store.serializer)
        except Exception:  # BadSignature, or whatever a serializer raises for what it did not write
            return None
    return session


def _rehash(sessions: Sequence[dict[str, Any]], keys: SigningKeys) -> None:
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
    users = model._base_manager.only("password").in_bulk({each for each in ids if each is not None})
    before, after = (_hashes(users, key) for key in (keys.old, keys.new))
    for session, user in zip(logins, ids):
        if user in before and constant_time_compare(session[HASH_SESSION_KEY], before[user]):
            session[HASH_SESSION_KEY] = after[user]


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
    """Whether it is that of sessions.backends.db, or made of it, as that of cached_db is."""
    from django.contrib.sessions.backends import db

    return issubclass(store, db.SessionStore)


def _model() -> Any:
    return _store_class().get_model_class()


def _table() -> sql.Composable:
    from django.db import connections, router

    quote = connections[router.db_for_write(_model())].ops.quote_name
    return sql.verbatim(quote(_model()._meta.db_table))
