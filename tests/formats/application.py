# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project in a folder of its own, with one format, alone or next to an ordinary encrypted column."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1] / ".ansible/tree"
ORDINARY = "notes_ordinary.name_encrypted"
ROWS = 30


def described(module: str, table: str) -> dict[str, Any]:
    """A table of formats of the project. Importing it reads no setting, and no library."""
    if "formats_of_notes" not in sys.modules:
        folder = HERE / "project/notes"
        spec = importlib.util.spec_from_file_location(
            "formats_of_notes", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        sys.modules["formats_of_notes"] = importlib.util.module_from_spec(spec)
    return dict(getattr(importlib.import_module(f"formats_of_notes.{module}"), table))


def new_value(kind: str) -> str:
    if kind == "fernet":
        return Fernet.generate_key().decode()
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return secrets.token_hex(32) if kind == "hex" else secrets.token_urlsafe(40)


ALONE, BESIDE, SAME_KEY = "alone", "beside", "same-key"


def placed(names: Iterable[str], short: Collection[tuple[str, str]], places: Sequence[str]) -> list[Any]:
    """Each name alone, next to an ordinary column under a key of its own, or next to one under the first key of the
    format; those that are ``short`` are in every run."""
    return [
        pytest.param(name, place, marks=[] if (name, place) in short else [pytest.mark.thorough], id=f"{name}-{place}")
        for name in names
        for place in places
    ]


class Application:
    """A project with its .env, and a database. ``libraries`` is where `make libraries` installs."""

    def __init__(
        self, folder: Path, database: tuple[str, str], name: str, format_: Any, place: str, *, libraries: str = ""
    ) -> None:
        self.folder, self.project = folder, folder / "project"
        shutil.copytree(HERE / "project", self.project)
        self.kinds = {**format_.keys, **({"FIELD_KEY": "fernet"} if place == BESIDE else {})}
        ordinary = {ALONE: "", BESIDE: "FIELD_KEY", SAME_KEY: next(iter(format_.keys))}[place]
        self.keys = {moment: {key: new_value(kind) for key, kind in self.kinds.items()} for moment in ("old", "new")}
        self._rest = {
            "SECRET_KEY": secrets.token_urlsafe(40),
            **{key: new_value("token_urlsafe") for key in ("APP_KEY", "SECOND_KEY")},
            "FIELD_KEY": Fernet.generate_key().decode(),
            "FORMAT": name,
            "ORDINARY": ordinary,
            "DB_HOST": database[0],
            "DB_NAME": database[1],
        }
        if format_.package:
            library = Path(libraries) / format_.package
            assert library.is_dir(), "run `make libraries`: it installs the libraries and names their folder"
            with (self.project / "site_settings.py").open("a", encoding="utf-8") as file:
                file.write(f"\nimport sys\nsys.path.append({str(library)!r})\n{format_.settings}")
        self.use("old")

    def use(self, moment: str) -> None:
        """Write the keys of a moment to the .env."""
        values = {**self._rest, **self.keys[moment]}
        lines = [f"{name}={value}".replace("\n", "\\n") for name, value in values.items()]
        (self.project / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.project / ".env").chmod(0o600)

    def work(self, what: str) -> Any:
        """One process of the application."""
        keys = self.project / "keys.json"
        keys.write_text(json.dumps(self.keys), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(HERE / "worker.py"), what, str(self.project), str(keys)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        keys.unlink()
        assert "RESULT" in done.stdout, done.stdout + done.stderr
        return json.loads(done.stdout.split("RESULT", 1)[1])

    def play(self, playbook: str) -> subprocess.CompletedProcess[str]:
        """A playbook, as an operator runs it who has named the keys and nothing else."""
        known = {
            "ansible_connection": "local",
            "key_rotation_environment": "demo",
            "key_rotation_backup_proof": "none",
            "key_rotation_project_dir": str(self.project),
            "key_rotation_python": sys.executable,
            "key_rotation_backup_dir": str(self.folder / "backups"),
            "key_rotation_plan": str(self.folder / "plan.yml"),
            "key_rotation_keys": [{"name": name, "type": kind} for name, kind in self.kinds.items()],
        }
        inventory = self.folder / "inventory.yml"
        inventory.write_text(json.dumps({"all": {"hosts": {"app": None}, "vars": known}}), encoding="utf-8")
        return subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), f"{playbook}.yml", "-i", str(inventory)],
            cwd=HERE.parents[1] / "playbooks",
            env={**os.environ, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
