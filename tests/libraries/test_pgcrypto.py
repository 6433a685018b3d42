# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPGP against PostgreSQL's own pgcrypto, which Debian's server brings: what either wrote, the other reads."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.openpgp import OpenPgp

from .test_vectors import VECTORS, work

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
# of pgp_sym_encrypt, https://www.postgresql.org/docs/current/pgcrypto.html
OPTIONS = (
    "",
    "cipher-algo=aes192",
    "cipher-algo=aes256, s2k-count=1024",
    "s2k-mode=0",
    "s2k-mode=1, s2k-digest-algo=md5",
    "compress-algo=1",
    "compress-algo=2, compress-level=9, unicode-mode=1",
)


@pytest.fixture(scope="module")
def contrib() -> Iterator[str]:
    """The socket folder of Debian's server, run by its own user."""
    if not PROGRAMS or not list(Path("/usr/share/postgresql").glob("*/extension/pgcrypto.control")):
        pytest.fail("apt-get install postgresql: the embedded server has no pgcrypto")
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o755)

    def run(program: str, *args: str) -> None:
        command = ["runuser", "-u", "postgres", "--", str(PROGRAMS[-1] / program), "-D", str(folder / "data"), *args]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust")
    options = f"-k {folder} -c listen_addresses="
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield str(folder)
    run("pg_ctl", "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def cursor(contrib: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(host=contrib, user="postgres", dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pgcrypto")
        yield cursor
    connection.close()


@pytest.mark.parametrize("length", [0, 1, 150, 200, 9_000, 300_000])
@pytest.mark.parametrize("options", OPTIONS)
def test_pgcrypto_and_the_engine_read_each_other(cursor: psycopg2.extensions.cursor, options: str, length: int) -> None:
    text = "\u017e" * length
    cursor.execute("SELECT pgp_sym_encrypt(%s, 'old pass', %s)", (text, options))
    token = bytes(cursor.fetchone()[0])

    inside = OpenPgp(b"old pass").open(token)
    assert inside is not None
    assert OpenPgp(b"new pass").open(token) is None

    fresh = OpenPgp(b"new pass").seal(inside)
    cursor.execute("SELECT pgp_sym_decrypt(%s, 'new pass')", (fresh,))
    assert cursor.fetchone()[0] == text
    cursor.execute("SELECT pgp_sym_encrypt(%s, 'new pass', %s)", (text, options))
    theirs = bytes(cursor.fetchone()[0])
    assert theirs[:4] == fresh[:4], "cipher, string-to-key and digest are as they were"


def test_a_changed_message_does_not_open(cursor: psycopg2.extensions.cursor) -> None:
    cursor.execute("SELECT pgp_sym_encrypt('some text', 'pass')")
    token = bytes(cursor.fetchone()[0])
    for place in range(len(token)):
        changed = token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]
        assert OpenPgp(b"pass").open(changed) is None, place
    for end in range(len(token)):
        assert OpenPgp(b"pass").open(token[:end]) is None


def test_the_library_reads_its_rows_after_the_rotation(cursor: psycopg2.extensions.cursor, contrib: str) -> None:
    cursor.execute("DROP DATABASE IF EXISTS fields")
    cursor.execute("CREATE DATABASE fields")
    inside = psycopg2.connect(host=contrib, user="postgres", dbname="fields")
    with inside, inside.cursor() as there:
        there.execute("CREATE EXTENSION pgcrypto")
    inside.close()
    vector, package, database = "django_pgcrypto_fields", "django-pgcrypto-fields", (contrib, "fields")
    assert (VECTORS / f"{vector}.json").is_file()
    work("table", database, "old", vector, package)
    before = work("read", database, "old", vector, package)
    assert before["1.name"] == "Ada Lovelace"
    assert before["1.n"] == 5

    rotated = work("rotate", database, "old", vector, package)

    assert rotated["targets"] == {"name": "django_pgcrypto_fields", "n": "django_pgcrypto_fields"}
    assert rotated["classes"] == {"name": {"pending": 2}, "n": {"pending": 1, "empty": 1}}
    assert work("read", database, "new", vector, package) == before
