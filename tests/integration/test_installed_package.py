# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that is a package in site-packages, without a project, ``manage.py`` and ``.env``.

Its playbooks run by their collection names with ``-i localhost, -c local``, and its options are a file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from cryptography.fernet import Fernet

from .conftest import BIN, CHECKOUT, Outcome, Seed, application, thorough

PACKAGE = {
    "__init__.py": "",
    "settings.py": """
import os

SECRET_KEY = "not rotated"
FIELD_KEY = os.environ.get("FIELD_KEY", "")
INSTALLED_APPS = ["vaultshop"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "USER": "postgres",
    "NAME": os.environ["SHOP_DATABASE"], "HOST": os.environ["SHOP_HOST"],
}}
""",
    "models.py": """
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import models


class SecretField(models.TextField):
    def get_prep_value(self, value):
        return value and Fernet(settings.FIELD_KEY).encrypt(value.encode()).decode()

    def from_db_value(self, value, expression, connection):
        return value and Fernet(settings.FIELD_KEY).decrypt(value.encode()).decode()


class Customer(models.Model):
    phone = SecretField()
    name = models.TextField()
""",
}
INDEX = """
    index = models.TextField()

    def save(self, *args, **options):
        both = f"{self.name}:{self.phone}".encode()
        self.index = hmac.new(settings.FIELD_KEY.encode(), both, "sha256").hexdigest()
        super().save(*args, **options)
"""
FILL = """
from django.db import connection
from vaultshop.models import Customer
with connection.schema_editor() as editor:
    editor.create_model(Customer)
for number in range(30):
    Customer.objects.create(phone=f"+49 30 90{number}", name=f"Customer {number}")
"""
READ = """
import json
from vaultshop.models import Customer
print(json.dumps([[each.pk, each.phone, each.name] for each in Customer.objects.order_by("pk")]))
"""


@dataclass
class Shop:
    """The installed application with its database, and the options of its playbooks."""

    folder: Path
    host: str
    database: str
    options: dict[str, Any] = field(default_factory=dict)
    settings: str = "vaultshop.settings"

    @property
    def python(self) -> Path:
        return self.folder / "environment/bin/python"

    @property
    def variables_file(self) -> Path:
        return self.folder / "etc/vaultshop.conf"

    def install(self) -> None:
        """A virtual environment with the package in its site-packages, and the libraries of another environment."""
        environment = self.folder / "environment"
        subprocess.run([application() / "bin/python", "-m", "venv", "--without-pip", environment], check=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        (libraries,) = application().glob("lib/python*/site-packages")
        (packages / "libraries.pth").write_text(f"{libraries}\n", encoding="utf-8")
        for name, text in PACKAGE.items():
            (packages / "vaultshop").mkdir(exist_ok=True)
            (packages / "vaultshop" / name).write_text(text, encoding="utf-8")

    def set_variables(self, **variables: str) -> None:
        """Write what its service gives to it."""
        known = {"SHOP_DATABASE": self.database, "SHOP_HOST": self.host, **variables}
        self.variables_file.parent.mkdir(exist_ok=True)
        self.variables_file.touch(mode=0o600)
        text = "".join(f"{name}={value}\n" for name, value in known.items())
        self.variables_file.write_text(text, encoding="utf-8")

    def run(self, code: str) -> str:
        """Run code of the application in a fresh process, which its service would start so."""
        lines = self.variables_file.read_text(encoding="utf-8").splitlines()
        variables = dict(line.split("=", 1) for line in lines)
        done = subprocess.run(
            [self.python, "-c", f"import django\ndjango.setup()\n{code}"],
            cwd="/",
            env={"PATH": os.defpath, "DJANGO_SETTINGS_MODULE": self.settings, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def play(self, playbook: str, *words: str, **options: object) -> Outcome:
        """Run a playbook of the installed collection by its name."""
        file = self.folder / "options.json"
        file.write_text(json.dumps({**self.options, **options}), encoding="utf-8")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DJANGO_"))}
        paths = {"ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible/tree"), "HOME": str(self.folder)}
        typed = f"tetech.key_rotation.{playbook} -i localhost, -c local -e @{file}".split()
        done = subprocess.run(
            [BIN / "ansible-playbook", *typed, *words],
            cwd=self.folder,
            env={**clean, **paths, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def sql(self, statement: str, database: str = "") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(host=self.host, user="postgres", dbname=database or self.database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    def tokens(self) -> list[str]:
        return [token for (token,) in self.sql("SELECT phone FROM vaultshop_customer ORDER BY id")]


@pytest.fixture
def shop(seed: Seed, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path, seed.host, re.sub(r"\W+", "_", f"p_{request.node.name}".lower())[:60])
    shop.sql(f'CREATE DATABASE "{shop.database}"', "postgres")
    password = tmp_path / "vault_password"
    password.touch(mode=0o600)
    password.write_text("a password of the test\n", encoding="utf-8")
    shop.install()
    shop.options = {
        "key_rotation_environment": "demo",
        "key_rotation_backup_proof": "none",
        "key_rotation_python": str(shop.python),
        "key_rotation_store": {"password_file": str(password)},
    }
    yield shop
    shop.sql(f'DROP DATABASE "{shop.database}" WITH (FORCE)', "postgres")


@dataclass
class KeyPlace:
    """The file with the key, and how its line spells it."""

    file: Path
    line: str

    def value(self) -> str:
        found = re.search(self.line.format(r"([\w=-]+)"), self.file.read_text(encoding="utf-8"))
        assert found
        return found[1]


def in_variables(shop: Shop) -> KeyPlace:
    """Everything is in a file of variables that the unit reads."""
    variables = {"DJANGO_SETTINGS_MODULE": shop.settings, "FIELD_KEY": Fernet.generate_key().decode()}
    shop.set_variables(**variables)
    shop.options |= {
        "key_rotation_keys": [{"name": "FIELD_KEY", "type": "fernet"}],
        "key_rotation_env_file": str(shop.variables_file),
        "key_rotation_dialect": "systemd",
    }
    return KeyPlace(shop.variables_file, "FIELD_KEY={}")


def in_settings(shop: Shop) -> KeyPlace:
    """The key is a literal in settings of the site, which are in no project either."""
    file = shop.folder / "etc/site_settings.py"
    file.parent.mkdir()
    file.touch(mode=0o600)
    literal = f'FIELD_KEY = "{Fernet.generate_key().decode()}"\n'
    file.write_text(f"from vaultshop.settings import *\n\n{literal}", encoding="utf-8")
    shop.settings = "site_settings"
    shop.set_variables(PYTHONPATH=str(file.parent))
    shop.options |= {
        "key_rotation_keys": [{"name": "FIELD_KEY", "type": "fernet", "destination": {"file": str(file)}}],
        "key_rotation_settings_module": shop.settings,
        "key_rotation_environment_from": {"file": str(shop.variables_file), "dialect": "systemd"},
    }
    return KeyPlace(file, 'FIELD_KEY = "{}"')


@pytest.mark.parametrize("place_key", [in_variables, thorough(in_settings)])
def test_it_is_planned_rotated_verified_and_rolled_back_by_the_names_of_the_playbooks(shop: Shop, place_key) -> None:
    place = place_key(shop)
    key = place.value()
    shop.run(FILL)
    values, tokens = json.loads(shop.run(READ)), shop.tokens()
    assert len(values) == 30
    planned = shop.play("plan")
    assert planned.code == 0, planned.text
    rotated = shop.play("rotate")
    assert rotated.code == 0, rotated.text
    new = place.value()
    assert new != key
    assert not set(shop.tokens()) & set(tokens)
    assert all(Fernet(new).decrypt(token) for token in shop.tokens())
    assert json.loads(shop.run(READ)) == values
    verified = shop.play("verify")
    assert verified.code == 0, verified.text
    monitored = shop.play("monitor")
    assert monitored.code == 0, monitored.text
    back = shop.play("rollback")
    assert back.code == 0, back.text
    assert place.value() == key
    assert json.loads(shop.run(READ)) == values
    assert shop.play("verify").code == 0
    settings = f"{shop.options.get('key_rotation_settings_module') or ''}@".removeprefix("@")
    name = f"{settings}{shop.python}".strip("/").replace("-", "--").replace("/", "-")
    assert (shop.folder / ".local/state/key_rotation" / name / "plan.yml").is_file()


def test_a_blind_index_that_code_of_the_package_makes_stops_the_rotation(shop: Shop) -> None:
    in_settings(shop)
    (models,) = shop.python.parents[1].glob("lib/python*/site-packages/vaultshop/models.py")
    models.write_text(f"import hmac\n{PACKAGE['models.py']}{INDEX}", encoding="utf-8")
    shop.run(FILL)
    planned = shop.play("plan")
    assert planned.code != 0
    text = " ".join(planned.text.split())
    assert "E_KEYED_HASH" in text, planned.text
    assert "vaultshop/models.py:" in text
    assert "Customer.save" in text


@pytest.mark.parametrize(
    ("without", "error", "named"),
    [
        ("key_rotation_python", "E_VARIABLE", "set key_rotation_python and key_rotation_settings_module"),
        thorough(
            "key_rotation_env_file",
            "E_VARIABLE",
            "key_rotation_env_file is not set. Nothing was changed. Set it to the file",
        ),
        thorough("DJANGO_SETTINGS_MODULE", "E_SETTINGS_MODULE", "Set key_rotation_settings_module."),
    ],
)
def test_what_is_missing_without_a_project_is_named(shop: Shop, without: str, error: str, named: str) -> None:
    place = in_variables(shop)
    shop.run(FILL)
    shop.options.pop(without, None)
    text = place.file.read_text(encoding="utf-8")
    place.file.write_text(re.sub(rf"{without}=.*\n", "", text), encoding="utf-8")
    tokens, files = shop.tokens(), place.file.read_text(encoding="utf-8")
    planned = shop.play("plan")
    assert planned.code != 0
    assert planned.error() == error, planned.text
    assert named in " ".join(planned.text.split()), planned.text
    assert (shop.tokens(), place.file.read_text(encoding="utf-8")) == (tokens, files)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
def test_a_package_of_another_user_is_not_run(shop: Shop) -> None:
    in_variables(shop)
    shop.run(FILL)
    (package,) = shop.python.parents[1].glob("lib/python*/site-packages/vaultshop")
    shutil.chown(package, 65534)
    planned = shop.play("plan")
    assert planned.error() == "E_PROJECT_OWNER", planned.text
