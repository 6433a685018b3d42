# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every column and every key is accounted for, or the rotation stops before anything is changed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import importlib
import json
import os
import re
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import local_files
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    accounting,
    model_evidence,
    target_survey,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import row_samples
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import (
    out_of_reach,
    stored_files,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census, census_findings
from cryptography.fernet import Fernet
from django.core import signing

from .conftest import Site
from .test_discovery import token
from .test_engine import keyring  # noqa: F401  # a fixture

OWN = "box.2:1b1a0652fb8d857c62379339:"  # a format of the application's own


def random_bytes(size: int, number: int = 0) -> bytes:
    """The same ones in every run: up to 7 in 100 single values do not look random (value_look)."""
    return hashlib.shake_256(f"{number} of {size}".encode()).digest(size)


def found(database: Database, keyring: Keyring, **settled: str) -> dict[str, str]:
    """What stops, by column."""
    survey = target_survey.find(database, "auto", (), keyring)
    decided = settlements.parse({f"secrets.{name}": {"not_ours": reason} for name, reason in settled.items()})
    return {each.column: each.what for each in accounting.columns(database, survey, decided)}


def test_ciphertext_in_a_column_next_to_a_target_stops_by_name(database: Database, keyring: Keyring) -> None:
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, a text, password varchar(900), payload bytea, options jsonb,"
        " link text, hashed text, codes text[])"
    )
    for number in range(30):
        row = (
            number,
            token(keyring),
            OWN + random_bytes(20, number).hex(),
            random_bytes(24 + 16 + 9, number),
            json.dumps({"user": f"user {number}", "key": random_bytes(33, number).hex()}),
            f"https://example.com/customers/{number}/orders",
            "pbkdf2_sha256$600000$aZ3kQ9xY$" + "aZ3kQ9xYbC" * 4 + "=",
            ["green", "red"],
        )
        database.execute(f"INSERT INTO secrets VALUES ({', '.join(['%s'] * len(row))})", row)
    told = found(database, keyring)
    assert set(told) == {"secrets.password", "secrets.payload", "secrets.options"}
    assert "look like ciphertext in hex" in told["secrets.password"]
    assert "look like ciphertext in bytes" in told["secrets.payload"]
    assert "of the member key" in told["secrets.options"]
    assert set(found(database, keyring, password="the partner's key", options="of a test")) == {"secrets.payload"}


def test_a_value_in_another_format_in_a_column_of_tokens_is_no_plain_text(database: Database, keyring: Keyring) -> None:
    """As an application has it that encrypted in another way before, under the same key."""
    parts = [base64.urlsafe_b64encode(random_bytes(size)).decode().rstrip("=") for size in (12, 16, 11)]
    older = [".".join(parts), base64.b32encode(random_bytes(30)).decode(), base64.b64encode(random_bytes(20)).decode()]
    plain = ["sk_" + "live_51H8kX9vQ2mB7nR4tL8wZ3cY", "https://hooks.example.com/services/T024BE7LDkX9v"]
    values = [*older, *plain, token(keyring)]
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text)")
    database.execute("INSERT INTO secrets SELECT n, v FROM unnest(%s::text[]) WITH ORDINALITY AS t(v, n)", (values,))
    (target,) = target_survey.find(database, "auto", (), keyring).targets
    (tally,) = census.Census(database, [target], keyring, b"k").take()
    assert tally.classes == {"current": 1, "unreadable": 3, "plaintext": 2}
    listed = [f"secrets.a:{number}" for number in range(1, 6)]
    (left,) = census.Census(database, [target], keyring, b"k", leave_alone=listed).take()
    (finding,) = census_findings.left_alone([left], {})
    assert finding.fields == {"count": 4, "rows": ", ".join(listed[:4])}, "a key of another service is no words"
    settled = settlements.parse({name: {"unreadable": "nobody reads it"} for name in listed[:4]})
    assert census_findings.left_alone([left], settled) == []


def test_ciphertext_that_only_newer_rows_have_is_sampled_in_a_large_table(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO secrets SELECT n, 'a note about customer ' || n FROM generate_series(1, 20000) AS n")
    database.execute(
        "INSERT INTO secrets SELECT n, 'v1:' || encode(sha512(n::text::bytea), 'base64')"
        " FROM generate_series(20001, 40000) AS n"
    )
    database.execute("ANALYZE secrets")
    assert set(found(database, keyring)) == {"secrets.note"}


@pytest.mark.parametrize("written", ["text", "varchar(900)", "text[]"])
def test_ciphertext_under_a_nondeterministic_collation_is_found(
    debian_database: Database, keyring: Keyring, anycase: str, written: str
) -> None:
    debian_database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, note {written} COLLATE {anycase}, a text)")
    shown = "{{{}}}" if written.endswith("[]") else "{}"
    for number in range(200):
        note = shown.format(OWN + random_bytes(20, number).hex())
        debian_database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, note, token(keyring)))
    assert set(found(debian_database, keyring)) == {"secrets.note"}


@pytest.mark.parametrize(("value", "is_held"), [('{"a": "a word"}', True), ('{"a": 1}', False)])
def test_a_document_under_a_nondeterministic_collation_is_searched_for_texts(
    debian_database: Database, keyring: Keyring, anycase: str, value: str, *, is_held: bool
) -> None:
    debian_database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, note text COLLATE {anycase})")
    debian_database.execute("INSERT INTO secrets VALUES (1, %s)", (value,))
    survey = target_survey.find(debian_database, "auto", (), keyring)
    ((table, (column,)),) = [(each, known) for each, known in survey.tables.items() if each.name == "secrets"]
    assert survey._holds_values(table, column, document=True) is is_held


@pytest.mark.parametrize("first", [60, 1500])
def test_ciphertext_behind_plain_rows_is_sampled_in_a_small_table_that_was_never_analyzed(
    database: Database, keyring: Keyring, first: int
) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, diary text)")
    sql = "INSERT INTO secrets SELECT n, {} FROM generate_series(%s, %s) AS n"
    database.execute(sql.format("'a plain diary entry of the year ' || n"), (1, first))
    database.execute(sql.format("'v1:' || encode(sha512(n::text::bytea), 'base64')"), (first + 1, first + 60))
    told = found(database, keyring)
    assert set(told) == {"secrets.diary"}
    counted, of = re.findall(r"\d+", told["secrets.diary"])[:2]
    assert int(counted) <= 60, "no row counts twice"
    assert int(of) <= first + 60


@pytest.mark.parametrize("first", [40, 30_000])
@pytest.mark.parametrize(("begin", "end"), [(0.6, 1.0), (0.3, 0.8), (1.0, 1.0)], ids=["later", "middle", "last"])
def test_a_field_that_encrypts_only_in_later_rows_is_evidence(
    database: Database, first: int, begin: float, end: float
) -> None:
    from django.apps import apps
    from django.db import connection, models

    class Reversed(models.TextField):
        """A field of an application that reads what begins with a mark in another way."""

        def from_db_value(self, value: str, *_about: Any) -> str:
            return value[::-1] if value.startswith("v1:") else value

    apps.all_models.pop("evidence", None)

    class Secret(models.Model):
        note = Reversed()

        class Meta:
            app_label, db_table, managed = "evidence", "secrets", False

    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text)")
    database.execute(
        "INSERT INTO secrets SELECT n, CASE WHEN n BETWEEN %s AND %s THEN 'v1:' ELSE 'plain ' END || n"
        " FROM generate_series(1, %s) AS n",
        (int(first * begin), int(first * end), first),
    )
    with connection.cursor() as cursor:
        found = list(model_evidence._of_field(Secret._meta.get_field("note"), "default", cursor))
    connection.close()
    assert {each.evidence for each in found} == {"reads another value than the stored one"}
    if first > row_samples.LARGE:
        assert len(found) <= 2 * model_evidence.SAMPLE + model_evidence.BETWEEN, "the field reads a few values"


class LazySecret:
    """A value object of an application, which decrypts when somebody asks."""

    def __init__(self, raw: str) -> None:
        self.raw = raw

    def reveal(self) -> str:
        return Fernet(bytes(32)).decrypt(self.raw.encode()).decode()


class HeldSecret:
    def __init__(self, raw: str) -> None:
        self.source, self.by = raw, Fernet(base64.urlsafe_b64encode(bytes(32)))

    def __str__(self) -> str:
        return self.source


class LateText(str):
    """The stored text itself, with a property that decrypts it."""

    @property
    def plain(self) -> str:
        return decipher(self)


class Phone(LateText):
    plain = property(lambda self: self.removeprefix("+"))


def decipher(text: str) -> str:
    return text[::-1]


@pytest.mark.parametrize(
    ("made", "stored", "is_evidence"),
    [
        (LazySecret, "12:ab09ff31", True),
        (HeldSecret, "12:ab09ff31", True),
        (LateText, "12:ab09ff31", True),
        (LazySecret, "an entry of before, in words", False),
        (LazySecret, "https://example.org/entries/7", False),
        (Phone, "+420123456789", False),
    ],
)
def test_an_object_with_the_stored_text_that_decrypts_later_is_evidence(
    database: Database, made: type, stored: str, is_evidence: bool
) -> None:
    from django.apps import apps
    from django.db import connection, models

    class Lazy(models.TextField):
        def from_db_value(self, value: str, *_about: Any) -> Any:
            return made(value)

    apps.all_models.pop("evidence", None)

    class Secret(models.Model):
        note = Lazy()

        class Meta:
            app_label, db_table, managed = "evidence", "secrets", False

    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (stored,))
    with connection.cursor() as cursor:
        found = {each.evidence for each in model_evidence._of_field(Secret._meta.get_field("note"), "default", cursor)}
    connection.close()
    assert found == ({"reads an object whose code looks like encryption"} if is_evidence else set())


def test_a_view_is_evidence_by_its_first_rows(database: Database) -> None:
    from django.db import connection, models

    class Raising(models.TextField):
        def from_db_value(self, value: str, *_about: Any) -> str:
            raise ValueError("CANARY")

    class Shown(models.Model):
        note = Raising()

        class Meta:
            app_label, db_table, managed = "evidence", "shown", False

    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO secrets VALUES (1, 'plain')")
    database.execute("CREATE VIEW shown AS SELECT * FROM secrets")
    with connection.cursor() as cursor:
        (found,) = model_evidence._of_field(Shown._meta.get_field("note"), "default", cursor)
    connection.close()
    database.execute("DROP VIEW shown")
    assert found.evidence == "raises ValueError for a stored value"


@pytest.mark.parametrize("plain", ["'a plain value ' || n", "'https://example.com/orders/' || md5(n::text)"])
def test_ciphertext_in_few_of_many_values_stops(database: Database, keyring: Keyring, plain: str) -> None:
    """As in a table of settings, some of which an application encrypts."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, value text)")
    sealed = "CASE WHEN n % 33 = 9 THEN encode(decode(md5(n::text) || md5(n || 'x'), 'hex'), 'base64') ELSE {} END"
    database.execute(f"INSERT INTO secrets SELECT n, {sealed.format(plain)} FROM generate_series(1, 5000) AS n")
    assert set(found(database, keyring)) == {"secrets.value"}


def test_one_value_that_looks_like_ciphertext_among_many_is_a_notice(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO secrets SELECT n, 'a plain value ' || n FROM generate_series(1, 500) AS n")
    value = base64.b64encode(random_bytes(40)).decode()
    database.execute("UPDATE secrets SET note = %s WHERE id = 400", (value,))
    survey = target_survey.find(database, "auto", (), keyring)
    assert accounting.columns(database, survey, {}) == []
    (notice,) = survey.findings.of("sparse")
    assert (notice.kind.stops, notice.column) == (False, "secrets.note")
    assert "1 of" in notice.what
    assert value not in notice.what + notice.todo


def test_one_secret_in_a_table_of_settings_stops(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, value text)")
    database.execute("INSERT INTO secrets SELECT n, 'a plain value ' || n FROM generate_series(1, 60) AS n")
    database.execute("UPDATE secrets SET value = %s WHERE id = 40", (random_bytes(40).hex(),))
    assert set(found(database, keyring)) == {"secrets.value"}


def test_ciphertext_in_an_ignored_column_needs_a_settlement(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, token text, plain text)")
    for number in range(12):
        row = (number, token(keyring), random_bytes(40, number).hex(), "a plain value of this application")
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", row)
    ignored = ("secrets.token", "secrets.plain")
    survey = target_survey.find(database, "auto", ignored, keyring)
    assert [(each.column, each.kind.code) for each in accounting.columns(database, survey, {})] == [
        ("secrets.token", "E_IGNORED_TOKENS")
    ]
    assert survey.findings.columns("ignored") == ["secrets.plain"]
    survey = target_survey.find(database, "auto", ignored, keyring)
    settled = settlements.parse({"secrets.token": {"not_ours": "the partner's key"}})
    assert accounting.columns(database, survey, settled) == []


def test_ciphertext_in_partitions_is_sampled(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE one PARTITION OF secrets FOR VALUES FROM (0) TO (100)")
    database.execute("CREATE TABLE other PARTITION OF secrets FOR VALUES FROM (100) TO (200)")
    database.execute("INSERT INTO secrets SELECT n, 'a note about customer ' || n FROM generate_series(0, 99) AS n")
    database.execute(
        "INSERT INTO secrets SELECT n, encode(sha512(n::text::bytea), 'base64') FROM generate_series(100, 199) AS n"
    )
    assert set(found(database, keyring)) == {"secrets.note"}


def test_ciphertext_as_long_as_a_digest_stops_next_to_a_target(database: Database, keyring: Keyring) -> None:
    """An IV and one block of AES-CBC in hex look like a SHA-256: only a name can tell that it is one."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, ssn text, email_hash text)")
    for number in range(30):
        row = (number, token(keyring), random_bytes(32, number).hex(), random_bytes(32, number).hex())
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", row)
    survey = target_survey.find(database, "auto", (), keyring)
    assert {each.column for each in accounting.columns(database, survey, {})} == {"secrets.ssn"}
    assert survey.findings.columns("digest") == ["secrets.email_hash"]


def test_an_object_that_is_named_after_its_content_is_no_ciphertext(database: Database, keyring: Keyring) -> None:
    """As pulpcore names the distribution of an artifact: one row, next to many with other names."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, name text)")
    for number in range(30):
        name = random_bytes(32, number).hex() if number == 7 else f"name {number}"
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), name))
    survey = target_survey.find(database, "auto", (), keyring)
    assert accounting.columns(database, survey, {}) == []
    assert survey.findings.columns("digest") == ["secrets.name"]


def test_ciphertext_in_arrays_and_names_of_members_stops(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a bytea[], b jsonb, c jsonb[], d jsonb, e bytea[])")
    for number in range(30):
        box = base64.b64encode(random_bytes(40, number)).decode()
        named, ids = (
            json.dumps({box: 1}),
            json.dumps({random_bytes(16, number).hex(): "an ID", "name": "a person of ours"}),
        )
        row = (
            number,
            [random_bytes(40, number)],
            named,
            [json.dumps({"x": box})],
            ids,
            [b"a plain text of this application"],
        )
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s::jsonb[], %s, %s)", row)
    assert set(found(database, keyring)) == {"secrets.a", "secrets.b", "secrets.c"}


def test_ciphertext_next_to_tokens_in_a_document_stops(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, doc jsonb, held text)")
    for number in range(30):
        told = {
            "user": "a user",
            "password": token(keyring),
            "card": base64.b64encode(random_bytes(40, number)).decode(),
        }
        plain = {"user": f"user number {number} of ours", "passwords": [token(keyring), token(keyring)]}
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, json.dumps(told), json.dumps(plain)))
    stops = found(database, keyring)
    assert set(stops) == {"secrets.doc"}
    assert "of the member card" in stops["secrets.doc"]


def test_empty_tables_views_and_generated_columns_are_no_findings(database: Database, keyring: Keyring) -> None:
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, a text, b text GENERATED ALWAYS AS (md5(a) || md5(a || 'x')) STORED)"
    )
    assert found(database, keyring) == {}
    database.execute("INSERT INTO secrets (id, a) VALUES (1, 'plain'), (2, NULL), (3, '')")
    assert found(database, keyring) == {}


def test_the_plan_and_the_dry_run_stop_at_unexplained_ciphertext_and_at_an_idle_key(site: Site) -> None:
    site.sql("CREATE TABLE billing_partner (id int PRIMARY KEY, password varchar(900))")
    for number in range(12):
        site.sql("INSERT INTO billing_partner VALUES (%s, %s)", (number, OWN + random_bytes(22, number).hex()))
    with site.env_file.open("a", encoding="utf-8") as env:
        env.write("PARTNER_KEY=0123456789abcdef0123456789abcdef\n")
    keys = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}, {"name": "PARTNER_KEY", "type": "hex"}]
    site.write_inventory(key_rotation_keys=keys)
    (site.project / "core" / "partner.py").write_text(
        "import os\n\n\ndef seal(text):\n    return os.environ['PARTNER_KEY']\n"
    )
    before = site.read_all()
    dry = site.play("rotate", "--check")
    text = " ".join(dry.text.split())
    assert dry.code != 0
    assert "E_UNEXPLAINED" in text
    assert "billing_partner.password" in text
    assert site.read_all() == before

    reason = {"billing_partner.password": {"not_ours": "under the partner's own key"}}
    site.write_inventory(key_rotation_keys=keys, key_rotation_settlements=reason)
    text = " ".join(site.play("rotate", "--check").text.split())
    assert "E_KEY_WITHOUT_VALUE: PARTNER_KEY" in text
    assert "core/partner.py:5 seal (reads the variable)" in text
    assert "{name: PARTNER_KEY, type: hex, use: signing}" in text

    keys[-1]["use"] = "signing"
    site.write_inventory(key_rotation_keys=keys, key_rotation_settlements=reason)
    done = site.play("rotate", "--check")
    assert done.code == 0, done.text


@pytest.mark.parametrize("name", ["billing_partner.password", "customer_userprofile._full_name_encrypted:7"])
def test_a_settlement_that_names_nothing_stops(site: Site, name: str) -> None:
    site.write_inventory(key_rotation_settlements={name: {"not_ours": "a reason"}})
    assert "E_SETTLEMENT" in site.play("rotate", "--check").text


def packings(value: str) -> dict[str, Any]:
    document = json.dumps({"host": "db1", "password": value}).encode()
    return {
        "encoded": base64.b64encode(document).decode(),
        "zipped": gzip.compress(document),
        "zipped_text": base64.b64encode(zlib.compress(document)).decode(),
        "signed": signing.dumps({"password": value}, key="another secret", compress=True),
        "linked": f"data:application/json;base64,{base64.b64encode(document).decode()}",
        "numbers": json.dumps({"data": list(value.encode())}),
        "percent": "".join(f"%{byte:02x}" for byte in value.encode()),
    }


@pytest.mark.parametrize("column", ["email_hash", "device_uuid", "request_id"])
def test_the_name_of_a_column_explains_nothing_that_opens(database: Database, keyring: Keyring, column: str) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {column} text)")
    for number in range(3):
        database.execute(
            "INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), token(keyring, f"{number}"))
        )
    survey = target_survey.find(database, "auto", (), keyring)
    assert f"secrets.{column}" in {target.name for target in survey.targets}


def test_hashes_and_uuids_stay_quiet(database: Database, keyring: Keyring) -> None:
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, a text, email_hash text, device uuid, device_uuid text)"
    )
    for number in range(30):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        row = (number, token(keyring), digest, str(uuid.uuid4()), uuid.uuid4().hex)
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s, %s)", row)
    survey = target_survey.find(database, "auto", (), keyring)
    assert [each.column for each in accounting.columns(database, survey, {})] == []


@pytest.mark.parametrize("sql_type", ["json", "text"])
def test_a_column_in_which_each_token_begins_with_an_escape_of_json_stops(
    database: Database, keyring: Keyring, sql_type: str
) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, doc {sql_type})")
    for number in range(3):
        document = f'{{"x": "\\u0067{token(keyring)[1:]}"}}'
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), document))
    assert set(found(database, keyring)) == {"secrets.doc"}


def test_tokens_in_encoded_or_compressed_data_stop(database: Database, keyring: Keyring) -> None:
    columns = {name: "bytea" if name == "zipped" else "text" for name in packings("")}
    listed = ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed})")
    for number in range(3):
        secret = token(keyring, f"a password {number}")
        row = (number, token(keyring), *packings(secret).values())
        database.execute(f"INSERT INTO secrets VALUES ({', '.join(['%s'] * len(row))})", row)
    survey = target_survey.find(database, "auto", (), keyring)
    stops = {each.column: each for each in accounting.columns(database, survey, {})}
    assert set(stops) == {f"secrets.{name}" for name in columns}
    assert {each.kind.code for each in stops.values()} == {"E_TOKEN_PACKED"}
    assert stops["secrets.encoded"].fields == {"count": 3, "looked_at": 3}
    settled = {
        f"secrets.{name}": {"not_ours" if name == "encoded" else "unreadable": "nobody reads it"} for name in columns
    }
    (left,) = accounting.columns(database, survey, settlements.parse(settled))
    assert left.column == "secrets.encoded", "what is proved to be under a rotated key is ours"


def test_the_same_packings_without_tokens_stop_nothing(database: Database, keyring: Keyring) -> None:
    columns = {name: "bytea" if name == "zipped" else "text" for name in packings("")}
    listed = ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed})")
    for number in range(3):
        row = (number, token(keyring), *packings(f"a plain word {number}").values())
        database.execute(f"INSERT INTO secrets VALUES ({', '.join(['%s'] * len(row))})", row)
    assert set(found(database, keyring)) == {"secrets.signed"}, "of its key nothing is known"


STORAGES = """
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from {place} import encrypt


class Folder(FileSystemStorage):
    location = "elsewhere"


class Sealed(FileSystemStorage):
    def _save(self, name, content):
        return super()._save(name, encrypt(content))
"""
CODE = "from django.conf import settings\n\ndef encrypt(content):\n    return settings.{}\n"


@pytest.mark.parametrize(
    ("name", "setting", "kinds"),
    [
        ("Folder", "SECRET_KEY", []),
        ("Sealed", "MEDIA_ROOT", ["files"]),
        ("Sealed", "SECRET_KEY", ["files_under_key"]),
    ],
)
def test_files_of_a_storage_of_the_application_s_own_are_named(
    database: Database,
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    setting: str,
    kinds: list[str],
) -> None:
    from django.apps import apps
    from django.db import models

    place = f"sealing_{name}_{setting}".lower()
    (tmp_path / f"{place}.py").write_text(CODE.format(setting))
    (tmp_path / f"{place}_storages.py").write_text(STORAGES.format(place=place))
    monkeypatch.syspath_prepend(str(tmp_path))
    storage = getattr(importlib.import_module(f"{place}_storages"), name)

    class Document(models.Model):
        file = models.FileField(storage=storage())
        plain = models.FileField()

        class Meta:
            app_label, db_table, managed = place, "secrets", False

    monkeypatch.setattr(apps, "get_models", lambda **options: [Document])
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, file varchar(100), plain varchar(100))")
    database.execute("INSERT INTO secrets VALUES (1, %s, 'a.pdf', 'b.pdf')", (token(keyring),))
    found = stored_files.find(database, target_survey.find(database, "auto", (), keyring), keyring)
    assert [(each.kind.name, each.column) for each in found] == [(kind, "secrets.file") for kind in kinds]
    if kinds == ["files_under_key"]:
        settled = settlements.parse({"secrets.file": {"not_ours": "it only signs names"}})
        assert [stored_files.as_fact(found[0], each)["stops"] for each in ({}, settled)] == [True, False]
        assert found[0].fields == {"storage": f"{place}_storages.Sealed", "key": "SECRET_KEY"}


def as_numbers(values: Sequence[float]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def test_ciphertext_in_numbers_stops(database: Database, keyring: Keyring) -> None:
    """As int.from_bytes() has it, or as an array of bytes. Numbers that are short, or have a fraction, are plain."""
    types = {
        "amount": "numeric(200)",
        "free": "numeric",
        "cents": "numeric(200, 2)",
        "small": "smallint[]",
        "floats": "double precision[]",
        "several": "integer[]",
        "key": "numeric(80)",
        "price": "numeric(12, 2)",
        "exact": "numeric",
        "vector": "double precision[]",
        "ids": "bigint[]",
        "marks": "integer[]",
    }
    listed = ", ".join(f"{name} {sql_type}" for name, sql_type in types.items())
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed}, UNIQUE (key))")
    database.execute("CREATE TABLE apart (id numeric(100) PRIMARY KEY, sealed integer[])")
    for number in range(15):
        data = random_bytes(37, number)
        large = int.from_bytes(data, "big")
        plain = [number, f"{number}.5", f"{large}.25", as_numbers([each / 7 for each in data])]
        more = [as_numbers([number * 1000 + place for place in range(30)]), as_numbers([1 + number % 5] * 30)]
        row = (large, -large, f"{large}.00", *[as_numbers(list(data))] * 3, *plain, *more)
        named = ", ".join(["%s"] * len(row))
        database.execute(f"INSERT INTO secrets VALUES ({number}, %s, {named})", (token(keyring), *row))
        database.execute("INSERT INTO apart VALUES (%s, %s)", (large, as_numbers(list(data))))
    told, settled = found(database, keyring), found(database, keyring, amount="a number of a game")
    database.execute("DROP TABLE apart")
    columns = {f"secrets.{name}" for name in ("amount", "free", "cents", "small", "floats", "several")}
    assert {*told} == {*columns, "apart.sealed"}
    assert "15 of 15 values look like ciphertext in bytes" in told["secrets.amount"]
    assert "lists of byte numbers look like ciphertext" in told["secrets.small"]
    assert {*settled} == {*told} - {"secrets.amount"}


def test_a_token_in_an_array_of_bytes_is_one_that_is_not_rewritten(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, data smallint[])")
    sealed = as_numbers(list(token(keyring).encode()))
    database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (token(keyring), sealed))
    assert "contain tokens under the rotated keys" in found(database, keyring)["secrets.data"]


def test_a_few_encrypted_bytes_among_many_files_stop(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, data bytea)")
    pdf = b"%PDF-1.7\n" + b"1 0 obj << /Type /Catalog >> endobj\n" * 4
    for number in range(6000):
        data = random_bytes(200, number) if 3000 <= number < 3030 else pdf + b"%d" % number
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), data))
    assert "look like ciphertext in bytes" in found(database, keyring)["secrets.data"]
    database.execute("DELETE FROM secrets WHERE id BETWEEN 3000 AND 3029")
    assert found(database, keyring) == {}


# What files hold, by how they are encrypted or not, and the finding about their column.
CONTENTS = {
    "tokens": (lambda ring, number: token(ring).encode() + b"\n", ["files_open"]),
    "tokens in lines": (lambda ring, number: f"of {number}\n{token(ring)}\n{token(ring)}\n".encode(), ["files_open"]),
    "tokens under another key": (
        lambda ring, number: Fernet(Fernet.generate_key()).encrypt(b"content"),
        ["files_unexplained"],
    ),
    "AES": (lambda ring, number: random_bytes(900, number), ["files_unexplained"]),
    "a few under passwords": (lambda ring, number: random_bytes(900 if number < 4 else 0, number) or b"words", []),
    "words": (lambda ring, number: f"an ordinary text of customer {number}".encode() * 40, []),
    "compressed": (lambda ring, number: gzip.compress(random_bytes(90, number).hex().encode() + b"words " * 90), []),
    "a picture": (lambda ring, number: b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + jpeg(number), []),
    "none": (lambda ring, number: b"", []),
}


def jpeg(number: int) -> bytes:
    """A scan, after the header of a picture."""
    return b"\xff\xda\0\x08\1\1\0\0\x3f\0" + random_bytes(9000, number) + b"\xff\xd9"


def of_files(app: str, monkeypatch: pytest.MonkeyPatch, storage: Any, body: Mapping[str, Any]) -> None:
    """A model with a column of files."""
    from django.apps import apps
    from django.db import models

    meta = type("Meta", (), {"app_label": app, "db_table": "secrets", "managed": False})
    members = {"__module__": __name__, "Meta": meta, "file": models.FileField(storage=storage), **body}
    model = type("Document", (models.Model,), members)
    monkeypatch.setattr(apps, "get_models", lambda **options: [model])


@pytest.mark.parametrize("contents", CONTENTS)
def test_files_that_hold_ciphertext_stop_by_their_column(
    database: Database, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: str
) -> None:
    from django.core.files.storage import FileSystemStorage

    of_files(f"contents_{[*CONTENTS].index(contents)}", monkeypatch, FileSystemStorage(tmp_path), {})
    make, kinds = CONTENTS[contents]
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, file varchar(100))")
    for number in range(20):
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), f"{number}.pdf"))
        if number % 3:  # the others are gone
            (tmp_path / f"{number}.pdf").write_bytes(make(keyring, number))
    database.execute("INSERT INTO secrets VALUES (20, %s, '../outside'), (21, %s, '')", (token(keyring),) * 2)
    (tmp_path.parent / "outside").write_bytes(token(keyring).encode())
    found = stored_files.find(database, target_survey.find(database, "auto", (), keyring), keyring)
    assert [(each.kind.name, each.column) for each in found] == [(kind, "secrets.file") for kind in kinds]
    if contents == "tokens":
        settled = settlements.parse({"secrets.file": {"not_ours": "somebody says so"}})
        assert stored_files.as_fact(found[0], settled)["stops"], "what opens is ours"
        assert found[0].fields["count"] == found[0].fields["looked_at"] > 0


@pytest.mark.parametrize("contents", ["tokens", "AES"])
def test_a_few_of_them_among_many_others_stop_too(
    database: Database, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: str
) -> None:
    from django.core.files.storage import FileSystemStorage

    of_files(f"few_{contents}", monkeypatch, FileSystemStorage(tmp_path), {})
    make, kinds = CONTENTS[contents]
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, file varchar(100))")
    for number in range(120):
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), f"{number}.pdf"))
        data = make(keyring, number) if 50 <= number < 70 else b"an ordinary text" * 40
        (tmp_path / f"{number}.pdf").write_bytes(data)
    found = stored_files.find(database, target_survey.find(database, "auto", (), keyring), keyring)
    assert [(each.kind.name, each.column) for each in found] == [(kind, "secrets.file") for kind in kinds]


def read_words(document: Any) -> Any:
    return document.file.read()


def read_sealed(document: Any) -> Any:
    return Fernet(b"").decrypt(document.file.read())


@pytest.mark.parametrize(("read", "kinds"), [(read_words, []), (read_sealed, ["files_elsewhere"])])
def test_files_that_are_elsewhere_are_named_if_their_model_encrypts(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, read: Any, kinds: list[str]
) -> None:
    from django.core.files.storage import Storage

    class Bucket(Storage):
        def url(self, name: str) -> str:
            return f"https://example.org/{name}"

    of_files(f"elsewhere_{read.__name__}", monkeypatch, Bucket(), {"content": read})
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, file varchar(100))")
    database.execute("INSERT INTO secrets VALUES (1, %s, 'a.pdf')", (token(keyring),))
    found = stored_files.find(database, target_survey.find(database, "auto", (), keyring), keyring)
    assert [(each.kind.name, each.column) for each in found] == [(kind, "secrets.file") for kind in kinds]


@pytest.mark.parametrize(("read", "kinds"), [(read_words, []), (read_sealed, ["files_unread"])])
def test_files_that_nobody_can_read_are_named_if_their_model_encrypts(
    database: Database,
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Any,
    kinds: list[str],
) -> None:
    """A folder, a pipe that nobody writes to, and a file that is not there."""
    from django.core.files.storage import FileSystemStorage

    of_files(f"unread_{read.__name__}", monkeypatch, FileSystemStorage(tmp_path), {"content": read})
    os.mkdir(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, file varchar(100))")
    for number, name in enumerate(("folder", "pipe", "gone")):
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring), name))
    found = stored_files.find(database, target_survey.find(database, "auto", (), keyring), keyring)
    assert [(each.kind.name, each.column) for each in found] == [(kind, "secrets.file") for kind in kinds]


def test_a_slow_folder_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(local_files.time, "monotonic", lambda: next(clock))
    from django.core.files.storage import FileSystemStorage

    (tmp_path / "a").write_bytes(b"words")
    field = SimpleNamespace(storage=FileSystemStorage(tmp_path))
    assert len(list(local_files.read(field, ["a"] * 9))) == local_files.PATIENCE


def of_jwt(key: str) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "customer 7", "admin": False}]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    signature = hmac.digest(key.encode(), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_values_that_are_signed_with_a_rotated_key_need_a_decision(database: Database, keyring: Keyring) -> None:
    columns = {
        "link": signing.dumps({"customer": 7}, key="old-secret"),
        "stamped": signing.TimestampSigner(key="old-secret").sign("ada@example.org"),
        "ticket": of_jwt("old-secret"),
        "session": of_jwt("the secret of another service"),
        "note": "10:30:00",
    }
    listed = ", ".join(f"{name} text" for name in columns)
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed})")
    database.execute("INSERT INTO secrets VALUES (1, %s, %s, %s, %s, %s, %s)", (token(keyring), *columns.values()))
    plain = ", ".join(f"({number}, 'words', 'words', 'words', 'words', 'words', 'words')" for number in range(2, 9))
    database.execute(f"INSERT INTO secrets VALUES {plain}")
    for ring, named in ((keyring, {"link", "stamped", "ticket"}), (of_another_key(), set())):
        survey = target_survey.find(database, "auto", (), ring)
        stops = accounting.columns(database, survey, {})
        assert {(each.column, each.kind.code) for each in stops} == {(f"secrets.{name}", "E_SIGNED") for name in named}
        settled = settlements.parse({f"secrets.{name}": {"unreadable": "signed again"} for name in named})
        assert accounting.columns(database, survey, settled) == []


SENTENCE = "invited by Ada, who pays for both"


@pytest.mark.parametrize("text", ["https://example.org/invite?user=1", SENTENCE, '{"user":1,"role":"admin"}'])
def test_a_signature_proves_its_key_whatever_is_signed(database: Database, keyring: Keyring, text: str) -> None:
    """By the default salts of Django, under a rotated key; what a key that stays has signed is not asked about."""
    signers = {
        "plain": signing.Signer(key="{}"),
        "timed": signing.TimestampSigner(key="{}"),
        "parted": signing.Signer(key="{}", sep="|"),
        "older": signing.Signer(key="{}", algorithm="sha1"),
        "dumped": signing.TimestampSigner(key="{}", salt="django.core.signing"),
        "own_salt": signing.TimestampSigner(key="{}", salt="invitations"),
        "own_bare": signing.Signer(key="{}", salt="invitations"),
    }
    listed = ", ".join(f"{name} text" for name in signers)
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed})")
    for signer in signers.values():
        signer.key = "old-secret"
    for number in range(3):
        row = (number, token(keyring), *(signer.sign(f"{text}{number}") for signer in signers.values()))
        database.execute(f"INSERT INTO secrets VALUES ({', '.join(['%s'] * len(row))})", row)

    def stops(ring: Keyring) -> dict[str, str]:
        survey = target_survey.find(database, "auto", (), ring)
        return {each.column.partition(".")[2]: each.kind.code for each in accounting.columns(database, survey, {})}

    of_its_own = "E_SIGNED" if text.startswith("https") else "E_UNEXPLAINED"  # a random word or member
    assert stops(keyring) == {**dict.fromkeys(signers, "E_SIGNED"), "own_bare": of_its_own}
    left = set() if text.startswith("https") else {"own_bare"}
    assert stops(of_another_key()) == dict.fromkeys(left, "E_UNEXPLAINED")
    survey = target_survey.find(database, "auto", (), of_another_key())
    accounting.columns(database, survey, {})
    (noted,) = survey.findings.of("sparse")
    assert noted.column == "secrets.own_salt"
    assert "of 3 values are signed as Django does" in noted.what, "of its salt nothing tells the key"


def test_a_value_that_a_rotated_field_key_has_signed_is_not_explained_by_its_form(database: Database) -> None:
    ring = of_another_key()
    (key,) = ring.stages["current"].values.values()
    columns = {
        "by_key": {"key": key},
        "own_salt": {"key": key, "salt": "of its own"},
        "by_secret_key": {"key": "old-secret"},
    }
    listed = ", ".join(f"{name} text" for name in columns)
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed})")
    for number in range(5):  # the look of a single signature may say nothing
        token = Fernet(key).encrypt(b"a value").decode()
        signed_texts = [signing.dumps({"customer": number}, **options) for options in columns.values()]
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s, %s)", (number, token, *signed_texts))
    survey = target_survey.find(database, "auto", (), ring)
    stops = {each.column: each for each in accounting.columns(database, survey, {})}
    assert {name: each.kind.code for name, each in stops.items()} == {"secrets.by_key": "E_SIGNED"}
    assert survey.findings.columns("sparse") == ["secrets.own_salt"]
    signed = stops["secrets.by_key"].fields
    assert (signed["signature"], signed["key"]) == ("signed by Django", "FIELD_ENCRYPTION_KEY")


def test_what_ends_like_a_signature_and_is_of_another_form_is_not_called_signed(
    database: Database, keyring: Keyring
) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, session text, digest text, link text)")
    for number in range(3):
        digest = base64.urlsafe_b64encode(random_bytes(32, number)).decode().rstrip("=")
        row = (
            number,
            token(keyring),
            of_jwt(f"another secret {number}"),
            f"sha256:{digest}",
            f"https://a.org/{digest}",
        )
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s, %s)", row)
    assert found(database, keyring) == {}


def of_another_key() -> Keyring:
    keys = KeySet({"FIELD_ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(32)).decode()})
    return Keyring(schemes.parse("auto"), {"current": keys}, ApplicationSettings({"SECRET_KEY": "old-secret"}.get))


OF_AN_EXTENSION = """
CREATE TYPE ext.citext;
CREATE FUNCTION ext.citextin(cstring) RETURNS ext.citext AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION ext.citextout(ext.citext) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE ext.citext
 (INPUT = ext.citextin, OUTPUT = ext.citextout, INTERNALLENGTH = VARIABLE, STORAGE = extended, CATEGORY = 'S')
"""


def test_types_that_the_engine_does_not_write_are_judged_too(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE SCHEMA ext")
    database.execute(OF_AN_EXTENSION)
    database.execute("CREATE TYPE ext.sealed AS (street text, code bytea)")
    columns = {
        "ref": "uuid",
        "refs": "uuid[]",
        "device": "uuid",
        "mail": "ext.citext",
        "place": "ext.sealed",
        "short": "name",
        "flags": "bit varying",
        "scan": "oid",
        "city": "ext.citext",
    }
    listed = ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, {listed})")
    for number in range(12):
        block = str(uuid.UUID(bytes=random_bytes(16, number)))
        composite = f'(Main street,"\\\\x{random_bytes(40, number).hex()}")'.replace("\\", "\\\\", 1)
        (large,) = database.rows("SELECT lo_from_bytea(0, %s)", (random_bytes(40, number),))[0]
        row = (
            *(number, token(keyring), block, f"{{{block}}}", str(uuid.uuid4())),
            *(random_bytes(40, number).hex(), composite, random_bytes(24, number).hex()),
            *("".join(f"{byte:08b}" for byte in random_bytes(40, number)), large, f"city of row {number}"),
        )
        database.execute(f"INSERT INTO secrets VALUES ({', '.join(['%s'] * len(row))})", row)
    try:
        told = {name.removeprefix("secrets.") for name in found(database, keyring)}
        assert told == {"ref", "refs", "mail", "place", "short", "flags", "scan"}
    finally:
        database.execute("SELECT lo_unlink(scan) FROM secrets")
        database.execute("DROP SCHEMA ext CASCADE")


def test_uuids_by_which_rows_are_named_are_no_ciphertext(database: Database, keyring: Keyring) -> None:
    """Some applications make them of an MD5."""
    database.execute("CREATE TABLE secrets (entry uuid PRIMARY KEY, a text, parent uuid REFERENCES secrets)")
    for number in range(12):
        row = (str(uuid.UUID(bytes=random_bytes(16, number))), token(keyring))
        database.execute("INSERT INTO secrets VALUES (%s, %s)", row)
    database.execute("UPDATE secrets SET parent = entry")
    assert found(database, keyring) == {}


def test_what_is_next_to_tokens_in_an_array_is_judged(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text[], b text[])")
    for number in range(12):
        other = OWN + random_bytes(40, number).hex()
        row = (number, [token(keyring), "plain", other], [token(keyring), "plain", "words"])
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", row)
    assert set(found(database, keyring)) == {"secrets.a"}


def test_ciphertext_in_a_jsonpath_is_judged(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, rule jsonpath, plain jsonpath)")
    for number in range(12):
        row = (number, token(keyring), f'$."{random_bytes(45, number).hex()}"', f"$.orders[{number}].total")
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s::jsonpath, %s::jsonpath)", row)
    assert set(found(database, keyring)) == {"secrets.rule"}


def test_a_foreign_table_and_what_the_role_may_not_read_need_a_decision(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    database.execute(
        "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER gone FOREIGN DATA WRAPPER nowhere;"
        " CREATE FOREIGN TABLE partners (id int, token text) SERVER gone; GRANT SELECT ON secrets, partners TO PUBLIC;"
        " CREATE SCHEMA apart; CREATE TABLE apart.shut (id int, a text);"
        " DROP ROLE IF EXISTS plain; CREATE ROLE plain; SET ROLE plain"
    )
    try:
        survey = target_survey.find(database, "auto", (), keyring)
        told = {each.column: each for each in out_of_reach.find(database, survey, {})}
        assert set(told) == {"partners.token", "apart.shut"}
        assert "GRANT USAGE ON SCHEMA apart TO plain; GRANT SELECT ON apart.shut TO plain" in told["apart.shut"].todo
        assert "in a foreign table, and cannot be read now" in told["partners.token"].what
        for settled in ({"partners.token": {}, "apart.shut": {}}, {"partners.*": {}, "apart.*": {}}):
            decided = settlements.parse({name: {"not_ours": "another team's"} for name in settled})
            assert out_of_reach.find(database, survey, decided) == []
            assert out_of_reach.places(database).issuperset(settled)
    finally:
        database.execute(
            "RESET ROLE; DROP FOREIGN DATA WRAPPER nowhere CASCADE; DROP SCHEMA apart CASCADE; DROP OWNED BY plain;"
            " DROP ROLE plain"
        )


@pytest.mark.parametrize(
    "plain",
    [
        "'exports/customer_statement_' || lpad(n::text, 6, '0') || '/archive-of-the-year-2024-' || n || '.csv'",
        "'media/' || substr(md5(n::text), 1, 2) || '/' || md5(n::text) || '.jpg'",
        "'exports/' || md5(n::text)::uuid || '/report.csv'",
    ],
)
@pytest.mark.parametrize("rows", [400, 6000, 150_000])
def test_ciphertext_among_very_many_long_words_stops(
    database: Database, keyring: Keyring, plain: str, rows: int
) -> None:
    """The samples are full of ordinary words: the few others are asked for."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, path text)")
    sealed = "CASE n % 300 WHEN 7 THEN 'v1:' || encode(sha512(n::text::bytea), 'base64') ELSE {} END"
    database.execute(f"INSERT INTO secrets SELECT n, {sealed.format(plain)} FROM generate_series(1, {rows}) AS n")
    database.execute("ANALYZE secrets")
    assert set(found(database, keyring)) == {"secrets.path"}


def test_very_many_long_words_alone_stop_nothing(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, path text, upload text, token text)")
    database.execute(
        "INSERT INTO secrets SELECT n, 'exports/customer_statement_' || lpad(n::text, 6, '0') || '/archive-' || n,"
        " 'uploads/2024/' || encode(sha256(n::text::bytea), 'hex') || '.pdf',"
        " regexp_replace(md5(n::text), '^(.{8})(.{4}).(.{3}).(.{3})', '\\1-\\2-4\\3-a\\4-')"
        " FROM generate_series(1, 6000) AS n"
    )
    assert found(database, keyring) == {}


@pytest.mark.parametrize(
    "sealed", [random_bytes(45).hex(), base64.b64encode(random_bytes(45)).decode(), [*random_bytes(45)]]
)
@pytest.mark.parametrize("sql_type", ["json", "jsonb"])
def test_what_stands_late_in_a_document_is_judged(
    database: Database, keyring: Keyring, sealed: Any, sql_type: str
) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a {sql_type}, b {sql_type})")
    notes = [f'a note of "{number}" about https://example.org/articles/{number}' for number in range(1500)]
    words = {"notes": notes, "slugs": [f"a-slug-of-several-words-{number}" for number in range(500)]}
    late = {**words, "z_inside": {"card_number_under_our_key": sealed}}
    for number in range(3):
        row = (number, json.dumps(late), json.dumps({**words, "zz_sha256": random_bytes(32, number).hex()}))
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", row)
    told = found(database, keyring)
    assert set(told) == {"secrets.a"}
    assert isinstance(sealed, list) or "of the member card_number_under_our_key" in told["secrets.a"]
