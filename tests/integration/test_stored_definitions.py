# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in definitions of the database, such as the default of a column: no rotation changes them."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    settlements,
    stored_definitions,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import Finding, unsettled
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from cryptography.fernet import Fernet

from .conftest import Site
from .test_discovery import survey, token
from .test_engine import keyring  # noqa: F401  # a fixture

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
        return stored_definitions.find(database, survey(database, keyring), keyring)
    finally:
        database.execute(
            "DROP VIEW IF EXISTS empty_pins; DROP TABLE secrets; DROP FUNCTION IF EXISTS empty_pin;"
            " DROP DOMAIN IF EXISTS pin"
        )


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


def test_the_dry_run_stops_at_a_token_in_a_default(site: Site) -> None:
    site.sql(
        "DO $$ BEGIN EXECUTE format('ALTER TABLE customer_userprofile ADD COLUMN pin text DEFAULT %L',"
        " (SELECT _full_name_encrypted FROM customer_userprofile WHERE _full_name_encrypted <> '' LIMIT 1)); END $$"
    )
    site.sql("UPDATE customer_userprofile SET pin = NULL")
    name = "default of customer_userprofile.pin"
    dry = site.play("rotate", "--check")
    text = " ".join(dry.text.split())
    assert dry.code != 0
    assert "E_OUT_OF_REACH" in text
    assert name in text
    site.write_inventory(key_rotation_settlements={name: {"unreadable": "it is replaced right after the rotation"}})
    dry = site.play("rotate", "--check")
    assert dry.code == 0, dry.text
