# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook's other way: a Django migration that drives the same engine."""

from __future__ import annotations

import json

import psycopg2
import pytest

from .conftest import Site

MIGRATION = ("-e", "key_rotation_method=migration")
ACCEPTED = ("-e", '{"key_rotation_accept": ["migrations"]}')  # what the checklist would have stopped


def applied(site: Site) -> list[tuple[object, ...]]:
    return site.sql("SELECT name FROM django_migrations WHERE app = 'core' ORDER BY id")


def reencrypted(site: Site) -> list[int]:
    """Values re-encrypted by each run of the engine, from the record."""
    lines = next((site.folder / "records").glob("*/record.jsonl")).read_text().splitlines()
    events = [event for event in map(json.loads, lines) if event["event"] == "django_reencrypt"]
    return [sum(target["reencrypted"] for target in event["targets"]) for event in events if event["phase"] == "done"]


def migrations(site: Site) -> list[str]:
    return sorted(path.name for path in (site.project / "core/migrations").glob("0*.py"))


@pytest.mark.thorough  # the story migration_method
def test_it_rotates_and_its_reverse_restores(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()

    dry = site.play("rotate", "--check", *MIGRATION)

    assert dry.code == 0, dry.text
    assert migrations(site) == []
    assert applied(site) == []

    rotated = site.play("rotate", *MIGRATION)

    assert rotated.code == 0, rotated.text
    assert site.read_all() == plain
    assert migrations(site) == ["0001_rotate_encryption_keys.py"]
    assert applied(site) == [("0001_rotate_encryption_keys",)]
    assert site.manage("makemigrations", "--check", "--dry-run").code == 0
    values = sum(value is not None for rows in site.tokens().values() for row in rows for value in row[1:])
    assert reencrypted(site) == [values, 0], "the migration did it, not the pass after the switch"

    back = site.play("rollback")

    assert back.code == 0, back.text
    assert reencrypted(site) == [values, 0, values, 0]
    assert site.read_all() == plain
    assert site.env_file.read_bytes() == env
    assert migrations(site) == []
    assert applied(site) == []


@pytest.mark.thorough
def test_two_rotations_make_two_migrations(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate", *MIGRATION).code == 0
    assert site.play("rotate", *MIGRATION).code == 0
    assert len(migrations(site)) == len(applied(site)) == 2
    assert site.play("rollback").code == 0
    assert len(migrations(site)) == len(applied(site)) == 1
    assert site.read_all() == plain


@pytest.mark.thorough
def test_it_holds_no_key(site: Site) -> None:
    assert site.play("rotate", *MIGRATION).code == 0
    text = (site.project / "core/migrations/0001_rotate_encryption_keys.py").read_text()
    for version in site.stored()["versions"]:
        for value in version["values"].values():
            assert value not in text


@pytest.mark.thorough
def test_on_a_fresh_database_it_does_nothing(site: Site) -> None:
    assert site.play("rotate", *MIGRATION).code == 0
    fresh = f"{site.database[:50]}_fresh"
    admin = psycopg2.connect(host=site.host, user="postgres", dbname="postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{fresh}"')
        site.set_env("DB_NAME", f"DB_NAME={fresh}\n")
        shown = site.manage("migrate")
        cursor.execute(f'DROP DATABASE "{fresh}" WITH (FORCE)')
    admin.close()
    assert shown.code == 0, shown.text
    assert "core.0001_rotate_encryption_keys... OK" in shown.text


@pytest.mark.thorough
def test_by_hand_on_a_database_with_tokens_it_refuses(site: Site) -> None:
    assert site.play("rotate", *MIGRATION).code == 0
    site.sql("DELETE FROM django_migrations WHERE app = 'core'")
    tokens = site.tokens()
    shown = site.manage("migrate")
    assert shown.code != 0
    assert "key_rotation_method=migration" in shown.text
    assert site.tokens() == tokens


@pytest.mark.thorough
def test_with_other_migrations_waiting_it_is_refused_and_rolled_back(site: Site) -> None:
    plain = site.read_all()
    site.manage("makemigrations", "customer", "--empty", "--name", "waiting")
    outcome = site.play("rotate", *MIGRATION, *ACCEPTED)
    assert outcome.code != 0
    assert outcome.error() == "E_MIGRATION"
    assert "customer.0002_waiting" in outcome.text
    assert site.read_all() == plain
    assert migrations(site) == []


@pytest.mark.thorough
def test_migrations_that_came_from_another_environment_do_not_block(site: Site) -> None:
    """Rotated in staging, committed, deployed to production: there production is rotated in its turn."""
    plain = site.read_all()
    folder = site.project / "core/migrations"
    assert site.play("rotate", *MIGRATION).code == 0
    text = (folder / "0001_rotate_encryption_keys.py").read_text()
    assert site.play("rollback").code == 0
    (folder / "0001_rotate_encryption_keys.py").write_text(text.replace('ROTATION_ID = "', 'ROTATION_ID = "staging-'))

    outcome = site.play("rotate", *MIGRATION)

    assert outcome.code == 0, outcome.text
    assert site.read_all() == plain
    assert applied(site) == [("0001_rotate_encryption_keys",), ("0002_rotate_encryption_keys",)]
    assert site.play("rollback").code == 0
    assert site.read_all() == plain


@pytest.mark.thorough
def test_faking_a_foreign_rotation_never_marks_the_applications_own_migrations(site: Site) -> None:
    """An own migration waits between two of rotations: it is named, and stays unapplied."""
    assert site.play("rotate", *MIGRATION).code == 0
    folder = site.project / "core/migrations"
    site.manage("makemigrations", "core", "--empty", "--name", "own")
    text = (folder / "0001_rotate_encryption_keys.py").read_text()
    foreign = text.replace('ROTATION_ID = "', 'ROTATION_ID = "staging-').replace(
        "dependencies = [", 'dependencies = [("core", "0002_own"),'
    )
    (folder / "0003_rotate_encryption_keys.py").write_text(foreign)
    plain = site.read_all()

    warned = site.play("rotate", *MIGRATION)
    outcome = site.play("rotate", *MIGRATION, *ACCEPTED)

    assert (warned.code != 0, warned.error()) == (True, "E_CHECKLIST")
    assert "1 is pending: core.0002_own" in warned.text
    assert outcome.code != 0
    assert outcome.error() == "E_MIGRATION"
    assert "core.0002_own" in outcome.text
    assert applied(site) == [("0001_rotate_encryption_keys",)]
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_rollback_is_possible_when_later_migrations_depend_on_it(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    assert site.play("rotate", *MIGRATION).code == 0
    site.manage("makemigrations", "core", "--empty", "--name", "later")
    assert site.manage("migrate").code == 0
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert site.read_all() == plain
    assert site.env_file.read_bytes() == env
    assert applied(site) == [("0001_rotate_encryption_keys",), ("0002_later",)]


@pytest.mark.thorough
def test_migrations_that_are_kept_elsewhere(site: Site) -> None:
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text() + '\nMIGRATION_MODULES = {"core": "core.kept"}\n')
    (site.project / "core/kept").mkdir()
    (site.project / "core/kept/__init__.py").touch()
    plain = site.read_all()
    outcome = site.play("rotate", *MIGRATION)
    assert outcome.code == 0, outcome.text
    assert (site.project / "core/kept/0001_rotate_encryption_keys.py").exists()
    assert site.play("rollback").code == 0
    assert not (site.project / "core/kept/0001_rotate_encryption_keys.py").exists()
    assert site.read_all() == plain
