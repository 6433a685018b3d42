# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several aliases of DATABASES: each database is rotated, once, by whatever its aliases name it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import pg_client
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.manifest import FORMAT
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.restore import Restoration, RestoreOptions
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import open_application
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import django_project
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import lease, server_info
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .conftest import Site
from .servers import postgresql, replica_of


@pytest.fixture
def place_databases(
    django: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[dict[str, dict[str, Any]]], None]]:
    """Aliases next to ``default``, each with what it has of its own. The services are ``engine``, the database of
    ``default``, and ``apart``, another one on its server."""
    from django.db import connections

    own = connections["default"].settings_dict
    names = {"engine": own["NAME"], "apart": "postgres"}
    services = [f"[{service}]\nhost={own['HOST']}\nuser=postgres\ndbname={name}\n" for service, name in names.items()]
    (tmp_path / "services").write_text("\n".join(services))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    placed: list[str] = []

    def place(aliases: dict[str, dict[str, Any]]) -> None:
        settings = {alias: {**own, **described} for alias, described in aliases.items()}
        for alias, described in settings.items():
            monkeypatch.setitem(connections.settings, alias, described)
        monkeypatch.setattr("django.conf.settings.DATABASES", {"default": own, **settings})
        placed.extend(settings)

    yield place
    for alias in placed:
        with contextlib.suppress(AttributeError):  # nobody has used it
            del connections[alias]


@pytest.fixture
def routed(site: Site) -> Iterator[Site]:
    """The application reads by a role that can do nothing else, and writes by the owner of its tables."""
    reads, writes = (f"{site.database[:50]}_{name}" for name in ("reads", "writes"))
    site.sql(f'CREATE ROLE "{reads}" LOGIN; CREATE ROLE "{writes}" LOGIN CREATEDB')
    site.sql(f'ALTER DATABASE "{site.database}" OWNER TO "{writes}"; ALTER SCHEMA public OWNER TO "{writes}"')
    for (table,) in site.sql("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"):
        site.sql(f'ALTER TABLE "{table}" OWNER TO "{writes}"')
    site.sql(f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{reads}"')
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text() + ROUTED.format(reads=reads, writes=writes))
    (site.project / "food_ordering/routers.py").write_text(ROUTER)
    yield site
    site.sql(f'ALTER DATABASE "{site.database}" OWNER TO postgres')
    site.sql(f'DROP OWNED BY "{reads}", "{writes}"; DROP ROLE "{reads}", "{writes}"')


def by_service(name: str, **more: str) -> dict[str, Any]:
    """As Django's documentation has it: neither HOST nor NAME."""
    return {"HOST": "", "NAME": "", "USER": "", "OPTIONS": {"service": name, **more}}


def test_two_aliases_that_spell_one_server_in_two_ways_are_one_database(django: Any, place_databases: Any) -> None:
    """The folder of a socket, with a slash after it and without."""
    from django.db import connections

    folder = connections["default"].settings_dict["HOST"]
    place_databases({"same": {"HOST": f"{folder}/"}, "apart": {"NAME": "postgres"}, "gone": {"HOST": "/nowhere"}})
    assert django_project.aliases() == ["default", "apart", "gone"]
    assert django_project.same_database("same") == ["default", "same"]


def test_two_databases_of_two_services_are_two(django: Any, place_databases: Any) -> None:
    place_databases({"main": by_service("engine"), "vault": by_service("apart")})
    assert django_project.aliases() == ["default", "vault"]
    assert django_project.same_database("vault") == ["vault"]


def test_a_database_by_its_name_and_by_a_service_is_one(django: Any, place_databases: Any) -> None:
    """Whatever gives its name: a service, or one of the OPTIONS."""
    from django.db import connections

    own = connections["default"].settings_dict
    by_options = {"HOST": "", "NAME": "other", "OPTIONS": {"host": own["HOST"], "dbname": own["NAME"], "port": "5432"}}
    place_databases({"reports": by_service("engine"), "options": by_options})
    assert django_project.aliases() == ["default"]
    assert django_project.same_database("reports") == ["default", "reports", "options"]


def test_the_time_zones_of_two_aliases_do_not_make_two_databases(django: Any, place_databases: Any) -> None:
    place_databases({"same": {"TIME_ZONE": "Asia/Tokyo", "OPTIONS": {"options": "-c timezone=Asia/Tokyo"}}})
    assert django_project.aliases() == ["default"]


def test_a_role_that_is_not_let_in_is_no_other_database(database: Database, place_databases: Any) -> None:
    """It leads where the alias with the same spelling leads."""
    place_databases({"closed": {"USER": "nobody_has_this_name"}})
    assert django_project.aliases() == ["default"]


def test_a_replica_is_no_second_database_and_is_not_written_to(django: Any, place_databases: Any) -> None:
    """It has the system identifier of its primary, and the same oid and name of the database."""
    with postgresql("") as primary, replica_of(primary) as replica:
        at = {"NAME": "postgres", "USER": "postgres"}
        place_databases(
            {
                "follower": {**at, "HOST": str(replica.folder)},
                "primary": {**at, "HOST": str(primary.folder)},
                "again": {**at, "HOST": f"{primary.folder}/"},
            }
        )
        assert django_project.aliases() == ["default", "follower", "primary"]
        assert django_project.same_database("primary") == ["primary", "again"]
        with contextlib.ExitStack() as stack:
            opened = [
                stack.enter_context(contextlib.closing(Database(alias, "t"))) for alias in ("follower", "primary")
            ]
            written = open_application._locked(Request("/srv/app", None, {}), opened)
        assert [each.alias for each in written] == ["primary"]


def test_an_alias_whose_service_does_not_answer_is_named_by_it(place_databases: Any) -> None:
    place_databases({"vault": by_service("missing")})
    with expect_error("E_DB_CONNECT", alias="vault", place=Containing("service missing")):
        Database("vault", "test")


@pytest.mark.parametrize(("direct", "name"), [({}, "engine"), ({"dbname": "postgres"}, "postgres")])
def test_pg_dump_goes_where_the_service_of_an_alias_has_led(
    place_databases: Any, direct: dict[str, str], name: str
) -> None:
    """The service file is named in the environment of the application, which no program is given."""
    place_databases({"main": by_service("engine")})
    with contextlib.closing(Database("main", "test", direct)) as database:
        tools, connection = pg_client.find_tools(None, server_info.read_server_major(database)), database.libpq()
    argv = [tools.program("pg_dump"), "--schema-only", "--create", "--no-password"]
    with pg_client.environment(connection) as (given, descriptors):
        done = subprocess.run(argv, env=given, pass_fds=descriptors, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n\\connect {name}\n" in done.stdout


def test_programs_connect_as_this_process_whatever_it_took_from_its_environment(
    place_databases: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "passfile").write_text("*:*:*:*:CANARY\n")
    (tmp_path / "passfile").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passfile"))
    monkeypatch.setenv("PGSSLMODE", "disable")
    place_databases({"main": by_service("engine")})
    with contextlib.closing(Database("main", "test")) as database:
        connection = database.libpq()
    assert (connection.password, connection.options["sslmode"]) == ("CANARY", "disable")
    with pg_client.environment(connection) as (given, _):
        assert given["HOME"] == os.environ["HOME"], "where libpq looks for certificates"
        assert "CANARY" not in str(given)
        assert not {"PGSERVICE", "PGSSLPASSWORD"} & {*given}


def test_a_restore_knows_the_name_of_a_database_by_its_service(
    place_databases: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place_databases({"main": by_service("engine"), "gone": by_service("missing")})
    options = RestoreOptions("main", str(tmp_path), build_request=None, rotation_id="2026-spring")
    named = Restoration(options)._name
    assert named == "engine"
    gone = Restoration(replace(options, alias="gone"))
    monkeypatch.setattr(gone, "_newest", lambda: SimpleNamespace(database="dumped"))
    assert gone._name == "dumped"


def test_an_alias_whose_role_may_write_is_used(database: Database, place_databases: Any) -> None:
    """Where no router says which. Sessions may be read-only by their role, or by OPTIONS."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY)")
    database.execute("CREATE ROLE reads_only LOGIN")
    database.execute("GRANT SELECT ON secrets TO reads_only")
    try:
        by_options = {"OPTIONS": {"options": "-c default_transaction_read_only=on"}}
        place_databases({"role": {"USER": "reads_only"}, "options": by_options, "writes": {}, "also": {}})
        from django.conf import settings

        del settings.DATABASES["default"]
        assert django_project.aliases() == ["writes"]
    finally:
        database.execute("DROP OWNED BY reads_only")
        database.execute("DROP ROLE reads_only")


def test_a_restore_takes_the_backup_that_another_alias_of_the_database_has(
    place_databases: Any, tmp_path: Path
) -> None:
    """Which one is used for a database may not be known as long as that is gone."""
    place_databases({"writes": {}, "apart": {"NAME": "postgres"}})
    for rotation_id, alias, day in (("spring", "default", 1), ("summer", "writes", 2), ("summer", "apart", 3)):
        named = {"rotation_id": rotation_id, "alias": alias, "engine": "pg_dump", "path": f"{alias}.dump"}
        time = f"2026-03-0{day}T01:00:07Z"
        described = {"format": FORMAT, **named, "snapshot": {"time": time}, "proof": {}, "settings": None}
        (tmp_path / f"{rotation_id}.{alias}.json").write_text(json.dumps(described))
    options = RestoreOptions("default", str(tmp_path), build_request=None)
    for rotation_id, alias in (("spring", "default"), ("summer", "writes"), (None, "writes"), ("autumn", "default")):
        assert Restoration(replace(options, rotation_id=rotation_id))._alias == alias


ROUTED = """
OWN = DATABASES["default"]
DATABASES = {{"default": {{**OWN, "USER": {reads!r}}}, "writer": {{**OWN, "USER": {writes!r}}}}}
DATABASE_ROUTERS = ["food_ordering.routers.Split"]
"""
ROUTER = """
class Split:
    def db_for_read(self, model, **hints):
        return "default"

    def db_for_write(self, model, **hints):
        if model._meta.app_label == "admin":
            raise RuntimeError("no request")
        return "writer"
"""


@pytest.mark.thorough
def test_a_database_that_a_router_writes_to_by_another_alias_is_rotated_by_that_one(routed: Site) -> None:
    """A role that only reads stays as it is."""
    plain, before = routed.read_all(), routed.tokens()
    planned = routed.play("plan")
    assert (planned.code, planned.error()) == (0, ""), planned.text
    assert "writer:customer_userprofile._address_encrypted" in planned.text

    rotated = routed.play("rotate", "-e", "key_rotation_id=split")
    assert rotated.code == 0, rotated.text
    assert (routed.folder / "backups/split.writer.dump").exists()
    assert routed.sql("SELECT to_regclass(%s) IS NULL", (lease.TABLE,)) == [(True,)], "and the lease is released"
    after = routed.tokens()
    for table, rows in before.items():
        assert not {value for row in rows for value in row[1:] if value} & {v for row in after[table] for v in row[1:]}
    assert routed.read_all() == plain

    found = routed.play("restore", "--check", "-e", "key_rotation_id=split")
    assert (found.code, found.error()) == (0, ""), found.text
    back = routed.play("rollback")
    assert back.code == 0, back.text
    assert routed.read_all() == plain


@pytest.mark.thorough
def test_the_databases_of_two_services_are_rotated_both(site: Site) -> None:
    """With the same tables, as Django's documentation has a service: the second one was passed over without a word."""
    vault = f"{site.database[:50]}_vault"
    with site.admin() as admin:
        admin.execute(f'CREATE DATABASE "{vault}" TEMPLATE "{site.database}"')
    names = {"main": site.database, "vault": vault}
    services = [f"[{service}]\nhost={site.host}\nuser=postgres\ndbname={name}\n" for service, name in names.items()]
    (site.folder / "services").write_text("\n".join(services))
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(
        f"{settings.read_text()}\nos.environ['PGSERVICEFILE'] = {str(site.folder / 'services')!r}\n"
        "ENGINE = 'django.db.backends.postgresql'\n"
        "SERVICES = {'default': 'main', 'vault': 'vault'}\n"
        "DATABASES = {a: {'ENGINE': ENGINE, 'OPTIONS': {'service': s}} for a, s in SERVICES.items()}\n"
    )
    plain, first = site.read_all(), site.database
    try:
        outcome = site.play("rotate", "-e", "key_rotation_id=both")
        assert outcome.code == 0, outcome.text
        assert "All 780 values open" in outcome.text
        assert (site.folder / "backups/both.vault.dump").exists()
        assert site.read_all() == plain
        text = settings.read_text()
        settings.write_text(f"{text}\nDATABASES['default'] = DATABASES['vault']\n")
        assert site.read_all() == plain, "and in the second one"
        settings.write_text(text)
        with_new = site.tokens()
        site.database = vault
        assert site.tokens() != with_new
        assert site.play("rollback").code == 0
        assert site.read_all() == plain
    finally:
        site.database = first
        with site.admin() as admin:
            admin.execute(f'DROP DATABASE "{vault}" WITH (FORCE)')
