# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application itself has to agree: what it reads, writes and says of itself, before and after."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import Site

READ = ("full_name", "phone_number", "address")


CHANGING = """

    @property
    def signature(self) -> str:
        from django.core.signing import Signer
        return Signer().signature(self._full_name_encrypted and self.full_name)

    @property
    def shown_at(self) -> str:
        import uuid
        return f"{self._full_name_encrypted and self.full_name} {uuid.uuid4()}"

    @property
    def audited(self) -> str:
        UserProfile.objects.filter(pk=self.pk).update(notes="read")
        return self._full_name_encrypted and self.full_name
"""


CONNECTOR = """

class Connector(models.Model):
    settings = models.JSONField()

    class Meta:
        managed = False
        db_table = "shop_connector"

    @property
    def password(self) -> str:
        return EncryptionManager.decrypt(self.settings["password"])
"""
SEED = """
from customer.models import Connector, EncryptionManager
for number in range(30):
    settings = {"host": "db", "user": f"user {number}", "password": EncryptionManager.encrypt(f"password {number}")}
    Connector.objects.create(settings=settings)
"""
READ_CONNECTORS = """
from customer.models import Connector
print([(each.pk, each.settings["user"], each.password) for each in Connector.objects.order_by("pk")])
"""


HISTORY = """

class History(models.Model):
    settings = models.JSONField()

    class Meta:
        managed = False
        db_table = "shop_history"
"""
TRIGGER = """
CREATE TABLE shop_history (id bigserial PRIMARY KEY, settings jsonb);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO shop_history (settings) VALUES (to_jsonb(OLD) -> 'settings'); RETURN NEW; END $$;
CREATE TRIGGER keep AFTER UPDATE ON shop_connector FOR EACH ROW EXECUTE FUNCTION keep();
"""
SEALED = """

class Sealed(models.Model):
    note = models.TextField()
    checksum = models.TextField()

    class Meta:
        managed = False
        db_table = "shop_sealed"

    @property
    def text(self) -> str:
        import hashlib
        if hashlib.sha256(self.note.encode()).hexdigest() != self.checksum:
            raise ValueError("changed")
        return EncryptionManager.decrypt(self.note)
"""
SEED_SEALED = """
import hashlib
from customer.models import EncryptionManager, Sealed
for number in range(30):
    token = EncryptionManager.encrypt(f"note {number}")
    Sealed.objects.create(note=token, checksum=hashlib.sha256(token.encode()).hexdigest())
"""


LOGGING = """

    @property
    def seen(self) -> str:
        from django.db import connections
        with connections["audit"].cursor() as cursor:
            cursor.execute("INSERT INTO seen VALUES ('read')")
        return self._full_name_encrypted and self.full_name

    @property
    def noted(self) -> str:
        from django.db import connections, transaction
        def note() -> None:
            with connections["audit"].cursor() as cursor:
                cursor.execute("INSERT INTO seen VALUES ('noted')")
        transaction.on_commit(note)
        return self._full_name_encrypted and self.full_name

    @property
    def kept(self) -> str:
        return self._full_name_encrypted and self.full_name

    @kept.setter
    def kept(self, value: str) -> None:
        from django.db import connections
        for connection in connections.all():
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO seen VALUES ('written')")
        self.full_name = value
"""


def events(site: Site, name: str) -> list[dict[str, Any]]:
    (path,) = (site.folder / "records").glob("*/record.jsonl")
    return [event for event in map(json.loads, path.open()) if event["event"] == name and event["phase"] != "intent"]


@pytest.mark.thorough
def test_the_application_reads_and_writes_the_same_after_a_rotation_and_the_test_record_is_gone(site: Site) -> None:
    manage = [str(site.project / ".venv/bin/python"), "manage.py", "test_record"]
    seen, page = site.folder / "seen", site.folder / "maintenance.on"
    models = site.project / "customer/models.py"
    models.write_text(models.read_text().replace('or ""\n', f'or ""\n{CHANGING}', 1))
    extra = {
        "key_rotation_application_ignore": ["customer.UserProfile.signature", "customer.UserProfile.audited"],
        "key_rotation_maintenance_file": str(page),
        "key_rotation_test_record": {
            "create": ["/bin/sh", "-c", f"test -e {page} && {' '.join(manage)} create"],
            **{step: [*manage, step] for step in ("check", "remove")},
        },
        "key_rotation_verification_commands": [
            ["/bin/sh", "-c", f"{' '.join(manage)} check && echo CANARY && touch {seen}"]
        ],
    }

    outcome = site.play("rotate", "-vvv", "-e", json.dumps(extra))

    assert outcome.code == 0, outcome.text
    before, after = (event["reading"] for event in events(site, "application_reading"))
    assert after.pop("unsteady") == ["customer.UserProfile.shown_at"]
    assert "customer.UserProfile.shown_at is read differently each time" in " ".join(outcome.text.split())
    for reading in (before, after):
        for part in ("readings", "round_trips"):
            reading[part] = [each for each in reading[part] if not each["name"].endswith("shown_at")]
    took = [reading.pop("opening") for reading in (before, after)]
    assert all(0 < each["seconds"] < 0.1 and each["tries"] > 0 for each in took)
    assert re.search(
        r"decryption takes the engine \S+ ms per value, of [\d,]+; before the rotation \S+ ms", outcome.text
    )
    assert after == before
    readings = {reading["name"]: reading for reading in before["readings"]}
    assert set(readings) >= {f"customer.UserProfile.{name}" for name in READ}
    made = [reading["columns"] for reading in readings.values() if reading["columns"]]
    assert len(made) == 9, "a property for each of the nine columns, and no column as it is stored"
    assert {column for columns in made for column in columns} == {target["column"] for target in _targets(site)}
    profiles = len(site.read_all()["profiles"]) + 1  # and the test record
    assert readings["customer.UserProfile.full_name"]["read"] == profiles
    assert {trip["outcome"] for trip in before["round_trips"]} == {"well"}
    assert before["unread"] == []
    assert before["check"]["security.W012"] == 1
    assert before["verify_encryption"]["exit code"] == 0
    assert not page.exists(), "shown without services, and taken away"
    assert Path(seen).exists(), "the record was there when the operator's command ran"
    assert site.sql("SELECT count(*) FROM auth_user WHERE username = 'test_rotation'") == [(0,)]
    assert outcome.text.count("CANARY") == outcome.text.count("echo CANARY"), "what a command prints is not shown"


def test_tokens_in_a_plain_json_field_are_rotated_and_the_rest_of_each_document_is_compared(site: Site) -> None:
    models = site.project / "customer/models.py"
    models.write_text(models.read_text() + CONNECTOR)
    site.sql("CREATE TABLE shop_connector (id bigserial PRIMARY KEY, settings jsonb)")

    def shell(code: str) -> str:
        return site.manage("shell", "--verbosity=0", "--command", code).text

    shell(SEED)
    plain, stored = shell(READ_CONNECTORS), site.sql("SELECT settings ->> 'password' FROM shop_connector")
    assert "password 29" in plain

    outcome = site.play("rotate")

    assert outcome.code == 0, outcome.text
    assert shell(READ_CONNECTORS) == plain
    assert not {*stored} & {*site.sql("SELECT settings ->> 'password' FROM shop_connector")}
    before, after = (event["reading"] for event in events(site, "application_reading"))
    counted = {one["name"]: (one["read"], one["tokens"]) for one in after["readings"] if "Connector" in one["name"]}
    assert counted == {"customer.Connector.settings": (30, 30), "customer.Connector.password": (30, 0)}
    assert before["readings"] == after["readings"]


@pytest.mark.thorough
def test_rows_that_a_trigger_writes_as_the_engine_updates_are_no_reason_to_roll_back(site: Site) -> None:
    """A history of documents with tokens, which the application reads as they are."""
    models = site.project / "customer/models.py"
    models.write_text(models.read_text() + CONNECTOR + HISTORY)
    site.sql("CREATE TABLE shop_connector (id bigserial PRIMARY KEY, settings jsonb)")
    site.sql(TRIGGER)
    site.manage("shell", "--verbosity=0", "--command", SEED)
    site.sql('UPDATE shop_connector SET settings = settings || \'{"user": "of all"}\'')

    outcome = site.play("rotate")

    assert outcome.code == 0, outcome.text
    before, after = (event["reading"] for event in events(site, "application_reading"))
    name = "customer.History.settings"
    counts = [one["tokens"] for reading in (before, after) for one in reading["readings"] if one["name"] == name]
    assert counts == [30, 60]


@pytest.mark.thorough
def test_an_application_that_refuses_all_values_after_a_rotation_that_was_rolled_back_stops_the_next(
    site: Site,
) -> None:
    """It checks a digest of the ciphertext, which has other tokens after the rollback: none before, none after."""
    models = site.project / "customer/models.py"
    models.write_text(models.read_text() + SEALED)
    site.sql("CREATE TABLE shop_sealed (id bigserial PRIMARY KEY, note text, checksum text)")
    site.manage("shell", "--verbosity=0", "--command", SEED_SEALED)

    first = site.play("rotate")
    again = site.play("rotate")

    assert (first.code != 0, first.error()) == (True, "E_APPLICATION_READS"), first.text
    told = " ".join(first.text.split())
    assert "customer.Sealed.text (0 values, 30 not, and 30 values before)" in told
    assert "a key that is not in the .env file" not in told
    assert (again.code != 0, again.error()) == (True, "E_VALUES_REFUSED"), again.text
    assert "E_VALUES_REFUSED: the application cannot read any of the 30 values of customer.Sealed.text" in " ".join(
        again.text.split()
    )


@pytest.mark.thorough
def test_what_the_application_logs_of_reading_and_writing_is_written_by_no_look_at_it(site: Site) -> None:
    """Into another database too: here the same one by another connection."""
    site.sql("CREATE TABLE seen (what text)")
    models = site.project / "customer/models.py"
    models.write_text(models.read_text().replace('or ""\n', f'or ""\n{LOGGING}', 1))
    with (site.project / "food_ordering/settings.py").open("a") as settings:
        settings.write('\nDATABASES["audit"] = dict(DATABASES["default"])\n')
    ignore = {"key_rotation_application_ignore": ["customer.UserProfile.seen"]}

    named = site.play("rotate", "--check")
    left_out = site.play("rotate", "--check", "-e", json.dumps(ignore))

    assert (named.code != 0, named.error()) == (True, "E_APPLICATION_WRITES"), named.text
    assert "reading customer.UserProfile.seen in a read-only transaction" in " ".join(named.text.split())
    assert left_out.code == 0, left_out.text
    assert site.sql("SELECT * FROM seen") == []


@pytest.mark.thorough
def test_a_test_record_that_cannot_be_removed_takes_nothing_back_and_is_reported_at_the_end(site: Site) -> None:
    record = {"create": ["true"], "check": ["true"], "remove": ["false"]}
    outcome = site.play("rotate", "-e", json.dumps({"key_rotation_test_record": record}))
    assert outcome.code == 0, outcome.text
    told = "WARNING The test record is still there: command 1 failed: false ended with exit code 1. Run"
    assert told in " ".join(outcome.text.split())
    assert "COMPLETED" in outcome.text


@pytest.mark.thorough
def test_an_application_that_has_its_old_key_from_elsewhere_is_noticed_and_rolled_back(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    code = site.project / "core/encryption.py"
    old = site.env_values()["SECRET_KEY"]
    code.write_text(code.read_text().replace("settings.SECRET_KEY.encode", f"'{old}'.encode"))

    page = site.folder / "maintenance.on"

    outcome = site.play("rotate", "-e", f"key_rotation_maintenance_file={page}")

    assert (outcome.code != 0, outcome.error()) == (True, "E_APPLICATION_READS")
    assert not page.exists()
    assert [event["asked"]["state"] for event in events(site, "application_services")] == [
        "stopped",
        "stopped",
        "started",
    ]
    text = " ".join(outcome.text.split())
    assert (
        "the application reads these values differently than before: customer.UserProfile.full_name (0 values, and 1"
    ) in text
    assert "key_rotation_application_ignore" not in text, "values that are gone are nothing to leave out"
    assert "was rolled back" in text
    assert site.env_file.read_bytes() == env
    assert site.read_all() == plain


def _targets(site: Site) -> list[dict[str, str]]:
    found = events(site, "django_reencrypt")[0]["targets"]
    return [{"column": f"{target['table']}.{target['column']}"} for target in found]
