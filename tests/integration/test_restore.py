# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole database out of its backup, in the place of the one in use."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import database_swap
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.database_swap import (
    KEPT,
    DatabaseSwap,
    kept_aside,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.manifest import FORMAT, Manifest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.restore import Restoration, RestoreOptions
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .conftest import Outcome, Site, kill_group, until
from .test_rollback import NEW_PROFILE

HOSTILE = "dbname=x host=evil port=1"  # nothing but a name
SPRING = ("-e", "key_rotation_id=spring")


@pytest.fixture
def hostile(site: Site, encrypted: None) -> Iterator[Site]:
    """A site whose database has a name that reads like a connection string, and all that belongs to a database."""
    with site.admin() as cursor:
        cursor.execute(f'CREATE DATABASE "{HOSTILE}" TEMPLATE food_ordering')
        for role in ("auditor", "billing"):
            cursor.execute(f"DROP ROLE IF EXISTS {role}")
            cursor.execute(f"CREATE ROLE {role}")
        cursor.execute(f'ALTER DATABASE "{HOSTILE}" OWNER TO billing')
        cursor.execute(f'REVOKE ALL ON DATABASE "{HOSTILE}" FROM PUBLIC')
        cursor.execute(f'GRANT CONNECT ON DATABASE "{HOSTILE}" TO auditor WITH GRANT OPTION')
        cursor.execute(f'''ALTER DATABASE "{HOSTILE}" SET search_path = "$user", public, "a, b"''')
        cursor.execute(f"""ALTER DATABASE "{HOSTILE}" SET app.motto = 'it''s 100 % \\ "mine"'""")
        cursor.execute(f"""ALTER ROLE auditor IN DATABASE "{HOSTILE}" SET work_mem = '64MB'""")
        cursor.execute(f"COMMENT ON DATABASE \"{HOSTILE}\" IS 'the food we ordered'")
    site.database = HOSTILE
    site.set_env("DB_NAME", f"DB_NAME='{HOSTILE}'\n")
    site.sql(
        """
        CREATE EXTENSION vector;
        CREATE TABLE points (id int PRIMARY KEY, at vector(3));
        CREATE TABLE orders AS SELECT n AS id, 'a note about order ' || n AS note FROM generate_series(1, 100000) n;
        ALTER TABLE orders ADD PRIMARY KEY (id);
        GRANT SELECT ON orders TO auditor;
        SELECT lo_from_bytea(4711, 'a large object');
        INSERT INTO points VALUES (1, '[1,2,3]');
        """
    )
    yield site
    with site.admin() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ 'evil|^key_rotation_'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        cursor.execute("DROP ROLE auditor; DROP ROLE billing")


@pytest.fixture
def encrypted(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The backups of the site are encrypted, as those of staging and production."""
    identity = tmp_path_factory.mktemp("control") / "identity"
    subprocess.run(["age-keygen", "-o", str(identity)], capture_output=True, check=True)
    site.write_inventory(key_rotation_environment="staging", key_rotation_backup_identity_file=str(identity))


@pytest.fixture
def pair(database: Any) -> Iterator[DatabaseSwap]:
    """A database in use, and a copy beside it."""
    made = DatabaseSwap(database, "kr_used", "spring")
    yield made
    for name in (made.name, made.copy, made.aside):
        database.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    database.execute("DROP TABLESPACE IF EXISTS kr_fast")


@pytest.fixture
def second(site: Site) -> Iterator[str]:
    """A second database of the application with the same rows; its name."""
    name = f"second_{os.getpid()}"  # short: names are cut at 63 bytes
    with site.admin() as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{site.database}"')
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(
        settings.read_text() + f'\nDATABASES["second"] = {{**DATABASES["default"], "NAME": "{name}"}}\n'
    )
    yield name
    with site.admin() as admin:
        admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"%{name}",))
        for (left,) in admin.fetchall():
            admin.execute(f'DROP DATABASE "{left}" WITH (FORCE)')


def databases(site: Site) -> dict[str, bool]:
    """Those of this site, and whether sessions may begin in them."""
    with site.admin() as cursor:
        cursor.execute("SELECT datname, datallowconn FROM pg_database WHERE datname ~ 'evil|^key_rotation_'")
        return dict(cursor.fetchall())


def is_shut(site: Site) -> bool:
    with site.admin() as cursor:
        cursor.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", (site.database,))
        return cursor.fetchone() == (False,)


def belongings(site: Site) -> object:
    """All that the restore of a dump into an empty database would lose."""
    with site.admin() as cursor:
        cursor.execute(
            """
            SELECT pg_get_userbyid(datdba), datacl::text, shobj_description(d.oid, 'pg_database'), datcollate, encoding,
              (SELECT array_agg((setrole::regrole::text, setconfig::text)::text ORDER BY setrole)
               FROM pg_db_role_setting WHERE setdatabase = d.oid)
            FROM pg_database d WHERE datname = %s
            """,
            (site.database,),
        )
        found = list(cursor.fetchone())
    found += site.sql("SELECT relacl::text FROM pg_class WHERE relname = 'orders'")
    found += site.sql("SELECT convert_from(lo_get(4711), 'UTF8')")
    found += site.sql("SELECT extname FROM pg_extension ORDER BY 1")
    found += site.sql("SELECT count(*), sum(hashtext(note)) FROM orders")
    return [*found, *site.sql("SELECT at::text FROM points")]


def acknowledged(refused: Outcome) -> str:
    """The time that a refusal asks for, where it cannot count the rows."""
    return re.search(r"key_rotation_restore_acknowledge=(\S+Z)", refused.text)[1]


def rotated_and_written_since(site: Site) -> dict[str, list[list[object]]]:
    """The values after a rotation and what was written behind it: five rows and a deletion."""
    assert site.play("rotate", *SPRING, "-e", "key_rotation_backup_jobs=2").code == 0
    assert site.manage("shell", "--verbosity=0", "--command", NEW_PROFILE).code == 0
    site.sql("UPDATE orders SET note = 'late' WHERE id <= 3; DELETE FROM orders WHERE id = 5")
    return site.read_all()


@pytest.mark.thorough
def test_a_restore_that_is_refused_killed_or_a_dry_run_touches_nothing(hostile: Site) -> None:
    site, plain, before = hostile, hostile.read_all(), belongings(hostile)
    used = rotated_and_written_since(site)
    dump = site.folder / "backups/spring.dump/rows-1.dump.age"
    content = dump.read_bytes()
    dump.write_bytes(content[:-100] + bytes([content[-100] ^ 1]) + content[-99:])
    flipped = site.play("restore", *SPRING)
    assert (flipped.code != 0, flipped.error()) == (True, "E_BACKUP_CHECKSUM"), flipped.text
    assert databases(site) == {HOSTILE: True}, "refused before anything is touched"
    dump.write_bytes(content)

    process = site.start("restore", *SPRING)
    until(lambda: len(databases(site)) > 1, process)
    kill_group(process)

    dry = site.play("restore", *SPRING, "--check")
    assert dry.code == 0, dry.text
    assert "Strategy restore: it was requested by name" in dry.text
    assert site.read_all() == used
    assert databases(site)[HOSTILE]

    with site.admin() as cursor:  # as somebody does who wants to help
        cursor.execute(f'DROP DATABASE "{HOSTILE}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{HOSTILE}"')
    late = site.play("restore", *SPRING)
    assert (late.code != 0, late.error()) == (True, "E_RESTORE_LOSS"), late.text
    done = site.play("restore", *SPRING, "-e", f"key_rotation_restore_acknowledge={acknowledged(late)}")
    assert done.code == 0, done.text
    assert belongings(site) == before
    assert site.read_all() == plain


def test_a_whole_database_comes_back_with_all_that_belongs_to_it(hostile: Site) -> None:
    site, plain, env, before = hostile, hostile.read_all(), hostile.env_file.read_bytes(), belongings(hostile)
    used = rotated_and_written_since(site)

    refused = site.play("restore", *SPRING)
    assert (refused.code != 0, refused.error()) == (True, "E_RESTORE_LOSS"), refused.text
    said = " ".join(refused.text.split())
    # the user and the profile are new, three orders are other ones; what the rotation did is no loss
    assert "5 rows written since the backup" in said, said
    assert "auth_user 1, customer_userprofile 1, orders 3" in said
    assert "rows deleted since then are restored: orders 1" in said
    assert site.read_all() == used
    assert databases(site)[HOSTILE]
    assert "key_rotation_restore_acknowledge=6" in said, "the row that comes back is one of them"
    (copy,) = [name for name in databases(site) if name.startswith("key_rotation_")]
    another_way = " ".join(site.play("rollback", "--check").text.split())
    assert f"{copy} is the copy of an unfinished restore" in another_way
    assert "-e key_rotation_id=spring -e key_rotation_restore_drop=true drops it" in another_way

    done = site.play("restore", *SPRING, "-e", "key_rotation_restore_acknowledge=6")
    assert done.code == 0, done.text
    box = " ".join(done.text.split(" Restore of spring: ")[1].split())
    assert "lost orders: rows since 3 changed, 1 deleted" in box
    assert f"aside before_spring:{HOSTILE}" in box
    assert "-e key_rotation_id=spring -e key_rotation_restore_drop=true" in box
    assert belongings(site) == before
    assert site.read_all() == plain, "with the keys of then"
    assert site.env_file.read_bytes() == env
    assert list(site.stored()["stages"]) == ["current"]
    assert databases(site) == {HOSTILE: True, f"before_spring:{HOSTILE}": False}
    with site.admin() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname ~ '^before_.*evil'")
        ((kept,),) = cursor.fetchall()
    versions = [version["key_id"] for version in site.stored()["versions"]]
    assert kept.startswith(KEPT)
    assert sorted(kept[len(KEPT) :].split(", ")) == sorted(versions), "what retire.yml goes by"
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(host=site.host, user="postgres", dbname=f"before_spring:{HOSTILE}")
    events = [json.loads(line) for line in (site.folder / "records/spring/record.jsonl").read_text().splitlines()]
    done = [event for event in events if (event["event"], event["phase"]) == ("postgresql_restore", "done")]
    (restored,) = [event for event in done if "aside" in event["restored"]]
    assert sum(one["added"] + one["changed"] for one in restored["lost"]) == 5
    assert site.play("restore", *SPRING, "-e", "key_rotation_restore_drop=true").code == 0
    assert databases(site) == {HOSTILE: True}


def test_a_role_that_may_not_make_databases_learns_which_connection_to_name(database: Any) -> None:
    database.execute("CREATE ROLE plain_application")
    try:
        database.execute("SET ROLE plain_application")
        with expect_error(
            "E_RESTORE_RIGHTS", user="plain_application", action=Containing("create databases")
        ) as refused:
            DatabaseSwap(database, "engine", "spring").refuse_without_rights()
        database.execute("RESET ROLE")
        database.execute("ALTER ROLE plain_application CREATEDB")
        database.execute("SET ROLE plain_application")
        with expect_error(
            "E_RESTORE_RIGHTS", user="plain_application", action=Containing("rename engine", "does not own")
        ):
            DatabaseSwap(database, "engine", "spring").refuse_without_rights()
    finally:
        database.execute("RESET ROLE")
        database.execute("DROP ROLE plain_application")
    assert "key_rotation_admin: {user: ..., passfile: ...}" in refused.value.todo
    DatabaseSwap(database, "engine", "spring").refuse_without_rights()


@pytest.mark.parametrize(
    "locale",
    [
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'",
        "ENCODING 'LATIN1' LOCALE 'C'",
    ],
)
def test_a_copy_is_made_as_the_database_is(database: Any, pair: DatabaseSwap, locale: str) -> None:
    database.execute("SET allow_in_place_tablespaces = on")
    database.execute("CREATE TABLESPACE kr_fast LOCATION ''")
    database.execute(f"CREATE DATABASE kr_used TEMPLATE template0 TABLESPACE kr_fast {locale}")
    database.execute("ALTER DATABASE kr_used CONNECTION LIMIT 0")  # nothing but a superuser gets in
    like = pair.facts()[pair.name]
    pair.make(like)
    pair.mark(like, "a sum")
    own = ("oid", "datname", "comment", "datfrozenxid", "datminmxid", "grants")
    made = pair.facts()[pair.copy]
    assert {**made, **dict.fromkeys(own)} == {**like, **dict.fromkeys(own)}
    assert (made["tablespace"], pair.verified("a sum")) == ("kr_fast", True)


def test_a_role_that_is_no_superuser_makes_a_copy_of_its_own_database(database: Any, pair: DatabaseSwap) -> None:
    database.execute("CREATE ROLE kr_maker LOGIN CREATEDB")
    try:
        database.execute("CREATE DATABASE kr_used OWNER kr_maker")
        with contextlib.closing(database.elsewhere(user="kr_maker")) as maker:
            own = DatabaseSwap(maker, pair.name, "spring")
            own.make(own.facts()[own.name])
            own.mark(own.facts()[own.name], "a sum")
            assert own.verified("a sum")
    finally:
        for name in (pair.copy, pair.name):
            database.execute(f'DROP DATABASE IF EXISTS "{name}"')
        database.execute("DROP ROLE kr_maker")


def test_what_was_in_use_says_which_versions_it_may_need(database: Any, pair: DatabaseSwap) -> None:
    database.execute("CREATE DATABASE kr_used")
    pair.make(pair.facts()[pair.name])
    pair.swap("a comment", ["b", "a"])
    assert kept_aside([database, database]) == {pair.aside: ["a", "b"]}
    assert pair.facts()[pair.name]["comment"] == "a comment"


def sessions_of(database: Any, label: str) -> list[tuple[Any, ...]]:
    return database.rows("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s", (f"%{label}",))


def test_a_restore_that_is_at_work_is_not_one_that_left_everybody_shut_out(database: Any, pair: DatabaseSwap) -> None:
    database.execute("CREATE DATABASE kr_used")
    pair.make(pair.facts()[pair.name])
    assert not pair.left_shut("restore of spring"), "nobody is shut out"
    database.execute("ALTER DATABASE kr_used ALLOW_CONNECTIONS false")
    with contextlib.closing(type(database)("default", "restore of spring")):
        assert not pair.left_shut("restore of spring")
    while sessions_of(database, "restore of spring"):
        time.sleep(0.01)
    assert pair.left_shut("restore of spring")
    pair.let_in()
    assert not pair.left_shut("restore of spring")


def test_a_backup_whose_keys_were_destroyed_is_not_restored() -> None:
    kept = KeySet({"SECRET_KEY": "a"})
    asked = SimpleNamespace(_options=RestoreOptions("default", "backups", build_request=None, key_ids=[kept.key_id]))
    document = {"snapshot": {"time": "2026-03-20T01:00:07Z"}, "key_ids": [kept.key_id]}
    described = Manifest.from_document("spring", document)
    assert Restoration._refuse_without_keys(asked, described) is None
    with pytest.raises(RotationError) as refused:
        Restoration._refuse_without_keys(asked, replace(described, key_ids=["f" * 16]))
    assert (refused.value.code, refused.value.where["key_ids"]) == ("E_RESTORE_KEYS", "f" * 16)


@pytest.mark.thorough
def test_a_restore_that_died_with_everybody_shut_out_is_no_loss(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate", *SPRING).code == 0
    process = site.start("restore", *SPRING, "-e", "key_rotation_restore_acknowledge=0")
    until(lambda: is_shut(site), process)
    kill_group(process)

    dry = site.play("rollback", "--check")
    assert (dry.code != 0, dry.error()) == (True, "E_RESTORE_SHUT"), dry.text
    back = site.play("rollback")

    assert back.code == 0, back.text
    assert "Strategy backwards: " in back.text
    assert site.read_all() == plain


def test_whoever_was_shut_out_by_the_restore_of_an_older_backup_is_let_in(database: Any, tmp_path: Path) -> None:
    for rotation_id, moment in (("spring", "2026-03-20T01:00:07Z"), ("autumn", "2026-09-20T01:00:07Z")):
        named = {"rotation_id": rotation_id, "alias": "default", "engine": "pg_dump", "path": f"{rotation_id}.dump"}
        described = {"format": FORMAT, **named, "snapshot": {"time": moment}, "proof": {}, "settings": None}
        (tmp_path / f"{rotation_id}.json").write_text(json.dumps(described))
    options = RestoreOptions("default", str(tmp_path), build_request=None)
    with contextlib.closing(database.elsewhere(dbname="postgres")) as admin:
        made = DatabaseSwap(admin, "engine", "spring")
        admin.execute(f'CREATE DATABASE "{made.copy}"')
        admin.execute("ALTER DATABASE engine ALLOW_CONNECTIONS false")
        try:
            with pytest.raises(RotationError, match="E_RESTORE_SHUT"):
                Restoration(options).let_in(dry=True)
            Restoration(options).let_in(dry=False)
            assert made.facts()["engine"]["datallowconn"] is True
        finally:
            made.let_in()
            made.drop(made.copy)


def test_a_session_that_does_not_end_is_reported_and_all_stays_as_it_was(
    database: Any, pair: DatabaseSwap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_swap, "SESSION_SECONDS", 1)
    database.execute("CREATE DATABASE kr_used")
    with contextlib.closing(database.elsewhere(dbname="kr_used")) as session:
        os.kill(session.backend(), signal.SIGSTOP)  # as one that waits for a dead disk
        try:
            with pytest.raises(RotationError) as refused, pair.cut_off(spare=None):
                pass
        finally:
            os.kill(session.backend(), signal.SIGCONT)
    assert (refused.value.code, refused.value.where) == ("E_RESTORE_BUSY", {"database": "kr_used"})
    assert pair.facts()["kr_used"]["datallowconn"] is True


def test_a_swap_that_fails_leaves_both_as_they_were(database: Any, pair: DatabaseSwap) -> None:
    for name in (pair.name, pair.copy, pair.aside):
        database.execute(f'CREATE DATABASE "{name}"')
    before = pair.facts()
    with pytest.raises(RotationError) as refused:
        pair.swap("a comment", ["a"])
    assert (refused.value.code, refused.value.where["sqlstate"]) == ("E_RESTORE_SWAP", "42P04")
    assert pair.facts() == before


@pytest.mark.thorough
@pytest.mark.usefixtures("encrypted")
def test_values_that_open_under_no_key_come_from_the_backup_if_their_rows_are_the_same(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    assert site.play("rotate", *SPRING).code == 0
    name = "customer_userprofile._full_name_encrypted"
    ruin = "UPDATE customer_userprofile SET _full_name_encrypted = overlay(_full_name_encrypted PLACING 'AAAA' FROM 40)"
    first, second, third, *_ = [row[0] for row in plain["profiles"]]
    site.sql(f"{ruin} WHERE id IN ({first}, {second})")
    site.sql(f"UPDATE customer_userprofile SET updated_at = now(), notes = 'called' WHERE id = {second}")
    site.sql(f"UPDATE customer_userprofile SET notes = 'kept' WHERE id = {third}")
    ruined = site.sql(f"SELECT _full_name_encrypted FROM customer_userprofile WHERE id = {first}")[0][0]

    back = site.play("rollback")

    assert (back.code, back.error()) == (21, "E_NOT_REPAIRED"), back.text
    assert f'"key_rotation_repair": ["{name}:{second}"]' in back.text
    assert "Strategy repair: 2 values open under no version, and there is a backup of" in back.text
    assert f"{name}: 1 value repaired from the backup" in back.text
    assert f"{name}:{second} is left: other columns of its row were changed since the backup" in back.text
    kept = (site.folder / "backups/spring.replaced.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in kept] == [f"{name}:{first}"]
    assert base64.b64decode(json.loads(kept[0])["base64"]).decode() == ruined
    assert "ROLLED BACK" in back.text, "all else has gone back"
    warned = f"WARNING 1 value is unencrypted or opens under no known key, and stays unchanged: {name}:{second}"
    assert warned in " ".join(back.text.split())
    assert site.env_file.read_bytes() == env
    assert list(site.stored()["stages"]) == ["current"]
    now = site.read_all()
    for row, before in zip(now["profiles"], plain["profiles"]):
        assert row == before or row[0] == second
    assert {**now, "profiles": []} == {**plain, "profiles": []}
    assert site.sql(f"SELECT notes FROM customer_userprofile WHERE id = {third}") == [("kept",)], (
        "kept, as written since"
    )


@pytest.mark.thorough
@pytest.mark.usefixtures("encrypted")
def test_a_whole_column_that_nothing_opens_comes_from_the_backup_if_all_columns_are_listed(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate", *SPRING).code == 0
    events = map(json.loads, (site.folder / "records/spring/record.jsonl").read_text().splitlines())
    *_, counted = (event["targets"] for event in events if event.get("targets"))
    columns = [{name: target[name] for name in ("table", "column", "scheme")} for target in counted]
    lost = "customer_userprofile._full_name_encrypted"
    site.sql(
        "UPDATE customer_userprofile SET _full_name_encrypted = overlay(_full_name_encrypted PLACING 'AAAA' FROM 40)"
        " WHERE _full_name_encrypted <> ''"
    )
    option = ("-e", json.dumps({"key_rotation_prefer": "repair", "key_rotation_repair": [f"{lost}:1"]}))

    refused = site.play("rollback", "-e", "key_rotation_prefer=repair")
    settled = {"key_rotation_settlements": {lost: {"unreadable": "its key is lost"}}}
    named = site.play("rollback", *option, "-e", json.dumps(settled))
    listed = {"key_rotation_prefer": "repair", "key_rotation_targets": columns}
    repaired = site.play("rollback", "-e", json.dumps(listed))

    assert (refused.code, refused.error()) == (2, "E_UNPROVED"), refused.text
    said = " ".join(refused.text.split())
    assert "list all encrypted columns in key_rotation_targets, including this one, each with its scheme" in said
    assert (named.code, named.error()) == (2, "E_NOT_REPAIRED"), named.text
    assert f"{lost}:1 is left: its column is settled as unreadable in key_rotation_settlements" in named.text
    assert "NOT REPAIRED" in named.text
    assert repaired.code == 0, repaired.text
    assert " REPAIRED in " in repaired.text
    assert site.read_all() == plain


@pytest.mark.thorough
@pytest.mark.usefixtures("encrypted")
def test_a_damaged_backup_is_reported_by_the_dry_run_the_box_and_the_page(site: Site) -> None:
    assert site.play("rotate", *SPRING).code == 0
    ruin = "UPDATE customer_userprofile SET _full_name_encrypted = overlay(_full_name_encrypted PLACING 'AAAA' FROM 40)"
    ((first,),) = site.sql("SELECT min(id) FROM customer_userprofile WHERE _full_name_encrypted <> ''")
    site.sql(f"{ruin} WHERE id = {first}")
    dump = site.folder / "backups/spring.dump.age"
    content = dump.read_bytes()
    dump.write_bytes(content[:-100] + bytes([content[-100] ^ 1]) + content[-99:])

    dry = site.play("rollback", "--check")
    named = site.play("restore", *SPRING, "--check")
    back = site.play("rollback")

    assert "E_BACKUP_CHECKSUM" in dry.text
    assert named.error() == "E_BACKUP_CHECKSUM"
    assert (back.code != 0, "E_UNREADABLE" in back.text) == (True, True), back.text
    box = " ".join(back.text.split(" Rollback of spring: ")[1].split())
    assert f"WARNING Repair from the backup: E_BACKUP_CHECKSUM: {dump} does not match the SHA-256" in box
    page = (site.folder / "records/spring/report.html").read_text()
    assert "does not match the SHA-256 in its manifest" in page


@pytest.mark.thorough
def test_a_database_that_has_lost_a_table_is_to_be_restored(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate", *SPRING).code == 0
    site.sql("DROP TABLE restaurant_pendingrestaurant CASCADE")

    refused = site.play("rollback")

    assert (refused.code != 0, refused.error()) == (True, "E_RESTORE_LOSS"), refused.text
    assert "Strategy restore: the database has lost public.restaurant_pendingrestaurant" in refused.text
    elsewhere = site.play("restore", *SPRING, "-e", json.dumps({"key_rotation_admin": {"dbname": "nowhere"}}))
    assert (elsewhere.code != 0, elsewhere.error()) == (True, "E_RESTORE_CONNECT"), elsewhere.text
    assert "key_rotation_admin: {user" in " ".join(elsewhere.text.split())
    done = site.play("rollback", "-e", f"key_rotation_restore_acknowledge={acknowledged(refused)}")
    assert done.code == 0, done.text
    assert site.read_all() == plain

    site.sql("DROP TABLE restaurant_pendingrestaurant CASCADE")
    again = site.play("restore", *SPRING)
    assert (again.code != 0, again.error()) == (True, "E_RESTORE_AGAIN"), again.text
    assert "lost public.restaurant_pendingrestaurant after this backup was restored" in again.text
    assert site.play("restore", *SPRING, "-e", "key_rotation_restore_drop=true").code == 0
    refused = site.play("restore", *SPRING)
    done = site.play("restore", *SPRING, "-e", f"key_rotation_restore_acknowledge={acknowledged(refused)}")
    assert done.code == 0, done.text
    assert site.read_all() == plain


@pytest.mark.thorough
def test_what_a_restore_brings_back_goes_under_the_new_keys_if_those_before_are_compromised(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate", *SPRING, "-e", json.dumps({"key_rotation_reason": "key compromise"})).code == 0
    stages, env = site.stored()["stages"], site.env_file.read_bytes()
    assert site.play("rollback").error() == "E_VERSION_COMPROMISED"

    done = site.play("restore", *SPRING, "-e", "key_rotation_restore_acknowledge=0")

    assert done.code == 0, done.text
    assert "Strategy settle: there is no rotation to roll back" in done.text
    assert (site.stored()["stages"], site.env_file.read_bytes()) == (stages, env)
    assert site.read_all() == plain
    assert site.play("verify").code == 0


@pytest.mark.thorough
def test_a_database_that_is_gone_comes_back_if_services_hold_it(site: Site, tmp_path: Path) -> None:
    plain, down = site.read_all(), tmp_path / "down"
    commands = {"stop": f"touch {down}", "start": f"rm {down}", "status": f"test ! -e {down}"}
    site.write_inventory(
        key_rotation_services_settle=1,
        key_rotation_services=[{"name": "gunicorn", **{name: ["sh", "-c", words] for name, words in commands.items()}}],
    )
    assert site.play("rotate", *SPRING).code == 0
    with site.admin() as cursor:
        cursor.execute(f'DROP DATABASE "{site.database}" WITH (FORCE)')

    dry = site.play("rollback", "--check")
    assert dry.code == 0, dry.text
    assert "would replace the database in use" in dry.text
    moment = json.loads((site.folder / "backups/spring.json").read_text())["snapshot"]["time"]
    assert "lease was not released" not in dry.text, "a dry run has taken no lease"
    refused = site.play("rollback")
    assert (refused.code != 0, refused.error()) == (True, "E_RESTORE_LOSS"), refused.text
    assert f"is the restored and verified copy; {site.database} is still missing." in " ".join(refused.text.split())
    assert "lease was not released" not in refused.text, "none was taken"
    done = site.play("rollback", "-e", f"key_rotation_restore_acknowledge={moment}")
    assert done.code == 0, done.text
    assert f"{site.database} is now the backup of {moment}" in done.text.split(" Rollback of spring: ROLLED BACK")[1]
    assert (site.read_all(), down.exists()) == (plain, False)


@pytest.mark.thorough
def test_a_lost_table_is_noticed_also_if_no_backup_of_ours_has_it(site: Site) -> None:
    assert site.play("rotate", *SPRING).code == 0
    for path in (site.folder / "backups").iterdir():
        path.unlink()
    site.sql("DROP TABLE restaurant_pendingrestaurant CASCADE")

    refused = site.play("rollback")

    assert (refused.code != 0, refused.error()) == (True, "E_BACKUP_NONE"), refused.text
    assert "Strategy restore: the database has lost restaurant_pendingrestaurant" in refused.text


@pytest.mark.thorough
def test_a_database_that_never_had_the_tables_is_not_in_ruins_and_comes_back_without_a_value(
    site: Site, second: str
) -> None:
    plain, default = site.read_all(), site.database
    site.database = second
    site.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE legacy AS SELECT generate_series(1, 3) n")
    site.database = default
    assert site.play("rotate", *SPRING).code == 0
    site.database = second
    site.sql("DELETE FROM legacy WHERE n = 1")
    site.database = default

    back = site.play("rollback")

    assert (back.code, "Strategy backwards: " in back.text) == (0, True), back.text
    assert site.read_all() == plain
    asked = (*SPRING, "-e", "key_rotation_restore_alias=second")
    refused = site.play("restore", *asked)
    assert (refused.code != 0, refused.error()) == (True, "E_RESTORE_LOSS"), refused.text
    word = ("-e", "key_rotation_restore_acknowledge=second:1")
    said, typed = " ".join(refused.text.split()), " ".join([*asked, *word])
    assert (
        "second -e key_rotation_restore_drop=true, which drops the copy. To accept the loss instead, run it with"
        in said
    )
    assert typed in said, "of another backup the number would be of other rows"
    done = site.play("restore", *asked, *word)
    assert (done.code, f"{second} is now the backup of" in done.text) == (0, True), done.text
    assert ("(previous)" in done.text, "roll back  ansible" in done.text) == (False, False), "it is rolled back already"
    site.database = second
    assert site.sql("SELECT count(*) FROM legacy") == [(3,)]
    site.database = default
    assert site.read_all() == plain
    dropped = site.play("restore", *asked, "-e", "key_rotation_restore_drop=true")
    assert (dropped.code, f"dropped    before_spring:{second}" in dropped.text) == (0, True), dropped.text
    verified = site.play("verify", "--tags", "record")
    assert verified.code == 0, verified.text
    assert "Drop before_spring" not in (site.folder / "records/spring/report.html").read_text()


@pytest.mark.thorough
def test_of_two_databases_in_ruins_each_has_its_own_acknowledgement(site: Site, second: str) -> None:
    assert site.play("rotate", *SPRING).code == 0
    default, known = site.database, []
    for name in (default, second):
        site.database = name
        site.sql("DROP TABLE restaurant_pendingrestaurant CASCADE")

    words: list[str] = []
    for count in (1, 2):
        refused = site.play("rollback", *words)
        assert (refused.code != 0, refused.error()) == (True, "E_RESTORE_LOSS"), refused.text
        known = acknowledged(refused).split(",")
        assert len(known) == count
        words = ["-e", f"key_rotation_restore_acknowledge={','.join(known)}"]
    done = site.play("rollback", *words)

    assert done.code == 0, done.text
    assert known[1].startswith("second:")
    for name in (default, second):
        site.database = name
        assert site.sql("SELECT count(*) FROM restaurant_pendingrestaurant") == [(3,)]


@pytest.mark.thorough
def test_of_several_databases_the_one_in_ruins_is_restored_on_the_host_that_has_the_backups(
    site: Site, second: str, tmp_path: Path
) -> None:
    first, plain, down, stopped = site.database, site.read_all(), tmp_path / "down", tmp_path / "stopped"
    commands = {"stop": f"touch {down} {stopped}", "start": f"rm {down}", "status": f"test ! -e {down}"}
    site.write_inventory(
        key_rotation_backup_host="keeper",
        key_rotation_services_settle=1,
        key_rotation_services=[{"name": "gunicorn", **{name: ["sh", "-c", words] for name, words in commands.items()}}],
    )
    inventory = json.loads(site.inventory.read_text())
    inventory["database"] = {"hosts": {"keeper": {"ansible_connection": "local"}}}
    site.inventory.write_text(json.dumps(inventory))
    rotated = site.play("rotate", *SPRING)
    assert rotated.code == 0, rotated.text
    site.database = second
    site.sql("DROP TABLE restaurant_pendingrestaurant CASCADE")
    stopped.unlink()

    refused = site.play("rollback")

    assert (refused.code != 0, refused.error()) == (True, "E_RESTORE_LOSS"), refused.text
    assert "Strategy restore: the database has lost public.restaurant_pendingrestaurant of second" in refused.text
    assert "key_rotation_restore_alias=second -e key_rotation_restore_acknowledge=" in " ".join(refused.text.split())
    assert not stopped.exists(), "nothing is stopped before the loss is acknowledged"
    assert "app -> keeper" in refused.text
    done = site.play("rollback", "-e", f"key_rotation_restore_acknowledge={acknowledged(refused)}")
    assert done.code == 0, done.text
    assert " Rollback of spring: ROLLED BACK" in done.text, "it is a rollback that had to restore one of them"
    assert f"before_spring:{second}, without connections" in done.text.split(" Rollback of spring: ROLLED BACK")[1]
    drop = "-e key_rotation_id=spring -e key_rotation_restore_alias=second -e key_rotation_restore_drop=true"
    assert drop in done.text
    assert stopped.exists()
    assert site.sql("SELECT count(*) FROM restaurant_pendingrestaurant") == [(3,)]
    with site.admin() as admin:
        admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'before_spring:%'")
        aside = [name for (name,) in admin.fetchall()]
    assert f"before_spring:{second}" in aside
    assert not [name for name in aside if name.startswith(f"before_spring:{first[:30]}")]
    site.database = first
    assert site.read_all() == plain
