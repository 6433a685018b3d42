# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application under Compose that has its keys in env_file, its code in the image, and nothing on the host."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Compose

UP = ["db_1", "web_1", "worker_1"]
IDENTITY = ("-e", "key_rotation_backup_identity_file=backup_identity")


def kill(compose: Compose, is_time: Callable[[], bool], *options: str) -> None:
    """Kill a rotation with all its processes, as soon as it is time."""
    with compose.start("rotate", *IDENTITY, *options) as process:
        while not is_time():
            assert process.poll() is None, process.communicate()[0][-4000:]
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_it_is_planned_rotated_verified_and_rolled_back(compose: Compose) -> None:
    plain, before = compose.read_all(), compose.keys.read_bytes()

    for playbook in ("plan", "rotate", "verify"):
        outcome = compose.play(playbook, *IDENTITY)
        assert outcome.code == 0, outcome.text
        assert compose.read_all() == plain
    assert compose.keys.read_bytes() != before
    assert compose.names() == UP

    back = compose.play("rollback", *IDENTITY)

    assert back.code == 0, back.text
    assert compose.read_all() == plain
    assert compose.keys.read_bytes() == before
    assert compose.names() == UP


def test_killed_between_the_switch_and_the_restart_the_same_command_ends_well(compose: Compose) -> None:
    plain, before = compose.read_all(), compose.keys.read_bytes()
    kill(compose, lambda: compose.keys.read_bytes() != before)
    assert "web_1" not in compose.names()

    again = compose.play("rotate", *IDENTITY)

    assert again.code == 0, again.text
    assert compose.read_all() == plain
    assert compose.names() == UP


def test_what_would_be_lost_with_a_container_or_does_not_start_is_refused(compose: Compose) -> None:
    no_image = compose.script("no-image", "podman run --pull=never nowhere")
    other = "podman run --rm --interactive localhost/key-rotation-postgres"
    no_django = compose.script("no-django", other, "/usr/bin/python3")
    mounted = f"--volume={compose.keys.parent}:{compose.keys.parent}"
    no_state = compose.script("no-state", "podman run --rm -i --user=0", mounted, "localhost/food-ordering python")
    entered = compose.start_rotation()
    compose.run("podman", "create", "--name=key_rotation_test_stopped", "localhost/food-ordering")
    stopped = compose.script("stopped", "podman exec --interactive key_rotation_test_stopped python")
    worker = compose.script("worker", "podman exec --interactive --user=0 key_rotation_test_worker_1 python")
    cases = [
        ("E_ENV_IN_IMAGE", "key_rotation_env_file=/app/requirements.txt"),
        ("E_BACKUP_DIR", "key_rotation_backup_dir=/var/backups/shop"),
        ("E_CONTAINER_START", f"key_rotation_python={no_image}"),
        ("E_STATE_IN_CONTAINER", f"key_rotation_python={no_state}"),
        ("E_PYTHON_PACKAGE", f"key_rotation_python={no_django}"),
        # A container that runs, and that the program enters.
        ("E_ENV_IN_IMAGE", f"key_rotation_python={worker} key_rotation_env_file=/app/requirements.txt"),
        ("E_BACKUP_DIR", f"key_rotation_python={entered} key_rotation_backup_dir=/var/backups/shop"),
        ("E_CONTAINER_STOPPED", f"key_rotation_python={stopped}"),
    ]
    for code, variables in cases:
        outcome = compose.play("plan", *IDENTITY, "-e", variables)
        assert outcome.code != 0
        assert re.findall(r"\bE_[A-Z_]+\b", outcome.text)[:1] == [code], outcome.text
        assert re.search(r"Nothing was changed(?: but the plan)?\.", outcome.text), outcome.text
    assert {*UP} <= {*compose.names()}, "next to the container that was entered"


@pytest.mark.thorough
def test_python_is_entered_in_a_container_that_stays_up(compose: Compose) -> None:
    plain, before = compose.read_all(), compose.keys.read_bytes()
    python = ("-e", f"key_rotation_python={compose.start_rotation()}")
    kill(compose, lambda: compose.keys.read_bytes() != before, *python)
    assert "web_1" not in compose.names()

    for playbook in ("rotate", "verify"):
        outcome = compose.play(playbook, *IDENTITY, *python)
        assert outcome.code == 0, outcome.text
    assert compose.keys.read_bytes() != before
    assert compose.read_all() == plain
    back = compose.play("rollback", *IDENTITY, *python)

    assert back.code == 0, back.text
    assert compose.keys.read_bytes() == before
    assert compose.read_all() == plain


@pytest.mark.thorough
def test_keys_in_environment_and_in_secrets_are_rotated_there(secrets_compose: Compose, tmp_path: Path) -> None:
    """Killed between the new keys and the start of the containers, finished by the same command, and rolled back."""
    compose = secrets_compose
    described, salt = compose.folder / "compose.yml", compose.folder / "secrets/salt"
    before, plain = (described.read_bytes(), salt.read_bytes()), compose.read_in("web")
    keys = tmp_path / "keys.yml"
    keys.write_text(
        f"""key_rotation_keys:
  - name: SECRET_KEY
    destination: {{file: {described}, path: services.web.environment.SECRET_KEY, exported: true}}
  - {{name: ENCRYPTION_SALT, destination: {salt}}}
""",
        encoding="utf-8",
    )
    options = ("-e", f"@{keys}")
    kill(compose, lambda: described.read_bytes() != before[0] and salt.read_bytes() != before[1], *options)
    assert "web_1" not in compose.names()

    for playbook in ("rotate", "verify"):
        outcome = compose.play(playbook, *IDENTITY, *options)
        assert outcome.code == 0, outcome.text
    assert (salt.stat().st_uid, salt.stat().st_mode & 0o777) == (1000, 0o600)
    assert compose.read_in("web") == plain
    back = compose.play("rollback", *IDENTITY, *options)

    assert back.code == 0, back.text
    assert (described.read_bytes(), salt.read_bytes()) == before
    assert compose.read_in("web") == plain


@pytest.mark.thorough
def test_the_database_is_dumped_and_restored_by_the_programs_in_its_container(compose: Compose, tmp_path: Path) -> None:
    """The application's Python is on the host, as an application whose database alone is in a container."""
    plain = compose.read_all()
    database = f"DB_HOST={compose.address('db')}\nDB_NAME=postgres\nDB_PASSWORD=invented\n"
    with compose.keys.open("a", encoding="utf-8") as keys:
        keys.write(database)
    programs = compose.folder / "database-programs"
    script = programs / "pg_dump"
    script.write_text(script.read_text().replace("=compose_db_1", "=key_rotation_test_db_1"), encoding="utf-8")
    (programs / "pg_restore").unlink()
    (programs / "pg_restore").symlink_to("pg_dump")
    shutil.rmtree(tmp_path / "food_ordering/logs", ignore_errors=True)
    variables = [
        f"key_rotation_python={os.environ['KEY_ROTATION_APPLICATION']}/bin/python",
        f"key_rotation_project_dir={tmp_path / 'food_ordering'}",
        f"key_rotation_pg_bindir={programs}",
        "key_rotation_backup_jobs=2",  # an archive is restored in passes, each by a list of entries
    ]

    outcome = compose.play("rotate", *IDENTITY, "-e", " ".join(variables))

    assert outcome.code == 0, outcome.text
    assert "restored into a scratch database" in outcome.text
    assert compose.read_all() == plain
