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
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.openpgp import OpenPgp, is_under_key_pair

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

# A public key of no other use (gpg --quick-gen-key ... sign, --quick-add-key ... encr).
PUBLIC_KEY = (
    "mQENBGsGsmkBCADUxqRAJitvRo5AR6nz6Z81SoISkQndryyCbZvaeH/BeA4WBspljpLWA3ncjs4N+nY2vpCpfFnM2XL1DXfpCai/"
    "U6rW7e8rWfz2WsGNchLUseFixf/8/qt6rMrfQm2GuCi0N/jsiLLiVVWj7ex5GhxXfux7pcytvegnvP+ra5nfaGAvtbvHsiXQCNIt"
    "Bu5G/gU2SK0OvoJeg3IXQNyf/p5O2lkG/FX4ifLmGfJnAAt2X3B9uLDey5XpDi6raKLQfv00KpKYKMKyYkiOIzmKf1jcI12lQxAM"
    "UO3nWktOXD2difn8SbOBPcPuLtUkOX7dEzO49pXAFNxko/uBDLUryD3hABEBAAG0DGFub3RoZXIgdGVzdIkBTgQTAQoAOBYhBAy7"
    "z3r8fteCN1hZRZoyG7S2hgZxBQJrBrJpAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEJoyG7S2hgZxZ7IIALY4cTXZysyO"
    "U4tyYYnKLk65MwICef3DByrDNscmAd0+9pBbZoI41vLpE7fdlHQ+lyuQ3KkrStZ+rCv02cQLZL70WOQDE3f6B398wxuKihx3Y8pi"
    "spmTJtUxvEAWQJGRpsTaWzWYSnwHtmdc3AthVOpLFLMg8Pyjx+fFXOBN54+YE4c4rwsUC0hE2EjVM8dDU82lwQfekHTL/njabqij"
    "sH2PFYmXW7aqMxHEB7YYpGQHylQM7FSlgwzI1JdYfdDWhNP4R37VJu7Yps6cXxd7ZHET5u/bzvBNUCViACdjguGm8yf7Xk3ywl/O"
    "9hk3S+HviuqHp1TjBy8cfruvujcYLbC4jQRrBrJpAQQA9gllaIkdhLq4aQrgo0M0mKCcgdaOSQrT32GCj3o+OS2ZkaRl9EDvDGH/"
    "2o75dsWAz8SB4aFkttyQdMcMUm0z8tnQTQ7Tr5ZktwUlJTkofoRYRO5xEYKu2O1TYxDSHdX0VjUi3/D4ReP8eYwns1bARp2pML46"
    "gFzwOOQQ/3MaHAEAEQEAAYkBNgQYAQoAIBYhBAy7z3r8fteCN1hZRZoyG7S2hgZxBQJrBrJpAhsMAAoJEJoyG7S2hgZxvXAH/A7Y"
    "q/mEkQH3s5HBMHawrH6s12UsygT1EGUnHnHbvFL4xe+Bf/Pil0ZmU8KWgDHa34/ZRqUPzUGluAGh3uFo7oygkYgV/NCqUrDhhyvq"
    "LgRpugwjsUmPeOwYyuS6AVp8lxZIWmE4Wz96nBf0ZIdyINVir5yJuaDRZm8ExJqGoiVgpty8MoPl7szEjRxgKg0JlpOT0BoGN9Mc"
    "pU7eAD0CAbyiidrb8Jl0h+6xkRZzfRmLjzyHbNZkqYfi1vtKTDwQ/Fy0dhTs3AObMkT+r3AiLQEsDzx5RJv1vnGJ2V1ij9GRvSNd"
    "tG+rh+C/zTXhZDX2TjhDnRnG/uI2gx5vkQVe7k8="
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


def test_what_a_public_key_encrypted_is_told_apart(cursor: psycopg2.extensions.cursor) -> None:
    for length in (0, 150, 9_000):
        cursor.execute("SELECT pgp_pub_encrypt(repeat('x', %s), decode(%s, 'base64'))", (length, PUBLIC_KEY))
        token = bytes(cursor.fetchone()[0])
        assert is_under_key_pair(token)
        assert not is_under_key_pair(token[:-1])
    cursor.execute("SELECT pgp_sym_encrypt('some text', 'pass')")
    assert not is_under_key_pair(bytes(cursor.fetchone()[0]))


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
