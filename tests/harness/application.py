# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness's application on a real PostgreSQL, its oracle, its stale writer, and what an operator types."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from cryptography.fernet import Fernet

from .conditions import FENCED, Conditions
from .project.libraries import BY_NAME, Library

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
BIN = Path(sys.executable).parent
ROWS = 11  # of each table; the writer leaves the first one alone
PAUSE = 0.1  # seconds between two writes of the stale process: the engine's passes end between two of them


@dataclass(frozen=True)
class Unreadable:
    """A value that the oracle cannot read, by its name ``table.column:primary key``, and what it reads instead."""

    row: str
    reads: str


@dataclass(frozen=True)
class Run:
    """One command: how it ended, and all it printed."""

    words: str
    code: int
    text: str


class Application:
    """One application below ``folder``, with the given libraries, and the commands around it."""

    def __init__(
        self, folder: Path, host: str, database: str, libraries: tuple[str, ...], conditions: Conditions
    ) -> None:
        self.folder, self.host, self.database, self.conditions = folder, host, database, conditions
        self._started: list[subprocess.Popen[str]] = []
        self.variables = conditions.variables(folder)
        self.project, self.env_file = folder / "project", folder / "project/.env"
        self.libraries = [BY_NAME[name] for name in libraries]
        self.keys = list({key["name"]: dict(key) for library in self.libraries for key in library.keys}.values())
        shutil.copytree(HERE / "project", self.project, ignore=shutil.ignore_patterns("__pycache__"))
        description = {
            "libraries": libraries,
            "paths": [folder_of(library) for library in self.libraries if not library.functions],
            "host": host,
            "database": database,
        }
        (self.project / "harness.json").write_text(json.dumps(description), encoding="utf-8")
        self.env_file.touch(mode=0o600)
        self.new_keys()
        self.inventory = folder / "inventory.yml"
        self.python("manage.py", "migrate", "--run-syncdb", "--verbosity=0")
        self.python("work.py", "seed", str(ROWS))

    def new_keys(self) -> None:
        """An .env with keys of its own, whatever the data is under."""
        values = {"SECRET_KEY": secrets.token_urlsafe(50)} | {key["name"]: new_value(key) for key in self.keys}
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")

    def python(self, *words: str) -> str:
        """A fresh process of the application."""
        done = subprocess.run(
            [sys.executable, *words], cwd=self.project, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def unreadable(self) -> list[Unreadable]:
        """The oracle: what the application cannot read under the .env that is there."""
        return [Unreadable(**each) for each in json.loads(self.python("work.py", "read").split("READ", 1)[1])]

    def write_inventory(self, **extra: object) -> None:
        """What the operator configures: once for all runs of a case, and more of it for one end."""
        self.variables |= extra
        variables = {
            "ansible_connection": "local",
            "key_rotation_environment": "demo",
            "key_rotation_backup_proof": "none",  # proved by test_backup
            "key_rotation_project_dir": str(self.project),
            "key_rotation_python": sys.executable,
            "key_rotation_backup_dir": str(self.folder / "backups"),
            "key_rotation_record_dir": str(self.folder / "records"),
            "key_rotation_keys": self.keys,
            **self._functions(),
            **self.variables,
        }
        known = {"application": {"hosts": {"app": None}, "vars": variables}}
        self.inventory.write_text(json.dumps(known), encoding="utf-8")

    def _functions(self) -> dict[str, object]:
        """What an operator says of an application with functions of its own: no discovery finds their columns."""
        own = {each.name: {"application": each.functions} for each in self.libraries if each.functions}
        columns = [
            {"table": table, "column": column, "scheme": name}
            for table, column in self.encrypted()
            for name in own
            if table.startswith(f"{name}_")
        ]
        return {"key_rotation_schemes": own, "key_rotation_targets": columns} if own else {}

    def start(self, playbook: str) -> subprocess.Popen[str]:
        """A playbook in a process group of its own, as a terminal starts it; what it prints goes to a file."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        with open(self.folder / "screen", "w", encoding="utf-8") as screen:
            started = subprocess.Popen(
                [str(BIN / "ansible-playbook"), f"{playbook}.yml", "-i", str(self.inventory)],
                cwd=CHECKOUT / "playbooks",
                env={**clean, "PATH": f"{BIN}:{clean['PATH']}", "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
            )
        self._started.append(started)
        return started

    def close(self) -> None:
        """End what a failed test has left at work."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def ended(self, playbook: str, process: subprocess.Popen[str]) -> Run:
        code = process.wait(timeout=400)
        return Run(f"{playbook}.yml", code, self.screen())

    def screen(self) -> str:
        """What the last command has printed."""
        return (self.folder / "screen").read_text(encoding="utf-8")

    def play(self, playbook: str) -> Run:
        return self.ended(playbook, self.start(playbook))

    @contextmanager
    def writer(self, pause: float = PAUSE) -> Iterator[Writer]:
        """A process that has the keys of now, and writes until the end of the block or ``stop``."""
        writer = Writer(self.project, pause)
        try:
            yield writer
        finally:
            writer.stop()

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        connection = psycopg2.connect(host=self.host, user="postgres", dbname=self.database)
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def silent_rows(self) -> list[object]:
        """The stored rows that no writer touches."""
        tables = sorted({table for table, _ in self.encrypted()})
        return [self.sql(f"SELECT to_jsonb(t) FROM {table} t WHERE id = 1") for table in tables]

    @contextmanager
    def locked_row(self) -> Iterator[None]:
        """Another session holds the row of the last table that no writer touches."""
        table = self.encrypted()[-1][0]
        connection = psycopg2.connect(host=self.host, user="postgres", dbname=self.database)
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT FROM {table} WHERE id = 1 FOR UPDATE")
            yield

    def wait_for_rounds(self, rounds: int) -> None:
        """Until the writer has written to every table so many times."""
        last = f"SELECT max(substr(notes, 6)::int) FROM {self.libraries[0].name}_caches WHERE notes <> ''"

        def turn() -> int:
            return int(str(self.sql(last)[0][0] or 0))

        begun, deadline = turn(), time.monotonic() + 60
        while turn() < begun + rounds:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def encrypted(self) -> list[tuple[str, str]]:
        """Table and column of every encrypted value."""
        return [
            (str(table), str(column))
            for table, column in self.sql(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND column_name IN ('secret', 'other', '_secret_encrypted', '_other_encrypted') ORDER BY 1, 2"
            )
        ]

    def written(self) -> set[str]:
        """The rows that a writer has written, as table:primary key: it has left its number there, or a new value."""
        turns = " UNION ".join(f"SELECT '{table}', id FROM {table} WHERE notes <> ''" for table, _ in self.encrypted())
        new = "SELECT place, row FROM safe_twin WHERE jsonb_array_length(history) > 1"
        return {f"{table}:{row}" for table, row in self.sql(f"{turns} UNION {new}")}

    def results(self) -> str:
        """What the records and pages of all runs say."""
        files = sorted((self.folder / "records").glob("*/record.jsonl"))
        return "\n".join(path.read_text(encoding="utf-8") for path in files)


class Writer:
    """The stale writer; ``done`` counts what became of its turns once it has stopped."""

    def __init__(self, project: Path, pause: float) -> None:
        self.done: dict[str, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "work.py", "write", str(pause)],
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "begun\n"

    def stop(self) -> None:
        """End its input, and wait until its last turn is over."""
        if self._process.poll() is None:
            said, _ = self._process.communicate(timeout=60)
            self.done = json.loads(said)


def folder_of(library: Library) -> str:
    """Where the library is installed, or the example, whose manager is used."""
    if not library.package:
        return str(CHECKOUT / "examples/food_ordering")
    folder = Path(os.environ.get("KEY_ROTATION_LIBRARIES", "")) / library.package
    assert folder.is_dir(), "run `make libraries`: it installs the libraries and names their folder"
    return str(folder)


def new_value(key: dict[str, object]) -> str:
    if key.get("type") == "fernet":
        return Fernet.generate_key().decode()
    return secrets.token_hex(32) if key.get("type") == "hex" else secrets.token_urlsafe(50)


@contextmanager
def application(
    folder: Path, host: str, libraries: tuple[str, ...], conditions: Conditions = FENCED
) -> Iterator[Application]:
    """An application in a database of its own."""
    name = f"harness_{secrets.token_hex(4)}"
    with contextlib.closing(psycopg2.connect(host=host, user="postgres", dbname="postgres")) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            try:
                with contextlib.closing(Application(folder, host, name, libraries, conditions)) as made:
                    yield made
            finally:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
