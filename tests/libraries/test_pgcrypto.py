# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPGP against PostgreSQL's own pgcrypto, which Debian's server brings: what either wrote, the other reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.openpgp import OpenPgp
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.openpgp_pair import (
    OpenPgpPair,
    is_under_key_pair,
)
from ansible_collections.tetech.key_rotation.tests.debian_server import debian_server
from ansible_collections.tetech.key_rotation.tests.key_pairs import KeyPair, key_pair

from .test_vectors import VECTORS, work

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

# pairs by what `gpg --quick-gen-key` and `--quick-add-key` are told; the second is what pgcrypto's manual prefers
PAIRS = {"rsa": ("first",), "elgamal": ("second", "elg1024")}
PAIRED_MODELS = """
from django.db import models
from pgcrypto import fields
class P(models.Model):
    name = fields.TextPGPPublicKeyField(null=True)
    n = fields.IntegerPGPPublicKeyField(null=True)
    born = fields.DatePGPPublicKeyField(null=True)
    class Meta: app_label='vapp'; db_table='paired'
"""


@pytest.fixture(scope="module")
def contrib() -> Iterator[str]:
    """The socket folder of Debian's server."""
    with debian_server("pgcrypto") as folder:
        yield folder


@pytest.fixture
def cursor(contrib: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(host=contrib, user="postgres", dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pgcrypto")
        yield cursor
    connection.close()


@pytest.fixture
def fields(cursor: psycopg2.extensions.cursor, contrib: str) -> tuple[str, str]:
    """Where the server is, and a new database with pgcrypto on it."""
    cursor.execute("DROP DATABASE IF EXISTS fields")
    cursor.execute("CREATE DATABASE fields")
    inside = psycopg2.connect(host=contrib, user="postgres", dbname="fields")
    with inside, inside.cursor() as there:
        there.execute("CREATE EXTENSION pgcrypto")
    inside.close()
    return contrib, "fields"


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


@pytest.mark.parametrize("length", [0, 1, 150, 9_000])
@pytest.mark.parametrize("options", ["", "cipher-algo=aes256, compress-algo=1", "unicode-mode=1"])
@pytest.mark.parametrize("name", PAIRS)
def test_pgcrypto_and_the_engine_read_each_other_under_a_key_pair(
    cursor: psycopg2.extensions.cursor, name: str, options: str, length: int
) -> None:
    text, pair = "\u017e" * length, key_pair(*PAIRS[name])
    cursor.execute("SELECT pgp_pub_encrypt(%s, dearmor(%s), %s)", (text, pair.public, options))
    token = bytes(cursor.fetchone()[0])
    assert is_under_key_pair(token)

    inside = cipher(pair).open(token)
    assert inside is not None
    new = key_pair("new")
    assert cipher(new).open(token) is None

    cursor.execute("SELECT pgp_pub_decrypt(%s, dearmor(%s))", (cipher(new).seal(inside), new.private))
    assert cursor.fetchone()[0] == text
    cursor.execute("SELECT pgp_pub_decrypt(%s, dearmor(%s))", (cipher(pair).seal(inside), pair.private))
    assert cursor.fetchone()[0] == text


def cipher(pair: KeyPair) -> OpenPgpPair:
    return OpenPgpPair(pair.private.encode(), pair.public.encode())


def test_the_library_reads_its_rows_under_a_new_key_pair(
    cursor: psycopg2.extensions.cursor, fields: tuple[str, str], tmp_path: Path
) -> None:
    old, new = key_pair(*PAIRS["elgamal"]), key_pair("new")
    rows = []
    for pk, values in ((1, {"name": "Ada \u017e", "n": "5", "born": "1815-12-10"}), (2, {"name": "", "n": None})):
        for field, value in values.items():
            cursor.execute("SELECT pgp_pub_encrypt(%s, dearmor(%s))", (value, old.public))
            rows.append({"pk": pk, "field": field, "stored_old": as_json(cursor.fetchone()[0])})
    vector = {"models": PAIRED_MODELS, "columns": [], "rows": rows}
    for which, pair in (("settings_old", old), ("settings_new", new)):
        vector[which] = {"PUBLIC_PGP_KEY": pair.public, "PRIVATE_PGP_KEY": pair.private}
    (tmp_path / "paired.json").write_text(json.dumps(vector), encoding="utf-8")
    path, package = str(tmp_path / "paired"), "django-pgcrypto-fields"
    work("table", fields, "old", path, package)
    before = work("read", fields, "old", path, package)
    assert (before["1.name"], before["1.n"], before["1.born"]) == ("Ada \u017e", 5, "1815-12-10")

    rotated = work("rotate", fields, "old", path, package)

    assert rotated["values"] == {"paired.name": 2, "paired.n": 1, "paired.born": 1}
    assert rotated["targets"]["name"] == "django_pgcrypto_fields_pair"
    assert work("read", fields, "new", path, package) == before


def as_json(stored: memoryview | None) -> dict[str, str] | None:
    return None if stored is None else {"__bytes__": base64.b64encode(stored).decode()}


def test_the_library_reads_its_rows_after_the_rotation(fields: tuple[str, str]) -> None:
    vector, package = "django_pgcrypto_fields", "django-pgcrypto-fields"
    assert (VECTORS / f"{vector}.json").is_file()
    work("table", fields, "old", vector, package)
    before = work("read", fields, "old", vector, package)
    assert before["1.name"] == "Ada Lovelace"
    assert before["1.n"] == 5

    rotated = work("rotate", fields, "old", vector, package)

    assert rotated["targets"] == {"name": "django_pgcrypto_fields", "n": "django_pgcrypto_fields"}
    assert rotated["classes"] == {"name": {"pending": 2}, "n": {"pending": 1, "empty": 1}}
    assert work("read", fields, "new", vector, package) == before


def test_text_of_a_collation_that_has_no_like_keeps_nothing_from_being_found(fields: tuple[str, str]) -> None:
    """Django's ``db_collation``; of a nondeterministic one PostgreSQL before 18 knows no LIKE."""
    vector, package = "django_pgcrypto_fields", "django-pgcrypto-fields"
    connection = psycopg2.connect(host=fields[0], user="postgres", dbname=fields[1])
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE COLLATION anycase (provider=icu, locale='und-u-ks-level2', deterministic=false)")
        cursor.execute("CREATE TABLE noted AS SELECT 1 AS id, 'a note' COLLATE anycase AS note")
    connection.close()
    work("table", fields, "old", vector, package)
    assert set(work("rotate", fields, "old", vector, package)["targets"]) == {"name", "n"}
