# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several workers beside several writers: nothing is lost, and the application never pays for it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import derivation
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import (
    catalog,
    lease,
    locks,
    run_orders,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import connection as engine_database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
    journal,
    rewriter,
    table_passes,
    update_statement,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.throttle import Throttle
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.work_control import WorkControl
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.worker_pool import (
    MOST_LOST,
    Crew,
    Stop,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

from .conftest import Seed, rewrite
from .test_engine import NEW, OLD, SCHEME, SCHEMES, TABLE, keyring  # noqa: F401  # a fixture

ROWS = 20_000


def target(database: Database) -> Target:
    return Target(TABLE, "a", "text", SCHEME, "Secret", catalog.row_key(database, TABLE), None)


def fill(database: Database, ring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text)")
    insides = [Opened(f"value {number}".encode(), 1_700_000_000) for number in range(ROWS)]
    tokens = [token.decode() for token in ring.cipher(SCHEME, "current").seal_all(insides)]
    ids = [str(number) for number in range(ROWS)]
    arrays = (engine_database.array(ids), engine_database.array(tokens))
    database.execute("INSERT INTO secrets SELECT * FROM unnest(%s::int[], %s::text[])", arrays)


@contextlib.contextmanager
def writers(seed: Seed, count: int) -> Iterator[list[dict[str, Any]]]:
    """So many instances of the application, on the new keys; their reports, once they have ended."""
    kdf = derivation.pbkdf2_sha256
    key = kdf(NEW.values["SECRET_KEY"].encode(), NEW.values["ENCRYPTION_SALT"].encode(), iterations=100_000)
    command = [sys.executable, str(Path(__file__).with_name("writer.py")), seed.host, "engine"]
    fernet = base64.urlsafe_b64encode(key).decode()
    started = [
        subprocess.Popen([*command, str(n), fernet], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(count)
    ]
    reports: list[dict[str, Any]] = []
    try:
        for process in started:
            assert process.stdout.readline() == "begun\n"
        yield reports
    finally:
        for process in started:
            process.stdin.close()
        reports += [json.loads(process.stdout.read()) for process in started]
        for process in started:
            process.wait(10)


def test_four_writers_for_the_whole_run(database: Database, keyring: Keyring, seed: Seed) -> None:
    fill(database, keyring)
    with writers(seed, 4) as reports:
        time.sleep(0.5)  # let them meet every part of the table
        work = rewrite(database, [target(database)], keyring, "pending", workers=3)
    assert work.values["secrets.a"] > ROWS / 2
    assert sum(report["transactions"] for report in reports) > 100
    assert [report["errors"] for report in reports] == [[], [], [], []], "no deadlock, no time-out, for them"

    rewrite(database, [target(database)], keyring, "pending")
    cipher = keyring.cipher(SCHEME, "pending")
    found = {
        row: cipher.open(token.encode()).plaintext.decode() for row, token in database.rows("SELECT * FROM secrets")
    }
    written = {int(row): text for report in reports for row, text in report["last"].items()}
    expected = {row: f"value {row}" for row in range(ROWS)} | written
    assert found == {row: text for row, text in expected.items() if text is not None}
    assert work.conflicts, "they met"


def test_a_slow_span_does_not_hold_the_rest(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one worker sits on its span, the other one does all the others."""
    fill(database, keyring)
    real = update_statement.compare_and_set
    marker = Path(os.environ.get("TMPDIR", "/tmp")) / f"key_rotation_slow_{os.getpid()}"

    def lingering(db: Database, group: Any, changes: Any) -> Any:
        if changes[0].key == ("0",):
            deadline = time.monotonic() + 20
            while not marker.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert marker.exists()
        elif int(changes[0].key[0]) >= ROWS - 1000:
            marker.touch()
        return real(db, group, changes)

    monkeypatch.setattr(rewriter, "compare_and_set", lingering)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 1000)
    try:
        work = rewrite(database, [target(database)], keyring, "pending", workers=2)
    finally:
        marker.unlink(missing_ok=True)
    assert work.values == {"secrets.a": ROWS}


def workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children]


def crew_of(database: Database, ring: Keyring, count: int, stop: Stop) -> tuple[Any, Crew, rewriter.Work]:
    rewriting = rewriter.Rewriting([target(database)], ring, "pending")
    journal.Journal(database, ring, [target(database)]).prepare()
    return rewriting, Crew(count, rewriting.batches, database.another, stop), rewriter.Work()


@pytest.mark.parametrize("kills", [1, MOST_LOST + 1])
def test_the_work_of_a_killed_worker_is_done_by_another_but_not_for_ever(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    fill(database, keyring)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 500)
    rewriting, crew, work = crew_of(database, keyring, 2, Stop())
    before, killed = set(workers_of(os.getpid())), set()

    def kill_one(batch: rewriter.BatchResult) -> None:
        victims = set(workers_of(os.getpid())) - before - killed
        if batch.rewritten and victims and len(killed) < kills:
            killed.add(min(victims))
            os.kill(min(victims), signal.SIGKILL)

    work.report = kill_one
    if kills > MOST_LOST:
        with expect_error("E_WORKER", count=kills) as refused:
            table_passes.reencrypt(database, rewriting, crew, work)
        assert "values or some more were re-encrypted to the keys" in str(refused.value)
        rewrite(database, [target(database)], keyring, "pending", workers=2)
    else:
        table_passes.reencrypt(database, rewriting, crew, work)
        assert 0 < work.values["secrets.a"] <= ROWS
    assert crew.lost == kills
    assert set(workers_of(os.getpid())) <= before, "no worker is left behind"
    tally = census.Census(database, [target(database)], keyring, b"k").take()[0]
    assert tally.classes == {"pending": ROWS}


@pytest.mark.parametrize("count", [1, 2])
def test_a_wish_to_stop_is_met_at_the_end_of_a_batch(
    database: Database, keyring: Keyring, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 500)
    stop = Stop()
    rewriting, crew, work = crew_of(database, keyring, count, stop)
    handler = signal.getsignal(signal.SIGTERM)
    work.report = lambda batch: os.kill(os.getpid(), signal.SIGTERM) if batch.rewritten else None
    with stop.listening(), pytest.raises(RotationError, match="E_STOPPED"):
        table_passes.reencrypt(database, rewriting, crew, work)
    assert signal.getsignal(signal.SIGTERM) == handler
    tally = census.Census(database, [target(database)], keyring, b"k").take()[0]
    assert tally.classes["pending"] >= work.values["secrets.a"] > 0
    assert tally.classes["current"] > 0
    assert rewrite(database, [target(database)], keyring, "pending", workers=count).values["secrets.a"] > 0


def test_all_workers_of_a_run_share_its_lock_and_another_run_is_refused(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0)
    fill(database, keyring)
    run = Database("default", "this")
    locks.lock(run, "this run")
    refused = []
    rewriting, crew, work = crew_of(run, keyring, 2, Stop())

    def try_another(batch: rewriter.BatchResult) -> None:
        with contextlib.closing(Database("default", "another")) as other:
            with pytest.raises(RotationError) as locked:
                locks.lock(other, "another run")
            refused.append(locked.value.code)

    work.report = try_another
    table_passes.reencrypt(run, rewriting, crew, work)
    assert set(refused) == {"E_LOCKED"}
    assert work.values == {"secrets.a": ROWS}
    run.close()
    with contextlib.closing(Database("default", "another")) as other:
        monkeypatch.setattr(locks, "LOCK_SECONDS", 2)
        locks.lock(other, "another run")


def test_a_killed_module_leaves_no_worker_and_no_lock(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 500)
    module = os.fork()
    if module == 0:  # what ansible-playbook starts on the host
        own = Database("default", "this")
        locks.lock(own, "this run")
        rewriting, crew, work = crew_of(own, keyring, 2, Stop())
        table_passes.reencrypt(own, rewriting, crew, work)
        os._exit(0)
    started = time.monotonic()
    while len(workers_of(module)) < 2 or not pending(database, keyring):
        assert time.monotonic() - started < 20
    workers = workers_of(module)
    os.kill(module, signal.SIGKILL)
    os.waitpid(module, 0)
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() - started < 40, "a worker goes on without anybody"
        time.sleep(0.05)
    with contextlib.closing(Database("default", "another")) as other:
        locks.lock(other, "another run")
        again = rewrite(other, [target(other)], keyring, "pending", workers=2)
    assert 0 < again.values["secrets.a"] < ROWS
    assert census.Census(database, [target(database)], keyring, b"k").take()[0].classes == {"pending": ROWS}


def pending(database: Database, ring: Keyring) -> bool:
    """Whether the last row, or the first, is under the new keys: some batch is committed."""
    ends = database.rows("SELECT a FROM secrets WHERE id IN (0, 500, 1000, 1500)")
    return any(ring.cipher(SCHEME, "pending").open(token.encode()) for (token,) in ends)


def test_workers_that_wait_for_a_pause_file_end_when_somebody_stops_them(
    database: Database, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 500)
    pause, stop, work = tmp_path / "pause", Stop(), rewriter.Work()
    pause.touch()
    journal.Journal(database, keyring, [target(database)]).prepare()
    rewriting = rewriter.Rewriting(
        [target(database)],
        keyring,
        "pending",
        policy=rewriter.RewritePolicy(throttle=Throttle(pause_file=str(pause))),
        stopped=lambda: stop.is_requested,
    )
    crew = Crew(2, rewriting.batches, database.another, stop)
    before = set(workers_of(os.getpid()))

    def ask(batch: rewriter.BatchResult) -> None:
        if batch.waits_for == f"the pause file {pause}":
            os.kill(os.getpid(), signal.SIGTERM)

    work.report = ask
    started = time.monotonic()
    with stop.listening(), pytest.raises(RotationError, match="E_STOPPED"):
        table_passes.reencrypt(database, rewriting, crew, work)
    assert time.monotonic() - started < 15
    assert not work.values, "nothing is written while the file is there"
    assert set(workers_of(os.getpid())) <= before


def slots(database: Database) -> int:
    """How many processes have a slot, by PostgreSQL's own account."""
    ours = "classid = (hashtext('tetech.key_rotation workers')::bigint & 4294967295)::oid"
    return int(database.rows(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND {ours}")[0][0])


@pytest.mark.parametrize("ordered", [1, 2])
def test_no_more_workers_work_at_once_than_were_ordered_and_none_is_forgotten(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, ordered: int
) -> None:
    fill(database, keyring)
    monkeypatch.setattr(table_passes, "SPAN_ROWS", 250)
    lease.take(database, {"rotation_id": "r1", "host": "here", "machine": "m", "pid": 1, "started": "1"})
    run_orders.give(database, {"order": f"workers={ordered}", "by": "ada", "at": "now"})
    journal.Journal(database, keyring, [target(database)]).prepare()
    stop, work = Stop(), rewriter.Work()
    policy = rewriter.RewritePolicy(throttle=Throttle(control=WorkControl()))
    rewriting = rewriter.Rewriting([target(database)], keyring, "pending", policy=policy)
    crew = Crew(4, rewriting.batches, database.another, stop)
    at_once: list[int] = []
    waited: set[str] = set()

    def look(batch: rewriter.BatchResult) -> None:
        waited.add(batch.waits_for)
        with contextlib.closing(Database("default", "look")) as other:
            at_once.append(slots(other))

    work.report = look
    table_passes.reencrypt(database, rewriting, crew, work)

    assert waited == {"", f"one of the {ordered} workers that were ordered"}
    assert max(at_once) == ordered
    assert slots(database) == 0
    assert census.Census(database, [target(database)], keyring, b"k").take()[0].classes == {"pending": ROWS}
