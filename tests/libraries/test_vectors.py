# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real libraries from PyPI: what they stored is found without configuration, rotated, and read by them as before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
VECTORS = HERE / "vectors"
LIBRARIES = os.environ.get("KEY_ROTATION_LIBRARIES", "")
TREE = HERE.parents[1] / ".ansible/tree"
BYTE_CODE = TREE.parent / "byte_code"  # several processes for each test, and none is to compile all again
# vector: what pip installs
CASES = {
    "django_fernet_fields_v2__secret_key": "django-fernet-fields-v2",
    "django_fernet_fields_v2__fernet_keys": "django-fernet-fields-v2",
    "django_fernet_fields_v2__no_hkdf": "django-fernet-fields-v2",
    "djfernet__secret_key": "djfernet",
    "djfernet__prefix": "djfernet",
    "django_encrypted_model_fields": "django-encrypted-model-fields",
    "django_fernet_encrypted_fields__secret_key": "django-fernet-encrypted-fields",
    "django_fernet_encrypted_fields__both": "django-fernet-encrypted-fields",
    "django_fernet_encrypted_fields__json": "django-fernet-encrypted-fields",
    "django_cryptography_django5__secret_key": "django-cryptography-django5",
    "django_cryptography__secret_key": "django-cryptography-django5",
    "django_cryptography__cryptography_key": "django-cryptography-django5",
    "django_searchable_encrypted_fields": "django-searchable-encrypted-fields",
    "django_secured_fields": "django-secured-fields",
    "django_encrypted_json_fields": "django-encrypted-json-fields",
    "django_mirage_field__ecb": "django-mirage-field",
    "django_mirage_field__cbc": "django-mirage-field",
    "django_pgcrypto": "django-pgcrypto",
}


def work(what: str, database: tuple[str, str], which: str, vector: str, package: str) -> Any:
    """One process of the application, with the library on its path."""
    library = Path(LIBRARIES) / package
    done = subprocess.run(
        [sys.executable, str(HERE / "worker.py"), what, *database, which, str(VECTORS / f"{vector}.json")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{library}:{TREE}", "PYTHONPYCACHEPREFIX": str(BYTE_CODE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RESULT" in done.stdout, done.stdout + done.stderr
    return json.loads(done.stdout.split("RESULT", 1)[1])


@pytest.mark.parametrize("vector", CASES)
def test_the_library_reads_its_rows_after_the_rotation(vector: str, database: tuple[str, str]) -> None:
    package = CASES[vector]
    if not (Path(LIBRARIES) / package).is_dir():
        pytest.fail("run `make libraries`: it installs the libraries and names their folder")
    work("table", database, "old", vector, package)
    before = work("read", database, "old", vector, package)
    assert any(value is not None for value in before.values())

    rotated = work("rotate", database, "old", vector, package)

    assert sum(rotated["values"].values()) > 0
    for classes in rotated["classes"].values():
        assert set(classes) <= {"pending", "empty"}
    assert work("read", database, "new", vector, package) == before
    for column, stored in _search_columns(vector).items():
        assert _column(database, vector, column) == stored, "search hashes under a new salt are made anew"


@pytest.mark.parametrize("vector", ["django_searchable_encrypted_fields", "django_encrypted_json_fields"])
def test_search_hashes_go_back_with_their_tokens_if_the_application_has_the_new_keys(
    vector: str, database: tuple[str, str]
) -> None:
    """As after the switch of its .env."""
    package = CASES[vector]
    work("table", database, "old", vector, package)
    before = {column: _column(database, vector, column) for column in _search_columns(vector)}
    for settings in ("old", "new"):
        work("rotate", database, settings, vector, package)
    assert before
    assert {column: _column(database, vector, column) for column in before} == before


@pytest.mark.parametrize(
    ("vector", "salt"),
    [("django_searchable_encrypted_fields", "hash-old"), ("django_encrypted_json_fields", "old")],
)
def test_the_salt_of_a_field_is_had_by_its_name(vector: str, salt: str, database: tuple[str, str]) -> None:
    assert work("salts", database, "old", vector, CASES[vector]) == {"vapp.P.name": salt}


@pytest.mark.parametrize("vector", ["django_mirage_field__ecb", "django_mirage_field__cbc"])
def test_a_json_field_that_encrypts_twice_is_rotated_inside_and_out(vector: str, database: tuple[str, str]) -> None:
    package = CASES[vector]
    work("table", database, "old", vector, package)
    work("fill", database, "old", vector, package)
    before = work("documents", database, "old", vector, package)
    assert "4111" in before[0]

    rotated = work("rotate", database, "old", vector, package)

    assert rotated["targets"]["data"] == vector.replace("__", "_")
    assert rotated["classes"]["data"]["pending"] == len(before) == 4
    assert work("documents", database, "new", vector, package) == before
    assert work("documents", database, "old", vector, package) != before


@pytest.mark.parametrize("vector", ["django_searchable_encrypted_fields", "django_mirage_field__ecb"])
def test_a_tenants_schema_is_known_by_the_same_models(vector: str, database: tuple[str, str]) -> None:
    """The tables of a tenant are off the search path: what only the model tells holds for them too."""
    import psycopg2

    package, table = CASES[vector], _table(vector)
    work("table", database, "old", vector, package)
    before = work("read", database, "old", vector, package)
    connection = psycopg2.connect(host=database[0], dbname=database[1], user="postgres")
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA tenant; CREATE TABLE tenant.{table} (LIKE public.{table} INCLUDING ALL)")
        cursor.execute(f"INSERT INTO tenant.{table} SELECT * FROM public.{table}")
    rotated = work("rotate", database, "old", vector, package)
    assert sum(rotated["values"].values()) > 0
    with connection, connection.cursor() as cursor:  # now the tenant's table is the one that the library reads
        cursor.execute(f"DROP TABLE public.{table}; ALTER TABLE tenant.{table} SET SCHEMA public")
    connection.close()
    assert work("read", database, "new", vector, package) == before
    for column, stored in _search_columns(vector).items():
        assert _column(database, vector, column) == stored


def _search_columns(vector: str) -> dict[str, list[Any]]:
    """Columns of the vector that hold hashes, as the library itself writes them under the new settings."""
    rows = json.loads((VECTORS / f"{vector}.json").read_text(encoding="utf-8"))["rows"]
    found: dict[str, list[Any]] = {}
    for row in rows:
        if (isinstance(row["stored_old"], str) and row["stored_old"].startswith(("xx", "xZZx"))) or row[
            "field"
        ] in found:
            found.setdefault(row["field"], []).append(row.get("stored_new"))
    return found


def _column(database: tuple[str, str], vector: str, column: str) -> list[Any]:
    import psycopg2

    connection = psycopg2.connect(host=database[0], dbname=database[1], user="postgres")
    with connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM {_table(vector)} ORDER BY id')
        found = [value for (value,) in cursor.fetchall()]
    connection.close()
    return found


def _table(vector: str) -> str:
    described = json.loads((VECTORS / f"{vector}.json").read_text(encoding="utf-8"))
    return str(described["models"].split("db_table='")[1].split("'")[0])
