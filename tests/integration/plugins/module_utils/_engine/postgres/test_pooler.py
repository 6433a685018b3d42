# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application behind a real pgbouncer: noticed, refused, and rotated by a direct connection."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import session_limits
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import pooler
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import fence, fence_refusals
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import sentences
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .....conftest import Seed, Site
from .....test_engine import fill, keyring  # noqa: F401  # a fixture
from ..rewrite.test_fence import PLAIN, put_up, refused


@contextlib.contextmanager
def bouncer(host: str, database: str, mode: str) -> Iterator[int]:
    """A pgbouncer in front of a database; its port."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).is_file():
        pytest.fail("apt-get install pgbouncer")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n{database} = host={host} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n"
        f"ignore_startup_parameters = extra_float_digits,options\nlogfile = {folder}/log\n"
    )
    folder.chmod(0o755)
    command = [program, str(config)]
    if os.geteuid() == 0:  # pgbouncer does not run as root; PostgreSQL's own user may use its socket
        owner = pwd.getpwuid(os.stat(host).st_uid).pw_name
        shutil.chown(folder, owner)
        command = ["runuser", "-u", owner, "--", *command]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


@pytest.fixture(params=["transaction", pytest.param("session", marks=pytest.mark.thorough)])
def pooled(site: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The site reaches its database through pgbouncer alone."""
    with bouncer(site.host, site.database, request.param) as port:
        site.set_env("DB_HOST", "DB_HOST=127.0.0.1\n")
        site.env_file.write_text(site.env_file.read_text() + f"DB_PORT={port}\n")
        yield site


@dataclass
class Fenced:
    """A fenced table, seen by a direct connection; the application goes through pgbouncer at ``port``."""

    database: Database
    host: str
    port: int

    def session(self, host: str, port: int) -> Any:
        """One that is none of ours."""
        connection = psycopg2.connect(host=host, port=port, user="postgres", dbname="engine")
        connection.autocommit = True
        return contextlib.closing(connection)

    def behind_pooler(self) -> Any:
        return self.session("127.0.0.1", self.port)


@pytest.fixture
def fenced(database: Any, keyring: Keyring, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fenced]:
    from django.db import connections

    monkeypatch.setattr(fence_refusals, "WATCH_SECONDS", 0.3)
    monkeypatch.setattr(fence_refusals, "POOLED_SECONDS", 1.0)
    fill(database, keyring, PLAIN, "%s, 'x', 'y'")
    put_up(database)
    with bouncer(seed.host, "engine", "transaction") as port:
        monkeypatch.setitem(connections["default"].settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connections["default"].settings_dict, "PORT", str(port))
        with contextlib.closing(Database("default", "test", {"host": seed.host, "port": "5432"})) as direct:
            yield Fenced(direct, seed.host, port)
    database.execute("DROP TABLE secrets")
    fence.take_down(database)


def write(connection: Any) -> int:
    """Try to write to a fenced column, which is refused; the server's process that was lent."""
    cursor = connection.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (pid,) = cursor.fetchone()
    refused(cursor, "UPDATE secrets SET a = 'another' WHERE id = 1")
    return int(pid)


def test_a_client_of_a_pooler_that_was_refused_and_is_gone_is_no_alarm_but_named(fenced: Fenced) -> None:
    with fenced.behind_pooler() as one, fenced.behind_pooler() as other:
        other.autocommit = False
        other.cursor().execute("SELECT 1")  # it keeps another process of the pooler
        pid = write(one)
    assert fenced.database.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)), "the pooler keeps it"
    (hidden,) = fence.refuse_writers(fenced.database)
    assert f"backend {pid}, which a pooler lends" in hidden
    (sentence,) = sentences.behind_pooler([hidden])
    assert f"backend {pid}" in sentence


def test_a_client_of_a_pooler_that_continues_is_found(fenced: Fenced) -> None:
    over = threading.Event()

    def go_on() -> None:
        with fenced.behind_pooler() as connection:
            while not over.wait(0.5):
                write(connection)

    with ThreadPoolExecutor() as pool:
        with fenced.behind_pooler() as connection:
            write(connection)
        writer = pool.submit(go_on)
        try:
            with expect_error("E_STALE_WRITER", sessions=Containing("a pooler lends")):
                fence.refuse_writers(fenced.database)
        finally:
            over.set()
        writer.result()


def test_who_goes_past_the_pooler_is_found_as_long_as_it_is_connected(fenced: Fenced) -> None:
    with fenced.session(fenced.host, 5432) as connection:
        pid = write(connection)
        with expect_error("E_STALE_WRITER", sessions=Containing("client", f"backend {pid}")):
            fence.refuse_writers(fenced.database)


def test_a_pooler_whose_processes_are_all_lent_is_not_waited_for(
    fenced: Fenced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a pool of a few: each that we get is kept, and the next one is not given."""
    monkeypatch.setattr(pooler, "SECONDS", 0.5)
    with contextlib.ExitStack() as stack:
        for _ in range(20):  # default_pool_size of pgbouncer
            connection = stack.enter_context(fenced.behind_pooler())
            connection.autocommit = False
            connection.cursor().execute("SELECT 1")
        began = time.monotonic()
        assert pooler.lent(fenced.database, {1}) == set()
        assert time.monotonic() - began < 5


def test_limits_are_lifted_in_sessions_of_our_own_and_in_none_that_a_pooler_lends(
    fenced: Fenced, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connections
    from django.db.backends.signals import connection_created

    def limit() -> str:
        connections.close_all()
        with connections["default"].cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            return str(cursor.fetchone()[0])

    monkeypatch.setattr(connection_created, "receivers", [])
    session_limits.lift_in_sessions()
    fenced.database.execute("ALTER DATABASE engine SET statement_timeout = '90s'")
    try:
        assert limit() == "90s"
        monkeypatch.setitem(connections["default"].settings_dict, "HOST", fenced.host)
        monkeypatch.setitem(connections["default"].settings_dict, "PORT", "")
        assert limit() == "0"
    finally:
        fenced.database.execute("ALTER DATABASE engine RESET ALL")
        connections.close_all()


@pytest.mark.thorough
def test_a_pooler_is_refused_with_what_to_set_and_that_works(pooled: Site) -> None:
    before, tokens = pooled.read_all(), pooled.tokens()
    refused = pooled.play("rotate")
    assert refused.code != 0
    assert refused.error() == "E_DB_POOLER"
    assert "Set key_rotation_direct to {default: {host: ..., port: ...}}" in " ".join(refused.text.split())
    assert pooled.tokens() == tokens

    direct = json.dumps({"key_rotation_direct": {"default": {"host": pooled.host, "port": 5432}}})
    rotated = pooled.play("rotate", "-e", direct)
    assert rotated.code == 0, rotated.text
    assert pooled.read_all() == before
    assert pooled.tokens() != tokens
