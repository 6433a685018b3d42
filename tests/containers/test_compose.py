# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application under Compose that has its keys in env_file, its code in the image, and nothing on the host."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Compose

UP = ["db_1", "web_1", "worker_1"]
IDENTITY = ("-e", "key_rotation_backup_identity_file=backup_identity")


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
    with compose.start("rotate", *IDENTITY) as process:
        while compose.keys.read_bytes() == before:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
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
    cases = {
        "E_ENV_IN_IMAGE": "key_rotation_env_file=/app/requirements.txt",
        "E_BACKUP_DIR": "key_rotation_backup_dir=/var/backups/shop",
        "E_CONTAINER_START": f"key_rotation_python={no_image}",
        "E_STATE_IN_CONTAINER": f"key_rotation_python={no_state}",
        "E_PYTHON_PACKAGE": f"key_rotation_python={no_django}",
    }
    for code, variable in cases.items():
        outcome = compose.play("plan", *IDENTITY, "-e", variable)
        assert outcome.code != 0
        assert re.findall(r"\bE_[A-Z_]+\b", outcome.text)[:1] == [code], outcome.text
        assert re.search(r"Nothing was changed(?: but the plan)?\.", outcome.text), outcome.text
    assert compose.names() == UP
