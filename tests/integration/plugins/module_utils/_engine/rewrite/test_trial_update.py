# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table that refuses an UPDATE stops a rotation before the application does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import trial_update
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.discovery import ColumnTied

from .....conftest import Site
from .....test_engine import SCHEME, fill, keyring  # noqa: F401  # a fixture

REFUSE = "BEGIN RAISE EXCEPTION 'append only: CANARY' USING DETAIL = 'CANARY'; END"
KEEP = "BEGIN RETURN NEW; END"
FOR_EACH = "FOR EACH ROW EXECUTE FUNCTION on_update()"


@pytest.fixture
def filled(database: Database, keyring: Keyring) -> Iterator[Database]:
    fill(database, keyring, "id int PRIMARY KEY", "%s", rows=3)
    yield database
    database.execute("DROP TABLE IF EXISTS secrets; DROP FUNCTION IF EXISTS on_update; DROP SEQUENCE IF EXISTS fired")


@pytest.fixture
def audit(filled: Database) -> Iterator[str]:
    yield "audit"
    filled.execute("DROP TABLE IF EXISTS audit")


def add_trigger(database: Database, trigger: str, body: str) -> None:
    database.execute(f"CREATE FUNCTION on_update() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    database.execute(f"CREATE {trigger}")


def findings(database: Database, keyring: Keyring, *tied: str) -> list[Finding]:
    """Of the two columns of a table; those that are ``tied`` are known not to be writable."""
    columns = [{"table": "secrets", "column": name, "scheme": SCHEME} for name in ("a", "b")]
    survey = target_survey.find(database, [*columns, "auto"], (), keyring)
    for column in tied:
        survey.findings.put(column, ColumnTied(column=column, obstacle="", advice=""), kind="tied")
    return list(trial_update.findings(database, survey, keyring))


def rows(database: Database) -> list[tuple[str, ...]]:
    return database.rows("SELECT xmin::text, ctid::text, a FROM secrets ORDER BY id")


@pytest.mark.parametrize(
    "trigger",
    [
        f"TRIGGER own BEFORE UPDATE ON secrets {FOR_EACH}",
        f"TRIGGER own BEFORE UPDATE OF a ON secrets {FOR_EACH}",
        f"TRIGGER own BEFORE UPDATE ON secrets FOR EACH ROW WHEN (OLD.a <> NEW.a) {FOR_EACH[13:]}",
        "TRIGGER own BEFORE UPDATE ON secrets FOR EACH STATEMENT EXECUTE FUNCTION on_update()",
        f"CONSTRAINT TRIGGER own AFTER UPDATE ON secrets DEFERRABLE INITIALLY DEFERRED {FOR_EACH}",
    ],
    ids=["of a row", "of the column", "of another value", "of the statement", "at the end"],
)
def test_a_trigger_that_refuses_an_update_is_a_finding_of_each_target(
    filled: Database,
    keyring: Keyring,
    trigger: str,
) -> None:
    add_trigger(filled, trigger, REFUSE)
    before = rows(filled)
    found = findings(filled, keyring)
    assert [(each.kind.code, each.column) for each in found] == [
        ("E_COLUMN_TIED", "secrets.a"),
        ("E_COLUMN_TIED", "secrets.b"),
    ]
    assert "SQLSTATE P0001. Update triggers of the table: own" in found[0].what
    assert "ALTER TABLE secrets DISABLE TRIGGER" in found[0].todo
    assert "CANARY" not in found[0].what + found[0].todo
    assert rows(filled) == before
    assert findings(filled, keyring, "secrets.a", "secrets.b") == []


def test_a_trigger_that_lets_the_update_pass_is_no_finding_and_nothing_is_written(
    filled: Database,
    keyring: Keyring,
) -> None:
    add_trigger(filled, f"TRIGGER own BEFORE UPDATE ON secrets {FOR_EACH}", KEEP)
    before = rows(filled)
    assert findings(filled, keyring) == []
    assert rows(filled) == before


def test_a_table_without_a_trigger_or_without_a_value_is_not_tried(
    filled: Database,
    keyring: Keyring,
) -> None:
    filled.execute("CREATE SEQUENCE fired")
    fired = f"BEGIN PERFORM nextval('fired'); {REFUSE[6:]}"
    add_trigger(filled, f"TRIGGER own BEFORE UPDATE ON secrets {FOR_EACH}", fired)
    filled.execute("ALTER TABLE secrets DISABLE TRIGGER own")
    assert findings(filled, keyring) == []
    filled.execute("UPDATE secrets SET a = ''; ALTER TABLE secrets ENABLE TRIGGER own")
    assert findings(filled, keyring) == []
    assert filled.rows("SELECT is_called FROM fired") == [(False,)]


def test_a_row_that_somebody_has_locked_says_nothing_and_another_one_is_tried(
    filled: Database,
    keyring: Keyring,
) -> None:
    add_trigger(filled, f"TRIGGER own AFTER UPDATE ON secrets {FOR_EACH}", REFUSE)
    other = filled.another()
    other.execute("BEGIN; SELECT FROM secrets WHERE id < 2 FOR UPDATE")
    try:
        assert len(findings(filled, keyring)) == 2
        other.execute("SELECT FROM secrets FOR UPDATE")
        assert findings(filled, keyring) == []
    finally:
        other.close()


AUDIT = "BEGIN INSERT INTO audit (at, old) VALUES (now(), {old}); RETURN NULL; END"


@pytest.mark.parametrize(
    ("table", "old"),
    [
        ("at timestamptz, old jsonb", "to_jsonb(OLD)"),
        ("id serial PRIMARY KEY, at timestamptz, old text", "OLD::text"),
        ("id serial PRIMARY KEY, at timestamptz, old json", "jsonb_build_object('row', OLD::text)"),
        ("id serial PRIMARY KEY, at timestamptz, old secrets", "OLD"),
    ],
    ids=["without a key", "in a text", "in a document's text", "as a row"],
)
def test_a_trigger_that_copies_tokens_to_where_they_cannot_be_re_encrypted_is_a_finding(
    filled: Database, keyring: Keyring, audit: str, table: str, old: str
) -> None:
    filled.execute(f"CREATE TABLE audit ({table})")
    add_trigger(filled, f"TRIGGER own AFTER UPDATE ON secrets {FOR_EACH}", AUDIT.format(old=old))
    found = findings(filled, keyring)
    assert [(each.kind.code, each.column) for each in found] == [
        ("E_COLUMN_TIED", "secrets.a"),
        ("E_COLUMN_TIED", "secrets.b"),
    ]
    assert "write its tokens into audit.old," in found[0].what
    assert "ALTER TABLE secrets DISABLE TRIGGER" in found[0].todo
    assert filled.rows("SELECT count(*) FROM audit") == [(0,)]


@pytest.mark.parametrize("old", ["to_jsonb(OLD)", "jsonb_build_object('id', OLD.id)"], ids=["a copy", "no token"])
def test_a_trigger_whose_copies_are_re_encrypted_too_is_no_finding(
    filled: Database, keyring: Keyring, audit: str, old: str
) -> None:
    filled.execute("CREATE TABLE audit (id serial PRIMARY KEY, at timestamptz, old jsonb)")
    add_trigger(filled, f"TRIGGER own AFTER UPDATE ON secrets {FOR_EACH}", AUDIT.format(old=old))
    assert findings(filled, keyring) == []


def test_an_append_only_table_stops_the_plan_and_the_checklist(site: Site) -> None:
    site.sql(
        "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'CANARY'; END $$;"
        " CREATE TRIGGER own BEFORE UPDATE ON restaurant_pendingrestaurant"
        " FOR EACH ROW EXECUTE FUNCTION append_only()"
    )
    for playbook in (("plan",), ("rotate", "--check"), ("rotate",)):
        outcome = site.play(*playbook)
        assert outcome.code != 0, outcome.text
        assert "E_COLUMN_TIED" in outcome.text, outcome.text
        assert "CANARY" not in outcome.text
    assert "Stop |" not in outcome.text, "the services still run"
    site.sql("ALTER TABLE restaurant_pendingrestaurant DISABLE TRIGGER own")
    assert site.play("plan").code == 0
