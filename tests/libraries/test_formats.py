# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats of applications and of further libraries: each is rotated right, or refused by what it is.

Tables without models, as an application has them that encrypts by functions; the oracle is the format's own recipe,
written here a second time with nothing of the engine.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .test_vectors import BYTE_CODE, LIBRARIES, TREE, VECTORS

HERE = Path(__file__).resolve().parent
AWX = "$encrypted$UTF8$AESCBC$"


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def stored_bytes(value: Any) -> Any:
    return base64.b64decode(value["__bytes__"]) if isinstance(value, dict) and "__bytes__" in value else value


def sql(database: tuple[str, str], *statements: Any) -> list[tuple[Any, ...]]:
    import psycopg2

    connection = psycopg2.connect(host=database[0], dbname=database[1], user="postgres")
    found: list[tuple[Any, ...]] = []
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(*(statement if isinstance(statement, tuple) else (statement,)))
            found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


def engine(database: tuple[str, str], **asked: Any) -> dict[str, Any]:
    """One process of the engine: ``targets`` and ``classes`` after a rotation, or the ``error``."""
    library = Path(LIBRARIES) / asked.pop("package", "none")
    done = subprocess.run(
        [sys.executable, str(HERE / "formats_worker.py"), *database],
        input=json.dumps(asked),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{library}:{TREE}", "PYTHONPYCACHEPREFIX": str(BYTE_CODE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RESULT" in done.stdout, done.stdout + done.stderr
    return json.loads(done.stdout.split("RESULT", 1)[1])


def fernet256(key: bytes, token: str) -> bytes:
    """What is in a Fernet token with a key of 64 bytes. Raises InvalidSignature."""
    raw = base64.urlsafe_b64decode(token)
    check = hmac.HMAC(key[:32], hashes.SHA256())
    check.update(raw[:-32])
    check.verify(raw[-32:])
    decryptor = Cipher(algorithms.AES(key[32:]), modes.CBC(raw[9:25])).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(raw[25:-32]) + decryptor.finalize()) + unpadder.finalize()


def of_awx(key: bytes, stored: str) -> bytes:
    assert stored.startswith(AWX)
    return fernet256(key, base64.b64decode(stored[len(AWX) :]).decode())


def aes_2(secret: str, stored: str) -> str:
    name, nonce, rest = stored.split(":")
    assert name == "AES.2"
    key = hashlib.sha256(secret.encode()).hexdigest()[:32].encode()
    return AESGCM(key).decrypt(bytes.fromhex(nonce), bytes.fromhex(rest), None).decode()


@pytest.mark.parametrize("name", ["DD_CREDENTIAL_AES_256_KEY", "CREDENTIALS_KEY"])
def test_aes_2_is_rotated_under_the_setting_of_its_application_or_any_other(
    name: str, database: tuple[str, str]
) -> None:
    described = vector("defectdojo_formats")
    secret, rows = described["settings"]["DD_CREDENTIAL_AES_256_KEY"], described["rows"]
    sql(database, "CREATE TABLE tool (id int PRIMARY KEY, password varchar(9000))")
    sql(database, *[("INSERT INTO tool VALUES (%s, %s)", (n, row["aes2"])) for n, row in enumerate(rows)])

    done = engine(database, old={name: secret}, new={name: "another one"})

    assert done.get("classes", done) == {"tool.password": {"pending": 3}}
    after = [value for (value,) in sql(database, "SELECT password FROM tool ORDER BY id")]
    assert [aes_2("another one", value) for value in after] == [row["plaintext"] for row in rows]
    with pytest.raises(InvalidTag):
        aes_2(secret, after[0])


def test_aes_1_in_the_same_column_is_refused_by_its_name(database: tuple[str, str]) -> None:
    described = vector("defectdojo_formats")
    secret, row = described["settings"]["DD_CREDENTIAL_AES_256_KEY"], described["rows"][0]
    sql(database, "CREATE TABLE tool (id int PRIMARY KEY, password varchar(900))")
    sql(database, ("INSERT INTO tool VALUES (1, %s), (2, %s)", (row["aes2"], row["aes1"])))
    error = engine(database, old={"DD_CREDENTIAL_AES_256_KEY": secret}, new={"DD_CREDENTIAL_AES_256_KEY": "x"})["error"]
    assert error["code"] == "E_FORMAT"
    assert "tool.password:2" in error["text"]
    assert "AES.1" in error["text"]
    assert "not encrypted" not in error["text"]


def test_aes_1_alone_is_refused_by_its_name(database: tuple[str, str]) -> None:
    described = vector("defectdojo_formats")
    sql(database, "CREATE TABLE tool (id int PRIMARY KEY, password varchar(900))")
    sql(database, ("INSERT INTO tool VALUES (1, %s)", (described["rows"][0]["aes1"],)))
    error = engine(database, old=described["settings"], new={"DD_CREDENTIAL_AES_256_KEY": "x"})["error"]
    assert (error["code"], "AES.1" in error["text"]) == ("E_FORMAT", True)


def test_django_ansible_base_is_rotated_also_inside_documents(database: tuple[str, str]) -> None:
    described = vector("django_ansible_base")
    rows = [row["stored"] for row in described["rows"]]
    sql(database, "CREATE TABLE auth (id int PRIMARY KEY, secret text, configuration jsonb)")
    for number, stored in enumerate(rows):
        document = json.dumps({"url": "ldap://x", "password": stored})
        sql(database, ("INSERT INTO auth VALUES (%s, %s, %s)", (number, stored, document)))

    done = engine(database, old=described["settings"], new={"SECRET_KEY": "new"})

    assert done.get("classes", done) == {"auth.secret": {"pending": 5}, "auth.configuration": {"pending": 5}}
    key = hashlib.sha512(b"new").digest()
    for (secret, configuration), row in zip(
        sql(database, "SELECT secret, configuration FROM auth ORDER BY id"), described["rows"]
    ):
        assert json.loads(of_awx(key, secret)) == row["plaintext"]
        assert json.loads(of_awx(key, configuration["password"])) == row["plaintext"]
        assert configuration["url"] == "ldap://x"


def awx_key(secret: str, pk: Any, member: str) -> bytes:
    """One for each row (awx_format.json)."""
    digest = hashlib.sha512(secret.encode())
    if pk is not None:
        digest.update(str(pk).encode())
    digest.update(member.encode())
    return digest.digest()


def fill_awx(database: tuple[str, str]) -> dict[str, Any]:
    described = vector("awx_format")
    credential, setting, _ = described["rows"]
    sql(
        database,
        "CREATE TABLE main_credential (id int PRIMARY KEY, inputs jsonb)",
        "CREATE TABLE conf_setting (id int PRIMARY KEY, value text)",
        ("INSERT INTO main_credential VALUES (%s, %s)", (credential["pk"], json.dumps(credential["json"]))),
        ("INSERT INTO conf_setting VALUES (%s, %s)", (setting["pk"], setting["stored"])),
    )
    return described


def test_awx_is_refused_with_the_reason_that_each_row_has_its_key(database: tuple[str, str]) -> None:
    described = fill_awx(database)
    error = engine(database, old=described["settings"], new={"SECRET_KEY": "new"})["error"]
    assert error["code"] == "E_FORMAT"
    assert "each row has a key of its own" in error["text"]
    assert "context: [pk" in error["text"]
    assert "not the keys" not in error["text"]


AWX_FUNCTIONS = '''
import base64, hashlib, os
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.conf import settings

PREFIX = "$encrypted$UTF8$AESCBC$"

class Fernet256:
    """Fernet with AES-256. AWX overrides private parts of cryptography's own class, which release 51 no longer has."""

    def __init__(self, key):
        self.signing_key, self.encryption_key = key[:32], key[32:]

    def mac(self, frame):
        mac = hmac.HMAC(self.signing_key, hashes.SHA256())
        mac.update(frame)
        return mac

    def cipher(self, iv):
        return Cipher(algorithms.AES(self.encryption_key), modes.CBC(iv))

    def decrypt(self, token):
        raw = base64.urlsafe_b64decode(token)
        self.mac(raw[:-32]).verify(raw[-32:])
        decryptor, unpadder = self.cipher(raw[9:25]).decryptor(), padding.PKCS7(128).unpadder()
        padded = decryptor.update(raw[25:-32]) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()

    def encrypt(self, text):
        iv, padder = os.urandom(16), padding.PKCS7(128).padder()
        encryptor, padded = self.cipher(iv).encryptor(), padder.update(text) + padder.finalize()
        frame = bytes([0x80]) + bytes(8) + iv + encryptor.update(padded) + encryptor.finalize()
        return base64.urlsafe_b64encode(frame + self.mac(frame).finalize())

def of(pk, field):
    return Fernet256(hashlib.sha512((settings.SECRET_KEY + str(pk) + field).encode()).digest())

def decrypt(value, pk, member):
    return of(pk, member).decrypt(base64.b64decode(value[len(PREFIX):])).decode()

def encrypt(value, pk, member):
    return PREFIX + base64.b64encode(of(pk, member).encrypt(value.encode())).decode()

def decrypt_setting(value, pk, column):
    return decrypt(value, pk, column)

def encrypt_setting(value, pk, column):
    return encrypt(value, pk, column)
'''


def test_awx_is_rotated_by_functions_that_get_the_row(database: tuple[str, str], tmp_path: Path) -> None:
    described = fill_awx(database)
    (tmp_path / "awx_functions.py").write_text(AWX_FUNCTIONS, encoding="utf-8")
    own = {"decrypt": "awx_functions.decrypt", "encrypt": "awx_functions.encrypt", "context": ["pk", "member"]}
    setting = {
        "decrypt": "awx_functions.decrypt_setting",
        "encrypt": "awx_functions.encrypt_setting",
        "context": ["pk", "column"],
    }
    done = engine(
        database,
        old=described["settings"],
        new={"SECRET_KEY": "new"},
        project=str(tmp_path),
        schemes={
            "credential": {"application": own, "json_members": ["password", "ssh_key_data"]},
            "setting": {"application": setting},
        },
        targets=[
            {"table": "main_credential", "column": "inputs", "scheme": "credential"},
            {"table": "conf_setting", "column": "value", "scheme": "setting"},
        ],
    )
    assert done.get("classes", done) == {"main_credential.inputs": {"pending": 2}, "conf_setting.value": {"pending": 1}}
    ((inputs,),) = sql(database, "SELECT inputs FROM main_credential")
    for member, plaintext in described["rows"][0]["plaintext"].items():
        assert of_awx(awx_key("new", 7, member), inputs[member]).decode() == plaintext
    assert inputs["username"] == "bob"
    ((value,),) = sql(database, "SELECT value FROM conf_setting")
    assert of_awx(awx_key("new", 22, "value"), value).decode() == "ldap-pass"


def test_django_fernet_is_refused_by_its_name(database: tuple[str, str]) -> None:
    (row,) = vector("django_fernet")["stored"]
    sql(database, "CREATE TABLE p (id int PRIMARY KEY, name bytea)")
    sql(database, ("INSERT INTO p VALUES (1, %s)", (stored_bytes(row["name"]),)))
    error = engine(database, old={"SECRET_KEY": "user passphrase"}, new={"SECRET_KEY": "new"})["error"]
    assert error["code"] == "E_FORMAT"
    assert "django-fernet" in error["text"]
    assert "secret that the application passes" in error["text"]


def field_encryption(master: str, info: str, key_id: str = "v1") -> bytes:
    salt = hashlib.sha256(key_id.encode()).digest()
    kdf = HKDF(hashes.SHA256(), 32, salt, f"data-protection-{info}-{key_id}".encode())
    return kdf.derive(base64.urlsafe_b64decode(master))


def of_field_encryption(master: str, stored: str) -> str:
    key_id, _, token = stored.partition(":")
    raw = base64.urlsafe_b64decode(token)
    return AESGCM(field_encryption(master, "field", key_id)).decrypt(raw[:12], raw[12:], None).decode()


def fill_field_encryption(database: tuple[str, str]) -> tuple[str, str, list[str], list[str]]:
    described = vector("django_field_encryption")
    sql(database, "CREATE TABLE v_fe (id int PRIMARY KEY, name text, data text, name_hash varchar(64))")
    rows = [row for row in described["rows"] if row["stored_old"]]
    for number, row in enumerate(rows):
        sql(database, (f"INSERT INTO v_fe (id, {row['field']}) VALUES (%s, %s)", (number, row["stored_old"])))
    old, new = (next(iter(described[f"settings_{when}"]["DATA_PROTECTION_KEYS"].values())) for when in ("old", "new"))
    plain = [base64.b64decode(row["inner_plaintext_bytes_b64"]).decode() for row in rows]
    return old, new, plain, [row["field"] for row in rows]


def blind(master: str, text: str) -> str:
    digest = hmac.HMAC(field_encryption(master, "hash"), hashes.SHA256())
    digest.update(text.encode())
    return digest.finalize().hex()


@pytest.mark.parametrize("how", ["a key of its own", "a JSON document"])
def test_django_field_encryption_is_rotated_under_the_same_id(how: str, database: tuple[str, str]) -> None:
    old, new, plain, fields = fill_field_encryption(database)
    if how == "a key of its own":
        sets = [{"PROTECTION_KEY": old}, {"PROTECTION_KEY": new}]
    else:
        sets = [{"DATA_PROTECTION_KEYS": json.dumps({"v1": key})} for key in (old, new)]
    settings = {"DATA_PROTECTION_KEYS": {"v1": old}, "DATA_PROTECTION_ACTIVE_KEY_ID": "v1"}

    done = engine(database, old=sets[0], new=sets[1], settings=settings)

    assert done.get("classes", done) == {
        "v_fe.name": {"pending": 2, "empty": 1},
        "v_fe.data": {"pending": 1, "empty": 2},
    }
    after = [row[0] or row[1] for row in sql(database, "SELECT name, data FROM v_fe ORDER BY id")]
    assert [of_field_encryption(new, value) for value in after] == plain
    assert len(fields) == len(after)


def test_a_blind_index_of_django_field_encryption_is_recomputed(database: tuple[str, str]) -> None:
    old, new, plain, _ = fill_field_encryption(database)
    for number, text in enumerate(plain):
        sql(database, ("UPDATE v_fe SET name_hash = %s WHERE id = %s", (blind(old, text), number)))
    settings = {"DATA_PROTECTION_KEYS": {"v1": old}, "DATA_PROTECTION_ACTIVE_KEY_ID": "v1"}
    engine(database, old={"PROTECTION_KEY": old}, new={"PROTECTION_KEY": new}, settings=settings)
    for number, (stored,) in enumerate(sql(database, "SELECT name_hash FROM v_fe ORDER BY id")):
        assert stored == blind(new, plain[number])


def test_django_nacl_fields_is_rotated_by_the_librarys_own_libsodium(database: tuple[str, str]) -> None:
    described = vector("django_nacl_fields")
    old, new = ({"NACL_FIELDS_KEY": described[f"settings_{w}"]["NACL_FIELDS_KEY"]} for w in ("old", "new"))
    sql(database, "CREATE TABLE v_nacl (id int PRIMARY KEY, name bytea)")
    for row in described["rows"]:
        sql(database, ("INSERT INTO v_nacl VALUES (%s, %s)", (row["pk"], stored_bytes(row["stored_old"]))))

    done = engine(database, old=old, new=new, package="django-nacl-fields")

    assert done.get("classes", done) == {"v_nacl.name": {"pending": 2, "empty": 1}}
    after = [bytes(value).hex() for (value,) in sql(database, "SELECT name FROM v_nacl ORDER BY id")]
    opened = engine(database, package="django-nacl-fields", secretbox=after, key=new["NACL_FIELDS_KEY"])
    assert opened == [base64.b64decode(row["inner_plaintext_bytes_b64"]).decode() for row in described["rows"]]


def test_pulpcore_is_rotated_in_texts_and_in_documents(database: tuple[str, str]) -> None:
    from cryptography.fernet import Fernet

    described = vector("pulpcore")
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in described["rows"]:
        rows.setdefault((row["table"], row["pk"]), {})[row["column"]] = row["stored_old"]
    for table in dict.fromkeys(row["table"] for row in described["rows"]):
        columns = {r["column"]: r["stored_old"] for r in described["rows"] if r["table"] == table}
        types = ", ".join(f"{name} {'text' if isinstance(value, str) else 'jsonb'}" for name, value in columns.items())
        sql(database, f"CREATE TABLE {table} (pulp_id uuid PRIMARY KEY, {types})")
    for (table, pk), values in rows.items():
        shown = [value if isinstance(value, str) else json.dumps(value) for value in values.values()]
        sql(
            database,
            (
                f"INSERT INTO {table} (pulp_id, {', '.join(values)}) VALUES (%s{', %s' * len(shown)})",
                (pk, *shown),
            ),
        )

    old, new = described["key_old"], described["key_new"]
    done = engine(database, old={"DB_ENCRYPTION_KEY": old}, new={"DB_ENCRYPTION_KEY": new})

    assert len(done["classes"]) == 9
    assert {name for classes in done["classes"].values() for name in classes} <= {"pending", "empty"}
    for row in described["rows"]:
        ((after,),) = sql(database, (f"SELECT {row['column']} FROM {row['table']} WHERE pulp_id = %s", (row["pk"],)))
        assert opened_leaves(Fernet(new), after) == opened_leaves(Fernet(old), row["stored_old"])


def opened_leaves(fernet: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: opened_leaves(fernet, each) for name, each in value.items()}
    if isinstance(value, list):
        return [opened_leaves(fernet, each) for each in value]
    return fernet.decrypt(value.encode()).decode()
