# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forty-one formats, each alone and next to an ordinary encrypted column: rotated right, or refused by name and truly.

The oracle is the application's own code in a fresh process. No other outcome is allowed: no column is passed over, and
none is damaged.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1] / ".ansible/tree"
COLUMN, ORDINARY = "notes_note.payload", "notes_ordinary.name_encrypted"
ROWS = 30
MESSAGE = 300  # characters of it in the table
# Reasons that would send a person after a key that is right, or have values left that a key is rotated under.
FALSE_REASONS = {"E_WRONG_KEY", "E_PLAINTEXT", "E_UNREADABLE", "E_INTERNAL"}
SIGNED = ("signed_dumps", "signed_value")  # readable by all: without an encrypted column there is no target
SHORT = ("gcm_base64", "gcm_three_parts", "fernet_sha256", "fernet_pbkdf2_fixed_salt", "gcm_bytes", "fernet_twice")


def keys_of_formats() -> dict[str, dict[str, str]]:
    """The keys that each format needs, by name and type. Importing its module reads no setting."""
    spec = importlib.util.spec_from_file_location("hand_written_formats", HERE / "project/notes/formats.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return {name: described.keys for name, described in module.FORMATS.items()}


FORMATS = keys_of_formats()


def new_value(kind: str) -> str:
    if kind == "fernet":
        return Fernet.generate_key().decode()
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return secrets.token_hex(32) if kind == "hex" else secrets.token_urlsafe(40)


class Application:
    """The project in a folder of its own, with one format, alone or next to an ordinary column."""

    def __init__(self, folder: Path, host: str, database: str, name: str, *, ordinary: bool) -> None:
        self.project = folder / "project"
        shutil.copytree(HERE / "project", self.project)
        kinds = {**FORMATS[name], **({"FIELD_KEY": "fernet"} if ordinary else {})}
        self.keys = {moment: {key: new_value(kind) for key, kind in kinds.items()} for moment in ("old", "new")}
        self._rest = {
            "SECRET_KEY": secrets.token_urlsafe(40),
            **{key: new_value("token_urlsafe") for key in ("APP_KEY", "SECOND_KEY")},
            "FIELD_KEY": Fernet.generate_key().decode(),
            "FORMAT": name,
            "ORDINARY": "yes" if ordinary else "no",
            "DB_HOST": host,
            "DB_NAME": database,
        }
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
        assert "RESULT" in done.stdout, done.stdout + done.stderr
        return json.loads(done.stdout.split("RESULT", 1)[1])


def all_of_them() -> Iterator[Any]:
    for name in FORMATS:
        for ordinary in (False, True):
            marks = [] if name in SHORT and ordinary else [pytest.mark.thorough]
            yield pytest.param(name, ordinary, marks=marks, id=f"{name}-{'beside' if ordinary else 'alone'}")


@pytest.mark.parametrize(("name", "ordinary"), all_of_them())
def test_it_is_rotated_right_or_refused_by_name_with_a_true_reason(
    name: str,
    ordinary: bool,
    database: tuple[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    application = Application(tmp_path, *database, name, ordinary=ordinary)
    application.work("fill")
    columns = {COLUMN, ORDINARY} if ordinary else {COLUMN}
    whole = dict.fromkeys(columns, ROWS)
    assert application.work("read") == whole

    outcome = application.work("rotate")

    place = "next to another" if ordinary else "alone"
    record_property("outcome", f"{name:30} {place:16} {outcome['code'] or 'rotated':20} {outcome['message'][:MESSAGE]}")
    if outcome["code"]:
        assert application.work("read") == whole, "a refusal changes nothing"
        assert outcome["code"] not in FALSE_REASONS
        if name in SIGNED and not ordinary:
            assert outcome["code"] == "E_NO_TARGETS"
            return
        named = {COLUMN, *(f"E_KEY_WITHOUT_VALUE: {key}" for key in FORMATS[name])}
        assert any(each in outcome["message"] for each in named)
    else:
        application.use("new")
        assert application.work("read") == whole
        assert set(outcome["targets"]) == columns
