# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The escape hatch on a real application: its own functions, in processes under the old and the new keys."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import time
from typing import Any

import pytest

from .conftest import ENCRYPTED, Site, kill_group, until
from .test_resume import wait_until_gone

ODD = """
import base64, datetime, json, os
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from django.conf import settings

def make(secret):
    kdf = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=b"salt", iterations=1_000)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(secret.encode())))

AT_IMPORT = make(settings.SECRET_KEY)  # once
CONSTANT = make("constant")

def encrypt(text):  # derives per call, from os.environ; passes through what looks encrypted
    return text if text.startswith("enc$") else "enc$" + make(os.environ["SECRET_KEY"]).encrypt(text.encode()).decode()

def decrypt(value):  # swallows errors, prints, has a text for them, passes through what it does not know
    if not value.startswith("enc$"):
        return value
    try:
        return make(os.environ["SECRET_KEY"]).decrypt(value[4:].encode()).decode()
    except Exception as exc:
        print("could not decrypt")
        return "[Decryption Error]"

class Cached:
    def encrypt(self, value):
        return AT_IMPORT.encrypt(json.dumps(value).encode())
    def decrypt(self, value):
        return json.loads(AT_IMPORT.decrypt(value))
cached = Cached()

def encrypt_hex(text):  # in hex no sign of either case differs from the other
    return "hex:" + AT_IMPORT.encrypt(text.encode()).hex()
def decrypt_hex(value):
    try:
        return AT_IMPORT.decrypt(bytes.fromhex(value[4:])).decode()
    except Exception:
        return "[Decryption Error]"

def several():
    return MultiFernet([make(key) for key in os.environ["FIELD_KEYS"].split(",")])
def encrypt_several(text):
    return several().encrypt(text.encode()).decode()
def decrypt_several(value):
    return several().decrypt(value.encode()).decode()

def encrypt_constant(text):
    return CONSTANT.encrypt(text.encode()).decode()
def decrypt_constant(value):
    return CONSTANT.decrypt(value.encode()).decode()
def encrypt_first(text):
    return "v1:" + make(settings.SECRET_KEY).encrypt(text.encode()).decode()
def encrypt_second(text):
    return "v2:" + make(settings.ENCRYPTION_SALT.decode()).encrypt(text.encode()).decode()
def decrypt_either(value):
    key = settings.SECRET_KEY if value.startswith("v1:") else settings.ENCRYPTION_SALT.decode()
    return make(key).decrypt(value[3:].encode()).decode()
def encrypt_picky(text):
    assert not settings.SECRET_KEY.startswith("picked")
    return encrypt_hex(text)
def encrypt_stripped(text):
    return encrypt(text.strip())
def encrypt_raises(text):
    raise RuntimeError(text)
def decrypt_date(value):
    return datetime.date.fromisoformat(decrypt(value))
def encrypt_date(value):
    return encrypt(value.isoformat())
"""
KEYS = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT", "use": "signing"}]
MANAGER = "core.encryption.EncryptionManager"


def extra_vars(functions: dict[str, Any], *columns: tuple[str, str]) -> str:
    targets = [{"table": table, "column": column, "scheme": "own"} for table, column in columns]
    described = {"key_rotation_schemes": {"own": {"application": functions}}, "key_rotation_targets": targets}
    if functions["decrypt"].startswith("core.odd."):  # which do without the salt
        described["key_rotation_keys"] = KEYS
    return json.dumps(described)


@pytest.fixture
def odd(site: Site) -> Site:
    """A site whose tokens are one table of odd ones."""
    (site.project / "core/odd.py").write_text(ODD, encoding="utf-8")
    for table in ENCRYPTED:
        site.sql(f"DELETE FROM {table}")
    site.sql("CREATE TABLE odd (id int PRIMARY KEY, value text, raw bytea)")
    return site


def fill(site: Site, column: str, expression: str, rows: int = 20) -> None:
    made = site.manage("shell", "--verbosity=0", "--command", f"""
from django.db import connection
from core import odd
with connection.cursor() as cursor:
    for number in range({rows}):
        cursor.execute("INSERT INTO odd (id, {column}) VALUES (%s, %s)", [number, {expression}])
""")  # fmt: skip
    assert made.code == 0, made.text


def read(site: Site, column: str, function: str) -> list[object]:
    """All values as the application reads them, in a process of its own."""
    shown = site.manage("shell", "--verbosity=0", "--command", f"""
import json
from django.db import connection
from core import odd
with connection.cursor() as cursor:
    cursor.execute("SELECT {column} FROM odd ORDER BY id")
    found = [bytes(v) if isinstance(v, memoryview) else v for v, in cursor.fetchall()]
print("READ" + json.dumps([odd.{function}(value) for value in found]))
""")  # fmt: skip
    return json.loads(shown.text.split("READ", 1)[1])


def rows(site: Site) -> list[tuple[object, ...]]:
    return site.sql("SELECT id, value, raw FROM odd ORDER BY id")


@pytest.mark.thorough
def test_the_runbooks_application_by_its_own_functions_and_back(site: Site) -> None:
    before, keys = site.read_all(), site.env_values()
    columns = [(table, column) for table, names in ENCRYPTED.items() for column in names]
    own = extra_vars({"decrypt": f"{MANAGER}.decrypt", "encrypt": f"{MANAGER}.encrypt"}, *columns)

    rotated = site.play("rotate", "-e", own)
    assert rotated.code == 0, rotated.text
    assert site.env_values() != keys
    assert site.read_all() == before

    back = site.play("rollback", "-e", own)
    assert back.code == 0, back.text
    assert site.env_values() == keys
    assert site.read_all() == before
    for value in keys.values():
        assert value not in rotated.text + back.text


@pytest.mark.thorough
def test_errors_swallowed_sentinels_a_key_per_call_and_from_the_environment(odd: Site) -> None:
    (odd.project / "core/odd.py").write_text(ODD.replace("1_000", "2_000_000"), encoding="utf-8")
    fill(odd, "value", 'odd.encrypt(f"  value {number} ž")', rows=15)
    own = extra_vars({"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}, ("odd", "value"))
    before, stored = read(odd, "value", "decrypt"), rows(odd)
    started = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"key", b"salt", 2_000_000)
    derived, before_it = time.process_time() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    rotated = odd.play("rotate", "-e", own)
    after_it = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert rotated.code == 0, rotated.text
    assert read(odd, "value", "decrypt") == before
    assert not {row[1] for row in stored} & {row[1] for row in rows(odd)}
    # 15 values are opened and sealed some 15 times each: more than 200 derivations, if each call made its own
    assert after_it.ru_utime - before_it.ru_utime < 150 * derived, "of processors' time, whoever else has them"


@pytest.mark.thorough
def test_true_plaintexts_in_hex_are_no_error_texts(odd: Site) -> None:
    """Of equal texts and of the error text itself: damage to a token in hex could be no damage."""
    fill(odd, "value", """odd.encrypt_hex(("one text", "", "[Decryption Error]")[number % 3])""", rows=120)
    own = extra_vars({"decrypt": "core.odd.decrypt_hex", "encrypt": "core.odd.encrypt_hex"}, ("odd", "value"))
    before, stored = read(odd, "value", "decrypt_hex"), rows(odd)
    rotated = odd.play("rotate", "-e", own)
    assert rotated.code == 0, rotated.text
    assert read(odd, "value", "decrypt_hex") == before
    assert not {row[1] for row in stored} & {row[1] for row in rows(odd)}


@pytest.mark.thorough
def test_a_rotation_that_was_killed_after_the_switch_is_resumed(odd: Site) -> None:
    """No value is under the keys of before, so an error text is all that they read under any other key."""
    fill(odd, "value", 'odd.encrypt(f"value {number}")')
    own = extra_vars({"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}, ("odd", "value"))
    before, env = read(odd, "value", "decrypt"), odd.env_file.read_bytes()
    process = odd.start("rotate", "-e", own)
    until(lambda: odd.env_file.read_bytes() != env, process)
    kill_group(process)
    wait_until_gone(odd)

    again = odd.play("rotate", "-e", own)

    assert again.code == 0, again.text
    assert len(odd.stored()["versions"]) == 2
    assert read(odd, "value", "decrypt") == before


@pytest.mark.thorough
def test_functions_that_read_a_list_which_keeps_the_key_of_before_and_back(odd: Site) -> None:
    odd.env_file.write_text(
        odd.env_file.read_text(encoding="utf-8") + "FIELD_KEYS=the first key of all\n", encoding="utf-8"
    )
    fill(odd, "value", 'odd.encrypt_several(f"value {number}")')
    own = json.loads(
        extra_vars({"decrypt": "core.odd.decrypt_several", "encrypt": "core.odd.encrypt_several"}, ("odd", "value"))
    )
    listed = json.dumps({**own, "key_rotation_keys": [{"name": "FIELD_KEYS", "keep": 1}]})
    before, keys = read(odd, "value", "decrypt_several"), odd.env_file.read_bytes()
    rotated = odd.play("rotate", "-e", listed)
    assert rotated.code == 0, rotated.text
    assert read(odd, "value", "decrypt_several") == before
    assert odd.play("verify", "-e", listed).code == 0
    back = odd.play("rollback", "-e", listed)
    assert back.code == 0, back.text
    assert odd.env_file.read_bytes() == keys
    assert read(odd, "value", "decrypt_several") == before


@pytest.mark.thorough
def test_a_key_kept_since_import_json_values_and_bytes(odd: Site) -> None:
    fill(odd, "raw", 'odd.cached.encrypt({"card": number, "tags": ["ž", None, 1.5]})')
    functions = {"decrypt": "core.odd.cached.decrypt", "encrypt": "core.odd.cached.encrypt", "binary": True}
    before = read(odd, "raw", "cached.decrypt")
    rotated = odd.play("rotate", "-e", extra_vars(functions, ("odd", "raw")))
    assert rotated.code == 0, rotated.text
    assert read(odd, "raw", "cached.decrypt") == before


@pytest.mark.thorough
def test_a_member_of_a_document_next_to_what_is_no_token(odd: Site) -> None:
    fill(odd, "value", """odd.json.dumps({"user": f"bob {number}", "password": odd.encrypt(f'pin "{number}"')})""")
    functions = {"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}
    own = {"own": {"application": functions, "json_members": ["password"]}}
    listed = [{"table": "odd", "column": "value", "scheme": "own"}]
    before = rows(odd)

    described = {"key_rotation_schemes": own, "key_rotation_targets": listed, "key_rotation_keys": KEYS}
    rotated = odd.play("rotate", "-e", json.dumps(described))

    assert rotated.code == 0, rotated.text
    now = rows(odd)
    assert [json.loads(row[1])["user"] for row in now] == [f"bob {number}" for number in range(20)]
    assert not {row[1] for row in before} & {row[1] for row in now}


REFUSED = [
    ("a value no key opens", "decrypt", "encrypt", "odd.encrypt('x')", "E_UNREADABLE", "no known key decrypts"),
    (
        "no key",
        "decrypt_constant",
        "encrypt_constant",
        "odd.encrypt_constant('x')",
        "E_KEY_WITHOUT_VALUE",
        "no encrypted value",
    ),
    ("blanks go lost", "decrypt", "encrypt_stripped", "odd.encrypt(' x ')", "E_SELF_CHECK", "odd.value"),
    ("it raises", "decrypt", "encrypt_raises", "odd.encrypt('CANARY')", "E_FUNCTION", "raised RuntimeError"),
    ("a type", "decrypt_date", "encrypt_date", "odd.encrypt('2026-01-01')", "E_FUNCTION", "raised TypeError"),
    ("not there", "decrypt_nothing", "encrypt", "odd.encrypt('x')", "E_FUNCTION", "is not there"),
]


MORE = ("a value no key opens", "blanks go lost", "it raises", "a type", "not there")


@pytest.mark.parametrize(
    ("name", "decrypt", "encrypt", "value", "code", "text"),
    [pytest.param(*row, id=row[0], marks=[pytest.mark.thorough] * (row[0] in MORE)) for row in REFUSED],
)
def test_what_does_not_come_back_is_refused_before_the_application_is_stopped(
    odd: Site, name: str, decrypt: str, encrypt: str, value: str, code: str, text: str
) -> None:
    fill(odd, "value", value)
    if code == "E_UNREADABLE":
        odd.sql("UPDATE odd SET value = 'enc$gAAAAABnothing' WHERE id = 17")
    stored, env = rows(odd), odd.env_file.read_bytes()
    own = {"decrypt": f"core.odd.{decrypt}", "encrypt": f"core.odd.{encrypt}"}
    described = ("-e", extra_vars(own, ("odd", "value")))
    for playbook in (["plan"], ["rotate", "--check"], ["rotate"]):
        refused = odd.play(*playbook, *described)
        assert refused.code != 0, playbook
        assert code in refused.text
        assert text in " ".join(refused.text.split())  # the checklist wraps its lines
        assert "CANARY" not in refused.text
        assert "Stop the services that use the keys" not in refused.text
    assert not odd.store.exists(), "no key was made"
    assert rows(odd) == stored
    assert odd.env_file.read_bytes() == env


@pytest.mark.thorough
def test_functions_that_cannot_use_the_supplied_values_are_refused_before_the_application_is_stopped(odd: Site) -> None:
    fill(odd, "value", "odd.encrypt_picky('x')", rows=3)
    supplied = odd.folder / "new.vault.yml"
    supplied.write_bytes(odd.vault().encrypt(json.dumps({"SECRET_KEY": "picked-by-the-operator" * 3})))
    own = {"decrypt": "core.odd.decrypt_hex", "encrypt": "core.odd.encrypt_picky"}
    password = ("--vault-password-file", str(odd.password))
    options = ("-e", extra_vars(own, ("odd", "value")), "-e", f"key_rotation_values_file={supplied}")
    stored, env = rows(odd), odd.env_file.read_bytes()
    refused = odd.play("rotate", *options, *password)
    assert (refused.code != 0, refused.error()) == (True, "E_FUNCTION"), refused.text
    assert "Check that the application can use the supplied values" in refused.text
    assert "Stop the services that use the keys" not in refused.text
    assert (rows(odd), odd.env_file.read_bytes()) == (stored, env)


PLANT = "INSERT INTO odd (id, value) VALUES (99, 'enc$gAAAAABnothing')"


def losing(odd: Site) -> str:
    """Have a rotation fail after the switch, with a value beside the others that the functions call unreadable; the
    options that describe them. Such a verdict is no proof that the new keys do not open the value."""
    fill(odd, "value", 'odd.encrypt(f"value {number}")')
    own = extra_vars({"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}, ("odd", "value"))
    plant = f"from django.db import connection as c; c.cursor().execute({PLANT!r}); raise SystemExit(1)"
    command = [str(odd.project / ".venv/bin/python"), "manage.py", "shell", "--command", plant]
    before, env = read(odd, "value", "decrypt"), odd.env_file.read_bytes()

    failed = odd.play("rotate", "-e", own, "-e", json.dumps({"key_rotation_verification_commands": [command]}))

    said = " ".join(failed.text.split())
    _, new = [version["key_id"] for version in odd.stored()["versions"]]
    assert failed.code == 20, failed.text
    assert f"E_ROLLBACK_LOSES: 1 value may need version {new}" in said
    assert "no longer be in the .env file: odd.value:99." in said
    assert f"Of 21 values, 20 open under version {new} and 1 open under no known version." in said
    assert f"The .env file on app holds version {new}. The current version in the key store is {new}." in said
    assert "as before" not in said.split("the rollback stopped at")[1]
    assert odd.env_file.read_bytes() != env
    assert read(odd, "value", "decrypt")[:20] == before, "everything else is read under the version that it has"
    return own


def test_a_rollback_that_would_lose_a_value_is_refused_by_name_and_by_an_exit_code_of_its_own(odd: Site) -> None:
    losing(odd)


# While the engine re-encrypts row 5, something writes its value over that of row 3.
OVERWRITE = """
CREATE FUNCTION overwrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE odd SET value = NEW.value WHERE id = 3;
  RETURN NULL;
END $$;
CREATE TRIGGER overwrite AFTER UPDATE ON odd FOR EACH ROW WHEN (OLD.id = 5) EXECUTE FUNCTION overwrite();
"""


@pytest.mark.thorough
def test_a_row_that_something_wrote_over_is_named_and_taken_from_the_backup(odd: Site) -> None:
    """A function cannot tell by itself under which keys a value is: who wrote the row excuses nothing."""
    fill(odd, "value", 'odd.encrypt(f"value {number}")')
    own = ("-e", extra_vars({"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}, ("odd", "value")))
    before = read(odd, "value", "decrypt")
    odd.sql(OVERWRITE)

    failed = odd.play("rotate", *own)

    said = " ".join(failed.text.split())
    assert (failed.code != 0, failed.error()) == (True, "E_DIGEST_CHANGED"), failed.text
    assert "odd.value: the decrypted data changed since the rotation began: odd.value:3." in said
    assert "Every value, the keys of the application and the key store are as before" not in said
    assert "What another process wrote during the rotation was kept." in said, said
    assert [number for number, (now, was) in enumerate(zip(read(odd, "value", "decrypt"), before)) if now != was] == [3]

    odd.sql("DROP TRIGGER overwrite ON odd")
    option = re.search(r"with -e '([{].*?[}])'", said)
    assert option, said
    repaired = odd.play("rollback", *own, "-e", option[1])
    assert repaired.code == 0, repaired.text
    assert read(odd, "value", "decrypt") == before


@pytest.mark.thorough
def test_a_rollback_continues_without_the_values_that_are_acknowledged_by_name_and_number(odd: Site) -> None:
    env = odd.env_file.read_bytes()
    own = losing(odd)
    old, _ = [version["key_id"] for version in odd.stored()["versions"]]
    before = read(odd, "value", "decrypt")

    wrong = odd.play("rollback", "-e", own, "-e", "key_rotation_rollback_acknowledge=odd.value:2")
    assert (wrong.code, wrong.error()) == (20, "E_ROLLBACK_LOSES"), wrong.text
    assert "-e key_rotation_rollback_acknowledge=odd.value:1" in " ".join(wrong.text.split())

    back = odd.play("rollback", "-e", own, "-e", "key_rotation_rollback_acknowledge=odd.value:1")

    said = " ".join(back.text.split())
    assert back.code == 21, back.text
    assert f"Of 21 values, 20 open under version {old} and 1 open under no known version." in said
    assert "E_UNREADABLE: no known key decrypts 1 value: odd.value:99" in said
    assert odd.env_file.read_bytes() == env
    assert read(odd, "value", "decrypt") == before


def test_functions_without_columns_are_refused(odd: Site) -> None:
    own = {"own": {"application": {"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}}}
    refused = odd.play("plan", "-e", json.dumps({"key_rotation_schemes": own}))
    assert refused.code != 0
    assert "E_TARGET" in refused.text


@pytest.mark.thorough
def test_no_process_has_the_keys_in_its_environment_or_arguments(odd: Site) -> None:
    """While functions run in their processes, /proc shows nobody's keys."""
    fill(odd, "value", '"enc$" + odd.AT_IMPORT.encrypt(f"value {number}".encode()).decode()', rows=400)
    own = extra_vars({"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}, ("odd", "value"))
    secrets = set(odd.env_values().values())
    process = odd.start("rotate", "-e", own)
    seen = 0
    while process.poll() is None:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                for part in ("environ", "cmdline"):
                    with open(f"/proc/{pid}/{part}", "rb") as handle:
                        text = handle.read().decode("utf-8", "replace")
                    seen += 1
                    assert not any(secret in text for secret in secrets), (pid, part)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        if odd.store.exists():
            secrets |= {v for version in odd.stored()["versions"] for v in version["values"].values()}
    assert process.wait() == 0, process.stdout.read()
    assert seen > 1_000
    assert len(secrets) == 4


@pytest.mark.thorough
def test_a_key_that_the_functions_do_without_is_named(odd: Site) -> None:
    """It is not under a key because somebody has listed both."""
    fill(odd, "value", "odd.encrypt(f'text {number}')", rows=3)
    own = {**json.loads(extra_vars({"decrypt": "core.odd.decrypt", "encrypt": "core.odd.encrypt"}, ("odd", "value")))}
    del own["key_rotation_keys"]
    planned = odd.play("plan", "-e", json.dumps(own))
    assert planned.code == 2, planned.text
    assert "ENCRYPTION_SALT: is in key_rotation_keys, but no encrypted value was found under it" in planned.text
    assert "SECRET_KEY: is in" not in planned.text
    refused = odd.play(
        "rotate", "--check", "-e", json.dumps({**own, "key_rotation_plan": str(odd.folder / "none.yml")})
    )
    assert refused.error() == "E_KEY_WITHOUT_VALUE", refused.text


@pytest.mark.thorough
def test_a_key_that_only_later_values_need_is_found(odd: Site) -> None:
    """An application that has changed its key keeps the old one for the values of before, which come first."""
    fill(odd, "value", "(odd.encrypt_first if number < 8 else odd.encrypt_second)(str(number))", rows=10)
    own = json.loads(
        extra_vars({"decrypt": "core.odd.decrypt_either", "encrypt": "core.odd.encrypt_second"}, ("odd", "value"))
    )
    del own["key_rotation_keys"]
    before = read(odd, "value", "decrypt_either")
    rotated = odd.play("rotate", "-e", json.dumps(own))
    assert rotated.code == 0, rotated.text
    assert read(odd, "value", "decrypt_either") == before
