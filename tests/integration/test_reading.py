# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own reading, on a real PostgreSQL: which attributes of which models, and what is noticed."""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import encrypting_attributes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import model_evidence, target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    damage,
    damage_words,
    model_readers,
    model_reading,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .conftest import Site, rewrite

OLD, NEW = (KeySet({"SECRET_KEY": f"{name}-secret"}) for name in ("old", "new"))
SCHEMES = schemes.parse({"own": {"format": "fernet", "key": {"derive": "sha256", "secret": "SECRET_KEY"}}})
DIGEST = b"digest"
ROWS = 40
TABLES = """
CREATE TABLE secrets (id int PRIMARY KEY, first text, last text, note text, nick text, worded text,
 bytes_worded bytea);
CREATE TABLE reading_shop (id int PRIMARY KEY, name text, phone text, price text, hidden text);
"""


def fernet(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))


@pytest.fixture
def app(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An application of two models, and the key that its process was started with."""
    from django.apps import apps
    from django.db import connections, models

    key = SimpleNamespace(secret="old-secret")

    class Encrypted(models.TextField):
        def from_db_value(self, value: Any, *about: Any) -> Any:
            return value and fernet(key.secret).decrypt(value.encode()).decode()

        def get_prep_value(self, value: Any) -> Any:
            return value and fernet(key.secret).encrypt(value.encode()).decode()

    class Swallowing(Encrypted):
        def from_db_value(self, value: Any, *about: Any) -> Any:
            try:
                return super().from_db_value(value)
            except InvalidToken:
                return value

    class Worded(Encrypted):
        def from_db_value(self, value: Any, *about: Any) -> Any:
            try:
                return super().from_db_value(value)
            except InvalidToken:
                return "[unreadable]"

    class BytesWorded(models.BinaryField):
        """As libraries that store bytes: what is read is a text."""

        def from_db_value(self, value: Any, *about: Any) -> Any:
            try:
                return value and fernet(key.secret).decrypt(bytes(value)).decode()
            except InvalidToken:
                return "[unreadable]"

    class Shown(models.TextField):
        """Reads another text than the stored one, under no key."""

        def from_db_value(self, value: Any, *about: Any) -> Any:
            return value and f"tel {value}"

    class Money:
        def __init__(self, amount: str) -> None:
            self.amount = amount

    class Price(models.TextField):
        def from_db_value(self, value: Any, *about: Any) -> Any:
            return value and Money(value)

    class Hidden(models.TextField):
        """Depends on a key, and never fails."""

        def from_db_value(self, value: Any, *about: Any) -> Any:
            return value and str(int(value) ^ len(key.secret.replace("new", "newer")))

    class Person(models.Model):
        id = models.IntegerField(primary_key=True)
        first, last, note = Encrypted(null=True), Encrypted(null=True), Swallowing(null=True)
        nick = models.TextField(null=True)
        worded, bytes_worded = Worded(null=True), BytesWorded(null=True)

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        @property
        def full_name(self) -> str:
            return f"{self.first} {self.last}"

        @property
        def nickname(self) -> str:
            return MultiFernet([fernet(key.secret), fernet("legacy")]).decrypt(self.nick.encode()).decode()

    class Shop(models.Model):
        id = models.IntegerField(primary_key=True)
        name, phone, price, hidden = models.TextField(), Shown(), Price(), Hidden()

        class Meta:
            app_label, db_table, managed = "reading", "reading_shop", False

    class Gone(models.Model):
        phone = Shown()

        class Meta:
            app_label, db_table, managed = "reading", "reading_gone", False

    monkeypatch.setattr(apps, "get_models", lambda **about: [Person, Shop, Gone])
    database.execute(TABLES)
    for number in range(ROWS):
        Person(number, f"first {number}", f"last {number}", f"note {number}", "nick").save(force_insert=True)
        values = (number, f"shop {number}", f"+1 {number}", str(number), str(number))
        database.execute("INSERT INTO reading_shop VALUES (%s, %s, %s, %s, %s)", values)
    yield SimpleNamespace(key=key, Person=Person, Shop=Shop, database=database, keyring=ring("current", "pending"))
    connections.close_all()
    database.execute("DROP TABLE reading_shop")
    del apps.all_models["reading"]


def of_connectors(name: str) -> bool:
    return ".Connector." in name


class Lazy:
    """An object that decrypts when it is shown."""

    def __init__(self, token: str, text: str) -> None:
        self.token, self._text = token, lambda: text

    def __str__(self) -> str:
        return self._text()


@pytest.fixture
def connectors(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An application whose attributes hand on tokens: in documents, in lists, in objects, in texts."""
    from django.apps import apps
    from django.db import connections, models

    key = SimpleNamespace(secret="old-secret")
    numbers: dict[str, str] = {}

    class Connector(models.Model):
        id = models.IntegerField(primary_key=True)
        settings = models.JSONField()
        document, _phone, _mail = models.TextField(), models.TextField(), models.TextField()

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        @property
        def password(self) -> str:
            return fernet(key.secret).decrypt(self.settings["password"].encode()).decode()

        @property
        def secret(self) -> str:
            return fernet(key.secret).decrypt(json.loads(self.document)["list"][1].encode()).decode()

        @property
        def phone(self) -> str:
            return fernet(key.secret).decrypt(self._phone.encode()).decode()

        @property
        def lazy(self) -> Lazy:
            return Lazy(self._phone, self.phone)

        @property
        def raw(self) -> dict[str, Any]:
            return {"phone": self._phone, "both": [f"tel:{self._phone}", {self._mail}], "id": self.id}

    class Tagged(models.Model):
        """Made of the ciphertext itself, or only seemingly so."""

        id = models.IntegerField(primary_key=True)
        _phone = models.TextField(null=True)

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        @property
        def etag(self) -> str:
            return self._phone and hashlib.md5(self._phone.encode()).hexdigest()

        @property
        def both(self) -> str:
            return self._phone and f"{fernet(key.secret).decrypt(self._phone.encode()).decode()} {self.etag}"

        @property
        def shown_at(self) -> str:
            return f"{self._phone} {time.time_ns()}"

        @property
        def known(self) -> str:
            return numbers.get(self._phone, "[unreadable]")

    class Account(models.Model):
        """Setters that normalize, and some that are broken."""

        id = models.IntegerField(primary_key=True)
        _mail = models.TextField()

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        def opened(self) -> str:
            return fernet(key.secret).decrypt(self._mail.encode()).decode()

        def put(self, text: str) -> None:
            self._mail = seal(text)

        iban = property(
            lambda self: self.opened() + self._mail[:0], lambda self, text: self.put(text.replace(" ", "").upper())
        )
        digits = property(
            lambda self: self.opened() + self._mail[:0], lambda self, text: self.put(re.sub(r"\D", "", text))
        )
        growing = property(lambda self: self.opened() + self._mail[:0], lambda self, text: self.put(f"{text}x"))
        worded = property(lambda self: "[unreadable]" + self._mail[:0], put)
        emptied = property(lambda self: "" if self.pk is None else self.opened() + self._mail[:0], put)

        def put_elsewhere(self, text: str) -> None:
            self._mail = fernet("other").encrypt(text.upper().encode()).decode()
            self.kept = text.upper()

        elsewhere = property(lambda self: self.__dict__.get("kept") or self.opened() + self._mail[:0], put_elsewhere)

    def seal(text: str) -> str:
        return fernet(key.secret).encrypt(text.encode()).decode()

    monkeypatch.setattr(apps, "get_models", lambda **about: [Connector, Tagged, Account])
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, settings jsonb, document text, _phone text, _mail text)"
    )
    for number in range(ROWS):
        settings = {"host": "db", seal(f"user {number}"): 1, "password": seal(f"password {number}")}
        document = json.dumps({"list": ["plain", seal(f"secret {number}")], "note": "as it is"})
        phone = seal(f"+1 {number}")
        numbers[phone] = f"+1 {number}"
        Connector(number, settings, document, phone, seal("mail")).save(force_insert=True)
    yield SimpleNamespace(key=key, database=database, keyring=ring("current", "pending"))
    connections.close_all()
    del apps.all_models["reading"]


@pytest.fixture
def tenant(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database of a tenant, with the table of one of the models. Outside of a request its router names the default
    one."""
    from django.db import connections

    app.database.execute("CREATE DATABASE engine_tenant")
    described = {**connections["default"].settings_dict, "NAME": "engine_tenant"}
    monkeypatch.setitem(connections.settings, "tenant", described)
    monkeypatch.setattr("django.conf.settings.DATABASES", connections.settings)
    opened = Database("tenant", "test")
    opened.execute("CREATE TABLE reading_shop (id int PRIMARY KEY, name text, phone text, price text, hidden text)")
    for number in range(ROWS):
        opened.execute("INSERT INTO reading_shop VALUES (%s, 'shop', '+1', '2', %s)", (number, str(number)))
    yield opened
    opened.close()
    connections["tenant"].close()
    del connections["tenant"]
    app.database.execute("DROP DATABASE engine_tenant WITH (FORCE)")


@pytest.fixture
def schemas(app: Any) -> Iterator[list[str]]:
    """Two schemas of tenants that have the tables of the models. The path by which tables are found has neither."""
    found = ["tenant_1", "tenant 2"]
    for schema in found:
        app.database.execute(f'CREATE SCHEMA "{schema}"')
        for table in ("secrets", "reading_shop"):
            app.database.execute(f'CREATE TABLE "{schema}".{table} (LIKE {table} INCLUDING ALL)')
            app.database.execute(f'INSERT INTO "{schema}".{table} SELECT * FROM {table}')
    app.database.execute("DROP TABLE secrets; ALTER TABLE reading_shop RENAME TO reading_kept")
    yield found
    for schema in found:
        app.database.execute(f'DROP SCHEMA "{schema}" CASCADE')
    app.database.execute("ALTER TABLE reading_kept RENAME TO reading_shop")


def ring(*stages: str) -> Keyring:
    return Keyring(
        SCHEMES,
        {stage: {"current": OLD, "pending": NEW}[stage] for stage in stages},
        ApplicationSettings(lambda name: None),
    )


def reading(app: Any, wanted: Callable[[str], bool] = bool, before: dict[str, Any] | None = None) -> dict[str, Any]:
    stage = "current" if app.key.secret == "old-secret" else "pending"
    keyring = ring(stage)
    targets = target_survey.find(app.database, "auto", (), keyring).targets
    scope = model_reading.ReadingScope(DIGEST, wanted=wanted, before=before or {})
    return model_reading.of_application(targets, keyring, scope).as_result()


def found_in(app: Any) -> list[Target]:
    return target_survey.find(app.database, "auto", (), app.keyring).targets


def rotate(app: Any) -> None:
    found = target_survey.find(app.database, "auto", (), app.keyring).targets
    assert {target.column for target in found} == {"first", "last", "note"}
    rewrite(app.database, found, app.keyring, "pending")
    app.key.secret = "new-secret"


def assert_read_as_before(app: Any, name: str) -> None:
    """An attribute reads every row, and the same before and after a rotation."""
    before = reading(app, name.__eq__)
    rotate(app)
    after = reading(app, name.__eq__)
    assert [(one["name"], one["read"]) for one in after["readings"]] == [(name, ROWS)]
    model_reading.refuse_worse(before, after)


def test_a_rotation_of_an_attribute_made_from_several_columns_is_read_as_before(app: Any) -> None:
    app.key.secret = "old-secret"
    before = reading(app, lambda name: not name.endswith(("hidden", "worded")))
    assert [one["name"] for one in before["readings"]] == [
        *(f"reading.Person.{name}" for name in ("first", "last", "note", "full_name")),
        *(f"reading.Shop.{name}" for name in ("phone", "price")),
    ], "each once, and no plain field"
    made = {one["name"]: one for one in before["readings"]}
    assert made["reading.Person.full_name"]["columns"] == ["secrets.first", "secrets.last"]
    assert {one["read"] for one in before["readings"]} == {ROWS}

    model_reading.refuse_worse(before, copy.deepcopy(before))
    rotate(app)
    after = reading(app, lambda name: not name.endswith(("hidden", "worded")))

    model_reading.refuse_worse(before, after)
    assert model_reading.changed(before, after) == []
    assert before["round_trips"] == after["round_trips"]


def test_a_field_that_nobody_named_and_that_reads_other_values_under_the_new_keys_is_noticed(app: Any) -> None:
    """It raises nothing, and no column was found for it."""
    before = reading(app)
    rotate(app)
    with expect_error("E_APPLICATION_READS", names=Containing("reading.Shop.hidden (40 values, and 40")) as it:
        model_reading.refuse_worse(before, reading(app))
    assert "reading.Shop.hidden is as before, and is read with a key that was rotated" in str(it.value)
    assert "key_rotation_application_ignore" not in str(it.value), "its values would be lost"


def test_the_order_of_a_set_is_another_one_in_each_process_and_is_not_compared(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = SimpleNamespace(reverse=False)
    shown, encrypted = (
        type(model._meta.get_field(name)) for model, name in ((app.Shop, "phone"), (app.Person, "first"))
    )
    decrypt = encrypted.from_db_value

    def of_a_set(text: str) -> list[str]:
        """As after another hash seed."""
        return sorted({*text.split()}, reverse=order.reverse)

    def opened(field: Any, value: Any, *about: Any) -> Any:
        text = decrypt(field, value)
        return of_a_set(text) if field.name == "last" else text

    monkeypatch.setattr(shown, "from_db_value", lambda field, value, *about: of_a_set(f"tel {value}"))
    monkeypatch.setattr(encrypted, "from_db_value", opened)
    monkeypatch.setattr(app.Person, "full_name", property(lambda person: ", ".join(of_a_set(f"{person.first} x"))))
    names = ("first", "last", "full_name", "phone")
    before = reading(app, lambda name: name.endswith(names))
    rotate(app)
    order.reverse = True
    after = reading(app, lambda name: name.endswith(names))
    assert len(after["readings"]) == len(names)
    model_reading.refuse_worse(before, after)
    assert model_reading.changed(before, after) == []

    monkeypatch.setattr(app.Person, "full_name", property(lambda person: f"{person.first}!"))
    assert model_reading.changed(before, reading(app, lambda name: name.endswith(names))) == [
        "reading.Person.full_name"
    ]


def test_a_row_is_named_by_its_stored_key_whatever_the_application_makes_of_that_under_other_keys(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps
    from django.db import models

    monkeypatch.undo()  # a new model clears the caches of the registry

    class PublicId:
        """As libraries that show a number as a text which is made with SECRET_KEY."""

        def __init__(self, number: int) -> None:
            self.number = number

        def __str__(self) -> str:
            return hashlib.md5(f"{app.key.secret} {self.number}".encode()).hexdigest()

    class PublicIdField(models.IntegerField):
        def from_db_value(self, value: Any, *about: Any) -> Any:
            return PublicId(value)

        def get_prep_value(self, value: Any) -> Any:
            return value.number if isinstance(value, PublicId) else value

    class Known(models.Model):
        id = PublicIdField(primary_key=True)
        first = type(app.Person._meta.get_field("first"))(null=True)

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

    monkeypatch.setattr(apps, "get_models", lambda **about: [Known])
    assert_read_as_before(app, "reading.Known.first")


def test_a_column_named_like_a_key_of_its_row_is_not_taken_for_it(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps import apps
    from django.db import models

    monkeypatch.undo()  # a new model clears the caches of the registry

    class Credential(models.Model):
        id = models.IntegerField(primary_key=True)
        key_id = type(app.Person._meta.get_field("first"))(null=True, db_column="first")

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

    monkeypatch.setattr(apps, "get_models", lambda **about: [Credential])
    assert_read_as_before(app, "reading.Credential.key_id")


def test_the_characters_of_a_column_itself_are_compared_in_their_order(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = reading(app, lambda name: name.endswith("first"))
    encrypted = type(app.Person._meta.get_field("first"))
    decrypt = encrypted.from_db_value
    monkeypatch.setattr(encrypted, "from_db_value", lambda field, value, *about: decrypt(field, value)[::-1])
    assert model_reading.changed(before, reading(app, lambda name: name.endswith("first"))) == ["reading.Person.first"]


def test_what_others_write_meanwhile_in_columns_that_are_not_encrypted_is_no_false_alarm(app: Any) -> None:
    before = reading(app, lambda name: not name.endswith(("hidden", "worded")))
    rotate(app)
    app.database.execute("UPDATE reading_shop SET phone = '+2', price = NULL WHERE id = 3")
    app.database.execute("DELETE FROM reading_shop WHERE id IN (4, 39)")
    app.database.execute("INSERT INTO reading_shop VALUES (100, 'new', '+3', '3', '3')")
    model_reading.refuse_worse(before, reading(app, lambda name: not name.endswith(("hidden", "worded"))))


def test_a_model_with_more_columns_than_one_query_returns_is_refused_with_the_reason(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps
    from django.db import models

    monkeypatch.undo()  # a new model clears the caches of the registry
    names = [f"c{number}" for number in range(850)]

    class Columns(models.Model):
        id = models.IntegerField(primary_key=True)

        class Meta:
            abstract, app_label, db_table, managed = True, "reading", "secrets", False

    meta = type("Meta", (Columns.Meta,), {"abstract": False})
    fields = {name: models.TextField() for name in names}
    Wide = type("Wide", (Columns,), {"__module__": __name__, "Meta": meta, **fields})
    columns = ", ".join(f"{name} text" for name in names)
    app.database.execute(f"DROP TABLE secrets; CREATE TABLE secrets (id int PRIMARY KEY, {columns})")
    token = fernet("old-secret").encrypt(b"x").decode()
    for first in range(0, len(names), 50):  # of longer rows, no page has room for one
        some = names[first : first + 50]
        tokens = ", ".join([f"'{token}'"] * len(some))
        app.database.execute(f"INSERT INTO secrets (id, {', '.join(some)}) VALUES ({first}, {tokens})")
    monkeypatch.setattr(apps, "get_models", lambda **about: [Wide])
    with expect_error(
        "E_APPLICATION_MODEL",
        model="reading.Wide",
        sqlstate="54011",
        advice=Containing("1,664", "another table"),
    ):
        reading(app)


@pytest.mark.parametrize("limit", ["statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"])
def test_no_time_limit_of_a_role_or_a_database_ends_a_reading(app: Any, limit: str) -> None:
    """Without those of Django's sessions, which a pooler may lend to it."""
    from django.db import connections

    if not app.database.rows("SELECT 1 FROM pg_settings WHERE name = %s", (limit,)):
        pytest.skip(f"this server has no {limit}")

    def slow(person: Any) -> str:
        if not person.pk:
            time.sleep(0.3)
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.3)")
        return str(person.first)

    app.Person.slow = property(slow)
    app.database.execute(f"ALTER DATABASE engine SET {limit} = '200ms'")
    connections.close_all()
    try:
        (found,) = reading(app, "reading.Person.slow".__eq__)["readings"]
    finally:
        app.database.execute("ALTER DATABASE engine RESET ALL")
        connections.close_all()
    assert (found["read"], found["failed"]) == (ROWS, 0)


def test_a_row_whose_field_raises_is_counted_and_all_others_are_read(app: Any) -> None:
    app.database.execute("UPDATE secrets SET first = 'no token' WHERE id IN (0, 7, 39)")
    readings = {one["name"].rpartition(".")[2]: one for one in reading(app)["readings"]}
    found = {name: (readings[name]["read"], readings[name]["failed"]) for name in ("first", "last", "full_name")}
    assert found == {"first": (ROWS - 3, 3), "last": (ROWS, 0), "full_name": (ROWS - 3, 3)}


def of_healed(name: str) -> bool:
    return name.endswith(("first", "note", "full_name"))


def stale_row(app: Any) -> dict[str, Any]:
    """A reading from while two values of a row were under keys that the application does not have."""
    good = app.database.rows("SELECT first, note FROM secrets WHERE id = 7")[0]
    strange = fernet("strange").encrypt(b"x").decode()
    app.database.execute("UPDATE secrets SET first = %s, note = %s WHERE id = 7", (strange, strange))
    found = reading(app, of_healed)
    app.database.execute("UPDATE secrets SET first = %s, note = %s WHERE id = 7", tuple(good))
    return found


def test_a_row_that_the_application_could_not_read_before_may_be_healed(app: Any) -> None:
    """Whether it failed at it, or passed its token on; as its record keeps it."""
    before = json.loads(json.dumps(stale_row(app)))
    rotate(app)
    after = reading(app, of_healed, before)
    counts = [{one["name"]: one[count] for one in after["readings"]} for count in ("failed", "tokens")]
    assert counts == [dict.fromkeys(map("reading.Person.{}".format, ("first", "note", "full_name")), 0)] * 2
    model_reading.refuse_worse(before, after)


@pytest.mark.parametrize("row", [6, 7])
@pytest.mark.parametrize("column", ["first", "note"])
def test_a_healed_row_makes_up_for_no_other_and_not_for_itself(app: Any, column: str, row: int) -> None:
    before = stale_row(app)
    rotate(app)
    other = app.keyring.cipher("own", "pending").seal(Opened(b"another")).decode()
    app.database.execute("INSERT INTO secrets (id, first, note) VALUES (100, %s, %s)", (other, other))
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(before, reading(app, of_healed, before))
    app.database.execute("DELETE FROM secrets WHERE id = 100")
    if row != 7:
        app.database.execute(f"UPDATE secrets SET {column} = %s WHERE id = %s", (other, row))
    else:
        app.database.execute(f"UPDATE secrets SET {column} = 'no token' WHERE id = 6")
    with pytest.raises(RotationError, match=rf"E_APPLICATION_READS.*Person\.{column}"):
        model_reading.refuse_worse(before, reading(app, of_healed, before))


def test_rows_of_tokens_that_a_trigger_inserts_are_explained_if_tokens_are_read_as_they_are(app: Any) -> None:
    def seal(rows: Sequence[int], stage: str) -> None:
        for number in rows:
            token = app.keyring.cipher("own", stage).seal(Opened(b"%d" % number)).decode()
            app.database.execute(
                "INSERT INTO secrets (id, nick) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET nick = EXCLUDED.nick",
                (number, token),
            )

    seal(range(30), "current")
    before = reading(app, lambda name: name.endswith("nick"))
    seal([*range(30), *range(ROWS, ROWS + 5)], "pending")
    app.key.secret = "new-secret"
    after = reading(app, lambda name: name.endswith("nick"))
    assert [(one["read"], one["tokens"]) for one in after["readings"]] == [(ROWS + 5, 35)]
    model_reading.refuse_worse(before, after, {"secrets": {"inserted": 5}})
    for fewer in ({}, {"secrets": {"inserted": 4}}):
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(before, after, fewer)


def test_an_attribute_of_which_the_application_reads_none_of_the_values_that_the_keys_open_is_a_stop(app: Any) -> None:
    """Such as where its code checks a digest of the ciphertext that a rotation before has changed: after this one it
    would read as many."""
    targets = found_in(app)

    def refused(ignore: Collection[str] = ()) -> dict[str, int]:
        found = model_reading.planned(targets, ring("current"), ignore)
        return {each.column: each.fields["count"] for each in found if each.kind.code == "E_VALUES_REFUSED"}

    assert refused() == {}
    app.key.secret = "strange"
    of_all = dict.fromkeys(map("reading.Person.{}".format, ("first", "last", "full_name")), ROWS)
    assert refused() == of_all
    assert refused(["reading.Person.last"]) == {name: ROWS for name in of_all if not name.endswith(".last")}
    mine = fernet("strange").encrypt(b"x").decode()
    app.database.execute("UPDATE secrets SET first = %s WHERE id = %s", (mine, ROWS - 1))
    assert set(refused()) == {"reading.Person.last", "reading.Person.full_name"}, "all rows are asked, not a few"
    app.database.execute("UPDATE secrets SET last = %s", (fernet("other").encrypt(b"x").decode(),))
    assert refused() == {}, "what no key opens, the application need not read"


def test_tokens_that_a_library_passes_on_as_text_are_counted(app: Any) -> None:
    before = reading(app, lambda name: "Person" in name)
    rotate(app)
    strange = fernet("strange").encrypt(b"x").decode()
    twice = app.keyring.cipher("own", "pending").seal(Opened(strange.encode())).decode()
    app.database.execute("UPDATE secrets SET note = %s WHERE id = 1", (strange,))
    app.database.execute("UPDATE secrets SET note = %s WHERE id = 2", (twice,))
    concurrent_rows = {"secrets": {"changed": 2, "inserted": 0, "deleted": 0}}
    with pytest.raises(RotationError, match=r"reading\.Person\.note \(40 values, 2 of them as tokens") as refused:
        model_reading.refuse_worse(before, reading(app, lambda name: "Person" in name), concurrent_rows)
    assert "key_rotation_application_ignore" not in str(refused.value)


def test_a_plain_field_in_which_some_values_are_tokens_is_read_as_before_if_only_these_were_sealed_again(
    app: Any,
) -> None:
    """As in an application that decrypts in a function of its own, and keeps plain text in the same column."""

    def seal(stage: str) -> None:
        for number in range(30):
            token = app.keyring.cipher("own", stage).seal(Opened(b"%d" % number)).decode()
            app.database.execute("UPDATE secrets SET nick = %s WHERE id = %s", (token, number))

    seal("current")
    before = reading(app, lambda name: name.endswith("nick"))
    assert [(one["read"], one["tokens"]) for one in before["readings"]] == [(ROWS, 30)]
    seal("pending")
    app.key.secret = "new-secret"
    model_reading.refuse_worse(before, reading(app, lambda name: name.endswith("nick")))
    app.database.execute("UPDATE secrets SET nick = 'another' WHERE id = 35")
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(before, reading(app, lambda name: name.endswith("nick")))


def test_tokens_that_attributes_hand_on_within_other_values_are_read_as_before(connectors: Any) -> None:
    before = reading(connectors, of_connectors)
    rewrite(connectors.database, found_in(connectors), connectors.keyring, "pending")
    connectors.key.secret = "new-secret"
    after = reading(connectors, of_connectors)

    model_reading.refuse_worse(before, after)
    assert model_reading.changed(before, after) == []
    assert before["unread"] == ["secrets._mail"], "it is only handed on"
    counted = {one["name"].rpartition(".")[2]: (one["read"], one["tokens"]) for one in after["readings"]}
    assert counted == {
        **dict.fromkeys(("settings", "document", "raw"), (ROWS, ROWS)),
        **dict.fromkeys(("password", "secret", "phone", "lazy"), (ROWS, 0)),
    }


def test_a_column_that_no_attribute_decrypts_is_known_beforehand(
    connectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps

    connector = next(model for model in apps.get_models() if model.__name__ == "Connector")
    monkeypatch.setattr(apps, "get_models", lambda **about: [connector])
    connectors.database.execute("UPDATE secrets SET _phone = '' WHERE id < %s", (model_reading.SAMPLE + 1,))
    forecast = model_reading.beforehand(found_in(connectors), ring("current"), ())
    assert forecast["not_decrypted"] == ["secrets._mail"], "a later row shows that _phone is decrypted"
    noted = [each.column for each in model_reading.planned(found_in(connectors), ring("current"), ())]
    assert "secrets._mail" in noted


@pytest.mark.parametrize(
    ("shown", "is_named"),
    [
        (lambda key, token: bool(token), True),
        (lambda key, token: "****" if token else "", True),
        (lambda key, token: len(token), True),
        (lambda key, token: fernet(key.secret).decrypt(token.encode()).decode()[-2:].rjust(6, "*"), False),
        (lambda key, token: len(fernet(key.secret).decrypt(token.encode())), True),
    ],
    ids=["whether there is one", "a mask", "its length", "the last characters", "the length of the plaintext"],
)
def test_an_attribute_that_depends_on_no_plaintext_decrypts_nothing(
    connectors: Any, monkeypatch: pytest.MonkeyPatch, shown: Callable[[Any, str], Any], is_named: bool
) -> None:
    from django.apps import apps

    connector = next(model for model in apps.get_models() if model.__name__ == "Connector")
    monkeypatch.setattr(connector, "shown", property(lambda self: shown(connectors.key, self._mail)), raising=False)
    monkeypatch.setattr(apps, "get_models", lambda **about: [connector])
    forecast = model_reading.beforehand(found_in(connectors), ring("current"), ())
    assert ("secrets._mail" in forecast["not_decrypted"]) == is_named


@pytest.mark.parametrize(
    ("change", "attribute"),
    [
        ("settings = jsonb_set(settings, '{host}', '\"other\"')", "settings"),
        ("settings = jsonb_set(settings, '{password}', '\"no token\"')", "settings"),
        ("document = replace(document, 'as it is', 'otherwise')", "document"),
        ("_phone = 'no token'", "raw"),
    ],
)
def test_whatever_is_around_tokens_that_are_handed_on_is_compared(connectors: Any, change: str, attribute: str) -> None:
    before = reading(connectors, of_connectors)
    connectors.database.execute(f"UPDATE secrets SET {change} WHERE id = 7")
    with pytest.raises(RotationError, match=rf"E_APPLICATION_READS: .*reading\.Connector\.{attribute} "):
        model_reading.refuse_worse(before, reading(connectors, of_connectors))


def test_an_object_that_keeps_its_token_is_compared_by_its_text(connectors: Any) -> None:
    before = reading(connectors, lambda name: name.endswith("lazy"))
    seal = connectors.keyring.cipher("own", "current").seal
    connectors.database.execute("UPDATE secrets SET _phone = %s WHERE id = 7", (seal(Opened(b"+2")).decode(),))
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(before, reading(connectors, lambda name: name.endswith("lazy")))


def test_what_is_made_of_the_ciphertext_itself_is_known_beforehand_and_only_counted(connectors: Any) -> None:
    targets = found_in(connectors)
    forecast = model_reading.beforehand(targets, ring("current"), ())
    assert forecast["of_ciphertext"] == ["reading.Tagged.etag", "reading.Tagged.both"]
    noted = {each.column: each.kind.name for each in model_reading.planned(targets, ring("current"), ())}
    assert noted["reading.Tagged.both"] == "of_ciphertext"

    def of_tokens(name: str) -> bool:
        return name.endswith(("etag", "both"))

    before = reading(connectors, of_tokens)
    rewrite(connectors.database, targets, connectors.keyring, "pending")
    connectors.key.secret = "new-secret"
    after = reading(connectors, of_tokens)

    model_reading.refuse_worse(before, after)
    assert model_reading.changed(before, after) == []
    assert "secrets._phone" in before["unread"], "they prove nothing of it"

    connectors.database.execute("UPDATE secrets SET _phone = 'no token' WHERE id = 7")
    with pytest.raises(RotationError, match=r"Tagged\.both \(39 values, 1 not, and 40 values before\)"):
        model_reading.refuse_worse(before, reading(connectors, of_tokens))


def decrypt_and_note(text: str) -> str:
    return note(text)


def note(text: str) -> str:
    """As an audit does."""
    return text if datetime.datetime.now() else ""


def days_since(born: datetime.date) -> int:
    return (datetime.date.today() - born).days


def test_what_depends_on_the_date_is_known_beforehand_and_only_counted(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation may cross midnight, or be resumed on another day."""
    from django.apps import apps
    from django.db import models
    from django.utils import timezone

    monkeypatch.undo()  # a new model clears the caches of the registry
    encrypted = type(app.Person._meta.get_field("first"))

    class Born(models.Model):
        id = models.IntegerField(primary_key=True)
        first, last = encrypted(), encrypted()
        time = models.TextField(db_column="nick")

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        @property
        def age(self) -> int:
            return days_since(datetime.date.fromisoformat(self.first))

        @property
        def days_left(self) -> int:
            return (timezone.now().date() - datetime.date.fromisoformat(self.first)).days

        @property
        def seconds_left(self) -> float:
            import time

            return time.time() - len(self.first)

        @property
        def hours_left(self) -> int | None:
            from django.utils import timezone

            return 1 if timezone.now().year < 2999 and self.first else None

        @property
        def audited(self) -> str:
            return decrypt_and_note(self.first)

        @property
        def shown(self) -> str:
            return f"{self.time} {self.first} {datetime.date(2000, 1, 1)} {datetime.datetime.fromtimestamp(0).time()}"

    monkeypatch.setattr(apps, "get_models", lambda **about: [Born])
    dates = {number: datetime.date(1980, 1, 1 + number % 28).isoformat() for number in range(ROWS)}
    for number, date in dates.items():
        app.database.execute("DELETE FROM secrets WHERE id = %s", (number,))
        Born(number, date, "last", "nick").save(force_insert=True)
    targets = target_survey.find(app.database, "auto", (), app.keyring).targets
    dated = [f"reading.Born.{name}" for name in ("age", "days_left", "seconds_left", "hours_left")]
    assert model_reading.beforehand(targets, ring("current"), ())["dated"] == dated
    noted = {each.column: each.kind.name for each in model_reading.planned(targets, ring("current"), ())}
    assert noted == dict.fromkeys(dated, "dated"), "they stop nothing"

    before = reading(app)
    rewrite(app.database, targets, app.keyring, "pending")
    app.key.secret = "new-secret"
    tomorrow = type("date", (datetime.date,), {"today": classmethod(lambda cls: datetime.date(2999, 1, 1))})
    monkeypatch.setattr(datetime, "date", tomorrow)
    monkeypatch.setattr(timezone, "now", lambda: datetime.datetime(2999, 1, 1))
    after = reading(app)

    digests = [{one["name"]: one["digest"] for one in each["readings"]} for each in (before, after)]
    assert {name for name, digest in digests[0].items() if digests[1][name] != digest} == set(dated)
    assert model_reading.changed(before, after) == []
    model_reading.refuse_worse(before, after)

    app.database.execute("UPDATE secrets SET first = 'no token' WHERE id = 7")
    with pytest.raises(RotationError, match=r"Born\.age \(39 values, 1 not, and 40 values before\)"):
        model_reading.refuse_worse(before, reading(app))


def test_a_query_that_fails_is_a_failure_of_one_value_and_one_that_writes_is_refused(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the application says so or not; and whatever was fetched of the rows by then."""
    from django.apps import apps
    from django.db import connection, models

    monkeypatch.undo()  # a new model clears the caches of the registry
    monkeypatch.setattr(model_reading, "CHUNK", 3)
    encrypted = type(app.Person._meta.get_field("first"))

    def ask(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    class Order(models.Model):
        id = models.IntegerField(primary_key=True)
        first, last = encrypted(), encrypted()

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        @property
        def followed(self) -> str:
            if self.id % 2:
                ask("SELECT FROM nowhere")
            return self.first

        @property
        def swallowed(self) -> str:
            with contextlib.suppress(Exception):
                return self.followed
            return f"nobody {self.first}"

        @property
        def seen(self) -> str:
            with contextlib.suppress(Exception):
                ask("INSERT INTO reading_shop VALUES (1000, '', '', '', '')")
            return self.first

    monkeypatch.setattr(apps, "get_models", lambda **about: [Order])
    app.database.execute("UPDATE secrets SET last = 'no token' WHERE id IN (0, 6, 7, 39)")
    read = reading(app, lambda name: not name.endswith("seen"))["readings"]
    assert {one["name"].rpartition(".")[2]: (one["read"], one["failed"]) for one in read} == {
        "first": (ROWS, 0),
        "last": (ROWS - 4, 4),
        "followed": (ROWS // 2, ROWS // 2),
        "swallowed": (ROWS // 2, ROWS // 2),
    }
    with expect_error("E_APPLICATION_WRITES", name="reading.Order.seen"):
        reading(app)


def test_a_text_in_place_of_other_tokens_is_no_sign_that_an_attribute_is_made_of_ciphertext(connectors: Any) -> None:
    """The application may fail to decrypt: it is compared, and nobody is advised to leave it out."""
    before = reading(connectors, lambda name: name.endswith("known"))
    rewrite(connectors.database, found_in(connectors), connectors.keyring, "pending")
    connectors.key.secret = "new-secret"
    with expect_error("E_APPLICATION_READS", names=Containing("Tagged.known (40 values, and 40")) as refused:
        model_reading.refuse_worse(before, reading(connectors, lambda name: name.endswith("known")))
    assert "Tagged.known returns as many values as before, but different ones." in refused.value.todo
    assert "key_rotation_application_ignore" not in str(refused.value)


def test_a_setter_that_normalizes_goes_well_and_broken_ones_are_planned_as_stops(connectors: Any) -> None:
    trips = reading(connectors, lambda name: ".Account." in name)["round_trips"]
    assert {trip["name"].rpartition(".")[2]: trip["outcome"] for trip in trips} == {
        **dict.fromkeys(("iban", "digits"), "well"),
        **dict.fromkeys(("growing", "worded", "emptied"), "not_returned"),
        "elsewhere": "other_keys",
    }
    ignored = [f"reading.Account.{name}" for name in ("growing", "emptied", "elsewhere")]
    stops = [each for each in model_reading.planned(found_in(connectors), ring("current"), ignored) if each.kind.stops]
    assert [each.as_notice() for each in stops] == [
        {
            "kind": "round_trip",
            "column": "reading.Account.worded",
            "notice": (
                "a text through the application's own reading.Account.worded does not return the value that was written"
            ),
            "todo": stops[0].todo,
            "code": "E_ROUND_TRIP",
        }
    ]
    assert "manage.py shell" in stops[0].todo
    assert "ignore" not in stops[0].todo


def test_what_another_process_made_of_values_is_reported_as_the_application_reads_it(app: Any) -> None:
    rotate(app)
    seal = app.keyring.cipher("own", "pending").seal
    strange = fernet("strange").encrypt(b"x").decode()
    made = {1: strange, 2: seal(Opened(strange.encode())).decode(), 3: None, 4: "", 5: seal(Opened(b"good")).decode()}
    for row, token in made.items():
        app.database.execute("UPDATE secrets SET note = %s, first = %s WHERE id = %s", (token, token, row))
    targets = target_survey.find(app.database, "auto", (), ring("pending")).targets
    written = {f"secrets.{column}": [str(row) for row in made] for column in ("note", "first")}

    found = dict(damage.find_damaged(written, targets, ring("pending")))

    assert found == {
        "secrets.note:1": damage_words.TOKEN,
        "secrets.note:2": damage_words.TOKEN,
        "secrets.note:3": damage_words.NOTHING,
        "secrets.note:4": damage_words.NOTHING,
        "secrets.first:1": damage_words.RAISES,
        "secrets.first:2": damage_words.TOKEN,
        "secrets.first:3": damage_words.NOTHING,
        "secrets.first:4": damage_words.NOTHING,
    }
    with expect_error(
        "E_VALUES_DAMAGED",
        count=4,
        reads="1 as an error, 3 as a token",
        repair=Containing('"key_rotation_repair": ["secrets.first:1"'),
    ) as refused:
        model_reading.refuse_damaged(list(found.items()))
    assert "secrets.note:3" not in str(refused.value), "a person may have emptied it"
    assert damage.find_damaged({"secrets.last": ["1", "2"]}, targets, ring("pending")) == [], (
        "what is read is no damage"
    )


def test_the_text_for_a_failed_decryption_is_known_from_the_application(app: Any) -> None:
    """A process under other keys has saved it as a value, encrypted under the new keys meanwhile."""
    rotate(app)
    seal = app.keyring.cipher("own", "pending").seal
    app.database.execute("UPDATE secrets SET worded = %s", (seal(Opened(b"a good value")).decode(),))
    app.database.execute("UPDATE secrets SET worded = %s WHERE id = 7", (seal(Opened(b"[unreadable]")).decode(),))
    targets = target_survey.find(app.database, "auto", (), ring("pending")).targets
    found = damage.find_damaged({"secrets.worded": ["6", "7"]}, targets, ring("pending"))
    assert found == [("secrets.worded:7", damage_words.TEXT)]


@pytest.mark.parametrize("kind", ["text", "memoryview", "bytes", "raw"])
def test_a_token_is_broken_in_one_place_and_stays_of_its_type(kind: str) -> None:
    token = fernet("any").encrypt(b"x" * 200)
    whole = {"text": token.decode(), "memoryview": memoryview(token), "bytes": token, "raw": b"\x80" + bytes(99)}[kind]
    broken = damage._broken(whole)
    pairs = list(zip(whole, broken))
    assert (type(broken), len(broken)) == (type(whole), len(whole))
    assert next(place for place, (one, other) in enumerate(pairs) if one != other) >= len(whole) // 2
    assert sum(one != other for one, other in pairs) == 1


def test_such_a_text_is_known_in_a_column_of_bytes_too(app: Any) -> None:
    rotate(app)
    seal = app.keyring.cipher("own", "pending").seal
    app.database.execute("UPDATE secrets SET bytes_worded = %s", (seal(Opened(b"a good value")),))
    app.database.execute("UPDATE secrets SET bytes_worded = %s WHERE id = 7", (seal(Opened(b"[unreadable]")),))
    targets = target_survey.find(app.database, "auto", (), ring("pending")).targets
    found = damage.find_damaged({"secrets.bytes_worded": ["6", "7"]}, targets, ring("pending"))
    assert found == [("secrets.bytes_worded:7", damage_words.TEXT)]
    repair = Containing('"key_rotation_repair": ["secrets.bytes_worded:7"]')
    with expect_error("E_VALUES_DAMAGED", count=1, repair=repair):
        model_reading.refuse_damaged([tuple(each) for each in found])


def test_what_is_made_of_a_column_under_a_key_that_stays_is_read_before_and_after(app: Any) -> None:
    """Of its values, some may be under a key that is rotated, in a format that nobody knows."""
    settings = ApplicationSettings({"LEGACY_KEY": "legacy"}.get)
    described = {
        name: {"format": "fernet", "key": {"derive": "sha256", "secret": secret}}
        for name, secret in (("own", "SECRET_KEY"), ("legacy", "LEGACY_KEY"))
    }
    keyring = Keyring(schemes.parse(described), {"current": OLD, "pending": NEW}, settings)
    for number in range(ROWS):
        token = fernet("legacy" if number < 30 else "old-secret").encrypt(b"%d" % number).decode()
        app.database.execute("UPDATE secrets SET nick = %s WHERE id = %s", (token, number))
    survey = target_survey.find(app.database, "auto", (), keyring)
    assert [each.name for each in survey.evidence.fixed] == ["secrets.nick"]
    scope = model_reading.ReadingScope(DIGEST, wanted=lambda name: name.endswith("nickname"))

    def read() -> dict[str, Any]:
        return model_reading.of_application([*survey.targets, *survey.evidence.fixed], keyring, scope).as_result()

    before = read()
    assert [(one["name"], one["read"], one["failed"]) for one in before["readings"]] == [
        ("reading.Person.nickname", ROWS, 0)
    ]
    assert "secrets.nick" not in before["unread"]
    model_reading.refuse_worse(before, read())
    app.key.secret = "new-secret"
    with expect_error("E_APPLICATION_READS", names=Containing("nickname (30 values, 10 not, and 40 values before")):
        model_reading.refuse_worse(before, read())
    app.key.secret = "old-secret"
    app.database.execute("UPDATE secrets SET nick = %s WHERE id = 2", (fernet("legacy").encrypt(b"x").decode(),))
    model_reading.refuse_worse(before, read())  # what others write is no false alarm


def test_what_a_proxy_has_besides_its_model_is_read_with_the_rows_of_that(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps

    monkeypatch.undo()  # a new model clears the caches of the registry

    class SecurePerson(app.Person):  # type: ignore[misc, name-defined]
        class Meta:
            app_label, proxy = "reading", True

        @property
        def plain(self) -> str:
            return fernet(app.key.secret).decrypt(self.nick.encode()).decode()

    monkeypatch.setattr(apps, "get_models", lambda **about: [app.Person, SecurePerson])
    app.database.execute("UPDATE secrets SET nick = NULL")
    for number in range(ROWS):
        token = app.keyring.cipher("own", "current").seal(Opened(b"%d" % number)).decode()
        app.database.execute("UPDATE secrets SET nick = %s WHERE id = %s", (token, number))
    before = reading(app)
    counted = {one["name"]: one["read"] for one in before["readings"] if "SecurePerson" in one["name"]}
    assert counted == {"reading.SecurePerson.plain": ROWS}, "and nothing that its model has"
    targets = found_in(app)
    rewrite(app.database, targets, app.keyring, "pending")
    app.key.secret = "new-secret"
    model_reading.refuse_worse(before, reading(app))

    strange = fernet("strange").encrypt(b"x").decode()
    app.database.execute("UPDATE secrets SET nick = %s WHERE id = 7", (strange,))
    assert ("secrets.nick:7", damage_words.RAISES) in damage.find_damaged({"secrets.nick": ["7"]}, targets, app.keyring)
    with expect_error("E_APPLICATION_READS", names=Containing("SecurePerson.plain (39 values, 1 not")):
        model_reading.refuse_worse(before, reading(app))


def test_a_property_of_properties_over_columns_of_bytes_is_read(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps import apps
    from django.db import models

    monkeypatch.undo()  # a new model clears the caches of the registry

    class Client(models.Model):
        id = models.IntegerField(primary_key=True)
        _first = models.BinaryField(db_column="bytes_worded")

        class Meta:
            app_label, db_table, managed = "reading", "secrets", False

        @property
        def first(self) -> str:
            return fernet(app.key.secret).decrypt(bytes(self._first)).decode()

        @property
        def display_name(self) -> str:
            return self.first or "nobody"

    monkeypatch.setattr(apps, "get_models", lambda **about: [Client])
    seal = app.keyring.cipher("own", "current").seal
    app.database.execute("UPDATE secrets SET bytes_worded = %s", (seal(Opened(b"a name")),))
    readings = reading(app)["readings"]
    assert {(one["name"], one["read"]) for one in readings} == {
        ("reading.Client.first", ROWS),
        ("reading.Client.display_name", ROWS),
    }


def test_a_model_is_of_every_database_that_has_its_table(app: Any, tenant: Database) -> None:
    surveyed = target_survey.find(tenant, "auto", (), app.keyring)
    (shop,) = (table for table in surveyed.tables if table.name == "reading_shop")
    evidence = model_evidence.of_fields(surveyed.model_tables, [(shop, "hidden"), (shop, "name")])
    assert {place: each.evidence for place, each in evidence.items()} == {
        (shop, "hidden"): "reads another value than the stored one"
    }
    assert surveyed.findings.columns("empty") == []
    tenant.execute("ALTER TABLE reading_shop ADD first text; ALTER TABLE reading_shop RENAME TO secrets")
    assert "tenant:secrets.first" in target_survey.find(tenant, "auto", (), app.keyring).findings.columns("empty")
    tenant.execute("ALTER TABLE secrets RENAME TO reading_shop")


@pytest.mark.parametrize("routed", ["default", "tenant"])
def test_what_is_made_of_no_encrypted_column_is_read_if_the_router_sends_the_model(
    app: Any, tenant: Database, routed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another database may have a table of the name, and not those that its rows belong to."""
    from django.db import router

    where = type("Router", (), {"db_for_read": lambda self, model, **hints: routed})()
    monkeypatch.setattr(router, "routers", [where])
    names = [f"{'tenant:' if routed == 'tenant' else ''}reading.Shop.{name}" for name in ("phone", "price", "hidden")]
    read = reading(app, lambda name: "Shop" in name)["readings"]
    assert {one["name"]: one["read"] for one in read} == dict.fromkeys(names, ROWS)


def test_a_model_whose_table_is_in_another_database_alone_is_read_there(app: Any, tenant: Database) -> None:
    app.database.execute("ALTER TABLE reading_shop RENAME TO reading_kept")
    try:
        before = reading(app, lambda name: "Shop" in name)
        assert {one["name"]: one["read"] for one in before["readings"]} == {
            f"tenant:reading.Shop.{name}": ROWS for name in ("phone", "price", "hidden")
        }
        app.key.secret = "new-secret"
        with expect_error("E_APPLICATION_READS", names=Containing("tenant:reading.Shop.hidden (40 values, and 40")):
            model_reading.refuse_worse(before, reading(app, lambda name: "Shop" in name))
    finally:
        app.database.execute("ALTER TABLE reading_kept RENAME TO reading_shop")


def test_old_copies_and_tables_of_other_servers_are_not_read(app: Any) -> None:
    app.database.execute(
        "CREATE SCHEMA a_backup; CREATE TABLE a_backup.secrets (LIKE secrets);"
        " CREATE TABLE a_backup.reading_shop (LIKE reading_shop);"
        " INSERT INTO a_backup.secrets (id, first, last, worded) SELECT n, 'old', 'old', 'old'"
        " FROM generate_series(1, 9) n;"
        " CREATE FOREIGN DATA WRAPPER far; CREATE SERVER far FOREIGN DATA WRAPPER far; CREATE SCHEMA a_far;"
        " CREATE FOREIGN TABLE a_far.reading_shop (id int, name text, phone text, price text, hidden text) SERVER far"
    )
    try:
        assert {one["name"].split(".")[0] for one in reading(app)["readings"]} == {"reading"}
        app.database.execute(
            "ALTER TABLE reading_shop RENAME TO reading_kept; DROP TABLE a_backup.reading_shop;"
            " CREATE FOREIGN TABLE reading_shop (id int, name text, phone text, price text, hidden text) SERVER far"
        )
        found = [reader.full_name for readers in model_readers.by_model(found_in(app), None, b"") for reader in readers]
        app.database.execute("DROP FOREIGN TABLE reading_shop; ALTER TABLE reading_kept RENAME TO reading_shop")
        assert not any("Shop" in name for name in found)
    finally:
        app.database.execute("DROP SCHEMA a_backup CASCADE; DROP FOREIGN DATA WRAPPER far CASCADE; DROP SCHEMA a_far")


def test_a_table_that_a_model_calls_by_its_schema_is_that_models(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bare name finds it as well, and so another model may call it: each reads it once."""
    from django.apps import apps
    from django.db import models

    monkeypatch.undo()  # a new model clears the caches of the registry
    encrypted = type(app.Person._meta.get_field("first"))

    class Placed(models.Model):
        id = models.IntegerField(primary_key=True)
        first = encrypted()

        class Meta:
            app_label, db_table, managed = "reading", 'public"."secrets', False

    for known in ([Placed], [app.Person, Placed], [Placed, app.Person]):
        monkeypatch.setattr(apps, "get_models", lambda known=known, **about: known)
        found = target_survey.find(app.database, "auto", (), app.keyring).targets
        (target,) = (each for each in found if each.column == "first")
        assert (target.name, target.model != target.table.label) == ("secrets.first", True)
        (first,) = (each for each in reading(app)["readings"] if each["name"].endswith("Placed.first"))
        assert (first["name"], first["columns"], first["read"]) == ("reading.Placed.first", [target.name], ROWS)
        evidence = model_evidence.of_fields(model_tables(app), [(target.table, "first")])
        assert [each.evidence for each in evidence.values()] == ["reads another value than the stored one"]


def model_tables(app: Any) -> Any:
    return target_survey.find(app.database, "auto", (), app.keyring).model_tables


def test_a_model_is_read_in_every_schema_that_has_its_table(app: Any, schemas: list[str]) -> None:
    surveyed = target_survey.find(app.database, "auto", (), app.keyring)
    places = [(table, "hidden") for table in surveyed.tables if table.name == "reading_shop"]
    evidence = model_evidence.of_fields(surveyed.model_tables, places)
    assert [table.schema for table, _ in evidence] == sorted(schemas)
    assert {each.evidence for each in evidence.values()} == {"reads another value than the stored one"}

    before = reading(app, lambda name: not name.endswith(("hidden", "worded")))
    names = ["Person.first", "Person.last", "Person.note", "Person.full_name"]
    assert {one["name"]: one["read"] for one in before["readings"]} == {
        **{f"{schema}.reading.{name}": ROWS for schema in schemas for name in names},
        **{f"tenant 2.reading.{name}": ROWS for name in ("Shop.phone", "Shop.price")},
    }
    assert before["unread"] == []
    assert {trip["outcome"] for trip in before["round_trips"] if trip["name"].endswith("first")} == {"well"}
    assert model_reading.beforehand(surveyed.targets, ring("current"), ["reading.Shop.hidden"])["unknown"] == {}

    rewrite(app.database, surveyed.targets, app.keyring, "pending")
    app.key.secret = "new-secret"
    after = reading(app, lambda name: not name.endswith(("hidden", "worded")))
    model_reading.refuse_worse(before, after)
    assert model_reading.changed(before, after) == []

    written = {target.name: ["7"] for target in surveyed.targets}
    app.database.execute("UPDATE tenant_1.secrets SET first = 'no token' WHERE id = 7")
    assert damage.find_damaged(written, surveyed.targets, ring("pending")) == [
        ("tenant_1.secrets.first:7", damage_words.RAISES)
    ]
    with expect_error("E_APPLICATION_READS", names=Containing("tenant_1.reading.Person.first (39")) as refused:
        model_reading.refuse_worse(before, reading(app, lambda name: not name.endswith(("hidden", "worded"))))
    assert "tenant 2" not in str(refused.value)


def test_a_column_of_a_tenant_that_nobody_found_is_read_in_its_schema(app: Any, schemas: list[str]) -> None:
    before = reading(app, lambda name: name.endswith("hidden"))
    assert [one["name"] for one in before["readings"]] == ["tenant 2.reading.Shop.hidden"]
    app.key.secret = "new-secret"
    with expect_error("E_APPLICATION_READS", names=Containing("tenant 2.reading.Shop.hidden (40 values, and 40")):
        model_reading.refuse_worse(before, reading(app, lambda name: name.endswith("hidden")))
    model_reading.refuse_worse(
        before,
        reading(app, lambda name: not model_readers.is_ignored(name, ["reading.Shop.hidden"])),
        ignore=["reading.Shop.hidden"],
    )


def test_the_code_of_a_model_is_looked_at_once_however_many_schemas_have_its_table(
    app: Any, schemas: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    for name in ("of_model", "is_dated"):
        own = getattr(encrypting_attributes, name)
        monkeypatch.setattr(
            encrypting_attributes, name, lambda *about, own=own: looks.append((own, *about)) or own(*about)
        )
    found = [reader for readers in model_readers.by_model(found_in(app), None, b"") for reader in readers]
    assert sum(reader.name == "full_name" for reader in found) == len(schemas)
    assert len(looks) == len({*looks}) > 3


def test_a_materialized_view_is_not_read_for_it_keeps_old_tokens_until_it_is_refreshed(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps
    from django.db import models

    monkeypatch.undo()  # a new model clears the caches of the registry

    class Viewed(models.Model):
        id = models.IntegerField(primary_key=True)
        hidden = type(app.Shop._meta.get_field("hidden"))()

        class Meta:
            app_label, db_table, managed = "reading", "reading_viewed", False

    monkeypatch.setattr(apps, "get_models", lambda **about: [app.Shop, Viewed])
    app.database.execute("CREATE MATERIALIZED VIEW reading_viewed AS SELECT id, hidden FROM reading_shop")
    try:
        names = {one["name"] for one in reading(app)["readings"]}
    finally:
        app.database.execute("DROP MATERIALIZED VIEW reading_viewed")
    assert "reading.Shop.hidden" in names
    assert "reading.Viewed.hidden" not in names


def test_ten_thousand_rows_are_read_in_seconds(app: Any) -> None:
    """A table of an application that has one field of its own, and no encrypted column."""
    app.database.execute(
        "INSERT INTO reading_shop SELECT n, 'shop', '+1', '2', '3' FROM generate_series(1000, 10999) AS n"
    )
    began = time.process_time()
    reading(app, lambda name: "Shop" in name)
    assert time.process_time() - began < 5


def test_an_application_that_commits_by_itself_is_rotated(site: Site) -> None:
    """AUTOCOMMIT: False is a setting of Django's, with which each query begins a transaction."""
    settings = site.project / "food_ordering/settings.py"
    text = settings.read_text(encoding="utf-8") + '\nDATABASES["default"]["AUTOCOMMIT"] = False\n'
    settings.write_text(text, encoding="utf-8")
    plain, tokens = site.read_all(), site.tokens()
    outcome = site.play("rotate")
    assert outcome.code == 0, outcome.text
    assert site.read_all() == plain
    assert site.tokens() != tokens
