# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a site of a whole application, and run the playbooks on it as an operator does."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.tetech.key_rotation.tests.debian_server import debian_server

HERE = Path(__file__).resolve().parent
PLAYBOOKS = HERE.parents[1] / "playbooks"


@dataclass(frozen=True)
class Described:
    """One application: its keys as an inventory names them, and what a person must settle."""

    name: str
    keys: list[dict[str, Any]]
    env: dict[str, str] = field(default_factory=dict)
    key_files: dict[str, str] = field(default_factory=dict)  # below the project: the text
    settlements: dict[str, dict[str, str]] = field(default_factory=dict)


class Site:
    """A seeded site of one application in a database and a project folder of its own."""

    def __init__(self, described: Described, folder: Path, host: str) -> None:
        self.described, self.folder, self.host = described, folder, host
        self.database = f"{described.name}_{secrets.token_hex(3)}"
        self.source = HERE / described.name
        self.project = folder / "project"
        self.plan_file = folder / "plan.yml"
        self.python = str(environments() / described.name / "bin/python")
        shutil.copytree(self.source / "project", self.project)
        (self.project / "data/tmp").mkdir(parents=True)
        files = {".env": self._env(), **described.key_files}
        for name, text in files.items():
            (self.project / name).touch(mode=0o600)
            (self.project / name).write_text(text, encoding="utf-8")
        self.sql(f"CREATE DATABASE {self.database}", database="postgres")
        self.manage("migrate")
        self.manage("shell", stdin=(self.source / "seed.py").read_text(encoding="utf-8"))

    def _env(self) -> str:
        lines = {"DB_HOST": self.host, "DB_NAME": self.database, **self.described.env}
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    def keys(self) -> dict[str, str]:
        """The files that hold keys, as they are."""
        names = (".env", *self.described.key_files)
        return {name: (self.project / name).read_text(encoding="utf-8") for name in names}

    def manage(self, *words: str, stdin: str = "") -> str:
        """manage.py in a fresh process. Fails the test on a non-zero exit."""
        command = [self.python, "-W", "ignore", "manage.py", *words]
        done = subprocess.run(command, cwd=self.project, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self) -> dict[str, Any]:
        """What the application itself reads of every encrypted field, by table.column:primary key."""
        shown = self.manage("shell", stdin=(self.source / "read.py").read_text(encoding="utf-8"))
        return dict(json.loads(shown.split("READ", 1)[1].splitlines()[0]))

    def columns(self) -> set[str]:
        """The encrypted columns that hold a value, as the application's own models say."""
        return {place.rpartition(":")[0] for place, value in self.read().items() if value not in (None, "", [], {})}

    def stored(self) -> dict[str, Any]:
        """The stored form of the same values."""
        found = {}
        for column in sorted(self.columns()):
            table, name = column.split(".")
            key = self.sql(
                "SELECT a.attname FROM pg_index i"
                " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                f" WHERE i.indrelid = '{table}'::regclass AND i.indisprimary"
            )[0][0]
            found.update(
                {f"{column}:{row}": value for row, value in self.sql(f"SELECT {key}, {name}::text FROM {table}")}
            )
        return found

    def sql(self, statement: str, *, database: str = "") -> list[tuple[Any, ...]]:
        """Run one statement as the server's superuser."""
        connection = psycopg2.connect(host=self.host, user="postgres", dbname=database or self.database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetchall() if cursor.description else []
        connection.close()
        return found

    def play(self, playbook: str, *options: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Run a playbook, as README says."""
        known: Mapping[str, object] = {
            "ansible_connection": "local",
            "key_rotation_environment": "demo",
            "key_rotation_backup_proof": "none",
            "key_rotation_project_dir": str(self.project),
            "key_rotation_python": self.python,
            "key_rotation_backup_dir": str(self.folder / "backups"),
            "key_rotation_plan": str(self.plan_file),
            "key_rotation_keys": [
                {**key, "destination": str(self.project / key["destination"])} if "destination" in key else key
                for key in self.described.keys
            ],
            **({"key_rotation_settlements": self.described.settlements} if self.described.settlements else {}),
            **variables,
        }
        inventory = self.folder / "inventory.yml"
        inventory.write_text(json.dumps({"all": {"hosts": {"app": None}, "vars": known}}), encoding="utf-8")
        return subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), f"{playbook}.yml", "-i", str(inventory), *options],
            cwd=PLAYBOOKS,
            env={**os.environ, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )


def environments() -> Path:
    """Where `make` has installed the applications, each in an environment of its own."""
    path = os.environ.get("KEY_ROTATION_FIELD")
    if not path:
        pytest.fail("run `make field`: it installs the applications and names their folder")
    return Path(path)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The socket folder of a server with hstore, which pulpcore needs."""
    with debian_server("hstore") as folder:
        yield folder
