# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long does `plan.yml` take for 200 tables and 1 million rows, found without configuration?

make bench-plan                # to hold: 10 seconds where one table in ten holds tokens
make bench-plan ROWS=100000
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine_run import processor_seconds
from reencrypt import CHECKOUT, describe_machine

TABLES = 200
MANY = 10  # one table in so many holds tokens at first
TO_HOLD = 10.0  # seconds
# In no model. Half of the values that are no tokens are longer than one.
FILL = """
CREATE TABLE {name} AS
  SELECT n AS id, 'name ' || n AS name, repeat('a note ', n %% 60) AS note, NULL::text AS secret,
    jsonb_build_object('number', n, 'tags', jsonb_build_array('a', 'b')) AS data, decode(md5(n::text), 'hex') AS etag
  FROM generate_series(1, {rows}) AS n;
ALTER TABLE {name} ADD PRIMARY KEY (id)
"""
ENCRYPT = (
    "UPDATE {name} AS t SET secret = v.token FROM unnest(%s::text[]) WITH ORDINALITY AS v(token, id) WHERE t.id = v.id"
)


def main() -> None:
    describe_machine()
    rows = int(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    make = [sys.executable, str(CHECKOUT / "examples/demo/setup.py"), str(folder)]
    try:
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        measure(folder, rows)
    finally:
        subprocess.run([*make, "--stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


def measure(folder: Path, rows: int) -> None:
    sys.path.insert(0, str(CHECKOUT / ".ansible/tree"))
    from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import env_file_editor
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.open_application import open_application
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request

    project = str(folder / "food_ordering")
    keys = env_file_editor.read(f"{project}/.env", ["SECRET_KEY", "ENCRYPTION_SALT"])
    request = Request(project, None, {"current": keys}, label="benchmark")
    with open_application(request) as application:
        from django.db import connection

        cipher = application.keyring.cipher("encryption_manager", "current")
    names = [f"bench_{number}" for number in range(TABLES - len(connection.introspection.table_names()))]

    def encrypt(chosen: list[str]) -> None:
        for name in chosen:
            insides = [Opened(b"%d Brewer Street, London" % number, 1_700_000_000) for number in range(rows // TABLES)]
            tokens = [token.decode() for token in cipher.seal_all(insides)]
            run(connection, ENCRYPT.format(name=name), [tokens])
        run(connection, "VACUUM ANALYZE")

    for name in names:
        run(connection, FILL.format(name=name, rows=rows // TABLES), ())
    encrypt(names[::MANY])
    seconds = plan(folder, "one table in ten holds tokens", rows)
    encrypt([name for name in names if name not in names[::MANY]])
    plan(folder, "every table holds tokens", rows)
    if seconds > TO_HOLD:
        sys.exit(f"{seconds:.1f} seconds, and {TO_HOLD:.0f} are to be held")


def run(connection: Any, sql: str, parameters: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def plan(folder: Path, what: str, rows: int) -> float:
    """Seconds of the playbook."""
    variables = {
        "key_rotation_environment": "demo",
        "key_rotation_project_dir": str(folder / "food_ordering"),
        "key_rotation_plan": str(folder / "plan.yml"),
        "ansible_connection": "local",
    }
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"app": None}, "vars": variables}}), encoding="utf-8")
    started, used = time.perf_counter(), processor_seconds()
    command = ["ansible-playbook", "plan.yml", "-i", str(inventory)]
    done = subprocess.run(command, cwd=CHECKOUT / "playbooks", capture_output=True, text=True, check=False)
    seconds, processor = time.perf_counter() - started, processor_seconds() - used
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found = (folder / "plan.yml").read_text(encoding="utf-8").count("\n  rows: ")
    print(f"  {TABLES} tables, {rows:,} rows, {what}: {found} columns found", end="")
    print(f" in {seconds:.1f} s, {processor:.1f} s CPU without PostgreSQL's", flush=True)
    return seconds


if __name__ == "__main__":
    main()
