# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Five applications in one database, libraries mixed: the plan finds every encrypted value with zero configuration."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import yaml
from cryptography.fernet import Fernet

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
FILL = """
import json
from people.models import Employee, Person
from billing.models import Invoice
from vault.models import Entry
from notes.models import Note
from misc.models import Account
for number in range(30):
    Person.objects.create(name=f"Person {number}")
    Employee.objects.create(name=f"Employee {number}", contract=f"Contract {number} é")
    Invoice.objects.create(iban=f"DE{number:020}")
    Entry.everything.create(name=f"entry {number}", hidden=number % 2 == 0, secret=f"secret {number}")
    Note.objects.create(text=f"note {number}", plain="in clear")
    account = Account(profile={"card": f"4111 {number}", "tags": ["a", {"deep": number}], "gAAAAA": True})
    account.set_api(f"key {number}")
    account.save()
"""
READ = """
import json
from people.models import Employee, Former, Person
from billing.models import Invoice
from vault.models import Entry
from notes.models import Note
from misc.models import Account
print("READ" + json.dumps([
    [person.name for person in Person.objects.order_by("pk")],
    [person.name for person in Person.history.order_by("pk")],
    [person.name for person in Former.objects.order_by("pk")],
    [employee.contract for employee in Employee.objects.order_by("pk")],
    sorted(invoice.iban for invoice in Invoice.objects.all()),
    [entry.secret for entry in Entry.everything.order_by("pk")],
    [note.text for note in Note.objects.order_by("pk")],
    [[account.profile, account.get_api()] for account in Account.objects.order_by("pk")],
]))
"""
OUTSIDE = """
CREATE SCHEMA archive;
CREATE TABLE archive.people AS SELECT id, name FROM people_person;
ALTER TABLE archive.people ADD PRIMARY KEY (id);
CREATE TABLE former_people (LIKE people_person INCLUDING ALL);
INSERT INTO former_people SELECT * FROM people_person;
ALTER TABLE notes_note ADD COLUMN imported bytea;
UPDATE notes_note n SET imported = p.name FROM people_person p WHERE p.id = n.id;
CREATE TABLE auditing (code text PRIMARY KEY, api_token text, happened timestamptz DEFAULT now());
INSERT INTO auditing SELECT 'a' || n, 'opaque' FROM generate_series(1, 10) n;
"""
SECRET_KEY_COLUMNS = {
    "people_person.name": "django_fernet_fields",
    "people_employee.contract": "django_fernet_fields",
    "people_historicalperson.name": "django_fernet_fields",
    "former_people.name": "django_fernet_fields",
    "Vault Entries.secret": "django_cryptography",
    "misc_account.api": "sha256_of_secret_key after enc$",
    "notes_note.imported": "django_fernet_fields",
    "archive.people.name": "django_fernet_fields",
}
OTHER_COLUMNS = {
    "billing_invoice.iban": ["FIELD_ENCRYPTION_KEY"],
    "misc_account.profile": ["EJF_ENCRYPTION_KEYS"],
    "notes_note.text": ["SECURED_FIELDS_HASH_SALT", "SECURED_FIELDS_KEY"],
}


class Applications:
    """The five applications, made below ``folder``."""

    def __init__(self, folder: Path, host: str, database: str) -> None:
        self.folder, self.host, self.database = folder, host, database
        self.project = folder / "project"
        self.plan_file = folder / "plan.yml"
        shutil.copytree(HERE / "applications", self.project)
        keys = {
            name: Fernet.generate_key().decode() for name in ("FIELD_KEY", "SECURED_FIELDS_KEY", "EJF_ENCRYPTION_KEYS")
        }
        lines = {"SECRET_KEY": secrets.token_urlsafe(50), **keys, "DB_HOST": host, "DB_NAME": database}
        env = self.project / ".env"
        env.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
        env.chmod(0o600)
        for app in ("people", "billing", "vault", "notes", "misc"):
            self.manage("makemigrations", app)
        self.manage("migrate")
        self.manage("shell", "--command", FILL)
        self.sql(OUTSIDE)

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=self.project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self) -> object:
        return json.loads(self.manage("shell", "--command", READ).split("READ", 1)[1])

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        connection = psycopg2.connect(host=self.host, user="postgres", dbname=self.database)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetchall() if cursor.description else []
        connection.close()
        return found

    def play(self, playbook: str, **variables: object) -> subprocess.CompletedProcess[str]:
        known = {
            "key_rotation_environment": "demo",
            "key_rotation_backup_proof": "none",
            "key_rotation_project_dir": str(self.project),
            "key_rotation_python": sys.executable,
            "key_rotation_backup_dir": str(self.folder / "backups"),
            "key_rotation_plan": str(self.plan_file),
            "key_rotation_keys": [{"name": "SECRET_KEY"}],
            "ansible_connection": "local",
            **variables,
        }
        inventory = self.folder / "inventory.yml"
        inventory.write_text(json.dumps({"all": {"hosts": {"app": None}, "vars": known}}), encoding="utf-8")
        return subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), f"{playbook}.yml", "-i", str(inventory)],
            cwd=CHECKOUT / "playbooks",
            env={**os.environ, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def plan(self) -> dict[str, list[dict[str, object]]]:
        return yaml.safe_load(self.plan_file.read_text(encoding="utf-8"))


@pytest.fixture
def applications(host: str, tmp_path: Path) -> Iterator[Applications]:
    name = f"five_{secrets.token_hex(4)}"
    admin = psycopg2.connect(host=host, user="postgres", dbname="postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield Applications(tmp_path, host, name)
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


def test_the_plan_finds_everything_with_zero_configuration(applications: Applications) -> None:
    done = applications.play("plan")
    assert done.returncode == 0, done.stdout + done.stderr
    plan = applications.plan()
    assert {target["column"]: target["scheme"] for target in plan["targets"]} == SECRET_KEY_COLUMNS
    assert {entry["column"]: entry["settings"] for entry in plan["under_other_keys"]} == OTHER_COLUMNS
    assert [entry["column"] for entry in plan["empty_fields"]] == ["misc_later.data"]
    models = {target["column"]: target["model"] for target in plan["targets"]}
    assert models["people_historicalperson.name"] == "people.HistoricalPerson"
    assert models["former_people.name"] == "people.Former"
    counts = {"current": 30, "previous": 0, "plaintext": 0, "nested": 0, "unreadable": 0, "empty": 0}
    assert plan["targets"][0]["classes"] == counts
    notices = {(notice["column"], notice["kind"]) for notice in plan["notices"]}
    assert ("archive.people.name", "no_model") in notices
    assert ("auditing.api_token", "secret_name") in notices
    assert not (applications.folder / ".key_rotation").exists(), "a look makes no key material"
    text = applications.plan_file.read_text()
    assert "Person 1" not in text
    env = (applications.project / ".env").read_text()
    assert not any(value in text for value in re.findall(r"(?:KEY|KEYS)=(.+)", env))


def test_the_plan_again_is_the_same_text(applications: Applications) -> None:
    assert applications.play("plan").returncode == 0
    before = applications.plan_file.read_text()
    again = applications.play("plan")
    assert "changed=0" in again.stdout
    assert applications.plan_file.read_text() == before


def test_all_of_them_are_rotated_and_read_as_before(applications: Applications) -> None:
    before = applications.read()
    env = (applications.project / ".env").read_text()
    keys = [
        {"name": "SECRET_KEY"},
        *({"name": name, "type": "fernet"} for name in ("FIELD_KEY", "SECURED_FIELDS_KEY", "EJF_ENCRYPTION_KEYS")),
    ]
    archived = applications.sql("SELECT id, name FROM archive.people ORDER BY id")
    done = applications.play("rotate", key_rotation_keys=keys)
    assert done.returncode == 0, done.stdout + done.stderr
    after = (applications.project / ".env").read_text()
    for name in (key["name"] for key in keys):
        assert re.search(f"^{name}=(.*)$", env, re.M)[1] != re.search(f"^{name}=(.*)$", after, re.M)[1]
    assert applications.read() == before
    assert applications.sql("SELECT id, name FROM archive.people ORDER BY id") != archived
    back = applications.play("rollback", key_rotation_keys=keys)
    assert back.returncode == 0, back.stdout + back.stderr
    assert (applications.project / ".env").read_text() == env
    assert applications.read() == before


def test_a_type_that_makes_no_key_for_the_field_stops_the_plan_and_the_line_to_write_is_shown(
    applications: Applications,
) -> None:
    done = applications.play("plan", key_rotation_keys=[{"name": "SECRET_KEY"}, {"name": "FIELD_KEY"}])
    assert done.returncode != 0
    shown = " ".join((done.stdout + done.stderr).split())
    assert "a new value of the type token_urlsafe is not a valid key for the scheme" in shown
    assert "of billing_invoice.iban (E_KEY_TYPE_UNFIT)" in shown
    assert "Write {name: FIELD_KEY, type: fernet} in key_rotation_keys" in shown


def test_an_application_that_does_not_start_with_new_values_stops_the_plan(applications: Applications) -> None:
    settings = applications.project / "applications_settings.py"
    (present,) = re.findall("^SECRET_KEY=(.+)$", (applications.project / ".env").read_text(), re.MULTILINE)
    check = f"\nif SECRET_KEY[:8] != {present[:8]!r}:\n    raise ValueError(SECRET_KEY)\n"
    settings.write_text(settings.read_text() + check)
    done = applications.play("plan")
    shown = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "SECRET_KEY: the application does not start with new values of these keys" in shown
    assert f"It fails at {settings}:" in shown


def test_a_field_added_later_stops_the_rotation_and_is_named(applications: Applications) -> None:
    assert applications.play("plan").returncode == 0
    models = applications.project / "people/models.py"
    models.write_text(models.read_text() + "\n\nclass Visit(models.Model):\n    place = EncryptedTextField()\n")
    applications.manage("makemigrations", "people")
    applications.manage("migrate")
    before = applications.read()
    keys = [{"name": "SECRET_KEY"}]
    for command in ("pass", "from people.models import Visit; Visit.objects.create(place='here')"):
        applications.manage("shell", "--command", command)
        done = applications.play("rotate", key_rotation_keys=keys)
        assert done.returncode != 0
        assert "E_PLAN_CHANGED" in done.stdout + done.stderr
        assert "people_visit.place is new" in done.stdout + done.stderr
    assert applications.read() == before


def test_an_application_without_encrypted_values_is_reported_as_such(applications: Applications) -> None:
    for table in (
        "former_people",
        "people_historicalperson",
        "people_employee",
        "people_person",
        "billing_invoice",
        '"Vault Entries"',
        "notes_note",
        "misc_account",
    ):
        applications.sql(f"DELETE FROM {table}")
    applications.sql("DROP SCHEMA archive CASCADE")
    done = applications.play("plan")
    assert done.returncode != 0
    assert "E_NO_TARGETS" in done.stdout + done.stderr
    assert "no value yet" in done.stdout


def test_a_token_that_nothing_opens_is_listed_and_stops_a_rotation(applications: Applications) -> None:
    stranger = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    applications.sql(f"UPDATE auditing SET api_token = '{stranger}'")
    planned = applications.play("plan")
    assert planned.returncode != 0
    assert "STOP  auditing.api_token: " in planned.stdout
    notices = {notice["column"]: notice.get("code") for notice in applications.plan()["notices"]}
    assert notices["auditing.api_token"] == "E_UNPROVED"
    applications.plan_file.unlink()
    keys = [{"name": "SECRET_KEY"}]
    done = applications.play("rotate", key_rotation_keys=keys)
    assert done.returncode != 0
    assert "E_UNPROVED: auditing.api_token" in done.stdout + done.stderr
    ignore = {"key_rotation_ignore": ["auditing.api_token"]}
    unsettled = applications.play("rotate", key_rotation_keys=keys, **ignore)
    assert "E_IGNORED_TOKENS" in unsettled.stdout + unsettled.stderr
    settled = {"auditing.api_token": {"not_ours": "a token of another service"}}
    ignored = applications.play("rotate", key_rotation_keys=keys, key_rotation_settlements=settled, **ignore)
    assert ignored.returncode == 0, ignored.stdout + ignored.stderr


NOTED = """
CREATE TABLE noted (id int PRIMARY KEY, token text UNIQUE, copy text GENERATED ALWAYS AS (upper(token)) STORED);
CREATE INDEX ON noted (lower(token));
CREATE INDEX ON noted (token text_pattern_ops);
INSERT INTO noted (id, token) SELECT id, convert_from(name, 'UTF8') FROM people_person;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noted BEFORE UPDATE ON noted FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TABLE parted (id int, day int, token text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (15);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (15) TO (100);
INSERT INTO parted SELECT id, id % 30, convert_from(name, 'UTF8') FROM people_person;
CREATE TABLE guarded AS SELECT id, convert_from(name, 'UTF8') AS token FROM people_person;
ALTER TABLE guarded ADD PRIMARY KEY (id);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON guarded USING (id % 2 = 0);
"""


def test_what_a_person_must_know_of_a_column_is_a_notice(applications: Applications) -> None:
    applications.sql(NOTED)
    applications.sql(f"CREATE ROLE {applications.database}_role LOGIN")
    applications.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {applications.database}_role")
    env = applications.project / ".env"
    env.write_text(env.read_text() + f"DB_USER={applications.database}_role\n")
    done = applications.play("plan")
    assert done.returncode != 0
    assert "guarded: row-level security hides rows of guarded from this role (E_ROW_SECURITY)" in done.stdout
    plan = applications.plan()
    found = {(notice["column"], notice["kind"]) for notice in plan["notices"]}
    assert {
        ("noted.token", "unique_constraint"),
        ("noted.token", "index"),
        ("noted.token", "update_trigger"),
        ("noted.token", "generated_column"),
        ("parted.token", "partitioned_table"),
        ("guarded.token", "row_security"),
    } <= found
    assert not [column for column, _ in found if column.startswith("parted_") or column == "noted.copy"]
    todo = {notice["kind"]: notice["todo"] for notice in plan["notices"]}
    assert "BYPASSRLS" in todo["row_security"]
    applications.sql(f"DROP OWNED BY {applications.database}_role; DROP ROLE {applications.database}_role")


def test_every_partition_and_a_unique_token_are_rotated(applications: Applications) -> None:
    applications.sql(NOTED.split("CREATE TABLE guarded")[0])
    before = applications.sql("SELECT id, token FROM parted ORDER BY id, day")
    done = applications.play("rotate", key_rotation_keys=[{"name": "SECRET_KEY"}])
    assert done.returncode == 0, done.stdout + done.stderr
    for table in ("noted", "parted", "parted_1", "parted_2"):
        assert not set(before) & set(applications.sql(f"SELECT id, token FROM {table}")), table
    verified = applications.play("verify", key_rotation_keys=[{"name": "SECRET_KEY"}])
    assert "parted" in verified.stdout


def test_a_schema_per_tenant_and_a_second_database(applications: Applications) -> None:
    for number in range(3):
        applications.sql(
            f"CREATE SCHEMA tenant_{number}; CREATE TABLE tenant_{number}.people_person"
            " (LIKE public.people_person INCLUDING ALL);"
            f" INSERT INTO tenant_{number}.people_person SELECT * FROM public.people_person"
        )
    names = [name for (name,) in applications.sql("SELECT convert_from(name, 'UTF8') FROM people_person")]
    other = Applications.__new__(Applications)
    other.host, other.database = applications.host, f"{applications.database}_other"
    admin = psycopg2.connect(host=applications.host, user="postgres", dbname="postgres")
    admin.autocommit = True
    admin.cursor().execute(f"CREATE DATABASE {other.database}")
    values = ", ".join(f"({number}, '{name}')" for number, name in enumerate(names))
    other.sql(f"CREATE TABLE archived (id int PRIMARY KEY, name text); INSERT INTO archived VALUES {values}")
    env = applications.project / ".env"
    env.write_text(env.read_text() + f"DB_OTHER={other.database}\n")
    try:
        keys = [{"name": "SECRET_KEY"}]
        done = applications.play("plan", key_rotation_keys=keys)
        assert done.returncode == 0, done.stdout + done.stderr
        expected = {f"tenant_{number}.people_person.name" for number in range(3)} | {"other:archived.name"}
        assert expected <= {target["column"] for target in applications.plan()["targets"]}
        done = applications.play("rotate", key_rotation_keys=keys)
        assert done.returncode == 0, done.stdout + done.stderr
        for number in range(3):
            sql = f"SELECT convert_from(name, 'UTF8') FROM tenant_{number}.people_person"
            assert not set(names) & {name for (name,) in applications.sql(sql)}
        assert not set(names) & {name for (name,) in other.sql("SELECT name FROM archived")}
    finally:
        admin.cursor().execute(f"DROP DATABASE {other.database} WITH (FORCE)")
        admin.close()


def test_two_hundred_tables_and_a_million_rows_in_ten_seconds(applications: Applications) -> None:
    applications.sql(
        "DO $$ BEGIN FOR n IN 1..190 LOOP"
        " EXECUTE format('CREATE TABLE filler_%s AS SELECT g AS id, ''row '' || g AS a,"
        " ''row '' || g || '' of a filler'' AS b,"
        " jsonb_build_object(''name'', ''row '' || g) AS c FROM generate_series(1, 5263) g', n);"
        " END LOOP; END $$"
    )
    applications.sql("ANALYZE")
    started = time.monotonic()
    done = applications.play("plan")
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(applications.plan()["targets"]) == len(SECRET_KEY_COLUMNS)
    print(f"plan of 200 tables and 1,000,000 rows: {seconds:.1f} s")
