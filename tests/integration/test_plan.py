# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plan.yml as a person runs it: the same refusals as rotate.yml, all at once, and what to type next."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import textwrap

import pytest
import yaml
from cryptography.fernet import Fernet

from .conftest import Site

SCREEN = "SCREEN"


def test_the_plan_shows_every_bad_value_by_its_class_and_fails_until_none_is_left(site: Site) -> None:
    site.sql("UPDATE restaurant_restaurant SET _email_encrypted = 'gAAAAABnothing' WHERE id = 7")
    site.sql("UPDATE restaurant_restaurant SET _email_encrypted = 'plain@example.org' WHERE id = 8")
    site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = 'CANARY' WHERE id = 3")
    made = site.play("plan")
    print(made.text)
    assert made.code == 2, made.text
    for words in (
        "E_PLAN_NOT_READY",
        "_email_encrypted: no known key decrypts 1 value: restaurant_restaurant._email_encrypted:7 (E_UNREADABLE)",
        "1 value does not look encrypted: restaurant_restaurant._email_encrypted:8 (by appearance: words 1) (E_PLAIN",
        "1 value does not look encrypted: customer_userprofile._phone_number_encrypted:3 (by appearance: words 1) (E_P",
        "3 findings stop a rotation",
        "next: ansible-playbook plan.yml -i",
    ):
        assert words in made.text
    assert "CANARY" not in made.text
    refused = site.play("rotate", "--check")
    print(refused.text)
    assert refused.code != 0
    for words in (
        "E_PLAN_NOT_READY",
        "E_FINDINGS",
        "_email_encrypted:7",
        "_email_encrypted:8",
        "_phone_number_encrypted:3",
    ):
        assert words in refused.text
    site.sql("DELETE FROM restaurant_restaurant WHERE id IN (7, 8)")
    site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = NULL WHERE id = 3")
    ready = site.play("plan")
    print(ready.text)
    assert ready.code == 0, ready.text
    assert "next: ansible-playbook rotate.yml -i" in ready.text
    assert ready.text.count("next") == 1
    assert "settlements" not in ready.text + site.inventory.read_text(encoding="utf-8"), "nothing is left to settle"


PUT_TOKENS = """
import json
from customer.models import UserProfile
profile = UserProfile.objects.get(pk=3)
profile.address = json.dumps({"name": profile._full_name_encrypted})
profile.save()
profile = UserProfile.objects.get(pk=4)
profile.address = profile._full_name_encrypted.encode().hex()
profile.save()
"""


def test_a_token_between_other_text_stops_until_a_person_accepts_it(site: Site) -> None:
    assert site.manage("shell", "--command", PUT_TOKENS).code == 0
    before = site.read_all()["profiles"]
    column = "customer_userprofile._address_encrypted"
    made = site.play("plan")
    assert made.code == 2, made.text
    assert "2 values have a token of a known version in their plaintext" in made.text
    assert f"{column}:3, {column}:4 (E_TOKEN_INSIDE)" in made.text
    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, "E_TOKEN_INSIDE"), refused.text
    assert site.read_all()["profiles"] == before

    site.write_inventory(key_rotation_settlements={column: {"unreadable": "a test wrote it"}})
    assert site.play("plan").code == 0
    done = site.play("rotate")
    assert done.code == 0, done.text
    after = site.read_all()["profiles"]
    assert after == before, "in a settled column the tokens inside stay as they are, also one in hex"
    assert site.play("verify").code == 0


def test_keys_that_are_left_empty_are_an_error_of_the_variable(site: Site) -> None:
    site.write_inventory(key_rotation_keys=None)
    for playbook in ("plan", "rotate"):
        made = site.play(playbook)
        assert (made.code != 0, made.error()) == (True, "E_VARIABLE"), made.text
        assert "is empty. Nothing was changed. List the keys" in made.text


def test_a_key_of_the_env_file_that_opens_what_the_listed_keys_do_not_is_proposed(site: Site) -> None:
    key = Fernet.generate_key()
    site.sql("CREATE TABLE billing_partner (id int PRIMARY KEY, note text)")
    for number in range(5):
        token = Fernet(key).encrypt(b"a note").decode()
        site.sql("INSERT INTO billing_partner VALUES (%s, %s)", (number, f"enc${token}"))
    with site.env_file.open("a", encoding="utf-8") as env:
        env.write(f"PARTNER_KEY={key.decode()}\n")
    made = site.play("plan")
    text = " ".join(made.text.split())
    assert made.code == 2, made.text
    assert "billing_partner.note: 1 column contains tokens, all encrypted with PARTNER_KEY" in text
    assert "nothing known opens" not in text
    assert "- name: PARTNER_KEY type: fernet" in text
    assert key.decode() not in made.text
    names = ("SECRET_KEY", "ENCRYPTION_SALT")
    site.write_inventory(
        key_rotation_keys=[{"name": "PARTNER_KEY", "type": "fernet"}, *({"name": name} for name in names)]
    )
    ready = site.play("plan")
    assert ready.code == 0, ready.text
    assert "billing_partner.note" in ready.text


# Tokens that look like those of DefectDojo, under a key that is derived in another way. One function of the pair says
# by what it calls that it decrypts, as there.
VAULT = """
import hashlib, os
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

def cipher():
    return AESGCM(hashlib.sha256(b"vault" + settings.SECRET_KEY.encode()).digest())

def vault_encrypt(plaintext):
    iv = os.urandom(12)
    return f"AES.2:{iv.hex()}:{cipher().encrypt(iv, plaintext.encode(), None).hex()}"

def prepare_for_view(stored):
    _, iv, sealed = stored.split(":")
    return cipher().decrypt(bytes.fromhex(iv), bytes.fromhex(sealed), None).decode()
"""
FILL_VAULT = """
from core.vault import vault_encrypt
from django.db import connection
for number in range(5):
    connection.cursor().execute("INSERT INTO tool VALUES (%s, %s)", [number, vault_encrypt(f"CANARY {number}")])
"""


def test_the_applications_own_functions_are_proposed_for_a_format_that_nothing_known_opens(site: Site) -> None:
    (site.project / "core/vault.py").write_text(VAULT, encoding="utf-8")
    site.sql("CREATE TABLE tool (id int PRIMARY KEY, password varchar(900))")
    filled = site.manage("shell", "--verbosity=0", "--command", FILL_VAULT)
    assert filled.code == 0, filled.text
    made = site.play("plan")
    assert made.code == 2, made.text
    assert "tool.password (E_FORMAT)" in made.text
    (path,) = site.folder.rglob("plan.yml")
    proposed = yaml.safe_load(path.read_text(encoding="utf-8"))["proposed"]
    functions = {"decrypt": "core.vault.prepare_for_view", "encrypt": "core.vault.vault_encrypt"}
    assert proposed == {
        "key_rotation_schemes": {"own": {"application": functions}},
        "key_rotation_targets": ["auto", {"table": "tool", "column": "password", "scheme": "own"}],
    }
    shown = made.text.split("CODE  for columns in an unknown format", 1)[1]
    pasted = textwrap.dedent("\n".join(itertools.takewhile(re.compile(" {10}").match, shown.splitlines()[1:])))
    assert yaml.safe_load(pasted) == proposed
    assert made.text.count("core.vault.prepare_for_view") == 1

    site.write_inventory(**proposed)
    ready = site.play("plan")
    assert ready.code == 0, ready.text
    assert "restaurant_restaurant._email_encrypted" in ready.text, "auto is one of the targets"
    assert "CANARY" not in made.text + ready.text


SEARCH = """
import hmac
from django.conf import settings

def blind_index(email):
    return hmac.new(settings.SECRET_KEY.encode(), email.lower().encode(), "sha256").hexdigest()
"""


def test_hashes_that_nothing_computes_stop_if_the_application_hashes_with_a_rotated_key(site: Site) -> None:
    site.sql("CREATE TABLE subscriber (id int PRIMARY KEY, email_hash text, file_hash text)")
    made = "encode(sha256(n::text::bytea), 'hex'), encode(sha256((n || 'x')::bytea), 'hex')"
    site.sql(f"INSERT INTO subscriber SELECT n, {made} FROM generate_series(1, 20) AS n")
    without = site.play("plan")
    assert without.code == 0, without.text
    assert "subscriber" not in without.text
    (site.project / "core/search.py").write_text(SEARCH, encoding="utf-8")
    for words in (("plan",), ("rotate", "--check")):
        refused = site.play(*words)
        text = " ".join(refused.text.split())
        assert (refused.code != 0, "E_KEYED_HASH" in text) == (True, True), refused.text
        assert "SECRET_KEY, which is rotated: core/search.py:6 blind_index" in text
        assert "subscriber.file_hash" not in text
    site.write_inventory(key_rotation_settlements={"subscriber.email_hash": {"not_ours": "another service made them"}})
    settled = site.play("plan")
    assert settled.code == 0, settled.text


def test_hashes_of_another_column_without_a_key_need_no_word_and_other_columns_share_one(site: Site) -> None:
    (site.project / "core/search.py").write_text(SEARCH, encoding="utf-8")
    site.sql(
        "CREATE TABLE subscriber (id int PRIMARY KEY, email text, email_md5 text, email_hash text, name_hash bytea)"
    )
    made = "' User' || n || '@Example.org', md5(lower(trim(' User' || n || '@Example.org')))"
    keyed = "encode(sha256(n::text::bytea), 'hex'), sha256((n || 'x')::bytea)"
    site.sql(f"INSERT INTO subscriber SELECT n, {made}, {keyed} FROM generate_series(1, 20) AS n")
    refused = site.play("plan")
    assert refused.code == 2, refused.text
    assert "subscriber.email_hash, subscriber.name_hash: hashes that no known recipe" in refused.text
    assert "email_md5" not in refused.text


@pytest.mark.thorough
def test_every_row_of_a_finding_is_in_a_file_that_the_message_names(site: Site) -> None:
    site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = 'CANARY ' || id WHERE id <= 50")
    site.sql("UPDATE restaurant_restaurant SET _email_encrypted = 'gAAAAABCANARY' WHERE id = 7")
    expected = [
        "table,column,primary key,class",
        *(f"customer_userprofile,_phone_number_encrypted,{number},plaintext" for number in range(1, 51)),
        "restaurant_restaurant,_email_encrypted,7,unreadable",
    ]
    made = site.play("plan")
    assert made.code == 2, made.text
    assert "and 45 more" in made.text
    (path,) = site.folder.rglob("plan.rows.csv")
    assert made.text.count(f"{path} lists all rows of these findings") == 1
    assert f"All of these rows are in {path}." in made.text
    assert sorted(path.read_text(encoding="utf-8").splitlines()) == sorted(expected)
    assert path.stat().st_mode & 0o777 == 0o600
    path.with_name("plan.yml").unlink()
    dry = site.play("rotate", "--check")
    assert (dry.code != 0, "The plan playbook lists all of these rows in a file." in " ".join(dry.text.split())) == (
        True,
        True,
    )
    refused = site.play("rotate")
    assert refused.code != 0
    (rows,) = site.folder.glob("records/*/rows.csv")
    assert f"All of these rows are in {rows}." in " ".join(refused.text.split()), refused.text
    assert sorted(rows.read_text(encoding="utf-8").splitlines()) == sorted(expected)
    assert "CANARY" not in made.text + dry.text + refused.text
    site.sql("DELETE FROM restaurant_restaurant WHERE id = 7")
    site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = NULL WHERE id <= 50")
    assert site.play("plan").code == 0
    assert not path.exists()


def test_the_plan_and_the_checklist_refuse_what_a_role_lacks_for_the_backup(site: Site) -> None:
    """As a newcomer has it: the role owns the application's tables, and may neither read others nor make databases."""
    role = f"r_{site.database[-20:]}"
    site.sql(f"CREATE ROLE {role} LOGIN; CREATE TABLE of_another (id int PRIMARY KEY)")
    tables = [name for (name,) in site.sql("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")]
    for table in tables:
        if table != "of_another":
            site.sql(f"ALTER TABLE {table} OWNER TO {role}")
    site.set_env("DB_USER", "")
    with site.env_file.open("a", encoding="utf-8") as env:
        env.write(f"DB_USER={role}\n")
    try:
        made = site.play("plan")
        text = " ".join(made.text.split())
        assert (made.code != 0, "E_DUMP_RIGHT" in text, "E_OUT_OF_REACH" in text) == (True, True, True), made.text
        grant = f'GRANT SELECT ON TABLE public.of_another TO "{role}"'
        assert grant in text
        refused = site.play("rotate", "--check")
        assert refused.code != 0
        assert ("E_DUMP_RIGHT" in refused.text, grant in " ".join(refused.text.split())) == (True, True), refused.text
        site.sql(grant)
        assert site.play("plan").code == 0
        unencrypted = site.play("plan", "-e", "key_rotation_environment=staging")
        assert (unencrypted.code, "E_CHECKLIST: " in unencrypted.text) == (2, True), unencrypted.text
        assert "STOP  backup         E_BACKUP_UNENCRYPTED" in unencrypted.text
    finally:
        site.set_env("DB_USER", "DB_USER=postgres\n")
        site.sql(f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_plan_refuses_what_the_checklist_of_a_rotation_would(site: Site) -> None:
    store = {"type": "vault_file", "password_file": str(site.folder / "no password")}
    wrong = {
        "key_rotation_sessions": "fallbacks",
        "key_rotation_services": [{"name": "no-such-unit"}],
        "key_rotation_health_url": "http://127.0.0.1:9/",
        "key_rotation_store": store,
    }
    refused = site.play("plan", "-e", json.dumps(wrong))
    assert (refused.code, "E_CHECKLIST: 4 of" in refused.text) == (2, True), refused.text
    assert "Nothing was changed but the plan." in refused.text
    stops = dict(re.findall(r"STOP  (\w+) +(E_\w+)", refused.text))
    assert stops == {
        "services": "E_SERVICE_MISSING",
        "health": "E_HEALTH",
        "logins": "E_FALLBACKS_NOT_READ",
        "store": "E_VAULT_PASSWORD_FILE",
    }, refused.text
    dry = site.play("rotate", "--check", "-e", json.dumps(wrong))
    assert dict(re.findall(r"STOP  (\w+) +(E_\w+)", dry.text)) == stops, dry.text
    assert not (site.folder / "records/plan").exists()
    assert site.play("plan").code == 0
    assert site.play("rotate").code == 0
    again = site.play("plan")
    assert again.code == 0, again.text
    leaked = {"key_rotation_reason": "compromise: a laptop", "key_rotation_sessions": "resign"}
    assert "E_SESSIONS_COMPROMISED" in site.play("plan", "-e", json.dumps(leaked)).text


ATTRIBUTES = """

    @property
    def iban(self) -> str:
        return EncryptionManager.decrypt(self._address_encrypted) or ""

    @iban.setter
    def iban(self, value: str) -> None:
        self._address_encrypted = EncryptionManager.encrypt(value.replace(" ", "").upper())

    @property
    def growing(self) -> str:
        return EncryptionManager.decrypt(self._address_encrypted) or ""

    @growing.setter
    def growing(self, value: str) -> None:
        self._address_encrypted = EncryptionManager.encrypt(f"{value}x")

    @property
    def etag(self) -> str:
        return self._address_encrypted and self._address_encrypted[-60:]
"""


def test_a_setter_that_normalizes_is_right_and_one_that_changes_its_text_each_time_stops_the_plan(site: Site) -> None:
    models = site.project / "customer/models.py"
    models.write_text(models.read_text().replace('or ""\n', f'or ""\n{ATTRIBUTES}', 1))
    made = site.play("plan")
    text = " ".join(made.text.split())
    assert made.code == 2, made.text
    assert "customer.UserProfile.growing does not return the value that was written (E_ROUND_TRIP)" in text, made.text
    assert "UserProfile.iban" not in text
    assert "customer.UserProfile.etag: computed from the ciphertext itself" in text, made.text
    ignore = {"key_rotation_application_ignore": ["customer.UserProfile.growing"]}
    assert site.play("plan", "-e", json.dumps(ignore)).code == 0


@pytest.mark.thorough
def test_what_has_the_value_of_a_rotated_key_is_rotated_with_it_or_stops(site: Site) -> None:
    """It would keep the value, and the application could not read what it encrypted with it."""

    def value_of(name: str) -> str:
        return re.search(rf"^{name}='?([^'\s]+)", site.env_file.read_text(), re.MULTILINE)[1]

    def partners_fernet() -> Fernet:
        return Fernet(base64.urlsafe_b64encode(hashlib.sha256(value_of("TOKEN_KEY").encode()).digest()))

    shared = value_of("SECRET_KEY")
    with site.env_file.open("a", encoding="utf-8") as env:
        env.write(f"TOKEN_KEY='{shared}'\n")
    settings = site.project / "food_ordering/settings.py"
    source = settings.read_text()
    settings.write_text(f"{source}\nPARTNER_KEYS = [{shared!r}]\n")
    site.sql("CREATE TABLE billing_partner (id int PRIMARY KEY, note text)")
    for number in range(5):
        token = partners_fernet().encrypt(b"a note").decode()
        site.sql("INSERT INTO billing_partner VALUES (%s, %s)", (number, token))
    made = site.play("plan")
    text = " ".join(made.text.split())
    assert made.code == 2, made.text
    assert "TOKEN_KEY, a variable of the .env file, shares a value with SECRET_KEY" in text
    assert "[{name: SECRET_KEY}, {name: TOKEN_KEY}]" in text
    assert "PARTNER_KEYS, a setting of the application, shares a value with SECRET_KEY" in text
    assert shared not in made.text

    settings.write_text(source)
    site.write_inventory(key_rotation_keys=[{"name": name} for name in ("SECRET_KEY", "ENCRYPTION_SALT", "TOKEN_KEY")])
    ready = site.play("plan")
    assert ready.code == 0, ready.text
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert value_of("TOKEN_KEY") == value_of("SECRET_KEY") != shared
    for (note,) in site.sql("SELECT note FROM billing_partner"):
        assert partners_fernet().decrypt(str(note).encode()) == b"a note"
