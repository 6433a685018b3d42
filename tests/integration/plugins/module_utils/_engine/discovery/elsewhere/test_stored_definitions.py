# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and copies of keys in definitions of the database, such as the default of a column or a setting of a role: no
rotation changes them."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import stored_definitions
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import (
    Finding,
    unsettled,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from cryptography.fernet import Fernet

from ......conftest import Site
from ......test_discovery import survey, token
from ......test_engine import NEW, SCHEME, SCHEMES, keyring  # noqa: F401  # a fixture

# What has a token in its definition: how it is created, how it is named, and the statement that replaces it.
DEFINITIONS = {
    "a default": (
        "ALTER TABLE secrets ALTER COLUMN pin SET DEFAULT '{}'",
        "default of secrets.pin",
        "ALTER TABLE secrets ALTER COLUMN pin SET DEFAULT",
    ),
    "a default of bytes": (
        "ALTER TABLE secrets ADD COLUMN raw bytea DEFAULT '{}'::bytea",
        "default of secrets.raw",
        "ALTER TABLE secrets ALTER COLUMN raw SET DEFAULT",
    ),
    "a generated column": (
        "ALTER TABLE secrets ADD COLUMN made text GENERATED ALWAYS AS (coalesce(pin, '{}')) STORED",
        "default of secrets.made",
        "ALTER TABLE secrets DROP COLUMN made, then ADD COLUMN",
    ),
    "a domain": (
        "CREATE DOMAIN pin AS text DEFAULT '{}'",
        "default of domain pin",
        "ALTER DOMAIN pin SET DEFAULT",
    ),
    "a constraint": (
        "ALTER TABLE secrets ADD CONSTRAINT not_empty CHECK (pin <> '{}')",
        "constraint not_empty of secrets",
        "ALTER TABLE secrets DROP CONSTRAINT not_empty, then ADD CONSTRAINT",
    ),
    "a function": (
        "CREATE FUNCTION empty_pin(int) RETURNS text LANGUAGE sql AS $$ SELECT '{}' $$",
        "function empty_pin(integer)",
        "CREATE OR REPLACE FUNCTION empty_pin(integer)",
    ),
    "a view": (
        "CREATE VIEW empty_pins AS SELECT id FROM secrets WHERE pin = '{}'",
        "view empty_pins",
        "CREATE OR REPLACE VIEW empty_pins",
    ),
    "a trigger": (
        "CREATE TRIGGER emptied BEFORE UPDATE ON secrets FOR EACH ROW WHEN (NEW.pin = '{}')"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger emptied of secrets",
        "CREATE OR REPLACE TRIGGER emptied",
    ),
    "an index": (
        "CREATE INDEX filled_pins ON secrets (id) WHERE pin <> '{}'",
        "index filled_pins",
        "DROP and CREATE INDEX filled_pins",
    ),
    "a policy": (
        "CREATE POLICY hidden ON secrets USING (pin <> '{}')",
        "policy hidden of secrets",
        "ALTER POLICY hidden ON secrets",
    ),
}


def found(database: Database, keyring: Keyring, created: str) -> list[Finding]:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, pin text)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    database.execute(created)
    try:
        findings = stored_definitions.find(database, survey(database, keyring), keyring)
        assert stored_definitions.places(database).issuperset(each.column for each in findings)
        return findings
    finally:
        database.execute(
            "DROP VIEW IF EXISTS empty_pins; DROP TABLE secrets; DROP FUNCTION IF EXISTS empty_pin;"
            " DROP DOMAIN IF EXISTS pin"
        )


@pytest.fixture(scope="module")
def telling_keys() -> Keyring:
    """Keys with values that no text has by chance, and a salt that many may have."""
    keys = KeySet({"SECRET_KEY": SECRET, "ENCRYPTION_SALT": SALT, "PGCRYPTO_KEY": SHORT})
    return Keyring(SCHEMES, {"current": keys, "pending": NEW}, ApplicationSettings(lambda name: None))


@pytest.fixture
def writer(database: Database) -> Iterator[None]:
    """A role, and settings that the test may make."""
    database.execute('CREATE ROLE "the-writer"')
    yield
    database.execute('ALTER DATABASE engine RESET ALL; ALTER ROLE ALL RESET ALL; DROP ROLE "the-writer"')


@pytest.mark.parametrize(("created", "name", "statement"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_token_in_a_definition_stops_by_its_name_until_it_is_settled(
    database: Database, keyring: Keyring, created: str, name: str, statement: str
) -> None:
    stored = token(keyring)
    (finding,) = found(database, keyring, created.format(stored))
    notice = finding.as_notice()
    assert (notice["column"], notice["code"]) == (name, "E_OUT_OF_REACH")
    assert f"{statement} ..." in notice["todo"]
    assert stored not in str(notice)
    assert unsettled([finding], settlements.parse({name: {"unreadable": "it is replaced at once"}})) == []


@pytest.mark.parametrize(
    "default",
    [
        "a default of ordinary words that is as long as a token, and longer than that",
        Fernet(Fernet.generate_key()).encrypt(b"of another key").decode(),
        "0" * 200,
    ],
    ids=["words", "a token of another key", "digits"],
)
def test_other_defaults_are_no_findings(database: Database, keyring: Keyring, default: str) -> None:
    assert found(database, keyring, f"ALTER TABLE secrets ALTER COLUMN pin SET DEFAULT '{default}'") == []


SECRET = r"nq3#v'\8w$k1-z&yd(0"
SHORT = "Tr0ub4dor&3"  # as long as many a name
SALT = "salt-of-customers"
IN_FUNCTION = (
    "CREATE FUNCTION empty_pin() RETURNS trigger LANGUAGE plpgsql AS $f$"
    " BEGIN NEW.pin := pgp_sym_encrypt(NEW.pin, {}); RETURN NEW; END $f$"
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


FUNCTION = ("function empty_pin()", "CREATE OR REPLACE FUNCTION empty_pin()")
# Where a copy of a key is: how it is created, how it is named, the statement that replaces it, and what it is.
COPIES = {
    "a literal": (IN_FUNCTION.format(quoted(SECRET)), *FUNCTION, "the value of SECRET_KEY"),
    "between dollar signs": (IN_FUNCTION.format(f"$k${SECRET}$k$"), *FUNCTION, "the value of SECRET_KEY"),
    "a short literal": (IN_FUNCTION.format(quoted(SHORT)), *FUNCTION, "the value of PGCRYPTO_KEY"),
    "an escaped literal": (
        f"ALTER TABLE secrets ADD COLUMN raw bytea DEFAULT convert_to({quoted(SECRET)}, 'UTF8')",
        "default of secrets.raw",
        "ALTER TABLE secrets ALTER COLUMN raw SET DEFAULT",
        "the value of SECRET_KEY",
    ),
    "hex": (
        IN_FUNCTION.format(f"decode('{SECRET.encode().hex().upper()}', 'hex')"),
        *FUNCTION,
        "the value of SECRET_KEY in capital hex",
    ),
    "base64": (
        IN_FUNCTION.format(f"decode('{base64.b64encode(SECRET.encode()).decode()}', 'base64')"),
        *FUNCTION,
        "the value of SECRET_KEY in base64",
    ),
    "a setting of the database": (
        f"ALTER DATABASE engine SET app.key = {quoted(SECRET)}",
        "setting app.key of database engine",
        "ALTER DATABASE engine SET app.key TO",
        "the value of SECRET_KEY",
    ),
    "a short setting of a role": (
        f'ALTER ROLE "the-writer" SET app.key = {quoted(SHORT)}',
        'setting app.key of role "the-writer"',
        'ALTER ROLE "the-writer" SET app.key TO',
        "the value of PGCRYPTO_KEY",
    ),
    "a setting of a role in the database": (
        f'ALTER ROLE "the-writer" IN DATABASE engine SET app.key = {quoted(SECRET)}',
        'setting app.key of role "the-writer" in database engine',
        'ALTER ROLE "the-writer" IN DATABASE engine SET app.key TO',
        "the value of SECRET_KEY",
    ),
    "a setting of all roles": (
        f"ALTER ROLE ALL SET app.key = {quoted('k=' + SECRET)}",
        "setting app.key of role ALL",
        "ALTER ROLE ALL SET app.key TO",
        "the value of SECRET_KEY",
    ),
}


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize(("created", "name", "statement", "what"), COPIES.values(), ids=COPIES)
def test_a_copy_of_a_key_stops_by_the_name_of_its_place_until_it_is_settled(
    database: Database, telling_keys: Keyring, created: str, name: str, statement: str, what: str
) -> None:
    (finding,) = found(database, telling_keys, created)
    notice = finding.as_notice()
    assert (notice["column"], notice["code"]) == (name, "E_OUT_OF_REACH")
    assert f"holds {what}" in notice["notice"]
    assert f"{statement} ..." in notice["todo"]
    assert not any(secret in str(notice) for secret in (SECRET, SHORT, SECRET.encode().hex()))
    assert unsettled([finding], settlements.parse({name: {"unreadable": "it is replaced with the rotation"}})) == []


def test_a_copy_of_a_key_that_is_made_of_settings_stops(database: Database, telling_keys: Keyring) -> None:
    made = next(key for _, key in telling_keys.raw_keys(SCHEME)).hex()
    (finding,) = found(database, telling_keys, IN_FUNCTION.format(f"decode('{made}', 'hex')"))
    assert "the key derived from ENCRYPTION_SALT, SECRET_KEY in hex" in finding.what


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize(
    "created",
    [
        f"ALTER TABLE secrets ALTER COLUMN pin SET DEFAULT '{SALT}'",
        f"ALTER TABLE secrets ADD COLUMN raw bytea DEFAULT '{SALT}'::bytea",
        f"ALTER DATABASE engine SET app.name = '{SALT}'",
        IN_FUNCTION.format(f"'Not{SHORT}'"),
        IN_FUNCTION.format("'another key, of some length'"),
        f'ALTER ROLE "the-writer" IN DATABASE postgres SET app.key = {quoted(SECRET)}',
    ],
    ids=["a word", "a word as bytes", "a setting", "a longer literal", "another key", "of another database"],
)
def test_words_and_what_others_use_are_no_copies(database: Database, telling_keys: Keyring, created: str) -> None:
    assert found(database, telling_keys, created) == []


def test_settings_that_the_role_may_not_read_are_passed_over(database: Database, telling_keys: Keyring) -> None:
    database.execute(
        'CREATE ROLE "a-reader"; GRANT ALL ON SCHEMA public TO "a-reader";'
        " REVOKE SELECT ON pg_db_role_setting FROM public"
    )
    try:
        database.execute('SET ROLE "a-reader"')
        assert found(database, telling_keys, IN_FUNCTION.format(quoted(SECRET)))
    finally:
        database.execute('RESET ROLE; GRANT SELECT ON pg_db_role_setting TO public; DROP OWNED BY "a-reader"')
        database.execute('DROP ROLE "a-reader"')


def test_the_dry_run_stops_at_a_token_in_a_default_and_a_key_in_a_setting(site: Site) -> None:
    site.sql(
        "DO $$ BEGIN EXECUTE format('ALTER TABLE customer_userprofile ADD COLUMN pin text DEFAULT %L',"
        " (SELECT _full_name_encrypted FROM customer_userprofile WHERE _full_name_encrypted <> '' LIMIT 1)); END $$"
    )
    site.sql("UPDATE customer_userprofile SET pin = NULL")
    ((name,),) = site.sql("SELECT quote_ident(current_database())")
    key = site.env_values()["SECRET_KEY"]
    site.sql(f"ALTER DATABASE {name} SET app.key = {quoted(key)}")
    places = ["default of customer_userprofile.pin", f"setting app.key of database {name}"]
    dry = site.play("rotate", "--check")
    text = " ".join(dry.text.split())
    assert dry.code != 0
    assert "E_OUT_OF_REACH" in text
    assert all(place in text for place in places)
    assert key not in dry.text
    settled = {place: {"unreadable": "it is replaced right after the rotation"} for place in places}
    site.write_inventory(key_rotation_settlements=settled)
    dry = site.play("rotate", "--check")
    assert dry.code == 0, dry.text
