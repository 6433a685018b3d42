# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real application on a real PostgreSQL for each test, and ansible-playbook as a user types it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.loader import init_plugin_loader

from .served import Served

CHECKOUT = Path(__file__).resolve().parents[2]
init_plugin_loader([str(CHECKOUT / ".ansible/tree")])  # stores take their options as the lookup does
PLAYBOOKS = CHECKOUT / "playbooks"
BIN = Path(sys.executable).parent
ENCRYPTED = {
    "customer_userprofile": ["_address_encrypted", "_full_name_encrypted", "_phone_number_encrypted"],
    "restaurant_restaurant": ["_address_encrypted", "_email_encrypted", "_phone_encrypted"],
    "restaurant_pendingrestaurant": ["_address_encrypted", "_email_encrypted", "_phone_encrypted"],
}
READ_ALL = """
import json
from customer.models import UserProfile
from restaurant.models import PendingRestaurant, Restaurant
print("PLAIN" + json.dumps({
    "profiles": [[p.pk, p.full_name, p.phone_number, p.address] for p in UserProfile.objects.order_by("pk")],
    "restaurants": [[r.pk, r.address, r.phone, r.email] for r in Restaurant.objects.order_by("pk")],
    "pending": [[r.pk, r.address, r.phone, r.email] for r in PendingRestaurant.objects.order_by("pk")],
}))
"""


def thorough(*values: object) -> object:
    """The parameters of a test that is one more of its kind, for `make thorough`."""
    return pytest.param(*values, marks=pytest.mark.thorough)


@dataclass
class Outcome:
    """How a command ended and what it printed."""

    code: int
    text: str

    def error(self) -> str:
        """The catalog's code of the first error shown."""
        found = re.search(r"\bE_[A-Z_]+\b", self.text)
        return found[0] if found else ""


class Site:
    """One application with its database, its inventory, its store, and the commands a person would type."""

    def __init__(self, folder: Path, host: str, database: str) -> None:
        self.folder = folder
        self.host = host
        self.database = database
        self.project = folder / "app"
        self.env_file = self.project / ".env"
        self.store = folder / "keys.vault.yml"
        self.password = folder / "vault_password"
        self.inventory = folder / "inventory.yml"

    def write_inventory(self, **extra: object) -> None:
        variables = {
            "key_rotation_environment": "demo",
            "key_rotation_backup_proof": "none",  # a second less for each rotation; test_backup proves
            "key_rotation_project_dir": str(self.project),
            "key_rotation_backup_dir": str(self.folder / "backups"),
            "key_rotation_record_dir": str(self.folder / "records"),
            "key_rotation_store": {"path": str(self.store), "password_file": str(self.password)},
            **extra,
        }
        hosts = {"application": {"hosts": {"app": {"ansible_connection": "local"}}, "vars": variables}}
        self.inventory.write_text(json.dumps(hosts), encoding="utf-8")

    def argv(self, playbook: str, *options: str) -> list[str]:
        return [str(BIN / "ansible-playbook"), f"{playbook}.yml", "-i", str(self.inventory), *options]

    def environment(self, **extra: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        clean.update(PATH=f"{BIN}:{clean['PATH']}", HOME=str(self.folder), ANSIBLE_NOCOLOR="1", **extra)
        return clean

    def play(self, playbook: str, *options: str, **environment: str) -> Outcome:
        """Run a playbook from playbooks/, as README says."""
        done = subprocess.run(
            self.argv(playbook, *options),
            cwd=PLAYBOOKS,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def add_models(self, models: str, *statements: str, fill: str) -> None:
        """More models of the application, the statements that make their tables, and rows that it writes itself."""
        path = self.project / "customer/models.py"
        path.write_text(path.read_text(encoding="utf-8") + models, encoding="utf-8")
        for statement in statements:
            self.sql(statement)
        filled = self.manage("shell", "--command", fill)
        assert filled.code == 0, filled.text

    def start(self, playbook: str, *options: str) -> subprocess.Popen[str]:
        """The same, in a process group of its own, not waited for. Each heading is shown when its task begins: without
        skipped tasks it would be with the first result."""
        return subprocess.Popen(
            self.argv(playbook, *options),
            cwd=PLAYBOOKS,
            env=self.environment(ANSIBLE_DISPLAY_SKIPPED_HOSTS="true"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def manage(self, *words: str, stdin: str | None = None) -> Outcome:
        """manage.py in the application's own process."""
        done = subprocess.run(
            [str(self.project / ".venv/bin/python"), "manage.py", *words],
            cwd=self.project,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def read_all(self) -> dict[str, list[list[object]]]:
        """Every value of every model as the application itself reads it."""
        shown = self.manage("shell", "--verbosity=0", "--command", READ_ALL)
        return json.loads(shown.text.split("PLAIN", 1)[1].splitlines()[0])

    def verify_encryption(self) -> str:
        return self.manage("verify_encryption").text

    @contextmanager
    def connection(self) -> Iterator[psycopg2.extensions.connection]:
        connection = psycopg2.connect(host=self.host, user="postgres", dbname=self.database)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def admin(self) -> Iterator[psycopg2.extensions.cursor]:
        """A cursor that makes and drops databases."""
        connection = psycopg2.connect(host=self.host, user="postgres", dbname="postgres")
        connection.autocommit = True
        try:
            yield connection.cursor()
        finally:
            connection.close()

    def sql(self, statement: str, params: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        with self.connection() as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def tokens(self) -> dict[str, list[tuple[object, ...]]]:
        """The stored values of the nine columns."""
        return {
            table: self.sql(f"SELECT id, {', '.join(columns)} FROM {table} ORDER BY id")
            for table, columns in ENCRYPTED.items()
        }

    def other_columns(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything in the database but the nine columns."""
        tables = [name for (name,) in self.sql("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")]
        rest = {}
        for table in sorted(map(str, tables)):
            without = " ".join(f"- '{column}'" for column in ENCRYPTED.get(table, []))
            rest[table] = self.sql(f"SELECT (to_jsonb(t) {without})::text FROM {table} t ORDER BY 1")
        return rest

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every file below this site but the application's log: mode and content."""
        return {
            str(path.relative_to(self.folder)): (path.stat().st_mode, path.read_bytes())
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and "logs" not in path.parts
            and ".ansible" not in path.parts
            and ".venv" not in path.parts
        }

    def stored(self) -> dict[str, object]:
        """The key store, decrypted as an operator would."""
        shown = subprocess.run(
            [str(BIN / "ansible-vault"), "view", "--vault-password-file", str(self.password), str(self.store)],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(shown.stdout)

    def vault(self) -> VaultLib:
        """What encrypts the key store."""
        return VaultLib([("default", VaultSecret(self.password.read_bytes().strip()))])

    def env_values(self) -> dict[str, str]:
        text = self.env_file.read_text(encoding="utf-8")
        return {name: re.search(rf"^{name}='?([^'\s]+)", text, re.M)[1] for name in ("SECRET_KEY", "ENCRYPTION_SALT")}

    def set_env(self, name: str, line: str) -> None:
        text = self.env_file.read_text(encoding="utf-8")
        self.env_file.write_text(re.sub(rf"^{name}=.*\n", line, text, flags=re.M), encoding="utf-8")


def application() -> Path:
    """The virtual environment of the application, made by ``make``."""
    path = os.environ.get("KEY_ROTATION_APPLICATION")
    if not path:
        pytest.fail("run `make integration`: it makes the application's environment and names it")
    return Path(path)


@dataclass
class Seed:
    """A filled application, from which each test gets its copy."""

    folder: Path
    host: str


@pytest.fixture(scope="session")
def seed() -> Iterator[Seed]:
    # Not below pytest's own folder: the server runs as another user when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    setup = [str(application() / "bin/python"), str(CHECKOUT / "examples/demo/setup.py"), str(folder)]
    sizes = ["--profiles", "120", "--restaurants", "12", "--pending", "3"]
    subprocess.run([*setup, *sizes], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield Seed(folder, str(folder / "postgresql"))
    subprocess.run([*setup, "--stop"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder)


@pytest.fixture
def site(seed: Seed, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    database = re.sub(r"\W+", "_", f"t_{request.node.name}".lower())[:60]
    admin = psycopg2.connect(host=seed.host, user="postgres", dbname="postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{database}" TEMPLATE food_ordering')
    made = Site(tmp_path, seed.host, database)
    shutil.copytree(seed.folder / "food_ordering", made.project, symlinks=True)
    made.set_env("DB_NAME", f"DB_NAME={database}\n")
    made.password.touch(mode=0o600)
    made.password.write_text("a password of the test\n", encoding="utf-8")
    made.write_inventory()
    yield made
    with admin.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
    admin.close()


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    made = Served(site)
    made.order("start")
    made.wait()
    site.write_inventory(
        key_rotation_services=made.entries(), key_rotation_services_settle=1, key_rotation_health_url=made.profile
    )
    yield made
    made.order("stop")


def until(reached: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for what a playbook does on the way. If the playbook ends first, its last words are in the failure."""
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, process.communicate()[0][-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL for a playbook and all it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="session")
def django(seed: Seed) -> Iterator[Any]:
    """Django with one database and no applications."""
    from django.conf import settings

    admin = psycopg2.connect(host=seed.host, user="postgres", dbname="postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("CREATE DATABASE engine")
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": "engine", "USER": "postgres", "HOST": seed.host}
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[])
    import django as module

    module.setup()
    yield module
    with admin.cursor() as cursor:
        cursor.execute("DROP DATABASE engine WITH (FORCE)")
    admin.close()


@pytest.fixture
def database(django: Any) -> Iterator[Any]:
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import JOURNAL
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

    opened = Database("default", "test")
    yield opened
    opened.execute(f"DROP TABLE IF EXISTS secrets, {JOURNAL}")
    opened.close()


@pytest.fixture(scope="session")
def debian_host() -> Iterator[str]:
    """PostgreSQL as Debian packages it, with ICU and libxml, which the embedded server was built without."""
    from ansible_collections.tetech.key_rotation.tests.debian_server import PROGRAMS, debian_server

    if os.geteuid() or not PROGRAMS:
        pytest.skip("PostgreSQL of Debian is missing (apt-get install postgresql), or this is not root")
    with debian_server("plpgsql") as host:
        yield host


@pytest.fixture
def debian_database(django: Any, debian_host: str) -> Iterator[Any]:
    """The same on that server, as the default database."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import JOURNAL
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
    from django.db import connections

    embedded = connections["default"]
    connections["default"] = connections.create_connection("default")
    connections["default"].settings_dict = {**embedded.settings_dict, "NAME": "postgres", "HOST": debian_host}
    opened = Database("default", "test")
    yield opened
    opened.execute(f"DROP TABLE IF EXISTS secrets, {JOURNAL}")
    opened.close()
    connections["default"] = embedded


@pytest.fixture
def anycase(debian_database: Any) -> Iterator[str]:
    """A collation that ignores case; PostgreSQL up to 17 matches no pattern under it."""
    debian_database.execute("CREATE COLLATION anycase (provider=icu, locale='und-u-ks-level2', deterministic=false)")
    yield "anycase"
    debian_database.execute("DROP TABLE IF EXISTS secrets; DROP COLLATION anycase")


def processes_of(site: Site) -> list[int]:
    """What works in this site's project: a module and the processes that it has started."""
    return processes_in(site.project)


def processes_in(folder: Path) -> list[int]:
    """The processes whose working directory this is."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                found.append(pid)
    return found


def rewrite(database: Any, targets: Any, keyring: Any, destination: str, *, workers: int = 1, **options: Any) -> Any:
    """The engine's re-encryption of one database; what it did."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import (
        journal,
        rewriter,
        table_passes,
    )
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.worker_pool import Crew, Stop

    report = options.pop("report", None)
    stop = options.pop("stop", None) or Stop()
    work = rewriter.Work(report=report) if report else rewriter.Work()
    journal.Journal(database, keyring, targets).prepare()
    names = {*options} & set(rewriter.RewritePolicy.__dataclass_fields__)
    policy = rewriter.RewritePolicy(**{name: options.pop(name) for name in names})
    rewriting = rewriter.Rewriting(targets, keyring, destination, policy=policy, **options)
    crew = Crew(workers, rewriting.batches, database.another, stop)
    table_passes.reencrypt(database, rewriting, crew, work)
    return work
