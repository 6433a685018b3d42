# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of Django in a real PostgreSQL, signed again or ended by the engine in this process."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import host_facts
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import user_sessions
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.user_sessions import SigningKeys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database, Yielded
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks.change_user_sessions import why_not_resigned
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

KEYS = [SigningKeys("the old secret", "the new secret")]
NAMES = ["contenttypes", "auth", "sessions"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
FAILING = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "no_table"}}


@pytest.fixture
def sessions(database: Database) -> Iterator[Any]:
    """Django with users and sessions, and its settings to change."""
    from django.apps import apps
    from django.conf import settings
    from django.db import connection
    from django.test import override_settings

    settings.SECRET_KEY = KEYS[0].old
    with override_settings(INSTALLED_APPS=[f"django.contrib.{name}" for name in NAMES]):
        tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
        with connection.schema_editor() as editor:
            for model in apps.get_models():
                editor.create_model(model)
        yield settings
        connection.close()
    settings.SECRET_KEY = ""
    database.execute(f"DROP TABLE IF EXISTS cart, {', '.join(tables)} CASCADE")


@pytest.fixture
def tenants(sessions: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two schemas that have the tables, which the default path does not have, and a connection like django-tenants'."""
    from django.db import connections

    connection = connections["default"]

    def set_schema(schema: str) -> None:
        monkeypatch.setattr(connection, "schema_name", schema, raising=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('search_path', %s, false)", [schema])

    set_schema("public")
    found = ["tenant_1", "tenant_2"]
    for schema in found:
        database.execute(f"CREATE SCHEMA {schema}")
        for table in ("django_session", "auth_user"):
            database.execute(f"CREATE TABLE {schema}.{table} (LIKE {table} INCLUDING ALL)")
    database.execute("DROP TABLE django_session, auth_user CASCADE")  # the sequence of the latter is a tenant's default
    monkeypatch.setattr(connection, "set_schema", set_schema, raising=False)
    yield found
    for schema in found:
        database.execute(f"DROP SCHEMA {schema} CASCADE")


def put(key: str, secret: str = KEYS[0].old, **held: Any) -> None:
    from django.contrib.sessions.models import Session
    from django.test import override_settings
    from django.utils import timezone

    with override_settings(SECRET_KEY=secret):
        store = user_sessions._store_class()()
        expiry = timezone.now() + datetime.timedelta(days=1)
        Session(session_key=key, session_data=store.encode(held), expire_date=expiry).save()


def read(key: str, secret: str = KEYS[0].new) -> dict[str, Any]:
    """What the application reads of a session."""
    from django.test import override_settings

    with override_settings(SECRET_KEY=secret, SESSION_ENGINE="django.contrib.sessions.backends.db"):
        return dict(user_sessions._store_class()(key).load())


def held_in_schema(database: Database, schema: str, key: str) -> str:
    rows = database.rows(f"SELECT session_data FROM {schema}.django_session WHERE session_key = %s", (key,))
    return str(rows[0][0])


@pytest.mark.usefixtures("sessions")
def test_a_key_with_a_comma_opens_what_all_of_it_or_its_first_member_signed(database: Database) -> None:
    put("session-a", "one,two", cart=1)
    assert user_sessions.resign(database, [SigningKeys("one,two", "new"), SigningKeys("one", "new")])["resigned"] == 1
    assert read("session-a", "new") == {"cart": 1}
    put("session-b", "one", cart=2)
    put("session-a", "one", cart=3)
    assert user_sessions.resign(database, [SigningKeys("one,two", "new"), SigningKeys("one", "new")])["resigned"] == 2
    assert (read("session-a", "new"), read("session-b", "new")) == ({"cart": 3}, {"cart": 2})


@pytest.mark.usefixtures("sessions")
def test_it_fails_if_the_old_key_opens_no_session_and_is_refused_before(database: Database) -> None:
    put("session-a", "another secret", cart=1)
    with expect_error("E_SESSIONS_KEPT", why=user_sessions.NONE_OPENS):
        user_sessions.resign(database, KEYS)
    assert read("session-a", "another secret") == {"cart": 1}
    assert why({"current": KEYS[0].old}) == "SECRET_KEY has signed none of those in the database"


def why(secrets: dict[str, str]) -> str:
    """Why they cannot be signed again, as the checklist says it, with these keys by stage."""
    return why_not_resigned({"direct": {}}, {stage: {"KEY": key} for stage, key in secrets.items()}, ["KEY"])


@pytest.mark.usefixtures("sessions")
def test_the_checklist_of_a_resumed_run_knows_the_keys_of_every_stage(database: Database) -> None:
    put("session-a", cart=1)
    assert why({"current": KEYS[0].new}) != ""
    assert why({"current": KEYS[0].new, "previous": KEYS[0].old}) == ""
    assert why({"current": f"{KEYS[0].old},another"}) == ""
    stages = {"current": {"DJANGO_SECRET_KEY": KEYS[0].new}, "previous": {"DJANGO_SECRET_KEY": KEYS[0].old}}
    assert host_facts.secret_key_users(stages)["keys"] == ["DJANGO_SECRET_KEY"]
    stays = settlements.parse({"SECRET_KEY": {"not_a_key": "it has the same value, in a file of its own"}})
    assert host_facts.secret_key_users(stages, stays)["keys"] == []
    assert read("session-a", KEYS[0].old) == {"cart": 1}


def test_sessions_that_are_in_another_database_or_in_no_table_are_refused_before(
    sessions: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connections

    monkeypatch.setattr(connections["default"], "vendor", "mysql")
    assert "mysql" in why({"current": KEYS[0].old})
    monkeypatch.undo()
    database.execute("DROP TABLE django_session")
    assert why({"current": KEYS[0].old}) == "the database has no table django_session"
    with pytest.raises(RotationError, match="E_SESSIONS_KEPT"):
        user_sessions.resign(database, KEYS)


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize("has_password", [False, True])
def test_users_without_a_column_of_passwords_or_with_a_hash_of_their_own_stay_logged_in(
    database: Database, monkeypatch: pytest.MonkeyPatch, has_password: bool
) -> None:
    from django.conf import settings
    from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db import connection, models
    from django.test.utils import isolate_apps

    read_under: list[str] = []

    class Encrypted(models.CharField):
        def from_db_value(self, value: str, *_: Any) -> str:
            read_under.append(settings.SECRET_KEY)
            return value

    described = {"get_session_auth_hash": lambda user: user.name} if has_password else {"password": None}
    named = {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "auth"})}
    with isolate_apps("django.contrib.auth"):
        model = type("Member", (AbstractBaseUser,), {**named, "name": Encrypted(max_length=50), **described})
    with connection.schema_editor() as editor:
        editor.create_model(model)
    monkeypatch.setattr("django.contrib.auth.get_user_model", lambda: model)
    user = model._base_manager.get(pk=model._base_manager.create(name="ada").pk)
    put("session-a", **{SESSION_KEY: str(user.pk), HASH_SESSION_KEY: user.get_session_auth_hash()})
    assert why({"current": KEYS[0].old}) == ""
    monkeypatch.setattr(settings, "SECRET_KEY", KEYS[0].new)  # as after the switch
    read_under.clear()
    assert user_sessions.resign(database, KEYS)["resigned"] == 1
    assert read("session-a")[HASH_SESSION_KEY] == user.get_session_auth_hash()
    assert set(read_under) == {KEYS[0].new}, "no value is decrypted while SECRET_KEY is exchanged"
    database.execute("DROP TABLE auth_member")


def test_a_cache_that_fails_does_not_stop_it_and_what_it_may_have_is_counted(sessions: Any, database: Database) -> None:
    from django.test import override_settings

    put("session-a", cart=1)
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cached_db", CACHES=FAILING):
        counts = user_sessions.resign(database, KEYS)
    assert (counts["resigned"], counts["cached"]) == (1, 1)
    assert read("session-a") == {"cart": 1}


@pytest.mark.usefixtures("sessions")
def test_a_session_that_was_signed_before_the_run_was_killed_is_taken_out_of_the_cache(database: Database) -> None:
    from django.core.cache import caches
    from django.test import override_settings

    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cached_db", CACHES=CACHES):
        put("session-a", KEYS[0].new, cart=1)
        name = f"{user_sessions._store_class().cache_key_prefix}session-a"
        caches["default"].set(name, {"with": "the old hash"})
        assert user_sessions.resign(database, KEYS)["already"] == 1
        assert caches["default"].get(name) is None


@pytest.mark.usefixtures("sessions")
def test_sessions_that_are_too_many_for_one_statement_are_written_fewer_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        put(f"session-{number}", cart=number)
    sizes: list[int] = []
    rows = Database.rows

    def slow(self: Database, query: Any, params: Any = (), **more: Any) -> Any:
        if len(params) == 3 and "UPDATE" in self.text(query):
            sizes.append(params[0].count(",") + 1)
            if sizes[-1] > 2:
                raise Yielded(slow=True)
        return rows(self, query, params, **more)

    monkeypatch.setattr(Database, "rows", slow)
    assert user_sessions.resign(database, KEYS)["resigned"] == 7
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.usefixtures("sessions")
def test_drop_ends_what_the_new_key_has_not_signed_and_leaves_what_refers_to_it(database: Database) -> None:
    from django.contrib.sessions.models import Session

    put("session-a", cart=1)
    put("session-b", KEYS[0].new, cart=2)
    database.execute("CREATE TABLE cart (of varchar(40) REFERENCES django_session ON DELETE CASCADE)")
    database.execute("INSERT INTO cart VALUES ('session-a')")
    counts = user_sessions.drop(database, KEYS[0].new)
    assert (counts["dropped"], counts["already"]) == (1, 1)
    assert database.rows("SELECT count(*) FROM cart") == [(1,)]
    assert (read("session-a", KEYS[0].old), read("session-b")) == ({}, {"cart": 2})
    assert Session.objects.get(pk="session-a").session_data == ""
    assert user_sessions.drop(database, KEYS[0].new)["dropped"] == 0


def enter(schema: str, password: str) -> str:
    """Log the user 1 of a tenant in; the hash of the login under the new key."""
    from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import override_settings

    connection.set_schema(schema)
    user = User.objects.create(pk=1, username="ada", password=password)
    with override_settings(SECRET_KEY=KEYS[0].old):
        put("session-a", **{SESSION_KEY: "1", HASH_SESSION_KEY: user.get_session_auth_hash()})
    with override_settings(SECRET_KEY=KEYS[0].new):
        hashed = user.get_session_auth_hash()
    connection.set_schema("public")
    return str(hashed)


def test_the_sessions_of_every_tenant_are_signed_again_with_its_own_users(
    tenants: list[str], database: Database
) -> None:
    from django.contrib.auth import HASH_SESSION_KEY
    from django.db import connection

    hashes = {schema: enter(schema, f"of {schema}") for schema in tenants}
    assert why({"current": KEYS[0].old}) == ""
    assert user_sessions.resign(database, KEYS)["resigned"] == 2
    assert connection.schema_name == "public"
    for schema in tenants:
        connection.set_schema(schema)
        assert read("session-a")[HASH_SESSION_KEY] == hashes[schema]
    connection.set_schema("public")
    assert user_sessions.drop(database, "another secret")["dropped"] == 2
    assert [held_in_schema(database, schema, "session-a") for schema in tenants] == ["", ""]


class NeedsRequest:
    """A router of an application that finds its database by the request."""

    def db_for_write(self, model: type, **hints: object) -> str:
        raise RuntimeError("there is no request")


@pytest.mark.usefixtures("sessions")
def test_if_a_router_needs_a_request_the_sessions_are_in_the_default_database() -> None:
    from django.test import override_settings

    with override_settings(DATABASE_ROUTERS=[f"{__name__}.NeedsRequest"]):
        assert user_sessions.database_alias() == "default"
    assert user_sessions.database_alias() == "default"
