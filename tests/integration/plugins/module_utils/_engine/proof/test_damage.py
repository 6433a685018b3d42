# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process under other keys made of values, in tables and columns of any form, on a real PostgreSQL."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    damage,
    damage_words,
    model_reading,
    trial_row,
)
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from cryptography.fernet import InvalidToken

from .....conftest import rewrite
from .....test_reading import DIGEST, fernet, ring

ROWS = 12
STRANGE = fernet("strange").encrypt(b"x").decode()
TABLES = """
CREATE TABLE damage_event (shop int, "No 1" text, note text, PRIMARY KEY (shop, "No 1"));
CREATE TABLE damage_log (id int, created timestamptz, note text, PRIMARY KEY (id, created))
 PARTITION BY RANGE (created);
CREATE TABLE damage_log_all PARTITION OF damage_log DEFAULT;
CREATE TABLE damage_person (id int PRIMARY KEY, phones text[], document jsonb, note text, deleted bool);
"""


@pytest.fixture
def app(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An application whose fields give an error text for what they cannot decrypt, of rows by a pair of keys, in
    partitions, and hidden by a base manager; arrays and documents of tokens."""
    from django.apps import apps
    from django.contrib.postgres.fields import ArrayField
    from django.db import connections, models

    key = SimpleNamespace(secret="old-secret", raises=False)

    def opened(token: Any) -> Any:
        try:
            return token and fernet(key.secret).decrypt(token.encode()).decode()
        except InvalidToken:
            return "[unreadable]"

    class Worded(models.TextField):
        def from_db_value(self, value: Any, *about: Any) -> Any:
            return opened(value)

        def get_prep_value(self, value: Any) -> Any:
            return value and fernet(key.secret).encrypt(value.encode()).decode()

    class Document(models.JSONField):
        """Encrypts the texts of its document."""

        def from_db_value(self, value: Any, *about: Any) -> Any:
            found = super().from_db_value(value, *about)
            return found and {name: opened(each) if len(each) > 20 else each for name, each in found.items()}

    class Visible(models.Manager):
        def get_queryset(self) -> Any:
            if key.raises:
                raise RuntimeError("no tenant outside of a request")
            return super().get_queryset().filter(deleted=False)

    class Event(models.Model):
        pk = models.CompositePrimaryKey("shop", "number")
        shop, number, note = models.IntegerField(), models.TextField(db_column="No 1"), Worded(null=True)

        class Meta:
            app_label, db_table, managed = "damage", "damage_event", False

    class Log(models.Model):
        id = models.IntegerField(primary_key=True)
        created, note = models.DateTimeField(), Worded(null=True)

        class Meta:
            app_label, db_table, managed = "damage", "damage_log", False

    class Person(models.Model):
        id = models.IntegerField(primary_key=True)
        phones, document, note = ArrayField(Worded()), Document(), Worded(null=True)
        deleted = models.BooleanField()
        objects = Visible()

        class Meta:
            app_label, db_table, managed = "damage", "damage_person", False
            base_manager_name = "objects"

        @property
        def greeting(self) -> str:
            return f"Hello {self.note}"

    database.execute(TABLES)
    seal = ring("pending").cipher("own", "pending").seal

    def token(text: str) -> str:
        return str(seal(Opened(text.encode())).decode())

    key.secret = "new-secret"
    when = datetime.datetime(2024, 2, 29, 12, 30, 1, 250, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    for number in range(ROWS):
        database.execute("INSERT INTO damage_event VALUES (%s, 'a,b\\', %s)", (number, token(f"note {number}")))
        database.execute("INSERT INTO damage_log VALUES (%s, %s, %s)", (number, when, token(f"note {number}")))
        phones = [token(f"+{number}"), "", token(f"+1{number}")]
        document = f'{{"name": "{token(f"name {number}")}", "kind": "plain"}}'
        values = (number, phones, document, token(f"note {number}"), number % 2 == 1)
        database.execute("INSERT INTO damage_person VALUES (%s, %s, %s, %s, %s)", values)
    monkeypatch.setattr(apps, "get_models", lambda **about: [Event, Log, Person])
    monkeypatch.setattr(apps, "get_model", lambda label: Person)
    yield SimpleNamespace(key=key, Event=Event, Log=Log, Person=Person, database=database, token=token, when=when)
    connections.close_all()
    database.execute("DROP TABLE damage_event, damage_log, damage_person")
    del apps.all_models["damage"]


def found(app: Any, *written: str) -> dict[str, str]:
    """What is found of these values, as table.column:key."""
    by_column: dict[str, list[str]] = {}
    for column, row in (each.split(":", 1) for each in written):
        by_column.setdefault(column, []).append(row)
    return dict(damage.find_damaged(by_column, targets_of(app), ring("pending")))


def targets_of(app: Any) -> list[Target]:
    return target_survey.find(app.database, "auto", (), ring("pending")).targets


def name_of(app: Any, query: str) -> str:
    """The key of one row as the engine calls it."""
    return catalog.row_name(app.database.rows(query)[0])


@pytest.mark.parametrize("name", ["a,b\\", "\\,", ",", "", "plain", "\n,\\\\,"])
def test_the_parts_of_a_key_are_those_that_its_name_is_made_of(name: str) -> None:
    assert catalog.key_of(catalog.row_name(["1", name, "z"])) == ["1", name, "z"]


def test_values_in_a_table_with_a_pair_of_keys_are_found(app: Any) -> None:
    name = name_of(app, 'SELECT shop::text, "No 1" FROM damage_event WHERE shop = 3')
    whole = name_of(app, 'SELECT shop::text, "No 1" FROM damage_event WHERE shop = 4')
    app.database.execute("UPDATE damage_event SET note = %s WHERE shop = 3", (app.token("[unreadable]"),))
    assert found(app, f"damage_event.note:{name}", f"damage_event.note:{whole}") == {
        f"damage_event.note:{name}": damage_words.TEXT
    }


def test_values_in_partitions_are_found_whose_key_has_more_than_the_model_knows(app: Any) -> None:
    names = [name_of(app, f"SELECT id::text, created::text FROM damage_log WHERE id = {number}") for number in range(3)]
    app.database.execute("UPDATE damage_log SET note = %s WHERE id = 0", (app.token(STRANGE),))
    app.database.execute("UPDATE damage_log SET note = NULL WHERE id = 2")
    assert found(app, *(f"damage_log.note:{name}" for name in names)) == {
        f"damage_log.note:{names[0]}": damage_words.TOKEN,
        f"damage_log.note:{names[2]}": damage_words.NOTHING,
    }


def test_members_of_arrays_and_documents_are_found(app: Any) -> None:
    for row, member in enumerate((app.token("[unreadable]"), app.token(STRANGE), app.token("good"))):
        app.database.execute("UPDATE damage_person SET phones[3] = %s WHERE id = %s", (member, row))
        document = f'{{"name": "{member}", "kind": ""}}'
        app.database.execute("UPDATE damage_person SET document = %s WHERE id = %s", (document, row))
    app.database.execute("UPDATE damage_person SET phones = ARRAY[phones[1], phones[3]]")
    app.database.execute("UPDATE damage_person SET phones[2] = NULL WHERE id = 4")
    written = [f"damage_person.{column}:{row}" for column in ("phones", "document") for row in (0, 1, 2, 4)]
    assert found(app, *written) == {
        "damage_person.phones:0": damage_words.TEXT,
        "damage_person.phones:1": damage_words.TOKEN,
        "damage_person.phones:4": damage_words.NOTHING,
        "damage_person.document:0": damage_words.TEXT,
        "damage_person.document:1": damage_words.TOKEN,
    }


@pytest.mark.parametrize("raises", [False, True])
def test_rows_that_the_base_manager_hides_are_looked_at(app: Any, *, raises: bool) -> None:
    app.database.execute("UPDATE damage_person SET note = %s WHERE id IN (2, 3)", (app.token("[unreadable]"),))
    app.key.raises = raises
    written = [f"damage_person.note:{row}" for row in (1, 2, 3)]
    assert found(app, *written) == dict.fromkeys(written[1:], damage_words.TEXT)


@pytest.mark.parametrize("raises", [False, True])
def test_rows_that_the_base_manager_hides_are_read_before_and_after(app: Any, *, raises: bool) -> None:
    app.key.raises = raises

    def reading(*stages: str) -> dict[str, Any]:
        keyring = ring(*stages)
        targets = target_survey.find(app.database, "auto", (), keyring).targets
        return model_reading.of_application(targets, keyring, model_reading.ReadingScope(DIGEST)).as_result()

    before = reading("pending")
    counted = {one["name"]: (one["read"], one["failed"]) for one in before["readings"]}
    names = ("Event.note", "Log.note", *(f"Person.{name}" for name in ("phones", "document", "note", "greeting")))
    assert counted == {f"damage.{name}": (ROWS, 0) for name in names}
    rewrite(app.database, targets_of(app), ring("pending", "current"), "current")
    app.key.secret = "old-secret"
    after = reading("current")
    model_reading.refuse_worse(before, after)
    assert trial_row.answer(trial_row.RowQuestion("damage.Person", "default", 1, ["greeting"]))
    app.database.execute("UPDATE damage_person SET note = %s WHERE id = 3", (app.token("x"),))
    with expect_error("E_APPLICATION_READS", names=Containing("Person.note")):
        model_reading.refuse_worse(before, reading("current"))
    assert app.Person._meta.base_manager.name == "objects", "it is the application's own again"


def test_a_model_whose_key_has_several_parts_is_read(app: Any) -> None:
    scope = model_reading.ReadingScope(DIGEST, wanted=lambda name: "Event" in name)
    readings = model_reading.of_application(targets_of(app), ring("pending"), scope).as_result()["readings"]
    assert [(one["name"], one["read"]) for one in readings] == [("damage.Event.note", ROWS)]
